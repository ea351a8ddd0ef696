// Heterodyne: `heterodyne export`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneConformance
import HeterodyneONNX

/// Writes a graph as an ONNX model.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a graph in the text form as an ONNX model.",
        discussion: """
            Composites become ONNX operators where there is one of the same meaning, and nodes of their decomposition \
            elsewhere. Symbolic extents become dimension parameters of the model.

            With --conformance, every case of the quick conformance set is written to a folder of its own, as model, \
            inputs and the reference's results, for scripts/check_onnx_export, which has ONNX Runtime run them.

            Exit status: 0 when the model is written, 1 when the graph cannot be expressed, 64 for wrong usage.
            """)

    @Argument(help: "A graph in the text form.", completion: .file(extensions: ["graph"]))
    var file: String?

    @Option(name: .shortAndLong, help: "Where to write the model.", completion: .file(extensions: ["onnx"]))
    var output: String?

    @Option(
        help: """
            The version of the operator set, \(ONNXWriteOptions.opsets.lowerBound) to \
            \(ONNXWriteOptions.opsets.upperBound); without it \(ONNXWriteOptions.defaultOpset), or \
            \(ONNXWriteOptions.opsets.upperBound) where bits of floats are read.
            """)
    var opset: Int?

    @Option(
        name: .customLong("bind"), help: ArgumentHelp("A number for a symbolic extent.", valueName: "symbol=number"))
    var bindings: [String] = []

    @Option(help: "The name of the model's graph; without it the file's name.")
    var name: String?

    @Option(
        help: ArgumentHelp("Write the conformance cases to this folder instead.", valueName: "folder"),
        completion: .directory)
    var conformance: String?

    @Option(help: "With --conformance: only cases whose identifier contains this.")
    var filter: String?

    func validate() throws {
        guard (file == nil) != (conformance == nil) else {
            throw ValidationError("give a graph file, or --conformance and a folder")
        }
        guard conformance != nil || output != nil else { throw ValidationError("give the model's path with --output") }
    }

    func run() throws {
        Output.reserve()
        if let conformance { return try writeCases(to: conformance) }
        guard let file, let output else { return }
        let text = try read(file)
        let numbers = try extents(bindings, option: "--bind", kind: "symbol=number")
        var options = ONNXWriteOptions(opset: opset)
        options.modelName = name ?? URL(filePath: file).deletingPathExtension().lastPathComponent
        do {
            let parsed = try Graph(parsing: text, composites: .standard)
            let graph = numbers.isEmpty ? parsed : try parsed.binding(numbers, allowsUnbound: true)
            try graph.writeONNX(to: output, options: options)
        } catch {
            printError("\(file): \(error)")
            throw ExitCode.failure
        }
    }

    // MARK: Conformance cases

    /// What `scripts/check_onnx_export` reads of a case.
    private struct CaseDescription: Encodable {
        struct Port: Encodable {
            let name: String
            let type: String
            let file: String
        }
        let id: String
        let metric: String
        /// The narrowest float type in which anything is computed; empty where nothing is.
        let precision: String
        let inputs: [Port]
        let outputs: [Port]
    }

    private func writeCases(to folder: String) throws {
        var suite = ConformanceSuite.standard.quick
        if let filter { suite = suite.filtered(filter) }
        guard let evaluator = Runtime.shared.evaluator else { throw ValidationError("there is no reference evaluator") }
        var written = 0
        var refused = 0
        for (index, test) in suite.cases.enumerated() {
            guard let program = try test.program() else { continue }
            let path = "\(folder)/\(String(format: "%05d", index))"
            do {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try program.graph.writeONNX(to: "\(path)/model.onnx", options: ONNXWriteOptions(opset: opset))
            } catch let error as ONNXError {
                refused += 1
                print("not expressible: \(test.id): \(error)")
                try FileManager.default.removeItem(atPath: path)
                continue
            }
            let results = try evaluator.evaluate(program.graph, program.inputs)
            let description = CaseDescription(
                id: test.id, metric: test.metric?.name ?? "exact",
                precision: Self.precision(of: program.graph)?.name ?? "",
                inputs: try Self.write(program.inputs, program.graph.inputNames, "input", path),
                outputs: try Self.write(results, program.graph.outputs.map(\.name), "output", path))
            try JSONEncoder().encode(description).write(to: URL(filePath: "\(path)/case.json"))
            written += 1
        }
        print("\(written) cases written, \(refused) not expressible")
    }

    /// The narrowest float type of any value or accumulation.
    private static func precision(of graph: Graph) -> ScalarType? {
        var types: [ScalarType] = []
        for node in graph.nodes {
            types += node.resultTypes.map(\.scalarType)
            if case .primitive(.dot(_, let accumulation, _)) = node.operation { types.append(accumulation) }
            types += node.operation.regions.compactMap(precision)
        }
        return types.filter(\.isFloatingPoint).min {
            $0.bitWidth < $1.bitWidth || ($0.bitWidth == $1.bitWidth && $0 == .bfloat16)
        }
    }

    private static func write(
        _ literals: [Literal], _ names: [String], _ role: String, _ path: String
    ) throws -> [CaseDescription.Port] {
        var ports: [CaseDescription.Port] = []
        for (index, (literal, name)) in zip(literals, names).enumerated() {
            let file = "\(role)_\(index).npy"
            try NpyFile.write(literal, to: "\(path)/\(file)")
            ports.append(CaseDescription.Port(name: name, type: literal.type.scalarType.name, file: file))
        }
        return ports
    }
}
