// Heterodyne: the words of the text form.
// SPDX-License-Identifier: Apache-2.0

/// Splits text into words. Space and comments, from `//` to the end of the line, separate words and mean nothing.
struct GraphLexer {
    enum Token: Hashable {
        /// A name: letters, digits, `_` and `.`.
        case identifier(String)
        /// Text in quotes, without them.
        case string(String)
        /// `%` and a name or number, without the `%`.
        case value(String)
        /// Decimal digits.
        case integer(String)
        /// Decimal digits with a point or an exponent.
        case number(String)
        /// `0x` and hexadecimal digits.
        case bits(UInt64)
        /// One other character.
        case symbol(Character)
        /// The end of the text.
        case end

        /// The word for messages.
        var text: String {
            switch self {
            case .identifier(let name): "'\(GraphLexer.shortened(name))'"
            case .string(let text): "\"\(GraphLexer.shortened(text))\""
            case .value(let name): "'%\(GraphLexer.shortened(name))'"
            case .integer(let digits), .number(let digits): "'\(GraphLexer.shortened(digits))'"
            case .bits(let bits): "'\(TextSpelling.hex(bits, digits: 1))'"
            case .symbol(let character): "'\(character)'"
            case .end: "the end of the text"
            }
        }
    }

    /// Longest name or number.
    static let maximumWordLength = 1024

    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    static func shortened(_ text: String) -> String { text.count > 40 ? text.prefix(40) + "…" : text }

    /// The error `message` at a byte offset, with line and column from 1; columns count bytes.
    func error(_ message: String, at offset: Int, kind: GraphError.Kind = .parse) -> GraphError {
        let before = bytes[0..<min(offset, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        return GraphError(kind, "\(line):\(column): \(message)")
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    private mutating func skipSpace() {
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                while let next = peek(), next != UInt8(ascii: "\n") { position += 1 }
            default: return
            }
        }
    }

    private mutating func take(while condition: (UInt8) -> Bool) throws(GraphError) -> String {
        let start = position
        while let byte = peek(), condition(byte) { position += 1 }
        guard position - start <= Self.maximumWordLength else {
            throw error("this word is longer than \(Self.maximumWordLength) bytes", at: start)
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// The next word and where it starts.
    mutating func next() throws(GraphError) -> (Token, Int) {
        skipSpace()
        let start = position
        guard let byte = peek() else { return (.end, start) }
        switch byte {
        case UInt8(ascii: "\""): return (.string(try quoted()), start)
        case UInt8(ascii: "%"):
            position += 1
            let name = try take(while: TextSpelling.isIdentifierPart)
            guard !name.isEmpty else { throw error("expected a name or number after '%'", at: position) }
            return (.value(name), start)
        case _ where TextSpelling.isIdentifierStart(byte):
            return (.identifier(try take(while: TextSpelling.isIdentifierPart)), start)
        case _ where TextSpelling.isDigit(byte): return (try number(), start)
        case 0x21...0x7E:
            position += 1
            return (.symbol(Character(UnicodeScalar(byte))), start)
        default: throw error("unexpected byte \(TextSpelling.hex(UInt64(byte), digits: 2))", at: start)
        }
    }

    private mutating func number() throws(GraphError) -> Token {
        let start = position
        if peek() == UInt8(ascii: "0"), peek(1) == UInt8(ascii: "x") {
            position += 2
            let digits = try take(while: TextSpelling.isIdentifierPart)
            guard let bits = UInt64(digits, radix: 16) else {
                throw error("'0x\(Self.shortened(digits))' is no hexadecimal number of up to 64 bits", at: start)
            }
            return .bits(bits)
        }
        var text = try take(while: TextSpelling.isDigit)
        var isInteger = true
        if peek() == UInt8(ascii: "."), let next = peek(1), TextSpelling.isDigit(next) {
            isInteger = false
            position += 1
            text += "." + (try take(while: TextSpelling.isDigit))
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            text += "e"
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                position += 1
                text += sign == UInt8(ascii: "+") ? "+" : "-"
            }
            let exponent = try take(while: TextSpelling.isDigit)
            guard !exponent.isEmpty else { throw error("expected the digits of an exponent", at: position) }
            text += exponent
        }
        if let next = peek(), TextSpelling.isIdentifierPart(next) {
            throw error("expected the end of the number \(Self.shortened(text))", at: position)
        }
        return isInteger ? .integer(text) : .number(text)
    }

    private mutating func quoted() throws(GraphError) -> String {
        let start = position
        position += 1
        var content: [UInt8] = []
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"): content += try escape().utf8
            case UInt8(ascii: "\n"): throw error("a string ends on the line where it starts; write \\n", at: start)
            default: content.append(byte)
            }
        }
        throw error("this string has no end", at: start)
    }

    private mutating func escape() throws(GraphError) -> String {
        let start = position - 1
        let escaped = peek()
        position += 1
        switch escaped {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard peek() == UInt8(ascii: "{") else { break }
            position += 1
            let digits = try take(while: TextSpelling.isIdentifierPart)
            guard peek() == UInt8(ascii: "}"), let code = UInt32(digits, radix: 16), let scalar = UnicodeScalar(code)
            else { break }
            position += 1
            return String(Character(scalar))
        default: break
        }
        throw error("escapes are \\\" \\\\ \\n \\r \\t and \\u{hexadecimal}", at: start)
    }
}
