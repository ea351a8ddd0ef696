// Heterodyne: what the scientific samples' commands promise to people and programs.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("Scientific samples")
struct ScienceSampleTests {
    /// The part of a run that these tests rely on.
    struct Run: Decodable {
        struct Measurement: Decodable { var errors: [Double] }
        var name: String
        var device: String
        var measurement: Measurement?
        var refusal: String?
    }

    static let small = [
        "HeatEquation": ["--size", "8", "--steps", "2"],
        "KeplerOrbit": ["--revolutions", "1", "--steps", "20", "--planets", "2"],
    ]

    @Test("--compare is one row per way; those that do not run say why", arguments: small.keys.sorted())
    func comparison(name: String) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let plot = folder.appendingPathComponent("plot.svg")
        let outcome = try Command(name).run(
            Self.small[name, default: []] + ["--device", "reference", "--compare", "--json", "--plot", plot.path])
        #expect(outcome.status == 0, "\(outcome.messages)")
        let runs = try JSONDecoder().decode([Run].self, from: Data(outcome.output.utf8))
        #expect(runs.map(\.name) == ["native", "fallback", "emulate", "demote", "error", "strict"])
        for run in runs { #expect((run.measurement == nil) != (run.refusal == nil), "\(run.name)") }
        #expect(runs[0].measurement != nil && runs[1].measurement != nil)
        #expect(runs[4].refusal?.contains("float64") == true && runs[5].refusal?.contains("float64") == true)
        let picture = try String(contentsOf: plot, encoding: .utf8)
        #expect(picture.hasPrefix("<svg") && picture.hasSuffix("</svg>\n") && picture.contains("native"))
    }

    @Test("the table has every way", arguments: small.keys.sorted())
    func table(name: String) throws {
        let outcome = try Command(name).run(
            Self.small[name, default: []] + ["--device", "reference", "--compare", "--report"])
        #expect(outcome.status == 0, "\(outcome.messages)")
        for text in ["native", "fallback", "emulate", "demote", "strict", "did not run", "transfers", "placement"] {
            #expect(outcome.output.contains(text), "\(text)")
        }
    }

    @Test("a way that is refused is status 1 and one line", arguments: small.keys.sorted())
    func refused(name: String) throws {
        let small = Self.small[name, default: []] + ["--device", "reference", "--mask"]
        for flags in [["--types", "float64=error"], ["--strict"]] {
            let outcome = try Command(name).run(small + flags)
            #expect(outcome.status == 1 && outcome.output.isEmpty)
            #expect(outcome.messages.contains("float64"), "\(outcome.messages)")
            #expect(outcome.messages.split(whereSeparator: \.isNewline).count == 1)
        }
    }

    @Test("a plot that cannot be written is status 1 and one line that names it", arguments: small.keys.sorted())
    func plot(name: String) throws {
        let path = "/nonexistent/folder/plot.svg"
        let outcome = try Command(name).run(Self.small[name, default: []] + ["--device", "reference", "--plot", path])
        #expect(outcome.status == 1 && outcome.messages.contains("cannot write '\(path)'"), "\(outcome.messages)")
        #expect(outcome.messages.split(whereSeparator: \.isNewline).count == 1)
    }

    @Test("wrong usage is 64, an unknown device 1", arguments: small.keys.sorted())
    func usage(name: String) throws {
        for flags in [
            ["--steps", "0"], ["--types", "float64=maybe"], ["--scalar-type", "int8"], ["--compare", "--strict"],
        ] {
            #expect(try Command(name).run(flags).status == 64, "\(flags)")
        }
        let unknown = try Command(name).run(["--device", "abacus"])
        #expect(unknown.status == 1 && unknown.messages.contains("abacus"))
    }
}
