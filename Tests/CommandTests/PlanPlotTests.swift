// Heterodyne: the roofline plot of `heterodyne plan`.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import Testing

/// The elements of an SVG file with their attributes, by chip; what a viewer needs to know of it.
private final class PlotReader: NSObject, XMLParserDelegate {
    struct Shape {
        let name: String
        let attributes: [String: String]
        let chip: String?

        var classes: [String] { (attributes["class"] ?? "").split(separator: " ").map(String.init) }

        func number(_ key: String) -> Double { attributes[key].flatMap(Double.init) ?? .nan }

        /// The corners of a line.
        var points: [(x: Double, y: Double)] {
            (attributes["points"] ?? "").split(separator: " ").compactMap { pair in
                let numbers = pair.split(separator: ",").compactMap { Double($0) }
                return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
            }
        }

        /// The height of a line at `x`; nil beside it.
        func height(at x: Double) -> Double? {
            for (a, b) in zip(points, points.dropFirst()) where a.x <= x + 1e-9 && x <= b.x + 1e-9 && b.x > a.x {
                return a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x)
            }
            return nil
        }
    }

    private(set) var shapes: [Shape] = []
    private(set) var texts: [String] = []
    private var chips: [String?] = []
    private var text = ""

    init(_ data: Data) throws {
        super.init()
        let parser = XMLParser(data: data)
        parser.delegate = self
        try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") line \(parser.lineNumber)")
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        if name == "g" { chips.append(attributes["data-chip"]) }
        shapes.append(Shape(name: name, attributes: attributes, chip: chips.last ?? nil))
        text = ""
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        if name == "g" { _ = chips.popLast() }
        if name == "text" || name == "title" || name == "style" { texts.append(text) }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func shapes(_ chip: String, _ kind: String) -> [Shape] {
        shapes.filter { $0.chip == chip && $0.classes.contains(kind) }
    }
}

@Suite("The roofline plot")
struct PlanPlotTests {
    let fixture: PlanFixture

    init() throws { fixture = try PlanFixture() }

    private func plot(_ arguments: [String], status: Int32 = 0) throws -> (PlotReader, String) {
        let file = fixture.folder.appending(path: "roof \(UUID().uuidString).svg")
        let run = try Command("heterodyne").run(["plan"] + arguments + ["--plot", file.path])
        #expect(run.status == status && run.messages.isEmpty, "\(run.messages)")
        let data = try Data(contentsOf: file)
        return (try PlotReader(data), String(decoding: data, as: UTF8.self))
    }

    @Test("is XML without scripts or links, with axes, units, a legend, and colours for light and dark")
    func document() throws {
        let chip = try fixture.chip()
        let (reader, text) = try plot([try fixture.product(), "--profile", "\(chip),A100"])
        #expect(reader.shapes.first?.name == "svg")
        let allowed: Set = ["svg", "title", "style", "rect", "g", "line", "polyline", "circle", "text"]
        #expect(Set(reader.shapes.map(\.name)).isSubset(of: allowed))
        for shape in reader.shapes {
            for key in shape.attributes.keys { #expect(!key.lowercased().hasPrefix("on") && !key.contains("href")) }
        }
        for words in [
            "arithmetic intensity, operations per byte", "operations per second", "tiny-int8", "nvidia-a100-sxm-80gb",
        ] { #expect(reader.texts.contains(words), "\(words)") }
        #expect(reader.texts.contains { $0.contains("1.00 Top/s int8 matrix, 1.00 GB/s") }, "\(reader.texts)")
        #expect(reader.texts.contains { $0.hasSuffix("op/s") && $0.first?.isNumber == true })
        #expect(text.contains("prefers-color-scheme: dark"))
    }

    @Test("names of files are text, whatever they hold")
    func escaping() throws {
        let name = "a<b>&\"c'.graph"
        let model = try fixture.write(try String(contentsOfFile: fixture.product(), encoding: .utf8), as: name)
        let (reader, _) = try plot([model, "--profile", "A100"])
        #expect(reader.texts.contains { $0.hasSuffix(name) }, "\(reader.texts)")
    }

    @Test("a point lies where its numbers say, on the roof that binds it")
    func place() throws {
        // Nothing but memory takes time: no starting times.
        let chip = try fixture.write(
            try String(contentsOfFile: try fixture.chip(), encoding: .utf8)
                .replacingOccurrences(of: "\"value\": 1e-6", with: "\"value\": 0")
                .replacingOccurrences(of: "\"value\": 1e-7", with: "\"value\": 0"), as: "quick.json")
        let (reader, _) = try plot([try fixture.product(), "--profile", chip])
        let whole = try #require(reader.shapes("tiny-int8", "model").first)
        #expect(abs(whole.number("data-intensity") - 2 * 64.0 * 64 * 64 / 24576) < 1e-3)
        #expect(abs(whole.number("data-rate") / 1e9 - 2 * 64.0 * 64 * 64 / 24576) < 1e-3)
        let roof = try #require(reader.shapes("tiny-int8", "roof").first)
        let height = try #require(roof.height(at: whole.number("cx")))
        #expect(abs(height - whole.number("cy")) < 0.05, "\(height) and \(whole.number("cy"))")
        // The ridge is where memory and the matrix unit are equally fast: 1000 operations for each byte.
        #expect(roof.points.count == 3)
    }

    @Test("every point lies under the roofs of its chip, for all chips", arguments: [[], ["--ceilings", "all"]])
    func underTheRoofs(ceilings: [String]) throws {
        let arguments = [try fixture.layer(), "--all", "--batch", "32", "--sequence", "512"] + ceilings
        let (reader, _) = try plot(arguments)
        let result = try PlanResult.of(Array(arguments.dropLast(ceilings.count)))
        var count = 0
        for chip in result.chips {
            let points = reader.shapes(chip.id, "model") + reader.shapes(chip.id, "step")
            #expect(points.isEmpty == (chip.estimate == nil), "\(chip.id)")
            let roofs = reader.shapes(chip.id, "roof")
            for point in points {
                let heights = roofs.compactMap { $0.height(at: point.number("cx")) }
                let top = try #require(heights.min(), "\(chip.id) has a roof above its points")
                // Down is up in SVG; coordinates have two digits.
                #expect(point.number("cy") >= top - 0.05, "\(chip.id): \(point.attributes)")
                count += 1
            }
        }
        #expect(count >= 40)
        if !ceilings.isEmpty {
            let names = reader.shapes("nvidia-a100-sxm-80gb", "roof").compactMap { $0.attributes["data-ceiling"] }
            #expect(
                names.contains("int8 matrix") && names.contains("float32 vector") && names.contains("float16 matrix"))
        }
    }

    @Test("legend entries keep their distance, however many chips there are")
    func legend() throws {
        let (reader, _) = try plot([try fixture.layer(), "--all", "--batch", "32", "--sequence", "512"])
        let heights = reader.shapes.filter { $0.classes.contains("sample") }.map { $0.number("y1") }.sorted()
        #expect(heights.count >= 25)
        for (a, b) in zip(heights, heights.dropFirst()) { #expect(b - a >= 29.9) }
        let frame = try #require(reader.shapes.first { $0.name == "svg" })
        #expect((heights.first ?? 0) > 40 && (heights.last ?? 0) < frame.number("height") - 40)
    }

    @Test("a plot of chips that do not run the model is a plot all the same")
    func empty() throws {
        let (reader, _) = try plot(
            [try fixture.layer("float64"), "--profile", try fixture.chip(), "--batch", "2", "--sequence", "2"],
            status: 1)
        #expect(reader.texts.contains("does not run it"))
        #expect(reader.shapes.filter { $0.name == "circle" }.isEmpty)
    }
}
