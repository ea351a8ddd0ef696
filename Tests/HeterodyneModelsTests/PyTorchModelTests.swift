// Heterodyne: tests of models that PyTorch exported, against what PyTorch computes.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

/// Inputs and outputs that PyTorch computed; see Fixtures/pytorch/README.md.
struct PyTorchValues {
    let values: [String: Literal]

    init(_ name: String) throws {
        var values: [String: Literal] = [:]
        for tensor in try pyTorchModel("\(name).values").graph.initializers {
            guard case .tensor(_, let literal) = try tensor.data() else { continue }
            values[tensor.name] = literal
        }
        self.values = values
    }

    var cases: [String] { Set(values.keys.map { String($0.prefix { $0 != "/" }) }).sorted() }

    func value(_ name: String) throws -> Literal { try #require(values[name]) }

    /// The inputs of a case, of those that the model has.
    func inputs(_ name: String, of model: ONNXModel) throws -> [String: Literal] {
        var result: [String: Literal] = [:]
        for input in model.graph.inputs { result[input.name] = try value("\(name)/\(input.name)") }
        return result
    }
}

func pyTorchModel(_ name: String) throws -> ONNXModel {
    let url = try #require(
        Bundle.module.url(forResource: name, withExtension: "onnx", subdirectory: "Fixtures/pytorch"))
    return try ONNXModel.load(url.path(percentEncoded: false))
}

/// Both sides compute in float32, with sums in other orders: a few hundred products of numbers near 1 per layer.
func expectClose(_ result: ONNXData, _ expected: Literal, _ what: String) throws {
    guard case .tensor(_, let literal) = result else {
        Issue.record("\(what) is no tensor")
        return
    }
    try expectClose(literal, expected, what)
}

func expectClose(_ result: Literal, _ expected: Literal, _ what: String) throws {
    #expect(result.type == expected.type, "\(what)")
    guard result.type == expected.type else { return }
    let pairs = zip(try result.scalars(as: Float.self), try expected.scalars(as: Float.self))
    let worst = pairs.map { abs($0 - $1) - 1e-4 * abs($1) }.max() ?? 0
    #expect(worst <= 1e-5, "\(what) differs by \(worst) beyond a relative 1e-4")
    #expect(pairs.allSatisfy { $0.0.isFinite }, "\(what)")
}

@Suite("Models exported by PyTorch")
struct PyTorchModelTests {
    static let names = ["bert", "bert_fused", "gpt2", "gpt2_fused", "lstm", "resnet"]
    static let exporters = ["script", "dynamo"]
    static let files = names.flatMap { name in exporters.map { "\(name).\($0)" } }

    @Test("Every case of every model", arguments: files, Device.all.map(\.id))
    func cases(file: String, device: String) throws {
        let model = try pyTorchModel(file)
        let values = try PyTorchValues(String(file.prefix { $0 != "." }))
        let runner = try ModelRunner(model, on: try Device(device), runtime: .shared)
        #expect(values.cases.count >= 2)
        for name in values.cases {
            let results = try runner.run(try values.inputs(name, of: model).mapValues { ONNXData($0) })
            #expect(results.map(\.name) == model.graph.outputs.map(\.name))
            for (output, data) in results {
                try expectClose(data, try values.value("\(name)/\(output)"), "\(file) \(name)/\(output)")
            }
        }
    }

    /// Free dimensions stay symbols: one graph for all shapes, which computes the same once they are numbers.
    @Test("One graph for free dimensions", arguments: ["bert", "bert_fused"], exporters)
    func symbols(name: String, exporter: String) throws {
        let model = try pyTorchModel("\(name).\(exporter)")
        let values = try PyTorchValues(name)
        let shape: Shape = [.symbol("batch"), .symbol("sequence")]
        let plan = try symbolicPlan(model) { _ in shape }
        #expect(plan.steps.count == 1)
        let graph = try #require(plan.steps.first).graph
        #expect(
            graph.outputTypes == [
                TensorType(.float32, [.symbol("batch"), .symbol("sequence"), 32]),
                TensorType(.float32, [.symbol("batch"), 32]),
            ])
        for (batch, sequence) in [(1, 7), (2, 16), (3, 5)] {
            let inputs = try values.inputs("\(batch)x\(sequence)", of: model)
            try expectBound(graph, ["batch": batch, "sequence": sequence], inputs, values, "\(batch)x\(sequence)")
        }
    }

    @Test("One graph for any length of the past", arguments: ["gpt2", "gpt2_fused"], exporters)
    func symbolicPast(name: String, exporter: String) throws {
        let model = try pyTorchModel("\(name).\(exporter)")
        let values = try PyTorchValues(name)
        let (batch, length, past) = (Extent.symbol("batch"), Extent.symbol("sequence"), Extent.symbol("past"))
        let plan = try symbolicPlan(model) { $0 == "input_ids" ? [batch, length] : [batch, 4, past, 8] }
        #expect(plan.steps.count == 1)
        let graph = try #require(plan.steps.first).graph
        let present = TensorType(.float32, [batch, 4, try past.adding(length), 8])
        #expect(graph.outputTypes == [TensorType(.float32, [batch, length, 64])] + Array(repeating: present, count: 4))
        for (name, bindings) in [
            ("single", ["batch": 1, "sequence": 1, "past": 5]), ("chunk", ["batch": 3, "sequence": 4, "past": 6]),
            ("full", ["batch": 2, "sequence": 12, "past": 0]),
        ] {
            try expectBound(graph, bindings, try values.inputs(name, of: model), values, name)
        }
    }

    private func symbolicPlan(_ model: ONNXModel, _ shape: (String) -> Shape) throws -> ImportPlan {
        let evaluator = try #require(Runtime.shared.evaluator)
        let importer = ONNXImporter(model) { (graph, inputs) throws(GraphError) in
            do { return try evaluator.evaluate(graph, inputs) } catch {
                throw GraphError(.unsupported, "\(error)")
            }
        }
        return try importer.plan(
            for: model.graph.inputs.map { input in
                .tensor(input.name.hasPrefix("past") ? .float32 : .int64, shape(input.name))
            })
    }

    private func expectBound(
        _ graph: Graph, _ bindings: [String: Int], _ inputs: [String: Literal], _ values: PyTorchValues, _ name: String
    ) throws {
        let bound = try graph.binding(bindings)
        let program = try Runtime.shared.program(for: bound, on: try Device("reference"))
        let arguments = try bound.inputNames.map { try #require(inputs[$0]) }
        for (output, literal) in zip(bound.outputs.map(\.name), try program.call(arguments)) {
            try expectClose(literal, try values.value("\(name)/\(output)"), "\(name)/\(output)")
        }
    }

    /// What the exporters write out in primitives runs as one kernel where the device has one.
    @Test(
        "Attention and GELU are found again",
        arguments: [
            ("bert.script", 2, 2), ("bert.dynamo", 2, 0), ("bert_fused.script", 2, 2), ("gpt2.script", 2, 0),
            ("gpt2.dynamo", 2, 0), ("gpt2_fused.script", 2, 0),
        ])
    func recognition(file: String, attentions: Int, gelus: Int) throws {
        let model = try pyTorchModel(file)
        let values = try PyTorchValues(String(file.prefix { $0 != "." }))
        let runner = try ModelRunner(model, on: try Device("openblas"), runtime: .shared)
        let name = file.hasPrefix("bert") ? "2x16" : "chunk"
        let signatures = try values.inputs(name, of: model).mapValues { ONNXData($0).signature }
        let report = try #require(try runner.plan(for: signatures).onlyProgram).report
        func count(_ kind: CompilationReport.Entry.Kind, _ operation: String) -> Int {
            report.entries.filter { $0.kind == kind && $0.operation == operation }.reduce(0) { $0 + $1.count }
        }
        #expect(count(.recognition, "attention") == attentions)
        #expect(count(.placement, "attention") == 2)
        #expect(count(.recognition, "gelu") == gelus)
        #expect(count(.decomposition, "softmax") == 0)
    }

    /// A prompt of four words, then one word after the other, with the caches fed back where they are: on the device.
    @Test(
        "Decoding with a cache is the whole sequence at once, and donating the cache changes nothing",
        arguments: ["gpt2.script", "gpt2.dynamo", "gpt2_fused.script", "gpt2_fused.dynamo"], Device.all.map(\.id))
    func decoding(file: String, device: String) throws {
        let values = try PyTorchValues(String(file.prefix { $0 != "." }))
        let kept = try decode(try pyTorchModel(file), values, on: device, donating: false)
        let donated = try decode(try pyTorchModel(file), values, on: device, donating: true)
        #expect(kept.logits == donated.logits)
        #expect(kept.caches == donated.caches)
        #expect(kept.logits.count == 9)
        let expected = try values.value("full/logits")
        let words = try Self.rows(expected)
        for (step, logits) in kept.logits.enumerated() {
            let range = step == 0 ? 0..<4 : step + 3..<step + 4
            let whole = words.map { sample in Array(sample[range].joined()) }
            try expectClose(
                logits, try Literal(Array(whole.joined()), shape: logits.type.shape), "\(file), step \(step)")
        }
        for (index, name) in ["0.key", "0.value", "1.key", "1.value"].enumerated() {
            try expectClose(kept.caches[index], try values.value("full/present.\(name)"), "\(file), \(name)")
        }
    }

    /// The innermost rows of a tensor of rank 3.
    private static func rows(_ literal: Literal) throws -> [[[Float]]] {
        let extents = try literal.type.shape.extents()
        let all = try literal.scalars(as: Float.self)
        return (0..<extents[0]).map { sample in
            (0..<extents[1]).map { row in
                let start = (sample * extents[1] + row) * extents[2]
                return Array(all[start..<start + extents[2]])
            }
        }
    }

    private func decode(
        _ model: ONNXModel, _ values: PyTorchValues, on device: String, donating: Bool
    ) throws -> (logits: [Literal], caches: [Literal]) {
        var options = ModelOptions()
        let caches = model.graph.inputs.map(\.name).filter { $0.hasPrefix("past") }
        if donating { options.donatedInputs = Set(caches) }
        let runner = try ModelRunner(model, on: try Device(device), runtime: .shared, options: options)
        let words = try values.value("full/input_ids").scalars(as: Int64.self)
        let empty = try Literal([Float](), shape: [2, 4, 0, 8])
        var slots: [SlotValue] = caches.map { _ in .literal(empty) }
        var logits: [Literal] = []
        for range in [0..<4] + (4..<12).map({ $0..<$0 + 1 }) {
            let ids = try Literal(
                Array([words[range], words[(range.lowerBound + 12)..<(range.upperBound + 12)]].joined()),
                shape: Shape([2, range.count]))
            var signatures: [String: ONNXSignature] = ["input_ids": .tensor(.int64, ids.type.shape)]
            for (name, slot) in zip(caches, slots) { signatures[name] = .tensor(.float32, slot.type.shape) }
            let results = try runner.run(signatures, [.literal(ids)] + slots).map { output -> SlotValue in
                guard case .tensor(_, let value) = output.result else { throw CocoaError(.featureUnsupported) }
                return value
            }
            logits.append(try read(results[0]))
            slots = Array(results[1...])
        }
        return (logits, try slots.map(read))
    }

    private func read(_ value: SlotValue) throws -> Literal {
        switch value {
        case .literal(let literal): return literal
        case .buffer(let buffer, let type): return try Program.literal(of: buffer, type, try type.byteCount())
        }
    }
}
