// Heterodyne: the report's text, summary, JSON and refusals, word for word.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import Testing

@testable import HeterodyneCompiler

@Suite("Report forms")
struct ReportFormTests {
    typealias Entry = CompilationReport.Entry

    private static func entry(
        _ kind: Entry.Kind, _ operation: String, _ count: Int = 1, types: String = "float32[4]",
        at place: String? = nil,
        on device: String = "gpu", rule: String = "", _ reason: String = "native", isFree: Bool? = nil,
        operations: Double = 0, bytes: Double = 0, seconds: Double? = nil
    ) -> Entry {
        Entry(
            kind: kind, operation: operation, count: count, resultTypes: types, location: place, device: device,
            rule: rule, reason: reason, isFree: isFree ?? kind.isFree, operationCount: operations, byteCount: bytes,
            seconds: seconds)
    }

    /// A report with a decision of every kind.
    private static let everything: CompilationReport = {
        var report = CompilationReport(label: "model", devices: ["gpu", "cpu"])
        report.entries = [
            entry(.decomposition, "gelu", 2, "gpu does not claim it for these types", operations: 6000, bytes: 32),
            entry(.placement, "exp", 3, at: "A.swift:1", operations: 12, bytes: 96, seconds: 2e-6),
            entry(.placement, "dot", types: "float32[512, 512]", operations: 268e6, bytes: 3.1e6, seconds: 1.25e-3),
            entry(
                .fallback, "log", types: "float64[8]", at: "A.swift:9", on: "cpu", rule: "float64=fallback",
                "gpu: the device has no float64", operations: 8, bytes: 128),
            entry(
                .legalization, "add", 12, types: "int64[8]", at: "B.swift:2", rule: "int64=emulate",
                "two 32-bit words", operations: 96, bytes: 2304),
            entry(.legalization, "constant", types: "float64[]", "1e-05 is exact in float32", isFree: true),
            entry(.transfer, "exp", types: "float64[8]", on: "cpu", "made on gpu", bytes: 64, seconds: 1e-5),
            entry(.fusion, "fused(exp add)", 1, "2 nodes in one pass over memory", operations: 8, bytes: 32),
            entry(.recognition, "softmax", 1, "the graph writes it out in primitives", bytes: 32),
            entry(.shard, "batch", types: "rows 0..<6", "6 of 8 rows, by measured speed"),
        ]
        report.passes = [
            .init(name: "fold", nodeCount: 30, seconds: 0.001), .init(name: "dead-code", nodeCount: 20, seconds: 0.002),
            .init(name: "fold", nodeCount: 19, seconds: 0.003),
        ]
        report.arenaByteCounts = ["gpu": 2_500_000, "cpu": 64]
        report.constantByteCounts = ["gpu": 12]
        report.seconds = 0.25
        return report
    }()

    @Test("The summary has one line, and one more for what is not free")
    func summary() {
        #expect(
            Self.everything.summary == """
                model: 4 nodes on gpu, 1 node on cpu, the batch is split over 1 device, 1 converted freely
                not free: 1 fallback to cpu, 12 emulated (int64), 1 transfer of 64 B
                """)
        #expect(CompilationReport(label: "l", devices: ["d"]).summary == "l: no nodes, nothing fell back")
        var demoted = CompilationReport(label: "l", devices: ["d"])
        demoted.entries = [
            Self.entry(.legalization, "a", 2, rule: "float64=demote", isFree: false),
            Self.entry(.legalization, "b", 3, rule: "uint64=demote", isFree: false),
            Self.entry(.legalization, "c", 5, isFree: false),
        ]
        #expect(demoted.costSummary == "5 demoted (float64, uint64), 5 legalized")
    }

    @Test("The text begins with what is not free and has everything in aligned columns")
    func text() {
        #expect(
            Self.everything.text == """
                model: 4 nodes on gpu, 1 node on cpu, the batch is split over 1 device, 1 converted freely
                not free: 1 fallback to cpu, 12 emulated (int64), 1 transfer of 64 B

                not free
                  fallback to cpu, float64=fallback: gpu: the device has no float64
                    1 x  log  -> float64[8]  8 op  128 B  A.swift:9
                  transfer to cpu: made on gpu
                    1 x  exp  -> float64[8]  64 B  10 us
                  legalization on gpu, int64=emulate: two 32-bit words
                    12 x  add  -> int64[8]  96 op  2.3 kB  B.swift:2

                devices
                       nodes  operations  traffic  estimate  memory  constants
                  gpu      4     268 Mop   3.1 MB   1.25 ms  2.5 MB       12 B
                  cpu      1        8 op    128 B              64 B        0 B
                  between them: 1 transfer of 64 B, 10 us

                decisions
                  split on gpu: 6 of 8 rows, by measured speed
                    1 x  batch  -> rows 0..<6  0 B
                  legalization on gpu: 1e-05 is exact in float32
                    1 x  constant  -> float64[]  0 B
                  placement on gpu: native
                    1 x  dot  -> float32[512, 512]  268 Mop  3.1 MB  1.25 ms
                    3 x  exp  -> float32[4]           12 op    96 B     2 us  A.swift:1
                  recognition on gpu: the graph writes it out in primitives
                    1 x  softmax  -> float32[4]  32 B
                  decomposition on gpu: gpu does not claim it for these types
                    2 x  gelu  -> float32[4]  6 kop  32 B
                  fusion on gpu: nodes that became one
                    1 x  fused(exp add)  -> float32[4]  8 op  32 B

                compiled in 250 ms; passes
                  fold       2 runs  4 ms
                  dead-code   1 run  2 ms
                """)
    }

    @Test("Long groups show the costliest entries and count the others; verbose shows all")
    func longGroups() throws {
        var report = CompilationReport(label: "l", devices: ["gpu"])
        for index in 0..<55 {
            report.entries.append(
                Self.entry(.placement, "op\(index)", index + 1, operations: Double(index), bytes: 100))
        }
        report.entries.append(Self.entry(.placement, "fused(" + String(repeating: "exp ", count: 30) + ")", bytes: 1))
        let lines = report.text.split(separator: "\n").map(String.init)
        let placements = lines.filter { $0.contains(" x  op") }
        #expect(placements.count == 12 && placements[0].contains("op54") && placements[11].contains("op43"))
        // 43 nodes 1...43, one region.
        #expect(lines.contains { $0.contains("… and \(43 * 44 / 2 + 1) more nodes of 44 kinds, 903 op, 4.3 kB") })
        for line in lines { #expect(line.count <= 120, "\(line)") }
        let full = report.text(isVerbose: true)
        for index in 0..<55 { #expect(full.contains("x  op\(index) ")) }
        #expect(full.contains(String(repeating: "exp ", count: 30)) && !full.contains("…"))
        // Thirteen entries are shown: a line in place of one is no gain.
        report.entries = Array(report.entries.prefix(13))
        #expect(report.text.split(separator: "\n").filter { $0.contains(" x  op") }.count == 13)
    }

    @Test("JSON parses, has the sums, and decodes to an equal report")
    func json() throws {
        var report = Self.everything
        report.label = "quotes \" and \\ and \u{1} and\nlines and ∞"
        let text = report.json
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["schema"] as? Int == 1)
        #expect(object["label"] as? String == report.label)
        #expect(object["summary"] as? String == report.summary)
        #expect(object["transferredByteCount"] as? Double == 64 && object["costlyCount"] as? Int == 14)
        let totals = try #require(object["totals"] as? [[String: Any]])
        #expect(totals.map { $0["device"] as? String } == ["gpu", "cpu"])
        #expect(totals[0]["nodeCount"] as? Int == 4 && totals[0]["arenaByteCount"] as? Int == 2_500_000)
        #expect(totals[1]["seconds"] == nil)
        let entries = try #require(object["entries"] as? [[String: Any]])
        #expect(entries.count == report.entries.count)
        #expect(Set(entries.compactMap { $0["kind"] as? String }) == Set(Entry.Kind.allCases.map(\.rawValue)))
        #expect(try JSONDecoder().decode(CompilationReport.self, from: Data(text.utf8)) == report)
    }

    @Test(
        "One entry is one line of JSON, golden",
        arguments: [
            (
                Entry.Kind.fallback,
                #"{"kind": "fallback", "operation": "log", "count": 1, "resultTypes": "float64[8]", "location": "A.swift:9", "device": "cpu", "rule": "float64=fallback", "reason": "gpu: the device has no float64", "isFree": false, "operationCount": 8, "byteCount": 128}"#
            ),
            (
                Entry.Kind.transfer,
                #"{"kind": "transfer", "operation": "exp", "count": 1, "resultTypes": "float64[8]", "device": "cpu", "rule": "", "reason": "made on gpu", "isFree": false, "operationCount": 0, "byteCount": 64, "seconds": 1e-05}"#
            ),
        ])
    func jsonEntry(kind: Entry.Kind, line: String) {
        let lines = Self.everything.json.split(separator: "\n").map { $0.drop { $0 == " " } }
        let matching = lines.filter { $0.hasPrefix(#"{"kind": "\#(kind.rawValue)""#) }
        #expect(matching.map { $0.hasSuffix(",") ? String($0.dropLast()) : String($0) } == [line])
    }

    @Test("Estimates that are no numbers of JSON still give JSON")
    func hostileNumbers() throws {
        var report = CompilationReport(label: "l", devices: [])
        for value in [Double.infinity, -.infinity, .nan, 1e300, Double.leastNonzeroMagnitude, -0.0, 9.3e18] {
            report.entries.append(Self.entry(.placement, "op", operations: value, bytes: value, seconds: value))
        }
        let decoded = try JSONDecoder().decode(CompilationReport.self, from: Data(report.json.utf8))
        #expect(
            decoded.entries.map(\.byteCount) == [
                .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0, 1e300, Double.leastNonzeroMagnitude, 0, 9.3e18,
            ])
        #expect(!report.text(isVerbose: true).isEmpty)
    }

    @Test("A document of several reports is one object")
    func document() throws {
        for count in 0...2 {
            let text = CompilationReport.json(of: [CompilationReport](repeating: Self.everything, count: count))
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            #expect(object["schema"] as? Int == 1)
            let reports = try #require(object["reports"] as? [[String: Any]])
            #expect(reports.count == count && reports.allSatisfy { $0["schema"] as? Int == 1 })
        }
    }

    @Test("Decisions that are not free keep their places; the others are counted, whoever changes the entries")
    func merging() {
        var report = CompilationReport(label: "l", devices: ["gpu"])
        let here = Self.entry(.fallback, "exp", at: "A:1", bytes: 1)
        let there = Self.entry(.fallback, "exp", at: "A:2", bytes: 1)
        let free = Self.entry(.placement, "exp", at: "A:1", bytes: 1, seconds: 1)
        var elsewhere = free
        (elsewhere.location, elsewhere.seconds) = ("A:2", nil)
        report.merge([here, there, here, free, elsewhere, elsewhere])
        #expect(report.entries.map(\.count) == [2, 1, 3] && report.entries.map(\.byteCount) == [2, 1, 3])
        #expect(report.entries[2].seconds == 1 && report.entries[2].location == "A:1")
        report.entries.removeFirst()
        report.merge([there, here])
        #expect(report.entries.map(\.location) == ["A:2", "A:1", "A:1"] && report.entries.map(\.count) == [2, 3, 1])
        report.entries[0].reason = "other"
        report.merge(there)
        #expect(report.entries.map(\.count) == [2, 3, 1, 1])
        var equal = CompilationReport(label: "l", devices: ["gpu"])
        equal.entries = report.entries
        #expect(equal == report && equal.hashValue == report.hashValue)
    }

    @Test(
        "The error of strict compilation names node, types, place, device, reason, rule and the way out",
        arguments: [
            (
                entry(
                    .fallback, "log", types: "float64[8]", at: "A.swift:9", on: "cpu", rule: "float64=fallback",
                    "gpu: the device has no float64"),
                """
                strict compilation refuses the fallback of 1 x log -> float64[8] built at A.swift:9 to cpu: gpu: the \
                device has no float64 (rule float64=fallback). Compile for cpu, which runs it as it is, or allow it by \
                compiling without strict.
                """
            ),
            (
                entry(
                    .legalization, "add", 2, types: "int64[8]", rule: "int64=emulate", "two 32-bit words",
                    isFree: false),
                """
                strict compilation refuses the legalization of 2 x add -> int64[8] on gpu: two 32-bit words (rule \
                int64=emulate). Compile for a device that has int64, or allow it by compiling without strict.
                """
            ),
        ])
    func refusal(entry: Entry, message: String) throws {
        var report = CompilationReport(label: "l", devices: ["gpu", "cpu"])
        #expect(report.strictRefusal == nil)
        report.entries = [Self.entry(.placement, "exp"), entry]
        let error = try #require(report.strictRefusal)
        #expect(error.message == message && error.kind == .unsupported && error.operation == entry.operation)
        report.entries.append(Self.entry(.transfer, "exp", on: "cpu", "made on gpu", bytes: 2e6))
        let longer = try #require(report.strictRefusal)
        #expect(longer.message.hasPrefix(message))
        #expect(longer.message.contains("In all there are 2 such decisions: ") && longer.message.contains("2 MB"))
    }
}
