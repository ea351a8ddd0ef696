// Heterodyne: a model with its inputs on the device, to be run again and again.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneCompiler
import HeterodyneGraph
public import HeterodyneONNX
import HeterodyneRuntime

/// A model with its inputs and the memory for its outputs on the device: for measuring, profiling, and loops that
/// change the inputs in place. Running a model that is one graph allocates nothing.
///
/// For one thread at a time.
public final class PreparedModel {
    /// The time of one step of a program.
    public struct StepTime: Sendable {
        /// What the step does, with its device.
        public let name: String
        /// Nanoseconds.
        public let nanoseconds: UInt64
    }

    private enum Stage {
        case session(Session, Program, answer: (any Buffer)?)
        case host(Graph, [SlotValue])
    }

    /// The plan that the inputs lead to.
    public let plan: CompiledPlan
    private let runner: ModelRunner
    private var stages: [Stage] = []
    private var slots: [SlotValue?]

    /// Imports, compiles and runs the model once, since its graph may depend on values, and keeps everything.
    public init(_ runner: ModelRunner, _ inputs: [String: ONNXData]) throws(ModelError) {
        self.runner = runner
        let first = try runner.trace(inputs)
        plan = first.compiled
        slots = first.slots
        for (step, program) in zip(plan.plan.steps, plan.programs) {
            guard let program else {
                var values: [SlotValue] = []
                for slot in step.inputs { values.append(try runner.value(of: slot, slots)) }
                stages.append(.host(step.graph, values))
                continue
            }
            let session = try liftingExecution { () throws(HeterodyneError) in try program.makeSession() }
            for (index, slot) in step.inputs.enumerated() {
                let (buffer, type) = try runner.value(of: slot, slots).buffer(on: runner.device)
                slots[slot] = .buffer(buffer, type)
                try liftingExecution { () throws(HeterodyneError) in try session.bind(input: index, to: buffer) }
            }
            var answer: (any Buffer)?
            for (index, port) in program.outputs.enumerated() {
                let buffer = try Self.allocate(port.byteCount, on: runner.device)
                if index < step.outputs.count {
                    slots[step.outputs[index]] = .buffer(buffer, port.type)
                } else {
                    answer = buffer
                }
                try liftingExecution { () throws(HeterodyneError) in try session.bind(output: index, to: buffer) }
            }
            stages.append(.session(session, program, answer: answer))
        }
    }

    private static func allocate(_ byteCount: Int, on device: Device) throws(ModelError) -> any Buffer {
        do throws(BackendError) { return try device.backend.allocate(byteCount: byteCount, on: device.id) } catch {
            throw .execution(.backend(error))
        }
    }

    /// Computes all outputs.
    public func run() throws(ModelError) {
        for stage in stages {
            switch stage {
            case .session(let session, let program, let answer):
                try liftingExecution { () throws(HeterodyneError) in try session.run() }
                if let answer, let port = program.outputs.last {
                    _ = try SlotValue.buffer(answer, port.type).literal()
                }
            case .host(let graph, let values): try runner.answer(graph, values)
            }
        }
    }

    /// The outputs of the last run by name, in the model's order.
    public func outputs() throws(ModelError) -> [(name: String, data: ONNXData)] {
        try runner.results(of: plan.plan, slots)
    }

    /// Computes all outputs and says how long each step took, in order.
    public func profile() throws(ModelError) -> [StepTime] {
        var times: [StepTime] = []
        for stage in stages {
            switch stage {
            case .session(let session, let program, _):
                let nanoseconds = try liftingExecution { () throws(HeterodyneError) in try session.profile() }
                times += zip(program.stepDescriptions, nanoseconds).map { StepTime(name: $0, nanoseconds: $1) }
            case .host(let graph, let values):
                let start = ContinuousClock.now
                try runner.answer(graph, values)
                let (seconds, attoseconds) = (ContinuousClock.now - start).components
                let nanoseconds = UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
                times.append(StepTime(name: "host: shapes of the rest of the graph", nanoseconds: nanoseconds))
            }
        }
        return times
    }

    /// What the devices counted or estimated during the last run, in the order of the model's parts; empty where they
    /// count nothing.
    public func measurements() throws(ModelError) -> [(device: String, measurement: Measurement)] {
        var all: [(device: String, measurement: Measurement)] = []
        for stage in stages {
            switch stage {
            case .session(let session, _, _):
                all += try liftingExecution { () throws(HeterodyneError) in try session.measurements() }
            case .host: continue
            }
        }
        return all
    }

    /// What the compiler decided, for each program.
    public var reports: [CompilationReport] { plan.programs.compactMap { $0?.report } }
}
