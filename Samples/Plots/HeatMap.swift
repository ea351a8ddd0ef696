// Heterodyne: maps of values as colours.
// SPDX-License-Identifier: Apache-2.0

/// Values on a rectangle as colours, with a scale.
public struct HeatMap: Panel, Sendable, Hashable {
    /// Above the map.
    public var title: String
    /// Below the horizontal axis.
    public var xLabel: String
    /// Beside the vertical axis.
    public var yLabel: String
    /// The values row by row; row 0 is drawn at the bottom.
    public var values: [Double]
    /// The number of columns; what is left over after whole rows is not drawn.
    public var columns: Int
    /// What the horizontal axis counts from its left end to its right one.
    public var xRange: ClosedRange<Double>
    /// What the vertical axis counts from its lower end to its upper one.
    public var yRange: ClosedRange<Double>

    /// A map. Values that are not finite are left white.
    public init(
        title: String, xLabel: String, yLabel: String, values: [Double], columns: Int,
        xRange: ClosedRange<Double> = 0...1, yRange: ClosedRange<Double> = 0...1
    ) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.values = values
        self.columns = columns
        self.xRange = xRange
        self.yRange = yRange
    }

    /// Most cells along each side; larger maps are averaged, since the picture would only grow.
    static let mostCells = 32
    /// How many colours there are.
    static let levels = 48

    func draw(on canvas: inout SVGCanvas, width: Double, height: Double) {
        let cells = averaged()
        let area = PlotArea(rows: cells.rows, columns: cells.columns, in: width, height)
        let shown = cells.values.filter(\.isFinite)
        let (low, high) = (shown.min() ?? 0, shown.max() ?? 1)
        var runs = (0..<Self.levels).map { (color: Self.color(of: $0), runs: [SVGCanvas.Run]()) }
        for row in 0..<cells.rows {
            var column = 0
            while column < cells.columns {
                let start = column
                let level = Self.level(of: cells.values[row * cells.columns + column], low, high)
                // Neighbours of one colour are one rectangle.
                repeat {
                    column += 1
                } while column < cells.columns
                    && Self.level(of: cells.values[row * cells.columns + column], low, high) == level
                guard let level else { continue }
                runs[level].runs.append(.init(row: cells.rows - 1 - row, column: start, count: column - start))
            }
        }
        canvas.cells(
            runs, left: area.left, top: area.top, width: area.width / Double(max(1, cells.columns)),
            height: area.height / Double(max(1, cells.rows)))
        area.drawFrame(on: &canvas, self)
        // The scale of colours.
        let left = area.right + 14
        let scale = (0..<Self.levels).map { level in
            (color: Self.color(of: level), runs: [SVGCanvas.Run(row: Self.levels - 1 - level, column: 0, count: 1)])
        }
        canvas.cells(
            scale, left: left, top: area.top, width: 14, height: area.height / Double(Self.levels))
        for part in [0, 0.5, 1] {
            let text = NumberText.short(low + part * (high - low), digits: 3)
            canvas.text(text, left + 18, area.bottom - part * area.height + 4)
        }
    }

    /// The level of a value between the extremes, nil for what is not finite.
    private static func level(of value: Double, _ low: Double, _ high: Double) -> Int? {
        guard value.isFinite else { return nil }
        let place = high > low ? (value - low) / (high - low) : 0
        guard place.isFinite else { return nil }
        return min(levels - 1, max(0, Int(place * Double(levels))))
    }

    /// Dark blue over green to yellow, rising in lightness, so that it reads without colour too: control points of the map
    /// "viridis" (S. van der Walt and N. Smith, 2015), linear between them.
    static func color(of level: Int) -> String {
        let points: [(Double, Double, Double)] = [
            (68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37),
        ]
        let place = Double(min(max(level, 0), levels - 1)) / Double(levels - 1) * Double(points.count - 1)
        let index = min(points.count - 2, Int(place))
        let part = place - Double(index)
        let (a, b) = (points[index], points[index + 1])
        let channels = [(a.0, b.0), (a.1, b.1), (a.2, b.2)].map { Int(($0 + ($1 - $0) * part).rounded()) }
        return "#"
            + channels.map { channel in
                let text = String(channel, radix: 16)
                return text.count < 2 ? "0" + text : text
            }.joined()
    }

    /// The values on at most `mostCells` rows and columns: means of blocks; not finite where a value of the block is.
    func averaged() -> (values: [Double], rows: Int, columns: Int) {
        guard columns > 0 else { return ([], 0, 0) }
        let rows = values.count / columns
        guard rows > 0 else { return ([], 0, 0) }
        let (newRows, newColumns) = (min(rows, Self.mostCells), min(columns, Self.mostCells))
        var result: [Double] = []
        result.reserveCapacity(newRows * newColumns)
        for row in 0..<newRows {
            let source = row * rows / newRows..<(row + 1) * rows / newRows
            for column in 0..<newColumns {
                let across = column * columns / newColumns..<(column + 1) * columns / newColumns
                var sum = 0.0
                for i in source {
                    for j in across { sum += values[i * columns + j] }
                }
                result.append(sum / Double(source.count * across.count))
            }
        }
        return (result, newRows, newColumns)
    }
}

extension PlotArea {
    fileprivate func drawFrame(on canvas: inout SVGCanvas, _ map: HeatMap) {
        let ends = { (range: ClosedRange<Double>) in Axis(.linear, showing: [range.lowerBound, range.upperBound]) }
        let (horizontal, vertical) = (ends(map.xRange), ends(map.yRange))
        // The map ends where the ranges end, not at the next round number.
        for tick in horizontal.ticks where map.xRange.contains(tick) && map.xRange.lowerBound < map.xRange.upperBound {
            let place = (tick - map.xRange.lowerBound) / (map.xRange.upperBound - map.xRange.lowerBound)
            canvas.text(horizontal.label(of: tick), left + place * width, bottom + 15, anchor: .middle)
        }
        for tick in vertical.ticks where map.yRange.contains(tick) && map.yRange.lowerBound < map.yRange.upperBound {
            let place = (tick - map.yRange.lowerBound) / (map.yRange.upperBound - map.yRange.lowerBound)
            canvas.text(vertical.label(of: tick), left - 6, bottom - place * height + 4, anchor: .end)
        }
        canvas.frame(left, top, width, height, color: "#444444")
        canvas.text(map.title, left + width / 2, top - 12, anchor: .middle, size: 13)
        canvas.text(map.xLabel, left + width / 2, bottom + 33, anchor: .middle, size: 12)
        canvas.text(map.yLabel, left - 50, top + height / 2, anchor: .middle, size: 12, turned: true)
    }
}
