// Heterodyne: plots are well-formed pictures that show what they are given.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import Testing

@testable import SamplePlots

/// Reads XML and keeps what the tests ask for.
private final class Reader: NSObject, XMLParserDelegate {
    private(set) var elements: [String: Int] = [:]
    private(set) var texts: [String] = []
    private(set) var polylines: [[(x: Double, y: Double)]] = []

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements[name, default: 0] += 1
        isText = name == "text"
        if isText { texts.append("") }
        if name == "polyline", let points = attributes["points"] {
            polylines.append(
                points.split(separator: " ").map { point in
                    let parts = point.split(separator: ",").compactMap { Double($0) }
                    return parts.count == 2 ? (parts[0], parts[1]) : (.nan, .nan)
                })
        }
    }

    private var isText = false

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) { isText = false }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if isText { texts[texts.count - 1] += string }
    }

    static func read(_ svg: String) throws -> Reader {
        let reader = Reader()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError))")
        return reader
    }
}

@Suite("Plots")
struct PlotTests {
    @Test(
        "numbers are short",
        arguments: [
            (0, 3, "0"), (1, 3, "1"), (-2.5, 3, "-2.5"), (1234.5678, 3, "1230"), (1234.5678, 6, "1234.57"),
            (99999, 3, "1e5"), (99999, 5, "99999"), (0.001, 3, "0.001"), (0.00012345, 3, "1.23e-4"),
            (9.9996e-5, 3, "1e-4"),
            (1e15, 2, "1e15"),
            (1e-300, 3, "1e-300"), (.leastNonzeroMagnitude, 2, "4.9e-324"), (1.7976931348623157e308, 3, "1.8e308"),
            (.infinity, 3, "inf"), (-.infinity, 3, "-inf"), (.nan, 3, "nan"),
        ] as [(Double, Int, String)])
    func numbers(value: Double, digits: Int, text: String) { #expect(NumberText.short(value, digits: digits) == text) }

    @Test("decimals are cut at the end and bounded")
    func decimals() {
        #expect(NumberText.decimal(1.25, places: 1) == "1.3")
        #expect(NumberText.decimal(-0.04, places: 1) == "0")
        #expect(NumberText.decimal(10, places: 1) == "10")
        #expect(NumberText.decimal(0.05, places: 2) == "0.05")
        #expect(NumberText.decimal(.nan, places: 2) == "0")
        #expect(NumberText.decimal(1e300, places: 2) == "0")
    }

    @Test("an axis covers its values and marks round numbers")
    func axes() {
        let linear = Axis(.linear, showing: [0.13, 0.97])
        #expect(linear.low <= 0.13 && linear.high >= 0.97)
        #expect(linear.ticks.map(linear.label(of:)) == ["0", "0.2", "0.4", "0.6", "0.8", "1"])
        let logarithmic = Axis(.logarithmic, showing: [3e-12, 2e-6, 0, -1, .nan])
        #expect(logarithmic.low == 1e-12 && logarithmic.high.distance(to: 1e-5).magnitude < 1e-15)
        #expect(logarithmic.label(of: logarithmic.ticks[0]) == "1e-12")
        #expect(logarithmic.place(of: 0) == nil)
        for values in [[], [5], [0], [-3, -3], [.nan], [1e299, -1e299], [1, 1 + 1e-15]] as [[Double]] {
            for scale in [AxisScale.linear, .logarithmic] {
                let axis = Axis(scale, showing: values)
                #expect(axis.low < axis.high && axis.ticks.count >= 2 && axis.ticks.count <= 66, "\(scale) \(values)")
                for value in values {
                    if let place = axis.place(of: value) { #expect((-1e-9...1 + 1e-9).contains(place), "\(value)") }
                }
            }
        }
    }

    @Test("lines are where their values are, with gaps for what cannot be shown")
    func lines() throws {
        var figure = Figure()
        figure.add(
            LinePlot(
                title: "a < b & \"c\"\u{1}", xLabel: "step", yLabel: "error", yScale: .logarithmic,
                series: [
                    PlotSeries("falling", values: [1e-2, 1e-3, 0, 1e-5, 1e-6]), PlotSeries("empty", []),
                    PlotSeries("flat", [(1, 1e-4), (5, 1e-4)]),
                ]))
        let reader = try Reader.read(figure.svg())
        #expect(reader.texts.contains("a < b & \"c\" "))
        #expect(reader.texts.contains("falling") && reader.texts.contains("empty") && reader.texts.contains("flat"))
        // Two pieces of the first line, the third line, and a sample of each in the legend.
        #expect(reader.polylines.map(\.count).sorted() == [2, 2, 2, 2, 2, 2])
        let flat = try #require(reader.polylines.first { $0[0].y == $0[1].y && $0[1].x - $0[0].x > 100 })
        // 1e-4 is the middle of 1e-6 ... 1e-2.
        #expect((flat[0].y - (34 + 250 / 2)).magnitude < 0.2)
    }

    @Test("maps show every level and leave out what is not finite")
    func maps() throws {
        let values = (0..<64 * 64).map { Double($0 / 64) }
        let map = HeatMap(title: "map", xLabel: "x", yLabel: "y", values: values, columns: 64)
        let small = map.averaged()
        #expect(small.rows == 32 && small.columns == 32)
        #expect(small.values[0] == 0.5 && small.values.last == 62.5)
        var figure = Figure()
        figure.add(map)
        figure.add(HeatMap(title: "none", xLabel: "", yLabel: "", values: [], columns: 0))
        figure.add(HeatMap(title: "odd", xLabel: "", yLabel: "", values: [1, .nan, 3, 4, 5], columns: 2))
        figure.add(HeatMap(title: "wide", xLabel: "", yLabel: "", values: [1], columns: .max))
        let reader = try Reader.read(figure.svg())
        #expect(reader.texts.contains("map") && reader.texts.contains("62.5"))
        #expect(HeatMap.color(of: 0) == "#440154" && HeatMap.color(of: HeatMap.levels - 1) == "#fde725")
    }

    @Test("a figure without panels is a picture")
    func empty() throws { #expect(try Reader.read(Figure().svg()).elements["svg"] == 1) }
}
