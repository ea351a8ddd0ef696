// Heterodyne: plots in two columns as one SVG picture.
// SPDX-License-Identifier: Apache-2.0

/// Something that fills a part of a figure.
protocol Panel: Sendable {
    /// Draws the panel between (0, 0) and (`width`, `height`).
    func draw(on canvas: inout SVGCanvas, width: Double, height: Double)
}

/// Plots in two columns, row by row.
public struct Figure: Sendable {
    private var panels: [any Panel] = []

    /// The width of one panel.
    private static let panelWidth = 420.0
    private static let panelHeight = 380.0

    /// A figure without panels.
    public init() {}

    /// Adds a plot of lines.
    public mutating func add(_ plot: LinePlot) { panels.append(plot) }

    /// Adds a map of values.
    public mutating func add(_ map: HeatMap) { panels.append(map) }

    /// The picture as the text of an SVG file.
    public func svg() -> String {
        var canvas = SVGCanvas()
        for (index, panel) in panels.enumerated() {
            canvas.origin = (Double(index % 2) * Self.panelWidth, Double(index / 2) * Self.panelHeight)
            panel.draw(on: &canvas, width: Self.panelWidth, height: Self.panelHeight)
        }
        let width = NumberText.decimal(Double(min(2, max(1, panels.count))) * Self.panelWidth, places: 0)
        let height = NumberText.decimal(Double(max(1, (panels.count + 1) / 2)) * Self.panelHeight, places: 0)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" font-family="sans-serif">
            <rect width="\(width)" height="\(height)" fill="#ffffff"/>
            \(canvas.body)</svg>

            """
    }
}

/// The rectangle between the axes of a panel.
struct PlotArea {
    let left: Double
    let top: Double
    let width: Double
    let height: Double
    var right: Double { left + width }
    var bottom: Double { top + height }

    private static let ink = "#444444"
    private static let grid = "#dddddd"

    /// The room that a panel leaves between the axes: beside marks and labels, below them and the legend.
    init(width: Double, height: Double) {
        left = 66
        top = 34
        self.width = width - 66 - 18
        self.height = height - 34 - 96
    }

    /// The largest rectangle of square cells in the same place, with room for a scale of colours to its right. Cells have whole sizes,
    /// so that no picture shows seams between them.
    init(rows: Int, columns: Int, in width: Double, _ height: Double) {
        let area = PlotArea(width: width, height: height)
        let side = min(area.width - 60, area.height)
        let cell = max(1, (side / Double(max(1, rows, columns))).rounded(.down))
        (left, top) = (area.left, area.top)
        (self.width, self.height) = (cell * Double(max(1, columns)), cell * Double(max(1, rows)))
    }

    func drawAxes(
        on canvas: inout SVGCanvas, _ horizontal: Axis, _ vertical: Axis, title: String, xLabel: String, yLabel: String
    ) {
        for tick in horizontal.ticks {
            guard let place = horizontal.place(of: tick), (0...1).contains(place) else { continue }
            let x = left + place * width
            canvas.line(x, top, x, bottom, color: Self.grid)
            canvas.text(horizontal.label(of: tick), x, bottom + 15, anchor: .middle)
        }
        for tick in vertical.ticks {
            guard let place = vertical.place(of: tick), (0...1).contains(place) else { continue }
            let y = bottom - place * height
            canvas.line(left, y, right, y, color: Self.grid)
            canvas.text(vertical.label(of: tick), left - 6, y + 4, anchor: .end)
        }
        canvas.frame(left, top, width, height, color: Self.ink)
        canvas.text(title, left + width / 2, top - 12, anchor: .middle, size: 13)
        canvas.text(xLabel, left + width / 2, bottom + 33, anchor: .middle, size: 12)
        canvas.text(yLabel, left - 50, top + height / 2, anchor: .middle, size: 12, turned: true)
    }
}
