// Heterodyne: `heterodyne run`, `inspect` and `bench`, run as a user runs them.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("heterodyne on models")
struct ModelCommandTests {
    let model = repository.appending(path: "Tests/HeterodyneModelsTests/Fixtures/add_erf.onnx").path

    func heterodyne(_ arguments: [String], input: String = "") throws -> Command.Outcome {
        try Command("heterodyne").run(arguments, input: input)
    }

    func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test("inputs and outputs are files", arguments: Device.all.map(\.id))
    func files(device: String) throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = (folder.appending(path: "a.npy").path, folder.appending(path: "b.npy").path)
        let results = folder.appending(path: "results").path
        try NpyFile.write(Literal([-1, 0, 0.5, 1, 2, 3] as [Float], shape: [2, 3]), to: a)
        try NpyFile.write(Literal([0.25, 0, -0.25] as [Float]), to: b)
        let run = try heterodyne([
            "run", model, "--device", device, "--input", "a=\(a)", "--input", "b=\(b)", "--output", results,
            "--compare",
            "reference", "--repeat", "3",
        ])
        #expect(run.status == 0, "\(run.messages)")
        #expect(run.output.hasPrefix("d: float32[2, 3] from -0.711156 to 0.999"))
        #expect(run.output.contains("latency on \(device): median"))
        #expect(run.output.contains("difference between \(device) and reference:"))
        let values = try NpyFile.read(path: "\(results)/d.npy").scalars(as: Float.self)
        for (value, sum) in zip(values, [-0.75, 0, 0.25, 1.25, 2, 2.75] as [Double]) {
            let expected: Double = erf(sum)
            #expect(abs(Double(value) - expected) < 1e-6)
        }
    }

    @Test("random inputs are the same for the same seed, free dimensions are given or 1")
    func random() throws {
        let first = try heterodyne(["run", model, "-d", "reference", "--input", "random:7", "--dim", "n=4"])
        let second = try heterodyne(["run", model, "-d", "reference", "--input", "random:7", "--dim", "n=4"])
        let other = try heterodyne(["run", model, "-d", "reference", "--input", "random:8", "--dim", "n=4"])
        #expect(first.status == 0 && first.output.hasPrefix("d: float32[2, 4]") && first.messages.isEmpty)
        #expect(first.output == second.output && first.output != other.output)
        let assumed = try heterodyne(["run", model, "-d", "reference", "--input", "random"])
        #expect(assumed.output.hasPrefix("d: float32[2, 1]"))
        #expect(assumed.messages == "note: n = 1 (change with --dim NAME=NUMBER)\n")
    }

    @Test("several devices share a model, and a set that makes no sense is wrong usage")
    func deviceSets() throws {
        let alone = try heterodyne(["run", model, "-d", "reference", "--input", "random", "--dim", "n=4"])
        for set in ["automatic", Device.all.map(\.id).joined(separator: ",")] {
            let run = try heterodyne([
                "run", model, "-d", set, "--input", "random", "--dim", "n=4", "--compare", "reference", "--report",
            ])
            #expect(run.status == 0, "\(set): \(run.messages)")
            #expect(run.output.split(separator: " ").prefix(3) == alone.output.split(separator: " ").prefix(3))
            #expect(run.output.contains("== report =="), "\(set)")
        }
        for (set, word) in [
            ("reference,reference", "twice"), ("reference,abacus", "no such device"), ("reference,", "no such device"),
        ] {
            let run = try heterodyne(["run", model, "-d", set, "--input", "random"])
            #expect(run.status == 64 && run.messages.contains(word), "\(set): \(run.messages)")
        }
    }

    @Test("a batch is split over devices, as measured or as asked for", .enabled(if: Device.all.count > 1))
    func split() throws {
        let model = repository.appending(path: "Tests/HeterodyneONNXTests/Fixtures/mlp.onnx").path
        let names = Device.all.prefix(2).map(\.id)
        let common = ["run", model, "--dim", "batch=9", "--input", "random"]
        let measured = try heterodyne(common + ["--split", names.joined(separator: ","), "--compare", "reference"])
        #expect(measured.status == 0, "\(measured.messages)")
        #expect(measured.output.contains("difference between \(names[0]) and \(names[1]) and reference:"))
        let given = try heterodyne(common + ["--split", "\(names[0])=1,\(names[1])=2", "--report"])
        #expect(given.status == 0, "\(given.messages)")
        for words in [
            "split over 2 devices", "rows 0 to 2 of 9", "rows 3 to 8 of 9", "66.7% of the rows: as asked for",
        ] {
            #expect(given.output.contains(words), "\(given.output)")
        }
        for wrong in ["\(names[0]),\(names[0])", "\(names[0])=1,\(names[1])", ",", "\(names[0])=x", "nowhere"] {
            #expect(try heterodyne(common + ["--split", wrong]).status == 64, "\(wrong)")
        }
        #expect(try heterodyne(common + ["--split", names[0], "--device", names[0]]).status == 64)
        #expect(try heterodyne(common + ["--split", names[0], "--profile"]).status == 64)
    }

    @Test("a profile is a table and a trace")
    func profile() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let trace = folder.appending(path: "trace.json")
        let run = try heterodyne([
            "run", model, "-d", "reference", "--input", "random", "--profile", "--trace", trace.path, "--report",
        ])
        #expect(run.status == 0)
        #expect(
            run.output.contains("profile: ") && run.output.contains("reference: ")
                && run.output.contains("== report =="))
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: trace)) as? [String: Any]
        let events = try #require(object?["traceEvents"] as? [[String: Any]])
        #expect(!events.isEmpty && events.allSatisfy { $0["ph"] as? String == "X" && $0["dur"] is Double })
    }

    @Test("inspect says what the file holds and what each device makes of it")
    func inspect() throws {
        let run = try heterodyne(["inspect", model])
        #expect(run.status == 0)
        #expect(run.output.contains("  a: float32[2, n]\n  b: float32[n]\noutputs:\n  d: float32[2, n]\n"))
        #expect(run.output.contains("operators: 1 Add, 1 Erf\n"))
        for device in Device.all { #expect(run.output.contains("\n\(device.id):\n  native: ")) }
        #expect(run.output.contains("1 x erf on reference"))
    }

    @Test("bench reports, and takes turns")
    func bench() throws {
        let run = try heterodyne(["bench", model, "-d", "reference", "--runs", "7", "--json"])
        #expect(run.status == 0)
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        #expect(object?["runs"] as? Int == 7 && object?["device"] as? String == "reference")
        #expect(object?["medianMilliseconds"] is Double)
        let turns = try heterodyne(["bench", model, "-d", "reference", "--interactive"], input: "run 2\nwhat\nquit\n")
        let lines = turns.output.split(separator: "\n")
        #expect(turns.status == 0 && lines.count == 3 && lines.first == "ready")
        #expect(lines.count > 1 && UInt64(lines[1]) != nil)
        #expect(lines.last == "error not understood: what")
    }

    @Test(
        "each mistake is said in one piece",
        arguments: [
            (["run", "missing.onnx", "--input", "random"], Int32(1), "missing.onnx"),
            (["run", "MODEL"], 64, "--input 'a=FILE.npy'   float32[2, n]"),
            (["run", "MODEL", "--input", "random", "--dim", "m=3"], 64, "'m'; the free ones are n"),
            (["run", "MODEL", "--input", "random", "--dim", "n"], 64, "'--dim n' is not NAME=NUMBER"),
            (["run", "MODEL", "--input", "x=random"], 64, "no input 'x'; its inputs: 'a', 'b'"),
            (["run", "MODEL", "--input", "random:x"], 64, "the seed is a whole number"),
            (["run", "MODEL", "--input", "random", "--device", "abacus"], 64, "abacus"),
            (["run", "MODEL", "--input", "random", "--repeat", "0"], 64, "at least 1 is needed"),
            (["bench", "MODEL", "--json", "--interactive"], 64, "exclude each other"),
        ])
    func mistakes(arguments: [String], status: Int32, message: String) throws {
        let run = try heterodyne(arguments.map { $0 == "MODEL" ? model : $0 })
        #expect(run.status == status && run.output.isEmpty)
        #expect(run.messages.contains(message), "\(run.messages)")
    }
}
