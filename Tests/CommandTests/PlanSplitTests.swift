// Heterodyne: `heterodyne plan` for several chips, and beside the simulated chips.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("heterodyne plan for several chips")
struct PlanSplitTests {
    let fixture: PlanFixture

    init() throws { fixture = try PlanFixture() }

    private func isClose(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    }

    @Test("chips that divide a batch take as long as one of them for its part, at the power of all")
    func data() throws {
        func chip(_ batch: Int, _ more: [String]) throws -> PlanResult.Chip {
            let arguments = [try fixture.layer(), "--profile", "A100", "--sequence", "128", "--batch", "\(batch)"]
            return try PlanResult.of(arguments + more).chips[0]
        }
        let (one, four) = (try chip(8, []), try chip(32, ["--chips", "4", "--split", "data"]))
        #expect(one.chipCount == 1 && four.chipCount == 4)
        let (a, b) = (try #require(one.estimate), try #require(four.estimate))
        #expect(isClose(a.secondsPerRun, b.secondsPerRun) && b.communicationByteCount == 0)
        #expect(isClose(a.samplesPerSecond.map { $0 * 4 }, b.samplesPerSecond))
        #expect(isClose(a.joulesPerRun.map { $0 * 4 }, b.joulesPerRun))
        #expect(isClose(one.memory?.totalByteCount, four.memory?.totalByteCount))
        // The batch is divided where nothing else is said.
        #expect(isClose(try chip(32, ["--chips", "4"]).estimate?.secondsPerRun, b.secondsPerRun))
    }

    @Test("a batch that cannot be divided is a refusal with the numbers")
    func uneven() throws {
        let chip = try PlanResult.of(
            [try fixture.layer(), "--profile", "A100", "--sequence", "4", "--batch", "6", "--chips", "4"], status: 1
        ).chips[0]
        #expect(chip.outcome == "refused" && chip.reason?.contains("batch of 6 evenly") == true, "\(chip.reason ?? "")")
    }

    @Test("chips that divide products hold a part of the weights and add up over their link, by hand")
    func tensor() throws {
        let arguments = [try fixture.perceptron(), "--profile", "A100", "--batch", "32", "--chips", "4"]
        let chip = try PlanResult.of(arguments + ["--split", "tensor"]).chips[0]
        let estimate = try #require(chip.estimate)
        // Two weights of 16 x 16 float32, a quarter of each on every chip.
        #expect(isClose(chip.memory?.weightByteCount, 512))
        // The second product gives a sum over the chips: each sends 2 * 3/4 of its bytes around the ring.
        let sent = 1.5 * 32 * 16 * 4
        #expect(isClose(estimate.communicationByteCount, sent), "\(estimate.communicationByteCount)")
        // NVLink 3 carries 600 GB/s in both directions together.
        #expect(isClose(estimate.secondsByRoof["interconnect"], sent / 300e9))
        #expect(chip.figures.contains { $0.name.contains("NVLink") && $0.value == 600e9 })
        let whole = try PlanResult.of(Array(arguments.dropLast(2))).chips[0]
        #expect(isClose(whole.memory?.weightByteCount, 2048) && whole.estimate?.communicationByteCount == 0)
    }

    @Test("inputs that are weights are divided or held like constants")
    func weights() throws {
        let arguments = [try fixture.product(), "--profile", "H100", "--chips", "4", "--split"]
        func chip(_ more: [String]) throws -> PlanResult.Chip { try PlanResult.of(arguments + more).chips[0] }
        // Without a word on it nothing is a weight: every chip does all of the 524288 operations.
        #expect(isClose(try chip(["tensor"]).estimate?.loads.first?.operationCount, 2_097_152))
        let divided = try chip(["tensor", "--weights", "w"])
        #expect(isClose(divided.estimate?.loads.first?.operationCount, 524_288))
        #expect(isClose(divided.memory?.weightByteCount, 1024))
        let held = try chip(["data", "--weights", "w"])
        #expect(isClose(held.memory?.weightByteCount, 4096))
        // A quarter of the rows of `x`, 4096 bytes, and of the result, 16384.
        #expect(isClose(held.memory?.portByteCount, 5120))
        #expect(held.estimate?.communicationByteCount == 0)
    }

    @Test("a system is one large chip until its chips share the work over their link")
    func systems() throws {
        let arguments = [try fixture.layer(), "--profile", "DGX-1", "--sequence", "64", "--batch", "64"]
        let large = try PlanResult.of(arguments).chips[0]
        #expect(large.chipCount == 8 && large.memory?.capacityByteCount == 128e9)
        #expect(large.remarks.contains { $0.contains("share all work evenly and exchange nothing") })
        let shared = try PlanResult.of(arguments + ["--split", "data"]).chips[0]
        #expect(shared.chipCount == 8 && shared.memory?.capacityByteCount == 16e9)
        #expect(!shared.remarks.contains { $0.contains("exchange nothing") })
        #expect(isClose(large.estimate?.secondsPerRun, shared.estimate?.secondsPerRun))
        let run = try Command("heterodyne").run(["plan"] + arguments + ["--split", "data"])
        #expect(run.status == 0 && run.output.contains("\n8 x nvidia-dgx-1-p100 "))
    }

    /// The plugin of the simulated chips, where it was built.
    private static let plugin: String? = {
        guard let command = try? Command("heterodyne") else { return nil }
        let file = command.executable.deletingLastPathComponent().appending(path: "libheterodyne-simulated.so").path
        return FileManager.default.fileExists(atPath: file) ? file : nil
    }()

    private struct Bench: Decodable {
        struct Measurement: Decodable {
            let device: String
            let name: String
            let value: Double
            let unit: String
            let source: String
        }
        let measurements: [Measurement]
    }

    @Test(
        "the simulated chip says of a run what the plan says, and bench and run show it",
        .enabled(if: plugin != nil, "swift build makes the plugin of the simulated chips"))
    func simulated() throws {
        let folder = fixture.folder.appending(path: "plugins")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let manifest = """
            {"format": 1, "name": "simulated", "library": "\(try #require(Self.plugin))", "abi": {"major": 1, "minor": 0}}
            """
        try Data(manifest.utf8).write(to: folder.appending(path: "simulated.json"))
        let environment = ["HETERODYNE_PLUGIN_PATH": folder.path]
        let mlp = repository.appending(path: "Tests/HeterodyneONNXTests/Fixtures/mlp.onnx").path
        let device = "simulated:nvidia-a100-sxm-80gb"
        let common = [mlp, "--device", device, "--dim", "batch=32"]
        let bench = try Command("heterodyne").run(
            ["bench", "--runs", "1", "--json"] + common, environment: environment)
        #expect(bench.status == 0, "\(bench.messages)")
        let found = try JSONDecoder().decode(Bench.self, from: Data(bench.output.utf8)).measurements
        let time = try #require(found.first { $0.name.hasPrefix("simulated time") })
        #expect(time.device == device && time.unit == "s" && !time.source.isEmpty)
        let plan = try PlanResult.of([mlp, "--profile", "A100", "--batch", "32"]).chips[0].estimate
        #expect(isClose(time.value, plan?.secondsPerRun), "\(time.value) and \(plan?.secondsPerRun ?? 0)")
        let energy = try #require(found.first { $0.unit == "J" })
        #expect(isClose(energy.value, plan?.joulesPerRun))
        let trace = fixture.folder.appending(path: "trace.json").path
        for more in [["--profile", "--trace", trace], ["--repeat", "2"]] {
            let run = try Command("heterodyne").run(
                ["run", "--input", "random"] + common + more, environment: environment)
            #expect(run.status == 0, "\(run.messages)")
            #expect(run.output.contains("\nsimulated time") && run.output.contains("on \(device): "), "\(run.output)")
        }
        let plain = try Command("heterodyne").run(["bench", "--runs", "1", "--json", mlp, "-d", "reference"])
        #expect(try JSONDecoder().decode(Bench.self, from: Data(plain.output.utf8)).measurements.isEmpty)
    }
}
