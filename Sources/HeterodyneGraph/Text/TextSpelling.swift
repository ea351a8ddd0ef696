// Heterodyne: how the text form spells names, strings, numbers and bytes.
// SPDX-License-Identifier: Apache-2.0

/// Spellings that printer and parser share.
enum TextSpelling {
    static func isIdentifierStart(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z"))
            || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
            || byte == UInt8(ascii: "_")
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    static func isIdentifierPart(_ byte: UInt8) -> Bool {
        isIdentifierStart(byte) || isDigit(byte) || byte == UInt8(ascii: ".")
    }

    /// `text` as it is where it is an identifier, else quoted.
    static func name(_ text: String) -> String {
        guard let first = text.utf8.first, isIdentifierStart(first), text.utf8.allSatisfy(isIdentifierPart) else {
            return quoted(text)
        }
        return text
    }

    /// `text` in quotes; quotes, backslashes and control characters are escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// The element `bits` of `type`: integers in decimal, floats as the shortest decimal that reads back to the same
    /// bits and always with `.`, `e`, `inf` or `nan`, NaNs other than the default one with their bits.
    static func element(_ bits: UInt64, _ type: ScalarType) -> String {
        switch type {
        case .bool: return bits == 0 ? "false" : bits == 1 ? "true" : hex(bits, digits: 2)
        case .uint64: return String(bits)
        case .int64: return String(Int64(bitPattern: bits))
        case .int4, .uint4, .int8, .int16, .int32, .uint8, .uint16, .uint32:
            return String(Int(type.number(fromBits: bits)))
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16, .float32, .float64:
            let number = type.number(fromBits: bits)
            if number.isNaN {
                return bits == type.bits(of: .nan) ? "nan" : "nan:" + hex(bits, digits: type.bitWidth / 4)
            }
            switch type {
            case .float64: return number.description
            case .float16: return Float16(number).description
            default: return Float(number).description
            }
        }
    }

    /// `0x` and at least `digits` digits.
    static func hex(_ bits: UInt64, digits: Int) -> String {
        let text = String(bits, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static let base64Alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648 section 4, with padding.
    static func base64(_ bytes: UnsafeRawBufferPointer) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: length) { output in
            var at = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let count = min(3, bytes.count - start)
                var group: UInt32 = 0
                for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
                for index in 0..<4 {
                    output[at] =
                        index > count
                        ? UInt8(ascii: "=") : base64Alphabet[Int(group >> UInt32(18 - 6 * index) & 0x3F)]
                    at += 1
                }
            }
            return length
        }
    }

    /// The bytes of `text`, or nil where it is not base64 with padding.
    static func decodeBase64(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var digits = 0
        var padding = 0
        for character in text {
            var digit: UInt32 = 0
            if character == UInt8(ascii: "=") {
                padding += 1
                guard padding <= 2 else { return nil }
            } else {
                guard padding == 0, let value = base64Value(character) else { return nil }
                digit = value
            }
            group = group << 6 | digit
            digits += 1
            if digits == 4 {
                // Bits under the padding must be zero, so that every byte string has one spelling.
                guard group & ((1 << UInt32(8 * padding)) - 1) == 0 else { return nil }
                for index in 0..<3 - padding {
                    bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * index)))
                }
                group = 0
                digits = 0
                if padding > 0 { padding = 3 }
            }
        }
        return bytes
    }

    private static func base64Value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
