// Heterodyne: `heterodyne inspect`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// Shows what an ONNX model is made of and what devices make of it.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what an ONNX model is made of, and what each device makes of it.",
        discussion: """
            Inputs, outputs, operators and parameters come from the file. For each device it then says what runs \
            natively, what is decomposed, what falls back to another device and why; free dimensions are 1 unless \
            --dim gives them.

            Exit status: 0 when the model can be read, 1 when it cannot, 64 for wrong usage.
            """)

    @OptionGroup var arguments: ModelArguments

    func run() throws {
        Output.reserve()
        let progress = ProgressLine()
        defer { progress.finish() }
        progress.show("reading \(arguments.model)")
        let model = try arguments.load()
        progress.finish()
        print(ModelDescription(model, path: arguments.model).text)
        let importer = ONNXImporter(model) { (_, _) throws(GraphError) in [] }
        let unknown = importer.unknownOperators()
        guard unknown.isEmpty else {
            print("\nnot imported:")
            for use in unknown {
                let set = use.domain.isEmpty ? "ai.onnx" : use.domain
                print("  \(use.name) of \(set) \(use.version), \(use.count) nodes")
            }
            return
        }
        var completed = arguments
        completed.input.append("random")
        let inputs: [String: ONNXData]
        do { inputs = try completed.inputs(of: model) } catch let error as ValidationError {
            print("\ndevices: not looked at, since \(error.message)")
            return
        }
        let all = Device.all.map { ModelTarget(device: $0) }
        for device in arguments.device == nil ? all : [try arguments.target()] {
            let line = ProgressLine()
            line.show("importing \(arguments.model)")
            let text = describe(model, inputs, device, line)
            line.finish()
            print("\n\(text)")
        }
    }

    private func describe(
        _ model: ONNXModel, _ inputs: [String: ONNXData], _ device: ModelTarget, _ progress: ProgressLine
    ) -> String {
        do {
            let runner = try arguments.runner(model, on: device, progress: progress)
            let compiled = try runner.plan(for: inputs.mapValues(\.signature))
            var lines = ["\(device.id):"]
            for report in compiled.programs.compactMap({ $0?.report }) { lines += Self.lines(report) }
            if compiled.plan.results == nil {
                lines.append("  the rest of the graph depends on values that are computed at run time")
            }
            return lines.joined(separator: "\n")
        } catch {
            return "\(device.id): cannot run it: \(error)"
        }
    }

    private static func lines(_ report: CompilationReport) -> [String] {
        var lines: [String] = []
        for kind in CompilationReport.Entry.Kind.allCases {
            let entries = report.entries.filter { $0.kind == kind }
            guard !entries.isEmpty else { continue }
            let count = entries.reduce(0) { $0 + $1.count }
            if kind == .placement {
                let devices = Set(entries.map(\.device)).sorted()
                for device in devices {
                    let place = devices.count > 1 ? "native on \(device)" : "native"
                    lines.append("  \(place): " + Self.nodes(entries.filter { $0.device == device }))
                }
                continue
            }
            if kind == .fusion { continue }
            lines.append("  \(Self.title(kind)): \(count)")
            for entry in entries {
                lines.append("    \(entry.count) x \(entry.operation) on \(entry.device): \(entry.reason)")
            }
        }
        return lines
    }

    /// How many nodes there are, and of what.
    private static func nodes(_ entries: [CompilationReport.Entry]) -> String {
        let count = entries.reduce(0) { $0 + $1.count }
        let names = Dictionary(grouping: entries, by: \.operation).mapValues { $0.reduce(0) { $0 + $1.count } }
            .filter { !$0.key.hasPrefix("fused(") }
        let fused = count - names.values.reduce(0, +)
        var list = names.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        if fused > 0 { list.insert("\(fused) fused regions", at: 0) }
        return "\(count) nodes: \(list.joined(separator: ", "))"
    }

    private static func title(_ kind: CompilationReport.Entry.Kind) -> String {
        switch kind {
        case .placement: "native"
        case .fallback: "on another device"
        case .recognition: "recognized"
        case .decomposition: "decomposed into primitives"
        case .fusion: "fused"
        case .legalization: "in another scalar type"
        case .transfer: "copies between devices"
        case .shard: "shares of a batch"
        }
    }
}

/// What the file says.
struct ModelDescription {
    let model: ONNXModel
    let path: String

    init(_ model: ONNXModel, path: String) {
        self.model = model
        self.path = path
    }

    /// Several lines: origin, operator sets, inputs, outputs, parameters, operators.
    var text: String {
        var lines = ["\(path): ONNX IR \(model.irVersion)"]
        let sets = model.opsets.sorted { $0.key < $1.key }
            .map { "\($0.key.isEmpty ? "ai.onnx" : $0.key) \($0.value)" }
        lines.append("operator sets: \(sets.joined(separator: ", "))")
        if !model.producerName.isEmpty { lines.append("made by: \(model.producerName) \(model.producerVersion)") }
        let defaults = Set(model.graph.initializers.map(\.name))
        lines.append("inputs:")
        for input in model.graph.inputs where !defaults.contains(input.name) { lines.append(Self.line(input)) }
        let replaceable = model.graph.inputs.count { defaults.contains($0.name) }
        if replaceable > 0 { lines.append("  and \(replaceable) parameters that may be replaced") }
        lines.append("outputs:")
        for output in model.graph.outputs { lines.append(Self.line(output)) }
        let bytes = model.graph.initializers.reduce(0) { $0 + $1.byteCount }
        let elements = model.graph.initializers.reduce(0) { $0 + $1.elementCount }
        let external = model.graph.initializers.count { $0.isExternal }
        lines.append(
            "parameters: \(model.graph.initializers.count) tensors, \(elements) elements, \(bytes) bytes"
                + (external > 0 ? ", \(external) of them in other files" : ""))
        lines.append("operators: \(operators)")
        if !model.functions.isEmpty {
            lines.append("functions: \(model.functions.map(\.identifier.name).sorted().joined(separator: ", "))")
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ value: ONNXValue) -> String { "  \(value.name): \(value.type?.text ?? "of any type")" }

    private var operators: String {
        var counts: [String: Int] = [:]
        func visit(_ nodes: [ONNXNode]) {
            for node in nodes {
                counts[node.domain.isEmpty ? node.opType : "\(node.domain).\(node.opType)", default: 0] += 1
                for attribute in node.attributes.values { for graph in attribute.subgraphs { visit(graph.nodes) } }
            }
        }
        visit(model.graph.nodes)
        for function in model.functions { visit(function.nodes) }
        let list = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        return list.isEmpty ? "none" : list.joined(separator: ", ")
    }
}
