// Heterodyne: runs an imported model on a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
public import HeterodyneGraph
public import HeterodyneONNX
public import HeterodyneRuntime
import Synchronization

/// Runs an ONNX model on a device.
///
/// The model is imported and compiled once for every combination of input types. Where the structure of the graph
/// depends on values that are computed at run time (the number of non-zero elements, a shape given as an input), it is
/// imported once more for every combination of these, and the parts run one after the other; what lies between them
/// stays on the device. Safe to call from many threads.
public final class ModelRunner: Sendable {
    /// The model.
    public let model: ONNXModel
    /// The device that everything but the arithmetic of shapes runs on, unless the options allow others; of several
    /// devices the one that inputs and outputs live on.
    public let device: Device
    /// The devices to run on, where there are several.
    public let devices: DeviceSet?
    /// The options; the compiler's role is `training` where the model is for training.
    public let options: ModelOptions
    let runtime: Runtime
    private let evaluator: any Evaluator
    let importer: ONNXImporter
    private let plans: Mutex<PlanCache>

    /// A runner of `model` on `device`. Throws `unsupported` where the runtime has no evaluator for constants.
    public convenience init(
        _ model: ONNXModel, on device: Device, runtime: Runtime, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        try self.init(model, on: device, devices: nil, runtime: runtime, options: options)
    }

    /// A runner of `model` on several devices, every node where the whole costs least. Inputs and outputs live on the
    /// first device of the set; of an automatic one on the fastest. Throws `unsupported` where the runtime has no
    /// evaluator for constants.
    public convenience init(
        _ model: ONNXModel, on devices: DeviceSet, runtime: Runtime, options: ModelOptions = ModelOptions()
    ) throws(ModelError) {
        let set = try liftingExecution { () throws(HeterodyneError) in
            // All programs of a model share the tensors between them, so all have one home.
            devices.isAutomatic ? try devices.starting(with: runtime.fastestDevice(of: devices)) : devices
        }
        try self.init(model, on: set.first, devices: set, runtime: runtime, options: options)
    }

    private init(
        _ model: ONNXModel, on device: Device, devices: DeviceSet?, runtime: Runtime, options: ModelOptions
    ) throws(ModelError) {
        guard let evaluator = runtime.evaluator else {
            throw .execution(
                .graph(GraphError(.unsupported, "models need a runtime with an evaluator for constants")))
        }
        self.model = model
        self.device = device
        self.devices = devices
        self.runtime = runtime
        var options = options
        // Parts that are made for inference refuse what computes gradients, whoever asked for it.
        if model.isForTraining { options.program.compiler.role = .training }
        self.options = options
        self.evaluator = evaluator
        let limits = options.constantLimits(of: model)
        importer = ONNXImporter(model) { (graph, inputs) throws(GraphError) in
            try Self.evaluate(graph, inputs, evaluator, limits)
        }
        plans = Mutex(PlanCache(capacity: options.planLimit))
    }

    private static func evaluate(
        _ graph: Graph, _ inputs: [Literal], _ evaluator: any Evaluator, _ limits: EvaluationLimits
    ) throws(GraphError) -> [Literal] {
        do throws(BackendError) { return try evaluator.evaluate(graph, inputs, limits: limits) } catch {
            throw GraphError(
                .unsupported,
                "needs a value that cannot be computed while the model is compiled: \(error.message)")
        }
    }

    // MARK: - Plans

    /// The plan and its programs for inputs of the given signatures, by name, and the answers so far: remembered, or
    /// imported and compiled now.
    public func plan(
        for signatures: [String: ONNXSignature], answers: [Literal] = []
    ) throws(ModelError) -> CompiledPlan {
        try checkNames(signatures.keys)
        return try plan(model.graph.inputs.map { signatures[$0.name] }, answers)
    }

    private func plan(_ signatures: [ONNXSignature?], _ answers: [Literal]) throws(ModelError) -> CompiledPlan {
        let key = PlanKey(signatures: signatures, answers: answers)
        if let known = plans.withLock({ $0.find(key) }) { return known }
        let progress = options.progress
        let plan = try liftingONNX { () throws(ONNXError) in
            try importer.plan(for: signatures, answers: answers) { progress?(.importing(done: $0, total: $1)) }
        }
        var programs: [Program?] = []
        for step in plan.steps {
            progress?(.compiling(done: programs.count, total: plan.steps.count))
            guard step.purpose != .answer else {
                programs.append(nil)
                continue
            }
            programs.append(try program(for: step, isOnly: plan.steps.count == 1 && plan.results != nil))
        }
        let compiled = CompiledPlan(plan: plan, programs: programs)
        plans.withLock { $0.insert(compiled, for: key) }
        progress?(.running)
        return compiled
    }

    private func program(for step: ImportPlan.Step, isOnly: Bool) throws(ModelError) -> Program {
        var program = options.program
        // Between steps a slot may be read again.
        let names = step.graph.inputNames
        program.donatedInputs = isOnly ? Set(names.indices.filter { options.donatedInputs.contains(names[$0]) }) : []
        return try liftingExecution { () throws(HeterodyneError) in
            if let devices { return try runtime.program(for: step.graph, on: devices, options: program) }
            return try runtime.program(for: step.graph, on: device, options: program)
        }
    }

    /// What the model becomes for inputs of the given signatures, by name, and the answers so far; nothing is compiled.
    public func importPlan(
        for signatures: [String: ONNXSignature], answers: [Literal] = []
    ) throws(ModelError) -> ImportPlan {
        try checkNames(signatures.keys)
        let progress = options.progress
        return try liftingONNX { () throws(ONNXError) in
            try importer.plan(for: model.graph.inputs.map { signatures[$0.name] }, answers: answers) {
                progress?(.importing(done: $0, total: $1))
            }
        }
    }

    func checkNames(_ names: some Sequence<String>) throws(ModelError) {
        let known = Set(model.graph.inputs.map(\.name))
        for name in names.sorted() where !known.contains(name) {
            let list = model.graph.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw .onnx(
                ONNXError(
                    .invalidInput, "the model has no input '\(name)'; its inputs: \(list.isEmpty ? "none" : list)"))
        }
    }

    // MARK: - Running

    /// The outputs of the model by name, in its order.
    public func run(_ inputs: [String: ONNXData]) throws(ModelError) -> [(name: String, data: ONNXData)] {
        let traced = try trace(inputs)
        return try results(of: traced.compiled.plan, traced.slots)
    }

    /// Runs the model and returns the plan with all slots.
    func trace(_ inputs: [String: ONNXData]) throws(ModelError) -> (compiled: CompiledPlan, slots: [SlotValue?]) {
        try checkNames(inputs.keys)
        var slots: [SlotValue] = []
        var signatures: [ONNXSignature?] = []
        for input in model.graph.inputs {
            let data = inputs[input.name]
            signatures.append(data?.signature)
            if let data { Self.flatten(data, into: &slots) }
        }
        return try run(signatures, slots)
    }

    /// The outputs of the model by name, read from the slots.
    func results(
        of plan: ImportPlan, _ slots: [SlotValue?]
    ) throws(ModelError) -> [(name: String, data: ONNXData)] {
        var results: [(name: String, data: ONNXData)] = []
        for (name, result) in plan.results ?? [] { results.append((name, try data(result, slots))) }
        return results
    }

    /// The outputs of the model by name, in its order, from tensors that may be on the device already: one for each
    /// tensor of the inputs in the model's order. Tensors among the outputs stay where they are.
    public func run(
        _ signatures: [String: ONNXSignature], _ inputs: [SlotValue]
    ) throws(ModelError) -> [(name: String, result: ModelResult)] {
        try checkNames(signatures.keys)
        let traced = try run(model.graph.inputs.map { signatures[$0.name] }, inputs)
        var results: [(name: String, result: ModelResult)] = []
        for (name, result) in traced.compiled.plan.results ?? [] {
            switch result {
            case .slot(let element, let slot):
                results.append((name, .tensor(element, try value(of: slot, traced.slots))))
            case .constant(let element, let literal): results.append((name, .tensor(element, .literal(literal))))
            case .text, .sequence, .optional: results.append((name, .other(try data(result, traced.slots))))
            }
        }
        return results
    }

    /// The inputs that must be given: those without an initializer.
    public var requiredInputs: [ONNXValue] { importer.requiredInputs }

    /// Runs on tensors that are on the device already, by slot of the inputs, and returns the plan and all slots.
    private func run(
        _ signatures: [ONNXSignature?], _ inputs: [SlotValue]
    ) throws(ModelError) -> (compiled: CompiledPlan, slots: [SlotValue?]) {
        var answers: [Literal] = []
        var slots: [SlotValue?] = inputs
        var done = 0
        while true {
            let compiled = try plan(signatures, answers)
            while slots.count < compiled.plan.slots.count { slots.append(nil) }
            var answer: Literal?
            for index in done..<max(done, compiled.plan.steps.count) {
                answer = try run(compiled.plan.steps[index], compiled.programs[index], &slots)
            }
            done = compiled.plan.steps.count
            if compiled.plan.results != nil { return (compiled, slots) }
            guard let answer, answers.count < options.answerLimit else {
                throw .execution(
                    .graph(
                        GraphError(
                            .overflow,
                            "more than \(options.answerLimit) values decide the structure of the graph; see ModelOptions"
                        )
                    ))
            }
            answers.append(answer)
        }
    }

    /// Runs one step and returns its answer, where it has one.
    private func run(
        _ step: ImportPlan.Step, _ program: Program?, _ slots: inout [SlotValue?]
    ) throws(ModelError) -> Literal? {
        guard let program else {
            var values: [SlotValue] = []
            for slot in step.inputs { values.append(try value(of: slot, slots)) }
            return try answer(step.graph, values)
        }
        var buffers: [any Buffer] = []
        for slot in step.inputs {
            let buffer = try value(of: slot, slots).buffer(on: device)
            slots[slot] = .buffer(buffer.0, buffer.1)
            buffers.append(buffer.0)
        }
        let results = try liftingExecution { () throws(HeterodyneError) in try program.call(buffers) }
        for (slot, (buffer, port)) in zip(step.outputs, zip(results, program.outputs)) {
            slots[slot] = .buffer(buffer, port.type)
        }
        guard step.purpose == .computeAndAnswer, let buffer = results.last, let port = program.outputs.last else {
            return nil
        }
        return try SlotValue.buffer(buffer, port.type).literal()
    }

    /// The only output of a small graph, computed on the host.
    @discardableResult
    func answer(_ graph: Graph, _ inputs: [SlotValue]) throws(ModelError) -> Literal? {
        var literals: [Literal] = []
        for input in inputs { literals.append(try input.literal()) }
        do throws(BackendError) { return try evaluator.evaluate(graph, literals).last } catch {
            throw .execution(.backend(error))
        }
    }

    func value(of slot: ImportPlan.Slot, _ slots: [SlotValue?]) throws(ModelError) -> SlotValue {
        guard slots.indices.contains(slot), let value = slots[slot] else {
            throw .execution(.graph(GraphError(.malformedGraph, "the plan reads slot \(slot) before it is written")))
        }
        return value
    }

    static func flatten(_ data: ONNXData, into slots: inout [SlotValue]) {
        switch data {
        case .tensor(_, let literal): slots.append(.literal(literal))
        case .text: break
        case .sequence(let elements): for element in elements { flatten(element, into: &slots) }
        case .optional(let value): if let value { flatten(value, into: &slots) }
        }
    }

    private func data(_ result: ImportPlan.Result, _ slots: [SlotValue?]) throws(ModelError) -> ONNXData {
        switch result {
        case .slot(let element, let slot): return .tensor(element, try value(of: slot, slots).literal())
        case .constant(let element, let literal): return .tensor(element, literal)
        case .text(let text): return .text(text)
        case .sequence(let elements):
            var parts: [ONNXData] = []
            for element in elements { parts.append(try data(element, slots)) }
            return .sequence(parts)
        case .optional(let inner):
            return .optional(try inner.map { (inner) throws(ModelError) in try data(inner, slots) })
        }
    }
}
