// Heterodyne: the elements of an SVG picture as text.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes the elements of an SVG picture: no scripts, no links, text escaped.
struct SVGText {
    enum Anchor: String {
        case start, middle, end
    }

    private(set) var body = ""

    /// Text that XML takes: no markup, no characters that XML forbids.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default:
                // XML 1.0, section 2.2.
                if scalar.value >= 0x20, !(0x7F...0x9F).contains(scalar.value), scalar.value & 0xFFFE != 0xFFFE {
                    result.unicodeScalars.append(scalar)
                } else {
                    result += " "
                }
            }
        }
        return result
    }

    /// A coordinate; what is not finite lies at 0.
    static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "0" }
        return String(format: "%.2f", value)
    }

    /// A number of an attribute that tools read.
    static func value(_ value: Double) -> String { value.isFinite ? String(format: "%.6g", value) : "" }

    private func list(_ attributes: [(String, String)]) -> String {
        attributes.map { " \($0.0)=\"\(Self.escaped($0.1))\"" }.joined()
    }

    mutating func open(_ attributes: [(String, String)]) { body += "<g\(list(attributes))>\n" }

    mutating func close() { body += "</g>\n" }

    mutating func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ attributes: [(String, String)]
    ) {
        element(
            "rect",
            [
                ("x", Self.number(x)), ("y", Self.number(y)), ("width", Self.number(width)),
                ("height", Self.number(height)),
            ] + attributes)
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ attributes: [(String, String)]) {
        element(
            "line",
            [
                ("x1", Self.number(x1)), ("y1", Self.number(y1)), ("x2", Self.number(x2)), ("y2", Self.number(y2)),
            ] + attributes)
    }

    mutating func path(_ points: [(x: Double, y: Double)], _ attributes: [(String, String)]) {
        let text = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        element("polyline", [("points", text), ("fill", "none")] + attributes)
    }

    /// A dot; `title` is what viewers show beside the pointer.
    mutating func dot(
        _ x: Double, _ y: Double, radius: Double, title: String, _ attributes: [(String, String)]
    ) {
        let all = [("cx", Self.number(x)), ("cy", Self.number(y)), ("r", Self.number(radius))] + attributes
        body += "<circle\(list(all))><title>\(Self.escaped(title))</title></circle>\n"
    }

    mutating func text(
        _ content: String, _ x: Double, _ y: Double, anchor: Anchor = .start, size: Double = 12,
        _ attributes: [(String, String)] = [("class", "ink")]
    ) {
        let all =
            [
                ("x", Self.number(x)), ("y", Self.number(y)), ("font-size", Self.number(size)),
                ("text-anchor", anchor.rawValue),
            ] + attributes
        body += "<text\(list(all))>\(Self.escaped(content))</text>\n"
    }

    private mutating func element(_ name: String, _ attributes: [(String, String)]) {
        body += "<\(name)\(list(attributes))/>\n"
    }
}
