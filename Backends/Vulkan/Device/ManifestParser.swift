// Heterodyne: reads the JSON of driver manifests.
// SPDX-License-Identifier: Apache-2.0

/// A value of JSON (RFC 8259), as far as driver manifests need it: numbers keep their text.
enum ManifestValue: Equatable {
    case object([String: ManifestValue])
    case array([ManifestValue])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    /// A member of an object.
    subscript(name: String) -> ManifestValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    /// The text of a string.
    var text: String? { if case .string(let text) = self { text } else { nil } }
}

/// Reads JSON. Byte order marks, comments and trailing commas are mistakes.
struct ManifestParser {
    /// What is wrong and where.
    struct Mistake: Error, Equatable {
        var line: Int
        var text: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private static let maximumDepth = 32

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value in a file's bytes.
    static func parse(_ bytes: [UInt8]) throws(Mistake) -> ManifestValue {
        var parser = ManifestParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.mistake("something follows the value") }
        return value
    }

    private func mistake(_ text: String) -> Mistake {
        Mistake(line: 1 + bytes.prefix(position).count { $0 == UInt8(ascii: "\n") }, text: text)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(Mistake) -> ManifestValue {
        guard depth < Self.maximumDepth else { throw mistake("values are nested too deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case nil: throw mistake("the text ends early")
        default: return try word()
        }
    }

    private mutating func object(_ depth: Int) throws(Mistake) -> ManifestValue {
        position += 1
        var members: [String: ManifestValue] = [:]
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw mistake("the name of a member is missing") }
            let name = try string()
            guard take(":") else { throw mistake("':' is missing after \"\(name)\"") }
            members[name] = try value(depth: depth + 1)
        } while take(",")
        guard take("}") else { throw mistake("'}' is missing") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(Mistake) -> ManifestValue {
        position += 1
        var list: [ManifestValue] = []
        if take("]") { return .array(list) }
        repeat { list.append(try value(depth: depth + 1)) } while take(",")
        guard take("]") else { throw mistake("']' is missing") }
        return .array(list)
    }

    private mutating func string() throws(Mistake) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw mistake("a control character in a string")
            default: text.append(byte)
            }
        }
        throw mistake("a string does not end")
    }

    private mutating func escape() throws(Mistake) -> [UInt8] {
        guard let byte = next else { throw mistake("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"):
            var unit = try codeUnit()
            // A pair of surrogates is one character.
            if (0xd800..<0xdc00).contains(unit), next == UInt8(ascii: "\\") {
                position += 1
                guard next == UInt8(ascii: "u") else { throw mistake("half a character") }
                position += 1
                let low = try codeUnit()
                guard (0xdc00..<0xe000).contains(low) else { throw mistake("half a character") }
                unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw mistake("half a character") }
            return Array(String(Character(scalar)).utf8)
        default: throw mistake("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(Mistake) -> UInt32 {
        let digits = bytes[position..<min(position + 4, bytes.count)]
        guard digits.count == 4, let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else {
            throw mistake("four hexadecimal digits are missing")
        }
        position += 4
        return unit
    }

    private mutating func word() throws(Mistake) -> ManifestValue {
        let start = position
        while let byte = next, !",]} \t\r\n:\"[{".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default:
            guard let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
                Double(text) != nil
            else {
                position = start
                throw mistake("'\(text.prefix(20))' is no value")
            }
            return .number(text)
        }
    }
}
