// Heterodyne: tests that docs/PluginKit.md shows code that compiles and runs.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HeterodyneBackend
import HeterodyneConformance
import HeterodyneGraph
import HeterodynePluginHost
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("The page on plugins in Swift")
struct PageTests {
    private func text(_ path: String) throws -> String {
        let root = #filePath.components(upTo: "/Tests/HeterodynePluginKitTests/")
        let file = try #require(fopen("\(root)/\(path)", "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The block of code after `marker`.
    private func block(_ marker: String, of page: String) throws -> String {
        let marked = try #require(page.ranges(of: "<!-- \(marker) -->\n```swift\n").first, "no block '\(marker)'")
        let rest = page[marked.upperBound...]
        return String(rest[..<(try #require(rest.ranges(of: "```").first).lowerBound)])
    }

    private func words(_ text: some StringProtocol) -> String {
        text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    }

    @Test("The backend on the page is the one that is tested here")
    func backend() throws {
        let source = try text("Tests/HeterodynePluginKitTests/Support/MirrorBackend.swift")
        let start = try #require(source.ranges(of: "// example: Sources/Mirror/MirrorBackend.swift\n").first).upperBound
        let end = try #require(source.ranges(of: "// end of example").first).lowerBound
        #expect(try block("backend", of: text("docs/PluginKit.md")) == source[start..<end])
    }

    @Test("The function on the page is that of the plugins of this package")
    func plugin() throws {
        let shown = try block("plugin", of: text("docs/PluginKit.md")).split(separator: "@c @implementation")[1]
            .replacing("MirrorBackend", with: "OpenBLASBackend").replacing("\"mirror\"", with: "\"openblas-plugin\"")
            .replacing("\"1.0\"", with: "\"0.1.0\"")
        #expect(words(try text("Backends/Plugins/OpenBLAS/OpenBLASPlugin.swift")).contains(words(shown)))
    }

    @Test("The chip on the page passes conformance for what it says, and skips the rest")
    func conformance() throws {
        let plugin = crossing(MirrorBackend(), name: "mirror")
        let device = Device(descriptor: try #require(plugin.discover().devices.first), backend: plugin)
        let suite = ConformanceSuite.standard.quick
        let report = try ConformanceSuite(suite.filtered("negate/*").cases + suite.filtered("add/*").cases)
            .run(on: device, oracle: ReferenceEvaluator())
        #expect(report.count(.failed) == 0, "\(report.results.compactMap(\.reason))")
        #expect(report.count(.passed) > 0)
        // Some cases transpose what they negate, which the chip leaves to others.
        for result in report.results where result.status == .passed {
            #expect(result.operation == "negate" && result.scalarType == .float32, "\(result.id)")
        }
    }
}

extension String {
    /// What stands before `part`.
    fileprivate func components(upTo part: String) -> String {
        ranges(of: part).first.map { String(self[..<$0.lowerBound]) } ?? self
    }
}
