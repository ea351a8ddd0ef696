// Heterodyne: writes the elements of an SVG picture.
// SPDX-License-Identifier: Apache-2.0

/// The elements of an SVG picture, written one after the other.
struct SVGCanvas {
    enum Anchor: String {
        case start, middle, end
    }

    private(set) var body = ""
    /// What is added to every coordinate.
    var origin: (x: Double, y: Double) = (0, 0)

    private func x(_ value: Double) -> String { NumberText.decimal(value + origin.x, places: 1) }
    private func y(_ value: Double) -> String { NumberText.decimal(value + origin.y, places: 1) }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String) {
        body += "<line x1=\"\(x(x1))\" y1=\"\(y(y1))\" x2=\"\(x(x2))\" y2=\"\(y(y2))\" stroke=\"\(color)\"/>\n"
    }

    /// A line through points.
    mutating func path(_ points: [(x: Double, y: Double)], color: String, dashes: String?) {
        guard points.count > 1 else { return }
        let text = points.map { "\(x($0.x)),\(y($0.y))" }.joined(separator: " ")
        let dash = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
        body += "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.8\"\(dash) points=\"\(text)\"/>\n"
    }

    mutating func dot(_ cx: Double, _ cy: Double, radius: Double, color: String) {
        let r = NumberText.decimal(radius, places: 1)
        body += "<circle cx=\"\(x(cx))\" cy=\"\(y(cy))\" r=\"\(r)\" fill=\"\(color)\"/>\n"
    }

    /// A run of cells of one colour in a row of a grid.
    struct Run {
        var row: Int
        var column: Int
        var count: Int
    }

    /// Runs of a grid's cells, listed by colour; row 0 is at `top`.
    mutating func cells(
        _ runs: [(color: String, runs: [Run])], left: Double, top: Double, width: Double, height: Double
    ) {
        let scale = "\(NumberText.decimal(width, places: 3)) \(NumberText.decimal(height, places: 3))"
        body += "<g shape-rendering=\"crispEdges\" transform=\"translate(\(x(left)) \(y(top))) scale(\(scale))\">\n"
        for (color, runs) in runs where !runs.isEmpty {
            let path = runs.map { "M\($0.column) \($0.row)h\($0.count)v1h-\($0.count)z" }.joined()
            body += "<path fill=\"\(color)\" d=\"\(path)\"/>\n"
        }
        body += "</g>\n"
    }

    mutating func frame(_ left: Double, _ top: Double, _ width: Double, _ height: Double, color: String) {
        body += "<rect x=\"\(x(left))\" y=\"\(y(top))\" width=\"\(NumberText.decimal(width, places: 1))\" "
        body += "height=\"\(NumberText.decimal(height, places: 1))\" fill=\"none\" stroke=\"\(color)\"/>\n"
    }

    mutating func text(
        _ content: String, _ left: Double, _ top: Double, anchor: Anchor = .start, size: Int = 11, turned: Bool = false
    ) {
        let turn = turned ? " transform=\"rotate(-90 \(x(left)) \(y(top)))\"" : ""
        body +=
            "<text x=\"\(x(left))\" y=\"\(y(top))\" font-size=\"\(size)\" text-anchor=\"\(anchor.rawValue)\"\(turn)>"
        body += Self.escaped(content) + "</text>\n"
    }

    /// Text that XML takes: no markup, no control characters.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            default:
                if scalar.value >= 0x20, scalar.value != 0x7F, !(0xFFFE...0xFFFF).contains(scalar.value) {
                    result.unicodeScalars.append(scalar)
                } else {
                    result += " "
                }
            }
        }
        return result
    }
}
