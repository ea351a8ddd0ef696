// Heterodyne: `heterodyne plan`, run as a user runs it.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("heterodyne plan")
struct PlanCommandTests {
    let mlp = repository.appending(path: "Tests/HeterodyneONNXTests/Fixtures/mlp.onnx").path
    let fixture: PlanFixture

    init() throws { fixture = try PlanFixture() }

    private func plan(_ arguments: [String]) throws -> Command.Outcome {
        try Command("heterodyne").run(["plan"] + arguments)
    }

    /// The identifiers of the profiles that lie in the repository.
    private func builtIn() throws -> Set<String> {
        let folder = repository.appending(path: "Sources/HeterodyneRoofline/Profiles").path
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        return Set(files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) })
    }

    private func isClose(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    }

    // MARK: - Numbers

    @Test("the numbers of a chip of which everything is known are those of the roofline model, by hand")
    func byHand() throws {
        let result = try PlanResult.of([try fixture.product(), "--profile", try fixture.chip()])
        #expect(result.schema == 1 && result.chips.count == 1)
        let chip = try result.chip("tiny-int8")
        #expect(chip.outcome == "runs" && chip.reason == nil && chip.name == "Tiny <&> \"8\"")
        let memory = try #require(chip.memory)
        // Two inputs of a byte and an output of four for each of 64 x 64 elements; nothing else is kept.
        #expect(memory.portByteCount == 64 * 64 * 6 && memory.totalByteCount == 64 * 64 * 6)
        #expect(memory.capacityByteCount == 1e6 && memory.fits == true)
        let estimate = try #require(chip.estimate)
        #expect(!estimate.isLowerBound && estimate.missing.isEmpty)
        #expect(estimate.operationCount == 2 * 64 * 64 * 64 && estimate.byteCount == 64 * 64 * 6)
        // 0.52 us of products hide behind 24.6 us of memory; then a kernel and a program start.
        let seconds = 64 * 64 * 6 / 1e9 + 1e-7 + 1e-6
        #expect(isClose(estimate.secondsPerRun, seconds), "\(estimate.secondsPerRun ?? 0)")
        #expect(estimate.boundBy == "memory")
        #expect(isClose(estimate.joulesPerRun, seconds * 10))
        #expect(isClose(estimate.utilisation, 2 * 64 * 64 * 64 / seconds / 1e12))
        #expect(chip.figures.allSatisfy { $0.value != nil && $0.source != nil && $0.confidence == "measured" })
        #expect(chip.figures.contains { $0.name == "int8 matrix rate" && $0.value == 1e12 && $0.unit == "op/s" })
    }

    @Test("parts of the roofs make a forecast, and say so")
    func efficiency() throws {
        let arguments = [try fixture.product(), "--profile", try fixture.chip()]
        let result = try PlanResult.of(arguments + ["--efficiency", "compute=0.001,memory=0.5"])
        // 524 us of products now, against 49 us of memory; then a kernel and a program start.
        let seconds = 2 * 64.0 * 64 * 64 / 1e9 + 1e-7 + 1e-6
        #expect(isClose(result.chips[0].estimate?.secondsPerRun, seconds))
        #expect(result.chips[0].estimate?.boundBy == "compute")
        #expect(
            result.chips[0].remarks.contains { $0.contains("0.1 % of the peak rate") }, "\(result.chips[0].remarks)")
        #expect(result.chips[0].remarks.contains { $0.contains("50 % of the memory's bandwidth") })
        let even = try PlanResult.of(arguments + ["--efficiency", "0.5"]).chips[0].estimate
        #expect(isClose(even?.secondsPerRun, 2 * 64 * 64 * 6 / 1e9 + 1e-7 + 1e-6))
    }

    @Test("latency, throughput and energy agree with each other and with batch and sequence")
    func consistency() throws {
        let arguments = [try fixture.layer(), "--all", "--batch", "8", "--sequence", "128"]
        let result = try PlanResult.of(arguments)
        #expect(result.model.batch == 8 && result.model.sequence == 128 && result.model.samplesPerRun == 8)
        #expect(result.model.inputs == ["x: float32[8, 128, 64]"])
        var estimated = 0
        for chip in result.chips {
            guard let estimate = chip.estimate else { continue }
            estimated += 1
            let seconds = try #require(estimate.secondsPerRun, "\(chip.id)")
            #expect(isClose(estimate.samplesPerSecond.map { $0 * seconds }, 8), "\(chip.id)")
            #expect(isClose(estimate.tokensPerSecond.map { $0 * seconds }, 8 * 128), "\(chip.id)")
            #expect(isClose(estimate.samplesPerJoule, estimate.joulesPerRun.map { 8 / $0 }), "\(chip.id)")
            #expect(isClose(estimate.tokensPerJoule, estimate.samplesPerJoule.map { $0 * 128 }), "\(chip.id)")
            #expect(isClose(estimate.secondsByRoof.values.reduce(0, +), seconds), "\(chip.id)")
            if let utilisation = estimate.utilisation { #expect(utilisation > 0 && utilisation <= 1, "\(chip.id)") }
            // What is missing makes a lower bound, and is among the figures that the chip does not have.
            let timing = estimate.missing.filter { $0.figure != "power" }
            #expect(estimate.isLowerBound == !timing.isEmpty, "\(chip.id)")
            #expect(estimate.missing.allSatisfy { !$0.reason.isEmpty })
            let power = chip.figures.first { $0.name == "power" }
            #expect((power?.value == nil) == (estimate.joulesPerRun == nil), "\(chip.id)")
        }
        #expect(estimated >= 10)
        // Twice the work takes twice as long where nothing but the work counts.
        let twice = try PlanResult.of([try fixture.layer(), "--all", "--batch", "16", "--sequence", "128"])
        let (a, b) = (try result.chip("nvidia-a100-sxm-80gb"), try twice.chip("nvidia-a100-sxm-80gb"))
        let ratio = try #require(b.estimate?.secondsPerRun) / (try #require(a.estimate?.secondsPerRun))
        #expect(abs(ratio - 2) < 1e-6, "\(ratio)")
    }

    @Test("--all has every profile of the repository, each with an outcome and sources")
    func all() throws {
        let result = try PlanResult.of([mlp, "--all", "--batch", "32"])
        #expect(Set(result.chips.map(\.id)).isSuperset(of: try builtIn()))
        for chip in result.chips {
            #expect(["runs", "runsWithHost", "tooLarge", "refused"].contains(chip.outcome))
            #expect((chip.outcome == "refused") == (chip.reason != nil), "\(chip.id)")
            #expect((chip.estimate != nil) == chip.outcome.hasPrefix("runs"), "\(chip.id)")
            for figure in chip.figures {
                let isKnown = figure.value != nil && figure.source?.isEmpty == false && figure.confidence != nil
                #expect(isKnown != (figure.unknown?.isEmpty == false), "\(chip.id) \(figure.name)")
            }
            guard let nodes = chip.nodes else { continue }
            #expect(nodes.native + nodes.emulated + nodes.moved + nodes.onHost == nodes.total, "\(chip.id)")
            #expect(nodes.onHostGroups.reduce(0) { $0 + $1.count } == nodes.onHost, "\(chip.id)")
        }
        #expect(try result.chip("nvidia-a100-sxm-80gb").outcome == "runs")
    }

    // MARK: - Table

    @Test("the table has a line for each chip, numbers with units and numbered notes")
    func table() throws {
        let run = try plan([
            try fixture.layer(), "--profile", "A100,BR100", "-p", "nvidia-h100-sxm,A100", "--batch", "8", "--sequence",
            "128",
        ])
        #expect(run.status == 0 && run.messages.isEmpty, "\(run.messages)")
        let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[1].contains("8 samples in a run; 128 tokens in a sample; for inference"))
        let titles = try #require(lines.firstIndex { $0.hasPrefix("chip ") })
        for word in ["needs", "native", "emulated", "latency", "samples/s", "tokens/s", "bound by", "tokens/J"] {
            #expect(lines[titles].contains(word), "\(word)")
        }
        // A chip that is asked for twice has one line.
        let names = lines[(titles + 1)...(titles + 3)].map { String($0.prefix { $0 != " " }) }
        #expect(names == ["nvidia-a100-sxm-80gb", "biren-br100", "nvidia-h100-sxm"] && lines[titles + 4].isEmpty)
        #expect(lines[titles + 1].contains("80.0 GB") && lines[titles + 1].contains("\u{2265} "))
        // Every number in the last column is that of a note.
        let notes = lines.drop { $0 != "notes" }.dropFirst()
        for line in lines[(titles + 1)...(titles + 3)] {
            let numbers = line.split(separator: "  ").last.map { $0.split(separator: " ").compactMap { Int($0) } } ?? []
            #expect(!numbers.isEmpty)
            for number in numbers {
                #expect(notes.contains { $0.drop { $0 == " " }.hasPrefix("\(number)  ") }, "\(number)")
            }
        }
        #expect(run.output.contains("lower bound: ") && run.output.contains("seconds per kernel"))
    }

    @Test("--details has memory, nodes, steps and figures with their sources")
    func details() throws {
        let run = try plan([
            try fixture.product(), "--profile", try fixture.chip(), "--profile", "A100", "--details", "tiny-int8",
        ])
        #expect(run.status == 0, "\(run.messages)")
        for words in [
            "== Tiny <&> \"8\" (tiny-int8) ==", "memory: 24.6 kB", "native nodes: 1: 1 dot", "int8 matrix",
            "costliest steps", "524 kop", "21.3", "these tests", "measured",
        ] { #expect(run.output.contains(words), "\(words) in \(run.output)") }
        let other = try plan([try fixture.product(), "--profile", "A100", "--details", "H100"])
        #expect(other.status == 64 && other.messages.contains("nvidia-a100-sxm-80gb"))
    }

    // MARK: - Support

    @Test("a chip of int8 alone leaves floats to the host, or refuses them")
    func integersOnly() throws {
        let chip = try fixture.chip()
        let arguments = [try fixture.layer(), "--batch", "2", "--sequence", "4", "--profile", chip]
        let helped = try PlanResult.of(arguments, status: 1).chip("tiny-int8")
        #expect(helped.outcome == "refused" && helped.reason?.contains("none of the 2 nodes") == true)
        #expect(helped.nodes?.onHost == 2 && helped.nodes?.onHostGroups.first?.reason.contains("float32") == true)
        let alone = try PlanResult.of(arguments + ["--policy", "native"], status: 1).chip("tiny-int8")
        #expect(alone.outcome == "refused" && alone.reason?.contains("float32") == true)
        #expect(alone.nodes?.onHost == 2, "what is concerned is counted all the same")
        let table = try plan(arguments)
        #expect(table.status == 1 && table.output.contains("tiny-int8  no"))
    }

    @Test(
        "a float64 model on a chip without it, by policy",
        arguments: [
            // Nothing is said: float64 falls back, and the host does everything.
            ([], "refused", 1), (["--types", "float64=emulate"], "runs", 0),
            (["--policy", "float64=demote"], "runs", 0),
            (["--types", "float64=error"], "refused", 1), (["--policy", "native"], "refused", 1),
            (["--types", "float64=emulate", "--strict"], "refused", 1),
        ] as [([String], String, Int32)])
    func missingFloat64(policy: [String], outcome: String, status: Int32) throws {
        let arguments = [try fixture.layer("float64"), "--batch", "2", "--sequence", "4", "--profile", "BR100"]
        let chip = try PlanResult.of(arguments + policy, status: status).chip("biren-br100")
        #expect(chip.outcome == outcome, "\(chip.reason ?? "")")
        let nodes = try #require(chip.nodes)
        if outcome == "runs" {
            #expect(nodes.emulated == 2 && nodes.native == 0 && nodes.onHost == 0)
            #expect(nodes.emulatedGroups.allSatisfy { $0.rule.hasPrefix("float64=") })
            #expect(chip.remarks.contains { $0.hasPrefix("with other types: 2 by float64=") })
        } else {
            #expect(nodes.onHost + nodes.emulated == 2 && chip.reason?.isEmpty == false)
        }
        // The same model on a chip with float64 needs no rule.
        guard !policy.contains("--strict") else { return }
        let native = try PlanResult.of(arguments.dropLast() + ["P100"] + policy).chip("nvidia-p100-sxm2")
        #expect(native.outcome == "runs" && native.nodes?.native == 2)
    }

    @Test("emulating float64 takes longer than demoting it")
    func emulationCosts() throws {
        func seconds(_ rule: String) throws -> Double {
            let arguments = [try fixture.layer("float64"), "--batch", "64", "--sequence", "512", "--profile", "BR100"]
            let result = try PlanResult.of(arguments + ["--types", "float64=\(rule)"])
            return try #require(result.chips[0].estimate?.secondsPerRun)
        }
        #expect(try seconds("emulate") > 1.5 * seconds("demote"))
    }

    @Test("a part for inference refuses training; one for training does both")
    func roles() throws {
        let arguments = [try fixture.layer(), "--batch", "2", "--sequence", "4", "--profile", "Ascend 910,MR-V100"]
        let inference = try PlanResult.of(arguments)
        #expect(inference.model.role == "inference")
        #expect(try inference.chip("huawei-ascend-910").outcome == "runs")
        #expect(try inference.chip("iluvatar-mr-v100").outcome == "runs")
        let training = try PlanResult.of(arguments + ["--role", "training"])
        #expect(training.model.role == "training")
        #expect(try training.chip("huawei-ascend-910").outcome == "runs")
        let refused = try training.chip("iluvatar-mr-v100")
        #expect(refused.outcome == "refused")
        #expect(refused.remarks.contains { $0.contains("made for inference, not for training") }, "\(refused.remarks)")
    }

    @Test("a model that computes gradients is planned for training")
    func gradients() throws {
        struct File: Decodable {
            struct Case: Decodable {
                let name: String
                let model: Data
            }
            let cases: [Case]
        }
        let path = repository.appending(path: "Tests/HeterodyneModelsTests/Fixtures/learning.json")
        let cases = try JSONDecoder().decode(File.self, from: Data(contentsOf: path)).cases
        let model = fixture.folder.appending(path: "gradient.onnx")
        try #require(cases.first { $0.name == "gradient_dense" }).model.write(to: model)
        let result = try PlanResult.of([model.path, "--profile", "A100,MR-V100"])
        #expect(result.model.role == "training")
        #expect(try result.chip("nvidia-a100-sxm-80gb").outcome == "runs")
        #expect(try result.chip("iluvatar-mr-v100").outcome == "refused")
        let forced = try PlanResult.of([model.path, "--profile", "MR-V100", "--role", "inference"])
        #expect(forced.chips[0].outcome == "runs")
    }

    @Test("composites that a refused part would have run whole are counted in parts for the host")
    func refusedComposites() throws {
        let graph = try fixture.write(
            """
            heterodyne 1
            graph(%0 "x": float32[4, 3]) {
              %1 = softmax(%0) {axis = 1} : float32[4, 3]
              return "y" = %1
            }
            """, as: "softmax.graph")
        let arguments = [graph, "--profile", "MR-V100", "--role", "training"]
        let chip = try PlanResult.of(arguments, status: 1).chip("iluvatar-mr-v100")
        #expect(chip.reason?.hasPrefix("runs none of the ") == true, "\(chip.reason ?? "")")
        #expect(chip.nodes.map { $0.onHost > 1 && $0.onHost == $0.total } == true)
    }

    // MARK: - Memory

    @Test("what does not fit says by how much; what may fit says why nobody knows")
    func memory() throws {
        let small = try fixture.chip(id: "small", memory: 20_000)
        let run = try plan([try fixture.product(), "--profile", small])
        #expect(run.status == 1)
        #expect(run.output.contains("too large") && run.output.contains("needs 24.6 kB and there are 20.0 kB"))
        let exact = try fixture.chip(id: "exact", memory: 24_576)
        let unknown = try fixture.chip(id: "unknown", memory: nil)
        let result = try PlanResult.of(
            [try fixture.product(), "--profile", "\(small),\(exact),\(unknown)"])
        #expect(try result.chip("small").outcome == "tooLarge" && result.chip("small").estimate == nil)
        #expect(try result.chip("small").memory?.fits == false)
        #expect(try result.chip("exact").memory?.fits == true)
        let open = try result.chip("unknown")
        #expect(open.outcome == "runs" && open.memory?.fits == nil && open.memory?.capacityByteCount == nil)
        #expect(open.remarks.contains("whether it fits is unknown: nobody measured it"))
    }

    @Test("weights count once, intermediate results as long as they live")
    func footprint() throws {
        let by =
            "leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], "
            + "accumulation = float32, result = float32"
        let products = (1...4).map { index in
            "  %\(index + 1) = dot(%\(index == 1 ? 0 : index), %1) {\(by)} : float32[16, 16]\n"
        }
        let graph = try fixture.write(
            "heterodyne 1\ngraph(%0 \"x\": float32[16, 16], %1 \"w\": float32[16, 16]) {\n\(products.joined())"
                + "  return \"y\" = %5\n}\n", as: "chain.graph")
        let memory = try #require(try PlanResult.of([graph, "--profile", "A100"]).chips[0].memory)
        // Two of three intermediate results live at the same time, at most.
        #expect(memory.intermediateByteCount == 2 * 1024 && memory.portByteCount == 3 * 1024)
        let weights = try #require(try PlanResult.of([mlp, "--profile", "A100", "--batch", "1"]).chips[0].memory)
        #expect(weights.weightByteCount > 0 && weights.weightByteCount <= 64)
    }

    // MARK: - Lists, files, mistakes

    @Test("--list has every profile with key figures, and as JSON with sources and unknowns")
    func list() throws {
        let run = try plan(["--list"])
        #expect(run.status == 0 && run.messages.isEmpty)
        for id in try builtIn() { #expect(run.output.contains("\n\(id) "), "\(id)") }
        #expect(run.output.contains("80.0 GB") && run.output.contains("confidence"))
        #expect(run.output.split(separator: "\n").allSatisfy { $0.count <= 140 })
        let json = try plan(["--list", "--json"])
        let document = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let profiles = try #require(document["profiles"] as? [[String: Any]])
        #expect(document["schema"] as? Int == 1)
        #expect(Set(profiles.compactMap { $0["id"] as? String }).isSuperset(of: try builtIn()))
        let a100 = try #require(profiles.first { $0["id"] as? String == "nvidia-a100-sxm-80gb" })
        let figures = try #require(a100["figures"] as? [[String: Any]])
        let rate = try #require(figures.first { $0["name"] as? String == "float16 matrix rate" })
        #expect(rate["value"] as? Double == 312e12 && (rate["source"] as? String)?.isEmpty == false)
        #expect((a100["missing"] as? [String])?.isEmpty == false)
    }

    @Test("profiles in a folder of HETERODYNE_PROFILE_PATH are chips like the others, bad ones are named")
    func folders() throws {
        _ = try fixture.chip()
        _ = try fixture.write("{ \"schema\": 1, \"id\": \"broken\" }", as: "broken.json")
        let environment = ["HETERODYNE_PROFILE_PATH": fixture.folder.path]
        let list = try Command("heterodyne").run(["plan", "--list"], environment: environment)
        #expect(list.output.contains("\ntiny-int8 ") && list.output.contains("refused: ") && list.status == 0)
        #expect(list.output.contains("broken.json"))
        let run = try Command("heterodyne").run(
            ["plan", try fixture.product(), "--profile", "tiny-int8"], environment: environment)
        #expect(run.status == 0 && run.output.contains("tiny-int8  yes"), "\(run.messages)")
    }

    @Test("free dimensions are found by name or place, fixed ones are checked")
    func dimensions() throws {
        let free = try PlanResult.of([mlp, "--profile", "A100"])
        #expect(free.model.inputs == ["x: float32[1, 4]"] && free.model.batch == 1)
        #expect(free.model.notes.contains { $0.contains("batch = 1") })
        let named = try PlanResult.of([mlp, "--profile", "A100", "--dim", "batch=5"])
        #expect(named.model.batch == 5 && named.model.notes.isEmpty)
        let place = try fixture.write(
            """
            heterodyne 1
            graph(%0 "x": float32[n, t, 8]) {
              %1 = exp(%0) : float32[n, t, 8]
              return "y" = %1
            }
            """, as: "places.graph")
        let placed = try PlanResult.of([place, "--profile", "A100", "--batch", "3", "--sequence", "7"])
        #expect(placed.model.inputs == ["x: float32[3, 7, 8]"] && placed.model.sequence == 7)
        let fixed = try fixture.product()
        #expect(try PlanResult.of([fixed, "--profile", "A100", "--batch", "64"]).model.batch == 64)
        let other = try plan([fixed, "--profile", "A100", "--batch", "63"])
        #expect(other.status == 64 && other.messages.contains("x: int8[64, 64]"), "\(other.messages)")
        let both = try plan([mlp, "--profile", "A100", "--batch", "3", "--dim", "batch=4"])
        #expect(both.status == 64 && both.messages.contains("contradict"))
    }

    @Test(
        "what is asked wrongly is 64 and says what to write",
        arguments: [
            (["MODEL"], "--profile"), (["--all"], "--list"), (["MODEL", "--all", "-p", "A100"], "leave out"),
            (["MODEL", "-p", "A10"], "did you mean"), (["MODEL", "-p", "A100,,H100"], "no chip is called"),
            (["MODEL", "-p", "A100", "--batch", "0"], "from 1 on"),
            (["MODEL", "-p", "A100", "--dim", "depth=3"], "batch"),
            (["MODEL", "-p", "A100", "--policy", "maybe"], "'fallback' or 'native'"),
            (["MODEL", "-p", "A100", "--types", "float64=maybe"], "fallback"),
            (["MODEL", "-p", "A100", "--split", "half"], "data or tensor"),
            (["MODEL", "-p", "A100", "--chips", "9999999"], "so many"),
            (["MODEL", "-p", "A100", "--weights", "x"], "--split"),
            (["MODEL", "-p", "A100", "--chips", "1", "--weights", "w"], "no such input; it has x"),
            (["MODEL", "-p", "A100", "--efficiency", "1.5"], "above 0 up to 1"),
            (["MODEL", "-p", "A100", "--efficiency", "speed=0.5"], "compute=0.6"),
            (["MODEL", "-p", "A100", "--chips", "4", "--split", "rows"], "data or tensor"),
            (["MODEL", "-p", "A100", "--ceilings", "int8"], "--plot"),
            (["MODEL", "-p", "A100", "--role", "fun"], "inference or training"),
            (["MODEL", "-p", "/nonexistent/chip.json"], "/nonexistent/chip.json: cannot be read"),
            (["MODEL", "-p", "A100", "--plot", "/nonexistent/roof.svg"], "cannot write"),
            (["--list", "MODEL"], "takes no model"), (["/nonexistent.graph", "--all"], "cannot read"),
        ])
    func mistakes(arguments: [String], words: String) throws {
        let run = try plan(arguments.map { $0 == "MODEL" ? mlp : $0 })
        #expect(run.status == 64 && run.messages.contains(words), "\(run.status): \(run.messages)")
        #expect(run.output.isEmpty)
    }

    @Test("a model that cannot be read is one line and 1")
    func broken() throws {
        for (name, text) in [("broken.graph", "heterodyne 1 graph() {"), ("broken.onnx", "no model")] {
            let run = try plan([try fixture.write(text, as: name), "--all"])
            #expect(run.status == 1 && run.output.isEmpty && run.messages.hasPrefix("error: "), "\(run.messages)")
            #expect(run.messages.split(separator: "\n").count == 1)
        }
    }
}
