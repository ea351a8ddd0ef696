// Heterodyne: reads regular expressions in the RE2 dialect.
// SPDX-License-Identifier: Apache-2.0

/// Reads a pattern by recursive descent: choices of sequences of repeated atoms.
struct RegularExpressionParser {
    private typealias Part = RegularExpression.Part
    private typealias PatternError = RegularExpression.PatternError
    private typealias CharacterSet = RegularExpression.CharacterSet

    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
    }

    private let pattern: [Unicode.Scalar]
    private var position = 0
    private var flags = Flags()
    private var depth = 0

    private static let depthLimit = 200
    private static let repetitionLimit = 1_000

    init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

    mutating func parse() throws(RegularExpression.PatternError) -> RegularExpression.Part {
        let part = try choice()
        guard position == pattern.count else { throw failure("')' has no '('") }
        return part
    }

    private func failure(_ message: String) -> PatternError {
        PatternError(message: "\(message) (at character \(position))")
    }

    private var next: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard position + scalars.count <= pattern.count,
            pattern[position..<position + scalars.count].elementsEqual(scalars)
        else { return false }
        position += scalars.count
        return true
    }

    // MARK: - Choices, sequences, repetitions

    private mutating func choice() throws(PatternError) -> Part {
        guard depth < Self.depthLimit else { throw failure("groups nest too deeply") }
        depth += 1
        defer { depth -= 1 }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws(PatternError) -> Part {
        var parts: [Part] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if take("\\Q") {
                while position < pattern.count, !take("\\E") {
                    parts.append(.character(literal(pattern[position])))
                    position += 1
                }
                continue
            }
            let part = try atom()
            parts.append(try repeated(part))
        }
        return parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repeated(_ part: Part) throws(PatternError) -> Part {
        var result = part
        var isRepeated = false
        while let scalar = next {
            var bounds: (least: Int, most: Int?)
            switch scalar {
            case "*": bounds = (0, nil)
            case "+": bounds = (1, nil)
            case "?": bounds = (0, 1)
            case "{":
                // What is no count is a character.
                guard let counted = try count() else { return result }
                bounds = counted
                position -= 1
            default: return result
            }
            guard !isRepeated else { throw failure("a repetition repeats a repetition; use a group") }
            position += 1
            // Which of several matches is found makes no difference to whether all of the text matches.
            _ = take("?")
            result = .repeated(result, least: bounds.least, most: bounds.most)
            isRepeated = true
        }
        return result
    }

    /// `{n}`, `{n,}` or `{n,m}`; nil where the brace is a character of its own.
    private mutating func count() throws(PatternError) -> (least: Int, most: Int?)? {
        let start = position
        position += 1
        guard let least = number() else {
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = next == "}" ? nil : number() ?? -1 }
        guard take("}"), most.map({ $0 >= 0 }) ?? true else {
            position = start
            return nil
        }
        guard least <= Self.repetitionLimit, most.map({ $0 >= least && $0 <= Self.repetitionLimit }) ?? true else {
            throw failure("a repetition count is out of order or above \(Self.repetitionLimit)")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar), (value ?? 0) < 100_000 {
            value = (value ?? 0) * 10 + Int(scalar.value - 48)
            position += 1
        }
        return value
    }

    // MARK: - Atoms

    private func literal(_ scalar: Unicode.Scalar) -> CharacterSet {
        CharacterSet(ranges: [scalar.value...scalar.value], ignoresCase: flags.ignoresCase)
    }

    private mutating func atom() throws(PatternError) -> Part {
        guard let scalar = next else { return .empty }
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .character(try characterClass())
        case ".":
            return .character(
                flags.dotMatchesNewline
                    ? CharacterSet(isNegated: true) : CharacterSet(ranges: [10...10], isNegated: true))
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "\\": return try escape()
        case "*", "+", "?": throw failure("'\(scalar)' repeats nothing")
        default: return .character(literal(scalar))
        }
    }

    private mutating func group() throws(PatternError) -> Part {
        let outer = flags
        if take("?P<") || take("?<") {
            while let scalar = next, scalar != ">" {
                guard scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) else {
                    throw failure("a group's name holds '\(scalar)'; look-behind is not part of the dialect")
                }
                position += 1
            }
            guard take(">") else { throw failure("a group's name does not end") }
        } else if take("?") {
            var isOn = true
            while true {
                guard let scalar = next else { throw failure("a group does not end") }
                position += 1
                switch scalar {
                case "i": flags.ignoresCase = isOn
                case "m": flags.isMultiline = isOn
                case "s": flags.dotMatchesNewline = isOn
                case "U": break
                case "-": isOn = false
                // The flags hold until the group around ends.
                case ")": return .empty
                case ":": return try rest(outer)
                default: throw failure("'(?\(scalar)' is not part of the dialect")
                }
            }
        }
        return try rest(outer)
    }

    /// What is within a group, whose flags end with it.
    private mutating func rest(_ outer: Flags) throws(PatternError) -> Part {
        let part = try choice()
        guard take(")") else { throw failure("a group does not end") }
        flags = outer
        return part
    }

    private static let digits: [ClosedRange<UInt32>] = [48...57]
    private static let space: [ClosedRange<UInt32>] = [9...10, 12...13, 32...32]
    private static let word: [ClosedRange<UInt32>] = [48...57, 65...90, 95...95, 97...122]

    /// The set of `\d`, `\s`, `\w` or their opposites.
    private static func perlClass(_ scalar: Unicode.Scalar) -> CharacterSet? {
        switch scalar {
        case "d": CharacterSet(ranges: digits)
        case "D": CharacterSet(ranges: digits, isNegated: true)
        case "s": CharacterSet(ranges: space)
        case "S": CharacterSet(ranges: space, isNegated: true)
        case "w": CharacterSet(ranges: word)
        case "W": CharacterSet(ranges: word, isNegated: true)
        default: nil
        }
    }

    private mutating func escape() throws(PatternError) -> Part {
        guard let scalar = next else { throw failure("'\\' stands at the end") }
        if let set = Self.perlClass(scalar) {
            position += 1
            return .character(set)
        }
        switch scalar {
        case "b", "B", "A", "z":
            position += 1
            return .assertion(
                scalar == "b" ? .wordBoundary : scalar == "B" ? .noWordBoundary : scalar == "A" ? .textStart : .textEnd)
        default: return .character(literal(try escapedCharacter()))
        }
    }

    /// The character that is written after a backslash.
    private mutating func escapedCharacter() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = next else { throw failure("'\\' stands at the end") }
        position += 1
        switch scalar {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{0C}"
        case "v": return "\u{0B}"
        case "a": return "\u{07}"
        case "x": return try hexadecimal()
        case "p", "P": throw failure("the Unicode classes of '\\p' are not known")
        case "1"..."9": throw failure("references to groups are not part of the dialect")
        case "0":
            var value: UInt32 = 0
            for _ in 0..<2 {
                guard let digit = next, ("0"..."7").contains(digit) else { break }
                value = value * 8 + digit.value - 48
                position += 1
            }
            return Unicode.Scalar(value) ?? "\0"
        default:
            guard !scalar.properties.isAlphabetic else { throw failure("'\\\(scalar)' is not part of the dialect") }
            return scalar
        }
    }

    private mutating func hexadecimal() throws(PatternError) -> Unicode.Scalar {
        let isLong = take("{")
        var value: UInt32 = 0
        var count = 0
        while count < (isLong ? 6 : 2), let scalar = next, let digit = Character(scalar).hexDigitValue, scalar.isASCII {
            value = value * 16 + UInt32(digit)
            count += 1
            position += 1
        }
        guard count > 0, !isLong || take("}"), isLong || count == 2, let scalar = Unicode.Scalar(value) else {
            throw failure("'\\x' names no character")
        }
        return scalar
    }

    // MARK: - Classes

    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [48...57, 65...90, 97...122], "alpha": [65...90, 97...122], "ascii": [0...127],
        "blank": [9...9, 32...32], "cntrl": [0...31, 127...127], "digit": [48...57], "graph": [33...126],
        "lower": [97...122], "print": [32...126], "punct": [33...47, 58...64, 91...96, 123...126],
        "space": [9...13, 32...32], "upper": [65...90], "word": [48...57, 65...90, 95...95, 97...122],
        "xdigit": [48...57, 65...70, 97...102],
    ]

    private mutating func characterClass() throws(PatternError) -> CharacterSet {
        var set = CharacterSet(ignoresCase: flags.ignoresCase)
        set.isNegated = take("^")
        var isFirst = true
        while true {
            guard let scalar = next else { throw failure("a class of characters does not end") }
            if scalar == "]", !isFirst {
                position += 1
                return set
            }
            isFirst = false
            if take("[:") {
                set.ranges += try namedClass()
                continue
            }
            if scalar == "\\", position + 1 < pattern.count, let known = Self.perlClass(pattern[position + 1]) {
                position += 2
                set.ranges += known.isNegated ? Self.complement(known.ranges) : known.ranges
                continue
            }
            let low = try classCharacter()
            guard next == "-", position + 1 < pattern.count, pattern[position + 1] != "]" else {
                set.ranges.append(low.value...low.value)
                continue
            }
            position += 1
            let high = try classCharacter()
            guard low <= high else { throw failure("a range of characters is out of order") }
            set.ranges.append(low.value...high.value)
        }
    }

    private mutating func classCharacter() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = next else { throw failure("a class of characters does not end") }
        position += 1
        return scalar == "\\" ? try escapedCharacter() : scalar
    }

    private mutating func namedClass() throws(PatternError) -> [ClosedRange<UInt32>] {
        let isNegated = take("^")
        var name = ""
        while let scalar = next, scalar != ":" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":]"), let ranges = Self.named[name] else { throw failure("there is no class '[:\(name):]'") }
        return isNegated ? Self.complement(ranges) : ranges
    }

    /// All other characters, for ranges in order.
    private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var start: UInt32 = 0
        for range in ranges {
            if range.lowerBound > start { result.append(start...range.lowerBound - 1) }
            start = range.upperBound + 1
        }
        result.append(start...0x10FFFF)
        return result
    }
}
