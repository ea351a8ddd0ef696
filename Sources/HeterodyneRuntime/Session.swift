// Heterodyne: one place to run a program.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// One place to run a program: bind buffers, run, bind others, run again. Running allocates nothing and looks nothing
/// up; one thread at a time uses a session.
///
/// An output that is computed in the buffer of a donated input (`Program.inPlaceOutputs`) costs no copy where one
/// buffer is bound to both. Where two buffers are bound the session copies the input first, so that an input is only
/// ever overwritten when it is bound as an output too.
public final class Session {
    /// Unowned: a program holds the sessions of its pool, and each would keep the other alive.
    private unowned let program: Program
    /// Keeps the program alive; nil in the program's own pool.
    private let owned: Program?
    private var invocations: [any Invocation] = []
    private var intermediates: [any Buffer] = []
    private var boundInputs: [(any Buffer)?]
    private var boundOutputs: [(any Buffer)?]
    /// For every program input and output, the parts' ports that read or write its buffer.
    private var inputPorts: [[PartPort]]
    private var outputPorts: [[PartPort]]
    /// What a run does, in order.
    private var steps: [Step] = []
    /// Copies of donated inputs whose buffers are not those of the outputs.
    private let donations: [(input: Int, output: Int)]
    private var staging: HostBuffer?
    /// Whether outputs were bound since it was last checked that they overlap nothing.
    private var needsOverlapCheck = true

    private struct PartPort {
        let part: Int
        let port: Int
        let isInput: Bool
    }

    private enum Step {
        case run(part: Int)
        /// Fills a buffer that stands in for one that the next part's device cannot read.
        case transfer(Program.Place, any Buffer)
    }

    /// A session of `program`, which it keeps alive unless it belongs to the program's pool.
    init(_ program: Program, isPooled: Bool = false) throws(HeterodyneError) {
        self.program = program
        owned = isPooled ? nil : program
        boundInputs = [(any Buffer)?](repeating: nil, count: program.inputs.count)
        boundOutputs = [(any Buffer)?](repeating: nil, count: program.outputs.count)
        inputPorts = [[PartPort]](repeating: [], count: program.inputs.count)
        outputPorts = [[PartPort]](repeating: [], count: program.outputs.count)
        donations = program.inPlaceInputs.enumerated().compactMap { output, input in input.map { ($0, output) } }
        do { try prepare() } catch { throw .backend(error) }
    }

    private func prepare() throws(BackendError) {
        for intermediate in program.intermediates {
            intermediates.append(
                try intermediate.device.backend.allocate(
                    byteCount: intermediate.byteCount, on: intermediate.device.id))
        }
        var standIns: [String: [Program.Place: any Buffer]] = [:]
        for (index, part) in program.parts.enumerated() {
            let invocation = try part.executable.makeInvocation()
            invocations.append(invocation)
            for (port, place) in part.inputs.enumerated() {
                if try !part.device.sharesMemory(with: homeDevice(of: place)) {
                    // Values are made once, so one copy serves every later part on the device.
                    if let known = standIns[part.device.id]?[place] {
                        try invocation.bind(input: port, to: known)
                    } else {
                        let standIn = try part.device.backend.allocate(
                            byteCount: byteCount(of: place), on: part.device.id)
                        try invocation.bind(input: port, to: standIn)
                        steps.append(.transfer(place, standIn))
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
                case .intermediate(let value): try invocation.bind(input: port, to: intermediates[value])
                }
            }
            for (port, place) in part.outputs.enumerated() {
                switch place {
                case .output(let output):
                    outputPorts[output].append(PartPort(part: index, port: port, isInput: false))
                case .intermediate(let value): try invocation.bind(output: port, to: intermediates[value])
                case .input: throw BackendError(.compilationFailed, "a part writes to a program input")
                }
            }
            steps.append(.run(part: index))
        }
    }

    private func homeDevice(of place: Program.Place) -> Device {
        switch place {
        case .input, .output: program.device
        case .intermediate(let value): program.intermediates[value].device
        }
    }

    private func byteCount(of place: Program.Place) -> Int {
        switch place {
        case .input(let index): program.inputs[index].byteCount
        case .output(let index): program.outputs[index].byteCount
        case .intermediate(let index): program.intermediates[index].byteCount
        }
    }

    private func buffer(at place: Program.Place) -> (any Buffer)? {
        switch place {
        case .input(let index): boundInputs[index]
        case .output(let index): boundOutputs[index]
        case .intermediate(let index): intermediates[index]
        }
    }

    // MARK: Binding

    /// The buffer of input `index` from now on; binding the same buffer again is free. Throws `invalidArgument` for a
    /// wrong index or size, and what the device throws; the input is then not bound.
    public func bind(input index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundInputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no input \(index)"))
        }
        if boundInputs[index] === buffer { return }
        try check(buffer, program.inputs[index], "input")
        boundInputs[index] = nil
        try bind(inputPorts[index], to: buffer)
        boundInputs[index] = buffer
        needsOverlapCheck = true
    }

    /// The buffer of output `index` from now on; binding the same buffer again is free. Throws `invalidArgument` for a
    /// wrong index or size or a read-only buffer, and what the device throws; the output is then not bound.
    public func bind(output index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundOutputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no output \(index)"))
        }
        if boundOutputs[index] === buffer { return }
        let port = program.outputs[index]
        try check(buffer, port, "output")
        guard !buffer.isReadOnly else {
            throw .backend(BackendError(.invalidArgument, "output '\(port.name)' is bound to a read-only buffer"))
        }
        boundOutputs[index] = nil
        try bind(outputPorts[index], to: buffer)
        boundOutputs[index] = buffer
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
                    try invocations[port.part].bind(input: port.port, to: buffer)
                } else {
                    try invocations[port.part].bind(output: port.port, to: buffer)
                }
            }
        } catch { throw .backend(error) }
    }

    /// Puts a copy of the buffer of input `index` in its place, so that the program may overwrite it.
    func bindCopy(ofInput index: Int) throws(HeterodyneError) {
        do {
            let copy = try program.device.backend.allocate(
                byteCount: program.inputs[index].byteCount, on: program.device.id)
            try self.copy(.input(index), to: copy, copy.byteCount)
            for port in inputPorts[index] { try invocations[port.part].bind(input: port.port, to: copy) }
            boundInputs[index] = copy
        } catch { throw .backend(error) }
    }

    /// Forgets inputs and outputs so that the session does not keep callers' memory alive.
    public func unbind() {
        for index in boundInputs.indices {
            boundInputs[index] = nil
            for port in inputPorts[index] { invocations[port.part].unbind(input: port.port) }
        }
        for index in boundOutputs.indices {
            boundOutputs[index] = nil
            for port in outputPorts[index] {
                if port.isInput {
                    invocations[port.part].unbind(input: port.port)
                } else {
                    invocations[port.part].unbind(output: port.port)
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
        do { try runSteps { (invocation) throws(BackendError) in try invocation.run() } } catch {
            throw .backend(error)
        }
    }

    /// Runs the program and returns the nanoseconds of each step, in the order of `Program.stepDescriptions`.
    public func profile() throws(HeterodyneError) -> [UInt64] {
        if needsOverlapCheck { try checkOverlaps() }
        var times: [UInt64] = []
        do { try runSteps { (invocation) throws(BackendError) in times += try invocation.profile() } } catch {
            throw .backend(error)
        }
        return times
    }

    private func runSteps(_ run: (any Invocation) throws(BackendError) -> Void) throws(BackendError) {
        for index in boundInputs.indices where boundInputs[index] == nil {
            throw BackendError(.invalidArgument, "input '\(program.inputs[index].name)' is not bound")
        }
        for index in boundOutputs.indices where boundOutputs[index] == nil {
            throw BackendError(.invalidArgument, "output '\(program.outputs[index].name)' is not bound")
        }
        for donation in donations {
            guard let destination = boundOutputs[donation.output] else { continue }
            try copy(.input(donation.input), to: destination, destination.byteCount)
        }
        for step in steps {
            switch step {
            case .run(let part): try run(invocations[part])
            case .transfer(let place, let standIn): try copy(place, to: standIn, standIn.byteCount)
            }
        }
        for copy in program.copies {
            guard let destination = boundOutputs[copy.toOutput] else { continue }
            try self.copy(copy.from, to: destination, destination.byteCount)
        }
    }

    /// Copies unless both are one buffer.
    private func copy(_ place: Program.Place, to destination: any Buffer, _ byteCount: Int) throws(BackendError) {
        guard let source = buffer(at: place), source !== destination else { return }
        if let address = source.hostAddress {
            try destination.write(from: UnsafeRawBufferPointer(start: address, count: byteCount), at: 0)
        } else if let address = destination.hostAddress {
            try source.read(into: UnsafeMutableRawBufferPointer(start: address, count: byteCount), at: 0)
        } else {
            let staging: HostBuffer
            if let existing = self.staging, existing.byteCount >= byteCount {
                staging = existing
            } else {
                staging = try HostBuffer(byteCount: byteCount)
                self.staging = staging
            }
            try source.read(into: UnsafeMutableRawBufferPointer(start: staging.address, count: byteCount), at: 0)
            try destination.write(from: UnsafeRawBufferPointer(start: staging.address, count: byteCount), at: 0)
        }
    }

    private func checkOverlaps() throws(HeterodyneError) {
        var (inputs, outputs) = (boundInputs, boundOutputs)
        // One buffer for a donated input and its output, or for an output and what is handed to it, is as it should be.
        for donation in donations where inputs[donation.input] === outputs[donation.output] {
            inputs[donation.input] = nil
        }
        for copy in program.copies {
            guard let from = buffer(at: copy.from), from === outputs[copy.toOutput] else { continue }
            outputs[copy.toOutput] = nil
        }
        // What the program may overwrite counts as an output.
        let writtenInputs = program.scratchInputs
        for input in writtenInputs {
            guard boundInputs[input]?.isReadOnly != true else {
                throw .backend(
                    BackendError(
                        .invalidArgument,
                        "input '\(program.inputs[input].name)' is donated and bound to a read-only buffer"))
            }
            outputs.append(boundInputs[input])
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
