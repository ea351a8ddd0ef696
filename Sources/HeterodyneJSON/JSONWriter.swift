// Heterodyne: JSON strings for headers and indexes.
// SPDX-License-Identifier: Apache-2.0

/// Writes compact JSON.
package enum JSONWriter {
    /// `text` in quotes, with exactly the escapes that RFC 8259 demands; everything else stays UTF-8.
    package static func appendString(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0x08: output += Array("\\b".utf8)
            case 0x0C: output += Array("\\f".utf8)
            case 0x0A: output += Array("\\n".utf8)
            case 0x0D: output += Array("\\r".utf8)
            case 0x09: output += Array("\\t".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                output += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// An object of strings, sorted by key.
    package static func appendObject(_ members: [String: String], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, pair) in members.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            appendString(pair.key, to: &output)
            output.append(UInt8(ascii: ":"))
            appendString(pair.value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}
