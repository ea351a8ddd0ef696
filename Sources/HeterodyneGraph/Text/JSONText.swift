// Heterodyne: text and numbers in JSON.
// SPDX-License-Identifier: Apache-2.0

/// Text and numbers as JSON has them, for the package's modules that write JSON without Foundation.
package enum JSONText {
    /// A number; `null` for those that JSON does not have.
    package static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

    /// Text in quotes.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
