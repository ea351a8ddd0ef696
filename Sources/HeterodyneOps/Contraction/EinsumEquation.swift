// Heterodyne: reading the equations of `einsum`.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The label of one dimension in an equation.
enum EinsumLabel: Hashable, Comparable {
    /// Dimension of the ellipsis, counted from the last one.
    case ellipsis(fromBack: Int)
    /// A letter.
    case letter(UInt8)

    static func < (a: EinsumLabel, b: EinsumLabel) -> Bool {
        switch (a, b) {
        case (.ellipsis(let i), .ellipsis(let j)): i > j
        case (.ellipsis, .letter): true
        case (.letter, .ellipsis): false
        case (.letter(let x), .letter(let y)): x < y
        }
    }
}

/// An equation applied to operands of known ranks: one label per dimension.
struct EinsumEquation {
    var operands: [[EinsumLabel]]
    var output: [EinsumLabel]

    /// Parses `equation` for operands of `ranks`. Throws `parse`, `operandCount` or `shapeMismatch`.
    init(_ equation: String, ranks: [Int]) throws(GraphError) {
        let text = Array(equation.utf8).filter { $0 != UInt8(ascii: " ") }
        let sides = try Self.sides(text, equation)
        let terms = sides.left.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard terms.count == ranks.count else {
            throw GraphError(
                .operandCount, "equation \"\(equation)\" has \(terms.count) terms and \(ranks.count) operands are given"
            )
        }
        operands = []
        output = []
        var ellipsisRank = 0
        for (term, rank) in zip(terms, ranks) {
            let labels = try Self.labels(Array(term), rank: rank, equation)
            ellipsisRank = max(ellipsisRank, labels.filter { if case .ellipsis = $0 { true } else { false } }.count)
            operands.append(labels)
        }
        if let right = sides.right {
            let letters = right.filter { $0 != UInt8(ascii: ".") }.count
            output = try Self.labels(right, rank: letters + (right.count > letters ? ellipsisRank : 0), equation)
            guard Set(output).count == output.count else {
                throw GraphError(.parse, "equation \"\(equation)\" repeats a label in its output")
            }
            let known = Set(operands.flatMap(\.self))
            guard output.allSatisfy(known.contains) else {
                throw GraphError(.parse, "equation \"\(equation)\" has an output label that no operand has")
            }
        } else {
            var counts: [EinsumLabel: Int] = [:]
            for label in operands.flatMap(\.self) { counts[label, default: 0] += 1 }
            output = counts.keys.filter { if case .ellipsis = $0 { true } else { counts[$0] == 1 } }.sorted()
        }
    }

    private static func sides(
        _ text: [UInt8], _ equation: String
    ) throws(GraphError) -> (left: [UInt8], right: [UInt8]?) {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")) else { return (text, nil) }
        guard dash + 1 < text.count, text[dash + 1] == UInt8(ascii: ">") else {
            throw GraphError(.parse, "equation \"\(equation)\" has a '-' that begins no '->'")
        }
        return (Array(text[..<dash]), Array(text[(dash + 2)...]))
    }

    /// The labels of one term for an operand of `rank`; an ellipsis stands for the dimensions without letters.
    private static func labels(
        _ term: [UInt8], rank: Int, _ equation: String
    ) throws(GraphError) -> [EinsumLabel] {
        var (labels, ellipsisAt, i): ([EinsumLabel], Int?, Int) = ([], nil, 0)
        while i < term.count {
            let byte = term[i]
            if byte == UInt8(ascii: ".") {
                guard term[i...].starts(with: Array("...".utf8)), ellipsisAt == nil else {
                    throw GraphError(.parse, "equation \"\(equation)\": an ellipsis is three dots, once per term")
                }
                ellipsisAt = labels.count
                i += 3
                continue
            }
            let isLetter =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            guard isLetter else {
                let shown = String(decoding: [byte], as: UTF8.self)
                throw GraphError(.parse, "equation \"\(equation)\": '\(shown)' is no label; labels are letters")
            }
            labels.append(.letter(byte))
            i += 1
        }
        guard let at = ellipsisAt else {
            guard labels.count == rank else {
                throw GraphError(
                    .shapeMismatch, "equation \"\(equation)\": a term of \(labels.count) labels for rank \(rank)")
            }
            return labels
        }
        let extra = rank - labels.count
        guard extra >= 0 else {
            throw GraphError(
                .shapeMismatch, "equation \"\(equation)\": a term of \(labels.count) labels for rank \(rank)")
        }
        labels.insert(contentsOf: (0..<extra).map { .ellipsis(fromBack: extra - 1 - $0) }, at: at)
        return labels
    }
}
