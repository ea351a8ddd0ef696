// Heterodyne: running a suite in the form of scripts/onnx_suite, and what is said of its cases.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneConformance
import Testing

@Suite("ONNX suite")
struct ONNXSuiteTests {
    /// Made by scripts/fixtures/onnx_suite_small.py.
    static let folder = Bundle.module.bundleURL.appendingPathComponent("Fixtures/onnx-suite").path

    private func report(on device: String = "reference", _ suite: ONNXSuite? = nil) throws -> ONNXReport {
        let evaluator = try #require(Runtime.shared.evaluator)
        return ONNXCaseRunner(on: try Device(device), evaluator: evaluator).run(
            try suite ?? ONNXSuite(folder: Self.folder))
    }

    /// The cases, what must come of them, and words of the reason.
    static let expectations: [(String, ONNXCaseResult.Outcome, [String])] = [
        ("node/test_add", .passed, []), ("simple/test_add_simple", .passed, []),
        ("simple-code/test_add_beyond", .passed, []), ("node/test_add_loose", .passed, []),
        ("node/test_add_wrong", .failed, ["output 'y0'", "1 of 6", "[1, 2]", "130.0 where 131.0"]),
        ("node/test_add_shape", .failed, ["[2, 3]; [1, 3] is right"]),
        ("node/test_add_type", .failed, ["float32; float64 is right"]),
        ("node/test_add_nan", .failed, ["20.0 where nan is right"]),
        ("node/test_stranger", .error, ["Stranger"]),
        ("node/test_image_decoder", .declined, ["ImageDecoder", "JPEG"]),
        ("node/test_bernoulli", .notATest, ["random"]),
        ("node/test_damaged", .error, ["input_1.pb", "malformed"]),
    ]

    @Test("every case has the outcome that it was made for")
    func outcomes() throws {
        let report = try report()
        #expect(report.results.count == Self.expectations.count)
        for (id, outcome, words) in Self.expectations {
            let result = try #require(report.results.first { $0.id == id }, "\(id) is missing")
            #expect(result.outcome == outcome, "\(id): \(result.outcome), \(result.reason ?? "")")
            #expect((result.reason == nil) == (outcome == .passed))
            for word in words { #expect(result.reason?.contains(word) == true, "\(id): \(result.reason ?? "")") }
            #expect(result.reason?.contains(Self.folder) != true, "no paths in reasons: \(result.reason ?? "")")
        }
        #expect(report.results.first { $0.id == "node/test_add_wrong" }?.largestDifference == 1)
        #expect(report.results.first { $0.id == "node/test_add_nan" }?.largestDifference == .infinity)
        // The group simple-code is not counted.
        #expect(report.counts.total == 11)
        #expect(report.counts[.passed] == 3)
        #expect(report.counts[.failed] == 4)
        #expect(report.counts[.error] == 2)
        #expect(report.classic.total == 7)
        #expect(report.classic[.passed] == 2)
        #expect(report.groups.map(\.name) == ["node", "simple", "simple-code"])
        #expect(report.summary.contains("3 of 11 passed (27.2 %), 4 failed, 2 errors, 1 declined, 1 not tests"))
        #expect(report.summary.contains("classic subset 2 of 7"))
    }

    @Test("a case that takes longer than it may is an error")
    func timeLimit() throws {
        let evaluator = try #require(Runtime.shared.evaluator)
        let report = ONNXCaseRunner(on: try Device("reference"), evaluator: evaluator).run(
            try ONNXSuite(folder: Self.folder).filtered("node/test_add"), timeLimit: 0)
        #expect(report.results.count == 6)
        for result in report.results {
            #expect(result.outcome == .error)
            #expect(result.reason?.contains("longer than") == true)
        }
    }

    @Test("cases are chosen by a part of their names or a pattern")
    func filter() throws {
        let suite = try ONNXSuite(folder: Self.folder)
        #expect(suite.filtered("add_").cases.count == 7)
        #expect(suite.filtered("node/test_add").cases.count == 6)
        #expect(suite.filtered("node/test_add*").cases.count == 6)
        #expect(suite.filtered("*/test_add").cases.count == 1)
        #expect(suite.filtered("nothing").cases.isEmpty)
    }

    @Test("the script exports the version that the command looks for")
    func version() throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "scripts/onnx_suite")
        #expect(try String(contentsOf: script, encoding: .utf8).contains("version='\(ONNXSuite.version)'"))
        #expect(ONNXSuite.defaultFolder.hasSuffix("/onnx-suite/\(ONNXSuite.version)"))
    }

    @Test("a folder that is no suite is refused with what to do")
    func noSuite() throws {
        func refusal(_ index: String?) throws -> String {
            let folder = FileManager.default.temporaryDirectory.appending(path: "suite-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try index?.write(to: folder.appending(path: "index.tsv"), atomically: true, encoding: .utf8)
            do throws(ONNXSuiteError) {
                _ = try ONNXSuite(folder: folder.path)
                return "no error"
            } catch { return error.description }
        }
        let header = "# heterodyne-onnx-suite 2 1.23.2 1\n"
        let row = ["node", "test_a", "0.001", "1e-07", "tensor", "tensor", "-", "Add", "00"]
        func line(_ column: Int, _ text: String) -> String {
            var changed = row
            changed[column] = text
            return header + changed.joined(separator: "\t") + "\n"
        }
        #expect(try refusal(nil).contains("scripts/onnx_suite"))
        #expect(try refusal("").contains("not an index"))
        #expect(try refusal(header).contains("not all of it"))
        #expect(try refusal("# heterodyne-onnx-suite 1 1.23.2 1\nx\n").contains("not an index"))
        #expect(try refusal(line(0, "..")).contains("line 2"))
        #expect(try refusal(line(1, "a/b")).contains("line 2"))
        #expect(try refusal(line(2, "x")).contains("line 2"))
        #expect(try refusal(line(3, "-1")).contains("line 2"))
        #expect(try refusal(header + "node\n").contains("line 2"))
        #expect(try refusal(line(0, "node")) == "no error")
    }

    @Test("JSON for programs")
    func json() throws {
        let report = try report()
        let text = DeviceReport.json([], onnx: [report, report])
        let root = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let onnx = try #require(root["onnx"] as? [String: Any])
        #expect(onnx["passed"] as? Int == 6)
        #expect(onnx["total"] as? Int == 22)
        #expect(onnx["version"] as? String == "1.23.2")
        #expect((onnx["classic"] as? [String: Any])?["total"] as? Int == 14)
        let devices = try #require(onnx["devices"] as? [[String: Any]])
        #expect(devices.count == 2)
        #expect(devices.first?["passed"] as? Int == 3)
        let groups = try #require(devices.first?["groups"] as? [String: [String: Any]])
        #expect(groups["simple"]?["passed"] as? Int == 1)
        #expect(groups["node"]?["notATest"] as? Int == 1)
        let cases = try #require(onnx["cases"] as? [[String: Any]])
        let wrong = try #require(cases.first { $0["id"] as? String == "node/test_add_wrong" })
        #expect(wrong["outcome"] as? String == "failed")
        #expect(wrong["largestDifference"] as? Double == 1)
        // Infinity has no spelling in JSON.
        let nan = try #require(cases.first { $0["id"] as? String == "node/test_add_nan" })
        #expect(nan["largestDifference"] is NSNull)
        #expect(try JSONSerialization.jsonObject(with: Data(DeviceReport.json([]).utf8)) is [String: Any])
        #expect(!DeviceReport.json([]).contains("onnx"))
    }

    @Test("the scoreboard goes between its markers and nowhere else")
    func scoreboard() throws {
        let report = try report()
        let (begin, end) = ONNXReport.scoreboardMarkers
        let once = try #require(ONNXReport.rewritten("before\n\(begin)\nold\n\(end)\nafter\n", [report]))
        #expect(once.hasPrefix("before\n\(begin)\n\n| device |"))
        #expect(once.hasSuffix("\n\(end)\nafter\n"))
        #expect(!once.contains("old"))
        #expect(once.contains("| `reference` | 3 of 11 (27.2 %) | 2 of 7 (28.5 %) | 2 of 10 | 1 of 1 | 1 of 1 |"))
        #expect(once.contains("| ImageDecoder | `reference` | `node/test_image_decoder` |"))
        #expect(ONNXReport.rewritten(once, [report]) == once)
        #expect(ONNXReport.rewritten("no markers", [report]) == nil)
        #expect(ONNXReport.rewritten("\(end) \(begin)", [report]) == nil)
    }

    @Test("a baseline tells what has become worse and what better")
    func baseline() throws {
        let report = try report()
        let whole = ONNXBaseline([report])
        #expect(whole.entries.count == 8)
        #expect(try ONNXBaseline(whole.text) == whole)
        #expect(whole.compare([report]).regressions.isEmpty)
        #expect(whole.compare([report]).improvements.isEmpty)

        var shorter = whole
        shorter.entries.removeAll { $0.id == "node/test_add_wrong" }
        #expect(shorter.compare([report]).regressions.map(\.id) == ["node/test_add_wrong"])
        var longer = whole
        longer.entries.append(.init(device: "*", id: "node/test_add", outcome: .failed, reason: "was wrong once"))
        #expect(longer.compare([report]).improvements.map(\.id) == ["node/test_add"])
        #expect(longer.compare([report]).regressions.isEmpty)
        var changed = whole
        let index = try #require(changed.entries.firstIndex { $0.id == "node/test_damaged" })
        changed.entries[index].outcome = .failed
        #expect(changed.compare([report]).changes.map(\.id) == ["node/test_damaged"])
        // What is listed for one device says nothing of another.
        var elsewhere = whole
        for index in elsewhere.entries.indices { elsewhere.entries[index].device = "openblas" }
        #expect(elsewhere.compare([report]).regressions.count == 8)
        // What is the same on all devices is listed once.
        let both = ONNXBaseline([report, try self.report(on: "openblas")])
        #expect(both.entries.count == 8)
        #expect(both.entries.allSatisfy { $0.device == "*" })

        #expect(throws: ONNXSuiteError.self) { try ONNXBaseline("reference node/test_a") }
        #expect(throws: ONNXSuiteError.self) { try ONNXBaseline("reference node/test_a passed it does") }
        #expect(try ONNXBaseline("# comment\n\n  * a/b error why not\n").entries.first?.reason == "why not")
    }
}
