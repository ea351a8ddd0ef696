// Heterodyne: compilation reports as the `heterodyne` command shows and writes them.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("heterodyne reports")
struct ReportCommandTests {
    private static let text = """
        heterodyne 1
        graph(%0 "x": float64[4]) {
          %1 = exp(%0) : float64[4]
          return "y" = %1
        }
        """

    /// Hides float64 of `openblas`, so that the reference or another device has to stand in.
    private static let mask = ["HETERODYNE_MASK": "openblas:float64"]

    private func withGraph(_ body: (_ graph: String, _ json: String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "wide.graph")
        try Data(Self.text.utf8).write(to: file)
        try body(file.path, folder.appending(path: "report.json").path)
    }

    @Test("what is not free is noted without --report, explained with it, written as JSON, and refused with --strict")
    func costs() throws {
        guard Device.all.contains(where: { $0.id == "openblas" }) else { return }
        try withGraph { graph, json in
            let common = ["compile", graph, "-d", "openblas", "--dump", "none"]
            let plain = try Command("heterodyne").run(common + ["--report-json", json], environment: Self.mask)
            #expect(plain.status == 0, "\(plain.messages)")
            #expect(plain.messages.contains("note: not free: 1 fallback to "), "\(plain.messages)")
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: json))) as? [String: Any])
            let reports = try #require(document["reports"] as? [[String: Any]])
            let entries = try #require(reports.first?["entries"] as? [[String: Any]])
            #expect(document["schema"] as? Int == 1 && reports.count == 1)
            let fallback = try #require(entries.first { $0["kind"] as? String == "fallback" })
            #expect(fallback["operation"] as? String == "exp" && fallback["isFree"] as? Bool == false)
            #expect((fallback["reason"] as? String)?.contains("float64") == true)

            let told = try Command("heterodyne").run(common + ["--report"], environment: Self.mask)
            #expect(told.status == 0 && told.messages.isEmpty, "\(told.messages)")
            #expect(told.output.contains("\nnot free\n  fallback to ") && told.output.contains("1 x  exp"))
            let strict = try Command("heterodyne").run(common + ["--strict"], environment: Self.mask)
            #expect(strict.status == 1)
            for words in [
                "strict compilation refuses the fallback of 1 x exp", "float64[4]", "compiling without strict",
            ] {
                #expect(strict.messages.contains(words), "\(strict.messages)")
            }
        }
    }

    @Test("nothing is noted where everything is free; --verbose needs --report")
    func free() throws {
        try withGraph { graph, _ in
            let common = ["compile", graph, "-d", "reference", "--dump", "none"]
            let run = try Command("heterodyne").run(common)
            #expect(run.status == 0 && run.messages.isEmpty, "\(run.messages)")
            let report = try Command("heterodyne").run(common + ["--report", "--verbose"])
            #expect(report.status == 0 && report.output.contains("1 node on reference, nothing fell back"))
            #expect(!report.output.contains("\nnot free\n"))
            #expect(try Command("heterodyne").run(common + ["--verbose"]).status == 64)
            let unwritable = try Command("heterodyne").run(common + ["--report-json", "/nonexistent/report.json"])
            #expect(unwritable.status == 64 && unwritable.messages.contains("/nonexistent/report.json"))
        }
    }
}
