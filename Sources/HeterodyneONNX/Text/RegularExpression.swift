// Heterodyne: regular expressions that match in linear time.
// SPDX-License-Identifier: Apache-2.0

/// A regular expression in the RE2 dialect (RE2's `Syntax` page), for matching all of a text.
///
/// Patterns have no back references, so that they are finite automata: matching simulates all of an automaton's states
/// at once and takes time proportional to the lengths of pattern and text. Words, digits and space (`\w`, `\d`, `\s`,
/// `\b`) are ASCII ones, as in RE2. Unicode classes (`\pL`) are not known.
struct RegularExpression: Sendable {
    /// A set of characters.
    struct CharacterSet: Sendable {
        var ranges: [ClosedRange<UInt32>] = []
        var isNegated = false
        /// Whether upper and lower case count as the same.
        var ignoresCase = false

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            var isIn = has(scalar.value)
            if !isIn, ignoresCase {
                for other in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                    let scalars = other.unicodeScalars
                    if scalars.count == 1, let first = scalars.first, has(first.value) { isIn = true }
                }
            }
            return isIn != isNegated
        }

        private func has(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }
    }

    /// A condition on a position.
    enum Assertion: Sendable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary

        func holds(at position: Int, in text: [Unicode.Scalar]) -> Bool {
            switch self {
            case .textStart: return position == 0
            case .textEnd: return position == text.count
            case .lineStart: return position == 0 || text[position - 1] == "\n"
            case .lineEnd: return position == text.count || text[position] == "\n"
            case .wordBoundary, .noWordBoundary:
                let before = position > 0 && Self.isWord(text[position - 1])
                let after = position < text.count && Self.isWord(text[position])
                return (before != after) == (self == .wordBoundary)
            }
        }

        private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "0"..."9", "a"..."z", "A"..."Z", "_": true
            default: false
            }
        }
    }

    /// What a pattern is made of.
    indirect enum Part: Sendable {
        case empty
        case character(CharacterSet)
        case assertion(Assertion)
        case sequence([Part])
        case choice([Part])
        /// At least `least` and at most `most` times.
        case repeated(Part, least: Int, most: Int?)
    }

    private enum Instruction: Sendable {
        case character(CharacterSet)
        case assertion(Assertion)
        /// Goes on in two places.
        case fork(Int, Int)
        case jump(Int)
        case match
    }

    private var program: [Instruction] = []
    private var visits = 0
    /// Instructions of one pattern, which repetitions multiply.
    private static let instructionLimit = 100_000

    /// Why a pattern is refused.
    struct PatternError: Error {
        let message: String
    }

    init(_ pattern: String) throws(PatternError) {
        var parser = RegularExpressionParser(pattern)
        try append(try parser.parse())
        program.append(.match)
    }

    private mutating func emit(_ instruction: Instruction) throws(PatternError) {
        guard program.count < Self.instructionLimit else {
            throw PatternError(message: "it is too large once its repetitions are written out")
        }
        program.append(instruction)
    }

    private mutating func append(_ part: Part) throws(PatternError) {
        // Also what repeats nothing takes time.
        visits += 1
        guard visits < 4 * Self.instructionLimit else {
            throw PatternError(message: "it is too large once its repetitions are written out")
        }
        switch part {
        case .empty: break
        case .character(let set): try emit(.character(set))
        case .assertion(let assertion): try emit(.assertion(assertion))
        case .sequence(let parts): for part in parts { try append(part) }
        case .choice(let parts):
            var jumps: [Int] = []
            for (index, part) in parts.enumerated() {
                guard index + 1 < parts.count else {
                    try append(part)
                    continue
                }
                let fork = program.count
                try emit(.fork(0, 0))
                try append(part)
                jumps.append(program.count)
                try emit(.jump(0))
                program[fork] = .fork(fork + 1, program.count)
            }
            for jump in jumps { program[jump] = .jump(program.count) }
        case .repeated(let part, let least, let most):
            for _ in 0..<least { try append(part) }
            guard let most else {
                let fork = program.count
                try emit(.fork(0, 0))
                try append(part)
                try emit(.jump(fork))
                program[fork] = .fork(fork + 1, program.count)
                return
            }
            var forks: [Int] = []
            for _ in least..<max(least, most) {
                forks.append(program.count)
                try emit(.fork(0, 0))
                try append(part)
            }
            for fork in forks { program[fork] = .fork(fork + 1, program.count) }
        }
    }

    /// Whether the pattern matches all of `text`.
    func matchesAll(of text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var states: [Int] = []
        var marks = [Int](repeating: -1, count: program.count)
        follow(0, at: 0, in: scalars, &states, &marks)
        for (position, scalar) in scalars.enumerated() {
            var next: [Int] = []
            for state in states {
                guard case .character(let set) = program[state], set.contains(scalar) else { continue }
                follow(state + 1, at: position + 1, in: scalars, &next, &marks)
            }
            states = next
            if states.isEmpty { return false }
        }
        return states.contains { if case .match = program[$0] { true } else { false } }
    }

    /// Adds the instructions that consume a character or match and that are reached from `start` without consuming.
    /// `marks` holds the last position at which an instruction was reached.
    private func follow(
        _ start: Int, at position: Int, in text: [Unicode.Scalar], _ states: inout [Int], _ marks: inout [Int]
    ) {
        var stack = [start]
        while let index = stack.popLast() {
            guard marks[index] != position else { continue }
            marks[index] = position
            switch program[index] {
            case .character, .match: states.append(index)
            case .jump(let target): stack.append(target)
            case .fork(let first, let second):
                stack.append(second)
                stack.append(first)
            case .assertion(let assertion):
                if assertion.holds(at: position, in: text) { stack.append(index + 1) }
            }
        }
    }
}
