// Heterodyne: the `heterodyne` command, run as a user runs it.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

/// A finished command.
private struct Outcome {
    let status: Int32
    let output: String
    let errors: String
}

/// The folder with the built commands: where the test bundle lies.
private let products: URL? = {
    for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
        return URL(filePath: argument).deletingLastPathComponent()
    }
    return Bundle.main.executableURL?.deletingLastPathComponent()
}()

/// Runs `heterodyne` with its output in files, so that no pipe can fill up.
private func heterodyne(_ arguments: String...) throws -> Outcome { try heterodyne(arguments) }

private func heterodyne(_ arguments: [String]) throws -> Outcome {
    let command = try #require(products).appending(path: "heterodyne")
    try #require(FileManager.default.isExecutableFile(atPath: command.path), "\(command.path) has not been built")
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, errors) = (folder.appending(path: "out"), folder.appending(path: "err"))
    for file in [output, errors] { try Data().write(to: file) }
    let process = Process()
    process.executableURL = command
    process.arguments = arguments
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    return Outcome(
        status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
        errors: try String(contentsOf: errors, encoding: .utf8))
}

private func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

@Suite("heterodyne")
struct HeterodyneCommandTests {
    @Test("lists cases, and runs the one that an identifier names")
    func conformance() throws {
        let id = "dot/float32/plain/normal/7x5-5x3"
        let list = try heterodyne("conformance", "--list", "--filter", id)
        #expect(list.status == 0 && list.output == "\(id)\n")
        let run = try heterodyne("conformance", "--device", "reference", "--filter", id)
        #expect(run.status == 0 && run.output.hasPrefix("reference: 1 passed, 0 failed, 0 skipped"))
        #expect(!run.errors.contains("\u{1B}"), "a file gets no terminal control sequences")
    }

    @Test("JSON is one document with totals")
    func json() throws {
        let run = try heterodyne("conformance", "-d", "reference", "-f", "transpose/float32", "--json")
        #expect(run.status == 0)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let totals = try #require(document["conformance"] as? [String: Int])
        #expect(document["schema"] as? Int == 1 && (totals["passed"] ?? 0) > 3 && totals["failed"] == 0)
    }

    @Test("Markdown goes to a file; an expected failure that passes fails the run")
    func files() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (report, known) = (folder.appending(path: "report.md"), folder.appending(path: "known"))
        try Data("# none\nreference reverse/* not yet done\n".utf8).write(to: known)
        let run = try heterodyne(
            "conformance", "-d", "reference", "-f", "reverse/float32", "--markdown", report.path,
            "--expected-failures", known.path)
        #expect(run.status == 1 && run.output.contains("passes although"))
        let text = try String(contentsOf: report, encoding: .utf8)
        #expect(text.contains("| reverse | float32 |") && text.contains("not yet done"))
    }

    /// The small suite of the conformance tests, which says what must come of its cases.
    private static let suite = repository.appending(path: "Tests/ConformanceTests/Fixtures/onnx-suite").path

    @Test("runs an ONNX suite, and tells what does not pass")
    func onnx() throws {
        let run = try heterodyne("conformance", "--only-onnx", "--onnx", Self.suite, "-d", "reference")
        #expect(run.status == 1)
        #expect(run.output.contains("failed on reference: node/test_add_wrong: output 'y0' differs in 1 of 6 elements"))
        #expect(run.output.contains("error on reference: node/test_damaged: "))
        #expect(run.output.contains("reference: ONNX suite 1.23.2: 3 of 11 passed (27.2 %)"), "\(run.output)")
        #expect(!run.output.contains("test_add_loose") && !run.errors.contains("\u{1B}"))

        let some = try heterodyne(
            "conformance", "--onnx", Self.suite, "-d", "reference", "-f", "node/test_add_l*", "--json", "--jobs", "1")
        #expect(some.status == 0, "\(some.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(some.output.utf8)) as? [String: Any])
        let totals = try #require(document["onnx"] as? [String: Any])
        #expect(totals["passed"] as? Int == 1 && totals["total"] as? Int == 1)

        let slow = try heterodyne(
            "conformance", "--only-onnx", "--onnx", Self.suite, "-d", "reference", "-f", "node/test_add_l*",
            "--time-limit", "0.0001")
        #expect(slow.status == 1 && slow.output.contains("took longer than 0.0001 seconds"), "\(slow.output)")
    }

    @Test("a baseline tells regressions; a scoreboard is rewritten in place")
    func onnxFiles() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (baseline, board) = (folder.appending(path: "expected.txt"), folder.appending(path: "board.md"))
        try Data("a\n<!-- onnx scoreboard -->\n<!-- end of onnx scoreboard -->\nb\n".utf8).write(to: board)
        let common = [
            "conformance", "--only-onnx", "--onnx", Self.suite, "-d", "reference", "--baseline", baseline.path,
        ]
        let update = try heterodyne(common + ["--update-baseline", "--scoreboard", board.path])
        #expect(update.status == 0, "\(update.errors)")
        let text = try String(contentsOf: board, encoding: .utf8)
        #expect(
            text.hasPrefix("a\n<!-- onnx scoreboard -->\n") && text.hasSuffix("<!-- end of onnx scoreboard -->\nb\n"))
        #expect(text.contains("| `reference` | 3 of 11 (27.2 %) |"))

        let listed = try heterodyne(common)
        #expect(listed.status == 0, "\(listed.output)")
        let list = try String(contentsOf: baseline, encoding: .utf8)
        let lines =
            list.split(separator: "\n").filter { !$0.contains("test_add_wrong") } + ["* node/test_add error was so"]
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: baseline)
        let changed = try heterodyne(common)
        #expect(changed.status == 1)
        #expect(changed.output.contains("failed on reference, not listed: node/test_add_wrong"), "\(changed.output)")
        #expect(changed.output.contains("passes now on reference, take it from the list: node/test_add\n"))
    }

    @Test(
        "wrong usage is status 64 and says what there is",
        arguments: [
            (["conformance", "-d", "nowhere"], "reference"),
            (["conformance", "-f", "no such case"], "no case matches"),
            (["compile", "/nonexistent.graph"], "cannot read"), (["compile"], "file"),
            (["conformance", "--unknown"], "unknown"),
            (["conformance", "--onnx", "/nonexistent"], "scripts/onnx_suite"),
            (["conformance", "--baseline", "x"], "--onnx default"),
            (["conformance", "--only-onnx", "--update-baseline"], "--baseline file"),
            (["conformance", "--only-onnx", "--jobs", "0"], "--jobs"),
        ])
    func usage(arguments: [String], words: String) throws {
        let run = try heterodyne(arguments)
        #expect(run.status == 64 && run.errors.lowercased().contains(words), "\(run.errors)")
    }

    @Test("compiles a graph and prints its stages and steps")
    func compile() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "layer.graph")
        let text = """
            heterodyne 1
            graph(%0 "x": float32[batch, 3]) {
              %1 = softmax(%0) {axis = 1} : float32[batch, 3]
              return "y" = %1
            }
            """
        try Data(text.utf8).write(to: file)
        let unbound = try heterodyne("compile", file.path, "--device", "reference")
        #expect(unbound.status == 64 && unbound.errors.contains("--bind batch=<number>"))
        let run = try heterodyne("compile", file.path, "--device", "reference", "--bind", "batch=4", "--report")
        #expect(run.status == 0)
        for words in ["== input ==", "softmax(%0)", "== decompose ==", "reference: exp float32[4, 3]", "== report =="] {
            #expect(run.output.contains(words), "\(words)")
        }
        let one = try heterodyne("compile", file.path, "-d", "reference", "--bind", "batch=4", "--dump", "decompose")
        #expect(one.output.contains("== decompose ==") && !one.output.contains("== input =="))
        let none = try heterodyne("compile", file.path, "-d", "reference", "--bind", "batch=4", "--dump", "spirv")
        #expect(none.status == 64 && none.errors.contains("no code in 'spirv'"))
        if Device.all.contains(where: { $0.id == "vulkan:0" }) {
            let code = try heterodyne("compile", file.path, "-d", "vulkan:0", "--bind", "batch=4", "--dump", "spirv")
            #expect(code.status == 0 && code.output.contains("OpEntryPoint") && code.output.contains("steps 0"))
            let kernels = try heterodyne(
                "compile", file.path, "-d", "vulkan:0", "--bind", "batch=4", "--dump", "kernels")
            #expect(kernels.status == 0 && kernels.output.contains("workgroup("))
        }
        try Data("heterodyne 1 graph() {".utf8).write(to: file)
        let broken = try heterodyne("compile", file.path, "--device", "reference")
        #expect(broken.status == 1 && broken.errors.contains("1:"))
    }

    @Test("writes a graph as an ONNX model, with its symbols or with numbers for them")
    func export() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "layer.graph")
        let model = folder.appending(path: "layer.onnx").path
        let text = """
            heterodyne 1
            graph(%0 "x": float32[batch, 3]) {
              %1 = softmax(%0) {axis = 1} : float32[batch, 3]
              return "y" = %1
            }
            """
        try Data(text.utf8).write(to: file)
        let run = try heterodyne("export", file.path, "-o", model)
        #expect(run.status == 0, "\(run.errors)")
        let symbolic = try ONNXModel.load(model)
        #expect(symbolic.graph.name == "layer")
        #expect(symbolic.graph.nodes.map(\.opType) == ["Softmax"])
        #expect(symbolic.graph.inputs[0].type == .tensor(.float32, [.symbol("batch"), .fixed(3)]))
        let bound = try heterodyne("export", file.path, "-o", model, "--bind", "batch=4", "--opset", "24")
        #expect(bound.status == 0, "\(bound.errors)")
        #expect(try ONNXModel.load(model).graph.inputs[0].type == .tensor(.float32, [.fixed(4), .fixed(3)]))
        #expect(try ONNXModel.load(model).opsets == ["": 24])
        let old = try heterodyne("export", file.path, "-o", model, "--opset", "9")
        #expect(old.status == 1 && old.errors.contains("choose one from 18"), "\(old.errors)")
        let nowhere = try heterodyne("export", file.path)
        #expect(nowhere.status == 64 && nowhere.errors.contains("--output"))
    }
}
