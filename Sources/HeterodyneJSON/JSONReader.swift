// Heterodyne: a strict JSON reader for headers, manifests and profiles.
// SPDX-License-Identifier: Apache-2.0

/// An error type that can say what is wrong with JSON text.
package protocol JSONFailure: Error {
    /// The classes of mistakes.
    associatedtype JSONKind
    /// Text that breaks the grammar.
    static var malformedJSON: JSONKind { get }
    /// A string that is not valid Unicode.
    static var invalidJSONText: JSONKind { get }
    /// Values nested too deeply.
    static var exceededJSONLimit: JSONKind { get }
    /// A mistake in the file at `path`.
    init(_ kind: JSONKind, json message: String, path: String)
}

/// Reads JSON (RFC 8259) front to back without building a tree, so that memory is bounded by what the caller keeps.
///
/// Stricter than most: text must be valid UTF-8 and free of lone surrogates, nesting is limited, numbers where integers
/// are expected must be plain digits that fit in 63 bits. The caller sees every member, so duplicate keys are its to
/// refuse.
package struct JSONReader<Failure: JSONFailure> {
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    /// Where reading goes on.
    package private(set) var position = 0
    /// Deepest nesting of arrays and objects that is accepted.
    package static var maximumDepth: Int { 32 }

    /// Reads `bytes`, which must stay valid; errors name `path`.
    package init(_ bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    /// An error at the current position.
    package func error(_ kind: Failure.JSONKind, _ message: String) -> Failure {
        Failure(kind, json: "\(message), at byte \(position) of the JSON text", path: path)
    }

    /// The next byte that is not white space, not consumed; nil at the end.
    package mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// Consumes `byte`.
    package mutating func expect(_ byte: UInt8) throws(Failure) {
        guard peek() == byte else { throw unexpected("expected '\(Character(UnicodeScalar(byte)))'") }
        position += 1
    }

    /// Checks that only white space is left.
    package mutating func expectEnd() throws(Failure) {
        guard peek() == nil else { throw error(Failure.malformedJSON, "text follows the JSON value") }
    }

    /// Calls `body` for each member with its key; `body` must consume the value.
    package mutating func object(
        _ body: (inout Self, String) throws(Failure) -> Void
    ) throws(Failure) {
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
    package mutating func array(_ body: (inout Self) throws(Failure) -> Void) throws(Failure) {
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
    package mutating func naturalNumber(overflow kind: Failure.JSONKind) throws(Failure) -> Int {
        guard let first = peek(), isDigit(first) else { throw unexpected("expected a non-negative integer") }
        let start = position
        var value = 0
        while position < bytes.count, isDigit(bytes[position]) {
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, overflows) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
            guard !isTooLarge, !overflows else { throw error(kind, "a number does not fit in 63 bits") }
            value = next
            position += 1
        }
        guard first != UInt8(ascii: "0") || position == start + 1 else {
            throw error(Failure.malformedJSON, "a number has a leading zero")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") || bytes[position] | 0x20 == UInt8(ascii: "e") {
            throw error(Failure.malformedJSON, "expected an integer without fraction and exponent")
        }
        return value
    }

    /// A number, rounded to the nearest double. One beyond its range throws `overflow`.
    package mutating func number(overflow kind: Failure.JSONKind) throws(Failure) -> Double {
        guard let first = peek(), first == UInt8(ascii: "-") || isDigit(first) else {
            throw unexpected("expected a number")
        }
        let start = position
        try skipNumber()
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw error(kind, "a number is out of range") }
        return value
    }

    /// `true` or `false`.
    package mutating func bool() throws(Failure) -> Bool {
        let isTrue = peek() == UInt8(ascii: "t")
        try skipWord(isTrue ? "true" : "false")
        return isTrue
    }

    /// Consumes `null` if it comes next.
    package mutating func null() -> Bool {
        guard peek() != nil, isNext("null") else { return false }
        position += 4
        return true
    }

    /// Consumes any value and checks its grammar.
    package mutating func skipValue(depth: Int = 0) throws(Failure) {
        guard depth < Self.maximumDepth else {
            throw error(Failure.exceededJSONLimit, "values are nested more than \(Self.maximumDepth) deep")
        }
        switch peek() {
        case UInt8(ascii: "{"):
            try object { (reader, _) throws(Failure) in try reader.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            try array { (reader) throws(Failure) in try reader.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    private mutating func skipWord(_ word: StaticString) throws(Failure) {
        guard isNext(word) else { throw unexpected("expected a value") }
        position += word.utf8CodeUnitCount
    }

    private mutating func skipNumber() throws(Failure) {
        if peek() == UInt8(ascii: "-") { position += 1 }
        let start = position
        try skipDigits()
        guard bytes[start] != UInt8(ascii: "0") || position == start + 1 else {
            throw error(Failure.malformedJSON, "a number has a leading zero")
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

    private mutating func skipDigits() throws(Failure) {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > start else { throw unexpected("expected a value") }
    }

    /// Whether the next bytes are those of `word`.
    private func isNext(_ word: StaticString) -> Bool {
        bytes.count - position >= word.utf8CodeUnitCount
            && word.withUTF8Buffer { bytes[position...].starts(with: $0) }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private func unexpected(_ message: String) -> Failure {
        guard position < bytes.count else { return error(Failure.malformedJSON, "\(message), found the end") }
        let byte = bytes[position]
        let found = byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
        return error(Failure.malformedJSON, "\(message), found \(found)")
    }
}

extension JSONReader {
    /// A string, with its escapes resolved.
    package mutating func string() throws(Failure) -> String {
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
            guard byte >= 0x20 else { throw error(Failure.malformedJSON, "a control character stands in a string") }
            position += 1
        }
        throw error(Failure.malformedJSON, "a string does not end")
    }

    private mutating func escapedString(from start: Int) throws(Failure) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try validated(text)
            case UInt8(ascii: "\\"): try appendEscape(to: &text)
            case 0..<0x20: throw error(Failure.malformedJSON, "a control character stands in a string")
            default: text.append(byte)
            }
        }
        throw error(Failure.malformedJSON, "a string does not end")
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws(Failure) {
        guard position < bytes.count else { throw error(Failure.malformedJSON, "a string does not end") }
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
        default: throw error(Failure.malformedJSON, "an unknown escape stands in a string")
        }
    }

    private mutating func unicodeEscape() throws(Failure) -> UnicodeScalar {
        var code = try fourHexDigits()
        if (0xD800..<0xDC00).contains(code) {
            guard isNext("\\u") else {
                throw error(Failure.invalidJSONText, "a high surrogate stands alone")
            }
            position += 2
            let low = try fourHexDigits()
            guard (0xDC00..<0xE000).contains(low) else {
                throw error(Failure.invalidJSONText, "a high surrogate stands alone")
            }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = UnicodeScalar(code) else {
            throw error(Failure.invalidJSONText, "a low surrogate stands alone")
        }
        return scalar
    }

    private mutating func fourHexDigits() throws(Failure) -> UInt32 {
        guard bytes.count - position >= 4 else { throw error(Failure.malformedJSON, "a string does not end") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(Failure.malformedJSON, "expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private func validated(_ raw: some Sequence<UInt8>) throws(Failure) -> String {
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw error(Failure.invalidJSONText, "a string is not valid UTF-8")
        }
        return text
    }
}
