// Heterodyne: one place to run a program.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// One place to run a program: bind buffers, run, bind others, run again. Running allocates nothing and looks nothing
/// up; one thread at a time uses a session.
///
/// An output that is computed in the buffer of a donated input (`Program.inPlaceOutputs`) costs no copy where one
/// buffer is bound to both. Where two buffers are bound the session copies the input first, so that an input is only
/// ever overwritten when it is bound as an output too.
///
/// The parts of a program that run on several devices run at the same time where data allow and that gains something: each
/// device has a lane, one of them the caller's thread, the others threads of the session that sleep in between. `run`
/// returns when all are at rest. Programs on one device have no lanes.
public final class Session {
    /// Unowned: a program holds the sessions of its pool, and each would keep the other alive.
    private unowned let program: Program
    /// Keeps the program alive; nil in the program's own pool.
    private let owned: Program?
    /// Buffers and invocations.
    private let workspace: Workspace
    /// For every program input and output, the parts' ports that read or write its buffer.
    private var inputPorts: [[PartPort]]
    private var outputPorts: [[PartPort]]
    /// What a run does, in program order.
    private var steps: [RunStep] = []
    /// Runs the steps on several devices at once, where there are several and that gains something.
    private var lanes: StepLanes?
    /// Copies of donated inputs whose buffers are not those of the outputs.
    private let donations: [(input: Int, output: Int)]
    private let staging = Workspace.Staging()
    /// Whether outputs were bound since it was last checked that they overlap nothing.
    private var needsOverlapCheck = true

    private struct PartPort {
        let part: Int
        let port: Int
        let isInput: Bool
    }

    /// A session of `program`, which it keeps alive unless it belongs to the program's pool.
    init(_ program: Program, isPooled: Bool = false) throws(HeterodyneError) {
        self.program = program
        owned = isPooled ? nil : program
        workspace = Workspace(program)
        inputPorts = [[PartPort]](repeating: [], count: program.inputs.count)
        outputPorts = [[PartPort]](repeating: [], count: program.outputs.count)
        donations = program.inPlaceInputs.enumerated().compactMap { output, input in input.map { ($0, output) } }
        do { try prepare() } catch { throw .backend(error) }
    }

    private func prepare() throws(BackendError) {
        for intermediate in program.intermediates {
            workspace.intermediates.append(
                try intermediate.device.backend.allocate(
                    byteCount: intermediate.byteCount, on: intermediate.device.id))
        }
        var standIns: [String: [Program.Place: any Buffer]] = [:]
        var planner = StepPlanner(program)
        for (index, part) in program.parts.enumerated() {
            let invocation = try part.executable.makeInvocation()
            workspace.invocations.append(invocation)
            for (port, place) in part.inputs.enumerated() {
                if try !part.device.sharesMemory(with: program.homeDevice(of: place)) {
                    // Values are made once, so one copy serves every later part on the device.
                    if let known = standIns[part.device.id]?[place] {
                        try invocation.bind(input: port, to: known)
                    } else {
                        let standIn = try part.device.backend.allocate(
                            byteCount: program.byteCount(of: place), on: part.device.id)
                        try invocation.bind(input: port, to: standIn)
                        planner.addTransfer(of: place, standIn: workspace.standIns.count, part: index)
                        workspace.standIns.append(standIn)
                        standIns[part.device.id, default: [:]][place] = standIn
                    }
                    continue
                }
                let partPort = PartPort(part: index, port: port, isInput: true)
                switch place {
                case .input(let input):
                    // The buffer of a donated input is the output's.
                    if let donation = donations.first(where: { $0.input == input }) {
                        outputPorts[donation.output].append(partPort)
                    } else {
                        inputPorts[input].append(partPort)
                    }
                case .output(let output): outputPorts[output].append(partPort)
                case .intermediate(let value): try invocation.bind(input: port, to: workspace.intermediates[value])
                }
            }
            for (port, place) in part.outputs.enumerated() {
                switch place {
                case .output(let output):
                    outputPorts[output].append(PartPort(part: index, port: port, isInput: false))
                case .intermediate(let value): try invocation.bind(output: port, to: workspace.intermediates[value])
                case .input: throw BackendError(.compilationFailed, "a part writes to a program input")
                }
            }
            planner.addRun(of: index)
        }
        for index in program.copies.indices { planner.addCopy(index) }
        steps = planner.steps
        lanes = planner.schedule().flatMap { StepLanes(steps, $0, workspace) }
    }

    // MARK: Binding

    /// The buffer of input `index` from now on; binding the same buffer again is free. Throws `invalidArgument` for a
    /// wrong index or size, and what the device throws; the input is then not bound.
    public func bind(input index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard workspace.inputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no input \(index)"))
        }
        if workspace.inputs[index] === buffer { return }
        try check(buffer, program.inputs[index], "input")
        workspace.inputs[index] = nil
        try bind(inputPorts[index], to: buffer)
        workspace.inputs[index] = buffer
        needsOverlapCheck = true
    }

    /// The buffer of output `index` from now on; binding the same buffer again is free. Throws `invalidArgument` for a
    /// wrong index or size or a read-only buffer, and what the device throws; the output is then not bound.
    public func bind(output index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard workspace.outputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no output \(index)"))
        }
        if workspace.outputs[index] === buffer { return }
        let port = program.outputs[index]
        try check(buffer, port, "output")
        guard !buffer.isReadOnly else {
            throw .backend(BackendError(.invalidArgument, "output '\(port.name)' is bound to a read-only buffer"))
        }
        workspace.outputs[index] = nil
        try bind(outputPorts[index], to: buffer)
        workspace.outputs[index] = buffer
        needsOverlapCheck = true
    }

    private func check(_ buffer: any Buffer, _ port: Program.Port, _ role: String) throws(HeterodyneError) {
        guard buffer.byteCount == port.byteCount else {
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "\(role) '\(port.name)' is \(port.type), \(port.byteCount) bytes; the buffer has "
                        + "\(buffer.byteCount)"))
        }
    }

    private func bind(_ ports: [PartPort], to buffer: any Buffer) throws(HeterodyneError) {
        do {
            for port in ports {
                if port.isInput {
                    try workspace.invocations[port.part].bind(input: port.port, to: buffer)
                } else {
                    try workspace.invocations[port.part].bind(output: port.port, to: buffer)
                }
            }
        } catch { throw .backend(error) }
    }

    /// Puts a copy of the buffer of input `index` in its place, so that the program may overwrite it.
    func bindCopy(ofInput index: Int) throws(HeterodyneError) {
        do {
            let copy = try program.device.backend.allocate(
                byteCount: program.inputs[index].byteCount, on: program.device.id)
            try workspace.copy(.input(index), to: copy, copy.byteCount, staging)
            for port in inputPorts[index] { try workspace.invocations[port.part].bind(input: port.port, to: copy) }
            workspace.inputs[index] = copy
        } catch { throw .backend(error) }
    }

    /// Forgets inputs and outputs so that the session does not keep callers' memory alive.
    public func unbind() {
        for index in workspace.inputs.indices {
            workspace.inputs[index] = nil
            for port in inputPorts[index] { workspace.invocations[port.part].unbind(input: port.port) }
        }
        for index in workspace.outputs.indices {
            workspace.outputs[index] = nil
            for port in outputPorts[index] {
                if port.isInput {
                    workspace.invocations[port.part].unbind(input: port.port)
                } else {
                    workspace.invocations[port.part].unbind(output: port.port)
                }
            }
        }
    }

    // MARK: Running

    /// Runs the program to completion on the bound buffers. Throws `invalidArgument` where one is missing or the
    /// memory of an output is also another output's or an input's that is not donated to it, and what the devices
    /// throw. A session that failed can run again.
    public func run() throws(HeterodyneError) {
        if needsOverlapCheck { try checkOverlaps() }
        try runTrusted()
    }

    /// Runs the program on buffers whose outputs are known to overlap nothing but the inputs donated to them.
    func runTrusted() throws(HeterodyneError) {
        do {
            try start()
            if let lanes { return try lanes.run() }
            for step in steps { try workspace.perform(step, staging) }
        } catch { throw .backend(error) }
    }

    /// Runs the program, one step after the other, and returns the nanoseconds of each step of each part, in the order of
    /// `Program.stepDescriptions`.
    public func profile() throws(HeterodyneError) -> [UInt64] {
        if needsOverlapCheck { try checkOverlaps() }
        var times: [UInt64] = []
        do {
            try start()
            for step in steps {
                if case .run(let part) = step {
                    times += try workspace.invocations[part].profile()
                } else {
                    try workspace.perform(step, staging)
                }
            }
        } catch { throw .backend(error) }
        return times
    }

    /// Runs the program and returns when each part ran and each copy between devices was made, in program order: what
    /// overlapped and what waited. Throws as `run` does.
    public func timeline() throws(HeterodyneError) -> [TimedStep] {
        if needsOverlapCheck { try checkOverlaps() }
        var times: [(lane: Int, start: ContinuousClock.Instant, end: ContinuousClock.Instant)] = []
        let origin = ContinuousClock.now
        do {
            try start()
            if let lanes {
                times = try lanes.timedRun()
            } else {
                for step in steps {
                    let start = ContinuousClock.now
                    try workspace.perform(step, staging)
                    times.append((0, start, .now))
                }
            }
        } catch { throw .backend(error) }
        return zip(steps, times).map { step, time in
            let (device, work) = program.description(of: step)
            return TimedStep(
                device: device, work: work, lane: time.lane, start: origin.nanoseconds(to: time.start),
                end: origin.nanoseconds(to: time.end))
        }
    }

    /// What the parts of the last run counted or estimated, in program order, each with its device. Throws what the devices
    /// throw.
    public func measurements() throws(HeterodyneError) -> [(device: String, measurement: Measurement)] {
        var result: [(device: String, measurement: Measurement)] = []
        do {
            for (part, invocation) in zip(program.parts, workspace.invocations) {
                for measurement in try invocation.measurements() { result.append((part.device.id, measurement)) }
            }
        } catch { throw .backend(error) }
        return result
    }

    /// How many devices the session keeps busy at the same time, 1 where its steps run one after the other.
    public var laneCount: Int { lanes?.count ?? 1 }

    /// What comes before the steps. Throws where something is not bound.
    private func start() throws(BackendError) {
        for index in workspace.inputs.indices where workspace.inputs[index] == nil {
            throw BackendError(.invalidArgument, "input '\(program.inputs[index].name)' is not bound")
        }
        for index in workspace.outputs.indices where workspace.outputs[index] == nil {
            throw BackendError(.invalidArgument, "output '\(program.outputs[index].name)' is not bound")
        }
        for donation in donations {
            guard let destination = workspace.outputs[donation.output] else { continue }
            try workspace.copy(.input(donation.input), to: destination, destination.byteCount, staging)
        }
    }

    private func checkOverlaps() throws(HeterodyneError) {
        var (inputs, outputs) = (workspace.inputs, workspace.outputs)
        // One buffer for a donated input and its output, or for an output and what is handed to it, is as it should be.
        for donation in donations where inputs[donation.input] === outputs[donation.output] {
            inputs[donation.input] = nil
        }
        for copy in program.copies {
            guard let from = workspace.buffer(at: copy.from), from === outputs[copy.toOutput] else { continue }
            outputs[copy.toOutput] = nil
        }
        // What the program may overwrite counts as an output.
        let writtenInputs = program.scratchInputs
        for input in writtenInputs {
            guard workspace.inputs[input]?.isReadOnly != true else {
                throw .backend(
                    BackendError(
                        .invalidArgument,
                        "input '\(program.inputs[input].name)' is donated and bound to a read-only buffer"))
            }
            outputs.append(workspace.inputs[input])
            inputs[input] = nil
        }
        func name(_ written: Int) -> String {
            written < program.outputs.count
                ? "output '\(program.outputs[written].name)'"
                : "donated input '\(program.inputs[writtenInputs[written - program.outputs.count]].name)'"
        }
        switch BufferOverlaps.conflict(outputs: outputs, inputs: inputs) {
        case nil: needsOverlapCheck = false
        case .outputs(let a, let b):
            throw .backend(
                BackendError(.invalidArgument, "\(name(a)) and \(name(b)) are bound to the same memory"))
        case .outputAndInput(let output, let input):
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "\(name(output)) is bound to the memory of input '\(program.inputs[input].name)', which is not "
                        + "donated to it"))
        }
    }
}
