// Heterodyne: a strict JSON reader for headers and indexes.
// SPDX-License-Identifier: Apache-2.0

/// Reads JSON (RFC 8259) front to back without building a tree, so that memory is bounded by what the caller keeps.
///
/// Stricter than most: text must be valid UTF-8 and free of lone surrogates, nesting is limited, numbers where integers
/// are expected must be plain digits that fit in 63 bits. The caller sees every member, so duplicate keys are its to
/// refuse.
struct JSONReader {
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    /// Where reading goes on.
    private(set) var position = 0
    /// Deepest nesting of arrays and objects that is accepted.
    static let maximumDepth = 32

    /// Reads `bytes`, which must stay valid; errors name `path`.
    init(_ bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// An error at the current position.
    func error(_ kind: WeightsError.Kind, _ message: String) -> WeightsError {
        WeightsError(kind, "\(message), at byte \(position) of the JSON text", path: path)
    }

    /// The next byte that is not white space, not consumed; nil at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// Consumes `byte`.
    mutating func expect(_ byte: UInt8) throws(WeightsError) {
        guard peek() == byte else { throw unexpected("expected '\(Character(UnicodeScalar(byte)))'") }
        position += 1
    }

    /// Checks that only white space is left.
    mutating func expectEnd() throws(WeightsError) {
        guard peek() == nil else { throw error(.malformedHeader, "text follows the JSON value") }
    }

    /// Calls `body` for each member with its key; `body` must consume the value.
    mutating func object(
        _ body: (inout JSONReader, String) throws(WeightsError) -> Void
    ) throws(WeightsError) {
        try expect(UInt8(ascii: "{"))
        if peek() == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            try body(&self, key)
            if peek() == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "}"))
            return
        }
    }

    /// Calls `body` for each element; `body` must consume it.
    mutating func array(_ body: (inout JSONReader) throws(WeightsError) -> Void) throws(WeightsError) {
        try expect(UInt8(ascii: "["))
        if peek() == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try body(&self)
            if peek() == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "]"))
            return
        }
    }

    /// A number of plain digits. One that does not fit in 63 bits throws `overflow`.
    mutating func naturalNumber(overflow kind: WeightsError.Kind) throws(WeightsError) -> Int {
        guard let first = peek(), isDigit(first) else { throw unexpected("expected a non-negative integer") }
        let start = position
        var value = 0
        while position < bytes.count, isDigit(bytes[position]) {
            guard let next = value.multiplied(by: 10)?.adding(Int(bytes[position] - UInt8(ascii: "0"))) else {
                throw error(kind, "a number does not fit in 63 bits")
            }
            value = next
            position += 1
        }
        guard first != UInt8(ascii: "0") || position == start + 1 else {
            throw error(.malformedHeader, "a number has a leading zero")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") || bytes[position] | 0x20 == UInt8(ascii: "e") {
            throw error(.malformedHeader, "expected an integer without fraction and exponent")
        }
        return value
    }

    /// Consumes `null` if it comes next.
    mutating func null() -> Bool {
        guard peek() != nil, let word = bytes.slice(position, 4), word.begins(with: Array("null".utf8)) else {
            return false
        }
        position += 4
        return true
    }

    /// Consumes any value and checks its grammar.
    mutating func skipValue(depth: Int = 0) throws(WeightsError) {
        guard depth < Self.maximumDepth else {
            throw error(.limitExceeded, "values are nested more than \(Self.maximumDepth) deep")
        }
        switch peek() {
        case UInt8(ascii: "{"):
            try object { (reader, _) throws(WeightsError) in try reader.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            try array { (reader) throws(WeightsError) in try reader.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    private mutating func skipWord(_ word: String) throws(WeightsError) {
        guard let found = bytes.slice(position, word.utf8.count), found.begins(with: Array(word.utf8)) else {
            throw unexpected("expected a value")
        }
        position += word.utf8.count
    }

    private mutating func skipNumber() throws(WeightsError) {
        if peek() == UInt8(ascii: "-") { position += 1 }
        let start = position
        try skipDigits()
        guard bytes[start] != UInt8(ascii: "0") || position == start + 1 else {
            throw error(.malformedHeader, "a number has a leading zero")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try skipDigits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[position]) {
                position += 1
            }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(WeightsError) {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > start else { throw unexpected("expected a value") }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private func unexpected(_ message: String) -> WeightsError {
        guard position < bytes.count else { return error(.malformedHeader, "\(message), found the end") }
        let byte = bytes[position]
        let found = byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
        return error(.malformedHeader, "\(message), found \(found)")
    }
}

extension JSONReader {
    /// A string, with its escapes resolved.
    mutating func string() throws(WeightsError) -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = try validated(UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw error(.malformedHeader, "a control character stands in a string") }
            position += 1
        }
        throw error(.malformedHeader, "a string does not end")
    }

    private mutating func escapedString(from start: Int) throws(WeightsError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try text.withRawBytes { (raw) throws(WeightsError) in try validated(raw) }
            case UInt8(ascii: "\\"): try appendEscape(to: &text)
            case 0..<0x20: throw error(.malformedHeader, "a control character stands in a string")
            default: text.append(byte)
            }
        }
        throw error(.malformedHeader, "a string does not end")
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws(WeightsError) {
        guard position < bytes.count else { throw error(.malformedHeader, "a string does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            text.append(contentsOf: UTF8.encode(try unicodeEscape()) ?? UTF8.encodedReplacementCharacter)
        default: throw error(.malformedHeader, "an unknown escape stands in a string")
        }
    }

    private mutating func unicodeEscape() throws(WeightsError) -> UnicodeScalar {
        var code = try fourHexDigits()
        if (0xD800..<0xDC00).contains(code) {
            guard let mark = bytes.slice(position, 2), mark.begins(with: Array("\\u".utf8)) else {
                throw error(.invalidText, "a high surrogate stands alone")
            }
            position += 2
            let low = try fourHexDigits()
            guard (0xDC00..<0xE000).contains(low) else { throw error(.invalidText, "a high surrogate stands alone") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = UnicodeScalar(code) else { throw error(.invalidText, "a low surrogate stands alone") }
        return scalar
    }

    private mutating func fourHexDigits() throws(WeightsError) -> UInt32 {
        guard let digits = bytes.slice(position, 4) else { throw error(.malformedHeader, "a string does not end") }
        var value: UInt32 = 0
        for byte in digits {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(.malformedHeader, "expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private func validated(_ raw: UnsafeRawBufferPointer) throws(WeightsError) -> String {
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw error(.invalidText, "a string is not valid UTF-8")
        }
        return text
    }
}
