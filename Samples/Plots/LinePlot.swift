// Heterodyne: plots of lines over axes.
// SPDX-License-Identifier: Apache-2.0

/// A named line of a plot.
public struct PlotSeries: Sendable {
    /// The name in the legend.
    public var name: String
    /// The points, in the order in which they are joined. A point that cannot be shown (not finite, or not above 0 on a
    /// logarithmic axis) leaves a gap.
    public var points: [(x: Double, y: Double)]

    /// A line through points.
    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
        self.name = name
        self.points = points
    }

    /// A line through the values at 1, 2, 3, …
    public init(_ name: String, values: [Double]) {
        self.init(name, values.enumerated().map { (Double($0.offset + 1), $0.element) })
    }
}

/// Lines over two axes, with a legend.
public struct LinePlot: Panel, Sendable {
    /// Above the plot.
    public var title: String
    /// Below the horizontal axis.
    public var xLabel: String
    /// Beside the vertical axis.
    public var yLabel: String
    /// The horizontal axis.
    public var xScale: AxisScale
    /// The vertical axis.
    public var yScale: AxisScale
    /// The lines.
    public var series: [PlotSeries]

    /// A plot of lines.
    public init(
        title: String, xLabel: String, yLabel: String, xScale: AxisScale = .linear, yScale: AxisScale = .linear,
        series: [PlotSeries]
    ) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.xScale = xScale
        self.yScale = yScale
        self.series = series
    }

    /// Colours that people with any colour vision tell apart (Okabe and Ito, "Color Universal Design", 2008); lines that
    /// lie upon each other differ in their dashes.
    static let styles: [(color: String, dashes: String?)] = [
        ("#0072b2", nil), ("#e69f00", "9 5"), ("#009e73", "3 4"), ("#d55e00", nil), ("#cc79a7", "10 3 2 3"),
        ("#56b4e9", "6 2"), ("#000000", "1 3"),
    ]

    func draw(on canvas: inout SVGCanvas, width: Double, height: Double) {
        let area = PlotArea(width: width, height: height)
        let horizontal = Axis(xScale, showing: series.lazy.flatMap { $0.points.lazy.map(\.x) })
        let vertical = Axis(yScale, showing: series.lazy.flatMap { $0.points.lazy.map(\.y) })
        area.drawAxes(on: &canvas, horizontal, vertical, title: title, xLabel: xLabel, yLabel: yLabel)
        for (index, line) in series.enumerated() {
            let style = Self.styles[index % Self.styles.count]
            for piece in pieces(of: line, horizontal, vertical, area) {
                canvas.path(piece, color: style.color, dashes: style.dashes)
                if piece.count <= 40 {
                    for point in piece { canvas.dot(point.x, point.y, radius: 2.2, color: style.color) }
                }
            }
            let top = area.bottom + 52 + 15 * Double(index / 2)
            let left = area.left + Double(index % 2) * area.width / 2
            canvas.path([(left, top - 4), (left + 26, top - 4)], color: style.color, dashes: style.dashes)
            canvas.text(line.name, left + 31, top)
        }
    }

    /// The parts of a line between the points that cannot be shown.
    private func pieces(
        of line: PlotSeries, _ horizontal: Axis, _ vertical: Axis, _ area: PlotArea
    ) -> [[(x: Double, y: Double)]] {
        var pieces: [[(x: Double, y: Double)]] = [[]]
        for point in line.points {
            if let x = horizontal.place(of: point.x), let y = vertical.place(of: point.y) {
                pieces[pieces.count - 1].append((area.left + x * area.width, area.bottom - y * area.height))
            } else if pieces.last?.isEmpty == false {
                pieces.append([])
            }
        }
        return pieces.filter { !$0.isEmpty }
    }
}
