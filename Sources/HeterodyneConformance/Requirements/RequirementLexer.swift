// Heterodyne: the words of a requirement.
// SPDX-License-Identifier: Apache-2.0

/// A word of a requirement and where it stands.
struct RequirementToken: Hashable {
    enum Kind: Hashable {
        case name(String)
        /// A number with its unit, in bytes where it has one.
        case number(Double, hasUnit: Bool)
        case text(String)
        case and, or, not, open, close, comma
        case comparison(Requirement.Comparison)
        case end
    }

    var kind: Kind
    /// Characters of the text.
    var range: Range<Int>
}

/// Splits the text of a requirement into words.
struct RequirementLexer {
    private let text: String
    private let characters: [Character]
    private var position = 0

    /// The longest text that is read.
    static let limit = 4096

    init(_ text: String) {
        self.text = text
        characters = Array(text)
    }

    /// Every word, the end last.
    mutating func tokens() throws(RequirementError) -> [RequirementToken] {
        guard characters.count <= Self.limit else {
            throw RequirementError(
                message: "a requirement has at most \(Self.limit) characters",
                text: String(text.prefix(60)) + "…", position: 0)
        }
        var result: [RequirementToken] = []
        while true {
            while let next = peek(), next.isWhitespace { position += 1 }
            let start = position
            let kind = try next()
            result.append(RequirementToken(kind: kind, range: start..<position))
            if kind == .end { return result }
        }
    }

    private func peek(_ offset: Int = 0) -> Character? {
        position + offset < characters.count ? characters[position + offset] : nil
    }

    private func error(_ message: String, at position: Int) -> RequirementError {
        RequirementError(message: message, text: text, position: position)
    }

    private mutating func taking(_ count: Int, _ kind: RequirementToken.Kind) -> RequirementToken.Kind {
        position += count
        return kind
    }

    private mutating func next() throws(RequirementError) -> RequirementToken.Kind {
        guard let first = peek() else { return .end }
        let second = peek(1)
        switch first {
        case "(": return taking(1, .open)
        case ")": return taking(1, .close)
        case ",": return taking(1, .comma)
        case "&":
            guard second == "&" else { throw error("write && for 'and'", at: position) }
            return taking(2, .and)
        case "|":
            guard second == "|" else { throw error("write || for 'or'", at: position) }
            return taking(2, .or)
        case "!":
            if second == "=" { return taking(2, .comparison(.notEqual)) }
            if second == "~" { return taking(2, .comparison(.containsNot)) }
            return taking(1, .not)
        case "=":
            guard second == "=" else { throw error("write == for 'equal'", at: position) }
            return taking(2, .comparison(.equal))
        case "~": return taking(1, .comparison(.contains))
        case "<": return second == "=" ? taking(2, .comparison(.atMost)) : taking(1, .comparison(.less))
        case ">": return second == "=" ? taking(2, .comparison(.atLeast)) : taking(1, .comparison(.more))
        case "'", "\"": return try quoted(first)
        default:
            if Self.isDigit(first) { return try number() }
            if Self.isLetter(first) { return name() }
            throw error("'\(first)' means nothing here", at: position)
        }
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }

    private static func isLetter(_ character: Character) -> Bool {
        ("a"..."z").contains(character) || ("A"..."Z").contains(character) || character == "_"
    }

    /// Letters, digits, `_`, `.`, and `:` and `-` inside, as device identifiers have them.
    private mutating func name() -> RequirementToken.Kind {
        var name = ""
        while let next = peek(), Self.isLetter(next) || Self.isDigit(next) || [".", ":", "-"].contains(next) {
            name.append(next)
            position += 1
        }
        return .name(name)
    }

    private mutating func quoted(_ quote: Character) throws(RequirementError) -> RequirementToken.Kind {
        let start = position
        var content = ""
        position += 1
        while let next = peek() {
            position += 1
            if next == quote { return .text(content) }
            content.append(next)
        }
        throw error("the text that begins here has no closing \(quote)", at: start)
    }

    private static let units: [(String, Double)] = [
        ("B", 1), ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40), ("kB", 1e3), ("KB", 1e3),
        ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
    ]

    private mutating func number() throws(RequirementError) -> RequirementToken.Kind {
        let start = position
        var digits = ""
        while let next = peek(), Self.isDigit(next) || next == "." {
            digits.append(next)
            position += 1
        }
        guard let value = Double(digits), value.isFinite else { throw error("'\(digits)' is no number", at: start) }
        // A unit may follow after spaces.
        var ahead = 0
        while peek(ahead) == " " { ahead += 1 }
        guard let letter = peek(ahead), Self.isLetter(letter) else { return .number(value, hasUnit: false) }
        position += ahead
        let unitStart = position
        var unit = ""
        while let next = peek(), Self.isLetter(next) {
            unit.append(next)
            position += 1
        }
        guard let factor = Self.units.first(where: { $0.0 == unit })?.1 else {
            let names = ["B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB"].joined(separator: ", ")
            throw error("'\(unit)' is no unit of memory; there are \(names)", at: unitStart)
        }
        guard (value * factor).isFinite else { throw error("the number is too large", at: start) }
        return .number(value * factor, hasUnit: true)
    }
}
