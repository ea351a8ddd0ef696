// Heterodyne: the roofline plot: arithmetic intensity against the rate of operations.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a roofline plot shows (Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", 2009).
///
/// Both axes are logarithmic: a memory bandwidth is a line of slope 1, a peak rate a level line; no work on the chip is
/// faster than the lower of the two.
struct RooflinePlot: Sendable {
    /// The most operations per second of one kind.
    struct Ceiling: Sendable, Hashable {
        /// Of what, for instance `float16 matrix`.
        var name: String
        /// Operations per second.
        var rate: Double
        /// Whether most of the model's operations are of this kind.
        var isDominant: Bool
    }

    /// Work at its place.
    struct Point: Sendable, Hashable {
        var name: String
        /// Operations for each byte that is moved.
        var intensity: Double
        /// Operations per second.
        var rate: Double

        var canBeShown: Bool { [intensity, rate].allSatisfy { $0.isFinite && $0.isNormal && $0 > 0 } }
    }

    /// A chip with the model on it.
    struct Chip: Sendable, Hashable {
        var name: String
        /// Bytes per second; nil where unknown, so that there is no slope.
        var bandwidth: Double?
        /// Empty where no rate is known.
        var ceilings: [Ceiling]
        /// The whole model, where there is an estimate.
        var whole: Point?
        /// The most expensive steps.
        var steps: [Point]
        /// What the legend adds, for instance what is unknown.
        var note = ""

        /// The highest ceiling.
        fileprivate var top: Double? { ceilings.map(\.rate).max() }
        /// Where the slope meets the ceiling that counts.
        fileprivate var ridges: [Double] {
            guard let bandwidth, bandwidth > 0 else { return [] }
            return ceilings.map { $0.rate / bandwidth }
        }
    }

    var title: String
    var subtitle: String
    var chips: [Chip]
}

/// An axis of powers of ten.
struct LogAxis: Sendable, Hashable {
    /// The ends, as powers of ten.
    let low: Int
    let high: Int

    /// The axis that shows `values`, of which there may be none.
    init(showing values: [Double]) {
        let logs = values.filter { $0.isFinite && $0.isNormal && $0 > 0 }.map(log10)
        let first = Int((logs.min() ?? 0).rounded(.down))
        low = first
        high = max(first + 1, Int((logs.max() ?? 1).rounded(.up)))
    }

    var lowValue: Double { pow(10, Double(low)) }
    var highValue: Double { pow(10, Double(high)) }

    /// Where a value lies, 0 at the low end and 1 at the high one; beyond them outside of that.
    func place(_ value: Double) -> Double { (log10(value) - Double(low)) / Double(high - low) }
}

extension RooflinePlot {
    private static let width = 1066.0
    private static let left = 104.0
    private static let top = 64.0
    private static let plotWidth = 620.0
    private static let rowHeight = 30.0

    /// Colours that can be told apart by people with any colour vision and stand out from white and from black (after Okabe
    /// and Ito, "Color Universal Design", 2008); dashes tell apart what has the same colour.
    static let colors = ["#0b7fc4", "#d98200", "#009e73", "#d55e00", "#c25b9b", "#3aa3d8", "#8a8f00", "#7a6fd0"]
    static let dashes: [String?] = [nil, "8 4", "2 3", "10 3 2 3"]

    /// The picture as the text of an SVG file. A viewer that prefers dark gets light ink on a dark ground.
    func svg() -> String {
        let area = Area(height: max(460, Self.rowHeight * Double(chips.count)), chips: chips)
        var canvas = SVGText()
        drawAxes(area, &canvas)
        let shelves = Self.spread(chips.map { area.shelf(of: $0) }, spacing: Self.rowHeight, area)
        for (index, chip) in chips.enumerated() { draw(chip, index, area, shelf: shelves[index], &canvas) }
        let height = area.bottom + 62
        let size = "\(SVGText.number(Self.width)) \(SVGText.number(height))"
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" width="\(SVGText.number(Self.width))" \
            height="\(SVGText.number(height))" viewBox="0 0 \(size)" font-family="sans-serif" role="img">
            <title>\(SVGText.escaped(title))</title>
            <style>
            .ground { fill: #ffffff } .ink { fill: #24292f } .faint { fill: #57606a }
            .frame { stroke: #57606a } .grid { stroke: #d8dee4 } .ring { stroke: #ffffff }
            @media (prefers-color-scheme: dark) {
            .ground { fill: #0d1117 } .ink { fill: #e6edf3 } .faint { fill: #9198a1 }
            .frame { stroke: #9198a1 } .grid { stroke: #2a313a } .ring { stroke: #0d1117 }
            }
            </style>
            <rect class="ground" fill="#ffffff" x="0" y="0" width="\(SVGText.number(Self.width))" \
            height="\(SVGText.number(height))"/>
            \(canvas.body)</svg>

            """
    }

    /// The rectangle between the axes and where values lie in it.
    private struct Area {
        let horizontal: LogAxis
        let vertical: LogAxis
        let height: Double

        init(height: Double, chips: [Chip]) {
            self.height = height
            let points = chips.flatMap { chip in ([chip.whole].compactMap(\.self) + chip.steps).filter(\.canBeShown) }
            // Both parts of every roof show: the slope to the left of the ridge, the level part to the right.
            let ridges = chips.flatMap(\.ridges)
            let intensities = points.map(\.intensity) + ridges.flatMap { [$0 / 4, $0 * 4] }
            horizontal = LogAxis(showing: intensities)
            let tops = chips.compactMap(\.top)
            var rates = points.map(\.rate) + tops
            let lowest = horizontal.lowValue
            if rates.isEmpty { rates = chips.compactMap { chip in chip.bandwidth.map { $0 * lowest * 100 } } }
            // Roofs have room above them.
            vertical = LogAxis(showing: rates + rates.map { $0 * 1.5 })
        }

        var right: Double { RooflinePlot.left + RooflinePlot.plotWidth }
        var bottom: Double { RooflinePlot.top + height }

        func x(_ intensity: Double) -> Double {
            RooflinePlot.left + horizontal.place(intensity) * RooflinePlot.plotWidth
        }
        func y(_ rate: Double) -> Double { bottom - vertical.place(rate) * height }

        /// The roof of a bandwidth and a rate between the axes; nil where neither is known or nothing of it shows.
        func roof(_ bandwidth: Double?, _ rate: Double?) -> [(x: Double, y: Double)]? {
            let (first, last) = (horizontal.lowValue, horizontal.highValue)
            let top = min(rate ?? vertical.highValue, vertical.highValue)
            guard top > vertical.lowValue else { return nil }
            guard let bandwidth, bandwidth > 0 else {
                return rate == nil ? nil : [(x(first), y(top)), (x(last), y(top))]
            }
            let start = max(first, vertical.lowValue / bandwidth)
            let ridge = top / bandwidth
            guard start < last else { return nil }
            if start >= ridge { return rate == nil ? nil : [(x(start), y(top)), (x(last), y(top))] }
            if ridge >= last { return [(x(start), y(start * bandwidth)), (x(last), y(last * bandwidth))] }
            let slope = [(x: x(start), y: y(start * bandwidth)), (x: x(ridge), y: y(top))]
            return rate == nil ? slope : slope + [(x(last), y(top))]
        }

        /// The height at which a chip's roof leaves to the right.
        func shelf(of chip: Chip) -> Double {
            let rate = chip.ceilings.first(where: \.isDominant)?.rate ?? chip.top
            return roof(chip.bandwidth, rate)?.last?.y ?? bottom
        }
    }

    /// Heights near `wanted`, in the same order from top to bottom, at least `spacing` apart, inside the area where all of
    /// them fit.
    private static func spread(_ wanted: [Double], spacing: Double, _ area: Area) -> [Double] {
        let order = wanted.indices.sorted { (wanted[$0], $0) < (wanted[$1], $1) }
        var places = wanted
        var next = Self.top + 8
        for index in order {
            places[index] = max(next, wanted[index])
            next = places[index] + spacing
        }
        // Those that were pushed out come back from below.
        var limit = area.bottom - 12
        for index in order.reversed() {
            places[index] = min(places[index], limit)
            limit = places[index] - spacing
        }
        return places
    }

    private func drawAxes(_ area: Area, _ canvas: inout SVGText) {
        canvas.text(title, Self.left, 26, size: 16)
        canvas.text(subtitle, Self.left, 46, size: 12, [("class", "faint")])
        for power in area.horizontal.low...area.horizontal.high {
            let x = area.x(pow(10, Double(power)))
            canvas.line(x, Self.top, x, area.bottom, [("class", "grid"), ("stroke", "#d8dee4")])
            canvas.text(Self.label(power, ""), x, area.bottom + 18, anchor: .middle)
        }
        for power in area.vertical.low...area.vertical.high {
            let y = area.y(pow(10, Double(power)))
            canvas.line(Self.left, y, area.right, y, [("class", "grid"), ("stroke", "#d8dee4")])
            canvas.text(Self.label(power, "op/s"), Self.left - 6, y + 4, anchor: .end)
        }
        canvas.rectangle(
            Self.left, Self.top, Self.plotWidth, area.height,
            [("fill", "none"), ("class", "frame"), ("stroke", "#57606a")])
        canvas.text(
            "arithmetic intensity, operations per byte", Self.left + Self.plotWidth / 2, area.bottom + 44,
            anchor: .middle, size: 13)
        let middle = Self.top + area.height / 2
        canvas.text(
            "operations per second", 20, middle, anchor: .middle, size: 13,
            [
                ("class", "ink"),
                ("transform", "rotate(-90 \(SVGText.number(20)) \(SVGText.number(middle)))"),
            ])
    }

    /// A power of ten with a prefix where there is one.
    private static func label(_ power: Int, _ unit: String) -> String {
        guard (-3...20).contains(power) else { return unit.isEmpty ? "1e\(power)" : "1e\(power) \(unit)" }
        if unit.isEmpty {
            return power < 0
                ? String(format: "%.\(-power)f", pow(10, Double(power))) : PlanUnits.number(pow(10, Double(power)))
        }
        let prefixes = ["", "k", "M", "G", "T", "P", "E"]
        let group = power < 0 ? 0 : power / 3
        return power < 0 ? "1e\(power) \(unit)" : "\(Int(pow(10, Double(power - group * 3)))) \(prefixes[group])\(unit)"
    }

    private func draw(_ chip: Chip, _ index: Int, _ area: Area, shelf: Double, _ canvas: inout SVGText) {
        let color = Self.colors[index % Self.colors.count]
        let dash = Self.dashes[index / Self.colors.count % Self.dashes.count]
        let stroke = [("stroke", color)] + (dash.map { [("stroke-dasharray", $0)] } ?? [])
        canvas.open([("class", "chip"), ("data-chip", chip.name)])
        let main = chip.ceilings.first(where: \.isDominant) ?? chip.ceilings.max { $0.rate < $1.rate }
        for ceiling in chip.ceilings where ceiling != main {
            guard let points = area.roof(chip.bandwidth, ceiling.rate) else { continue }
            // The slope is drawn once, by the main roof, but for what lies above it.
            let from = main.map { ceiling.rate > $0.rate ? points : Array(points.suffix(2)) } ?? points
            canvas.path(
                from,
                [("class", "roof minor"), ("data-ceiling", ceiling.name), ("stroke", color), ("opacity", "0.55")]
                    + [("stroke-width", "1"), ("stroke-dasharray", "3 3")])
            if let end = points.last {
                canvas.text(
                    ceiling.name, end.x - 4, end.y - 3, anchor: .end, size: 9, [("fill", color), ("class", "minor")])
            }
        }
        if let points = area.roof(chip.bandwidth, main?.rate) {
            canvas.path(
                points, [("class", "roof"), ("data-ceiling", main?.name ?? "memory"), ("stroke-width", "2")] + stroke)
            if let end = points.last {
                canvas.path(
                    [(end.x, end.y), (area.right + 12, shelf), (area.right + 18, shelf)],
                    [("class", "leader"), ("stroke-width", "1"), ("opacity", "0.6"), ("stroke", color)])
            }
        }
        for point in chip.steps where point.canBeShown { dot(point, chip, color, radius: 2.6, "step", area, &canvas) }
        if let whole = chip.whole, whole.canBeShown { dot(whole, chip, color, radius: 6, "model", area, &canvas) }
        drawLegend(chip, main, stroke, area, shelf, &canvas)
        canvas.close()
    }

    private func dot(
        _ point: Point, _ chip: Chip, _ color: String, radius: Double, _ kind: String, _ area: Area,
        _ canvas: inout SVGText
    ) {
        let intensity = PlanUnits.number(point.intensity)
        canvas.dot(
            area.x(point.intensity), area.y(point.rate), radius: radius,
            title: "\(chip.name): \(point.name), \(intensity) op/B, \(PlanUnits.text(point.rate, "op/s"))",
            [
                ("class", "\(kind) ring"), ("fill", color), ("stroke-width", kind == "model" ? "1.5" : "0.5"),
                ("opacity", kind == "model" ? "1" : "0.75"), ("data-intensity", SVGText.value(point.intensity)),
                ("data-rate", SVGText.value(point.rate)),
            ])
    }

    private func drawLegend(
        _ chip: Chip, _ main: Ceiling?, _ stroke: [(String, String)], _ area: Area, _ shelf: Double,
        _ canvas: inout SVGText
    ) {
        let x = area.right + 20
        canvas.line(x, shelf, x + 22, shelf, [("class", "sample"), ("stroke-width", "2")] + stroke)
        canvas.text(chip.name, x + 28, shelf + 1, size: 12)
        var facts: [String] = []
        if let main { facts.append("\(PlanUnits.text(main.rate, "op/s")) \(main.name)") }
        if let bandwidth = chip.bandwidth { facts.append(PlanUnits.text(bandwidth, "B/s")) }
        if !chip.note.isEmpty { facts.append(chip.note) }
        canvas.text(facts.joined(separator: ", "), x + 28, shelf + 13, size: 10, [("class", "faint")])
    }
}
