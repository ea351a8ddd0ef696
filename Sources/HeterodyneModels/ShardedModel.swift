// Heterodyne: a model over several devices, each of which computes some rows of the batch.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneCompiler
import HeterodyneGraph
public import HeterodyneONNX
public import HeterodyneRuntime

/// An ONNX model with its inputs over several devices, each of which computes some rows of the batch. Models whose rows
/// depend on one another, or whose graph depends on values that are computed at run time, are refused.
///
/// For one thread at a time.
public final class ShardedModel {
    /// Who computes what, and why.
    public let program: ShardedProgram
    private let runner: ModelRunner
    private let plan: ImportPlan
    private let session: ShardedSession
    private var slots: [SlotValue?]

    /// Imports the model, measures the devices on a few rows of the inputs and compiles a share for each. `options.axes`
    /// has the dimension that counts rows by input of the model's graph; by default the first of every input that has
    /// one. The options of `runner` hold for the shares; its own device does not matter.
    ///
    /// Throws what importing throws, and `unsupported` naming the first node that lets rows depend on one another.
    public init(
        _ runner: ModelRunner, _ inputs: [String: ONNXData], over devices: [Device],
        options: ShardOptions = ShardOptions()
    ) throws(ModelError) {
        self.runner = runner
        try runner.checkNames(inputs.keys)
        var given: [SlotValue] = []
        var signatures: [ONNXSignature?] = []
        for input in runner.model.graph.inputs {
            let data = inputs[input.name]
            signatures.append(data?.signature)
            if let data { ModelRunner.flatten(data, into: &given) }
        }
        let plan = try liftingONNX { () throws(ONNXError) in
            try runner.importer.plan(for: signatures, answers: [])
        }
        guard plan.results != nil, plan.steps.count == 1, let step = plan.steps.first, step.purpose == .compute else {
            throw .execution(
                .graph(
                    GraphError(
                        .unsupported,
                        "the model is not one graph: what it computes depends on values of its inputs, so its batch cannot "
                            + "be split")))
        }
        var slots: [SlotValue?] = given
        while slots.count < plan.slots.count { slots.append(nil) }
        var arguments: [any Buffer] = []
        for slot in step.inputs {
            let literal = try runner.value(of: slot, slots).literal()
            arguments.append(
                try liftingExecution { () throws(HeterodyneError) in
                    do throws(GraphError) { return HostBuffer(sharing: try literal.denseStorage()) } catch {
                        throw .graph(error)
                    }
                })
        }
        var options = options
        options.program = runner.options.program
        do throws(HeterodyneError) {
            program = try runner.runtime.sharded(step.graph, over: devices, options: options, sample: arguments)
            session = try program.makeSession()
            for (index, argument) in arguments.enumerated() { try session.bind(input: index, to: argument) }
            for (index, port) in program.outputs.enumerated() {
                let buffer: HostBuffer
                do throws(BackendError) { buffer = try HostBuffer(byteCount: port.byteCount) } catch {
                    throw .backend(error)
                }
                try session.bind(output: index, to: buffer)
                if index < step.outputs.count { slots[step.outputs[index]] = .buffer(buffer, port.type) }
            }
        } catch { throw .execution(error) }
        self.plan = plan
        self.slots = slots
    }

    /// Computes all outputs.
    public func run() throws(ModelError) {
        try liftingExecution { () throws(HeterodyneError) in try session.run() }
    }

    /// Computes all outputs and says when each share began and ended.
    public func timeline() throws(ModelError) -> [TimedStep] {
        try liftingExecution { () throws(HeterodyneError) in try session.timeline() }
    }

    /// The outputs of the last run by name, in the model's order.
    public func outputs() throws(ModelError) -> [(name: String, data: ONNXData)] {
        try runner.results(of: plan, slots)
    }

    /// How the batch was split and why, then what was decided for each share.
    public var report: CompilationReport { program.report }
}
