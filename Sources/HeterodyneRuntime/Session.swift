// Heterodyne: one place to run a program.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// One place to run a program: bind buffers, run, bind others, run again. Running allocates nothing and looks nothing
/// up; one thread at a time uses a session.
public final class Session {
    private let program: Program
    private var invocations: [any Invocation] = []
    private var intermediates: [any Buffer] = []
    private var boundInputs: [(any Buffer)?]
    private var boundOutputs: [(any Buffer)?]
    /// Every part's port that reads or writes a program input, output or intermediate result.
    private var inputUsers: [[(part: Int, port: Int)]]
    private var outputMakers: [[(part: Int, port: Int, isInput: Bool)]]
    /// Buffers that stand in for one on a device that cannot read it, filled before the part runs.
    private var transfers: [Transfer] = []
    private var staging: HostBuffer?

    private struct Transfer {
        let part: Int
        let source: Program.Place
        let destination: any Buffer
        let byteCount: Int
    }

    init(_ program: Program) throws(HeterodyneError) {
        self.program = program
        boundInputs = [(any Buffer)?](repeating: nil, count: program.inputs.count)
        boundOutputs = [(any Buffer)?](repeating: nil, count: program.outputs.count)
        inputUsers = [[(part: Int, port: Int)]](repeating: [], count: program.inputs.count)
        outputMakers = [[(part: Int, port: Int, isInput: Bool)]](repeating: [], count: program.outputs.count)
        do { try prepare() } catch { throw .backend(error) }
    }

    private func prepare() throws(BackendError) {
        for intermediate in program.intermediates {
            intermediates.append(
                try intermediate.device.backend.allocate(
                    byteCount: intermediate.byteCount, on: intermediate.device.id))
        }
        for (index, part) in program.parts.enumerated() {
            let invocation = try part.executable.makeInvocation()
            invocations.append(invocation)
            let isUnified = try part.device.capabilities().hasUnifiedMemory
            for (port, place) in part.inputs.enumerated() {
                let home = homeDevice(of: place)
                let isHomeUnified = try home.capabilities().hasUnifiedMemory
                let isReachable = home == part.device || (isUnified && isHomeUnified)
                if !isReachable {
                    let bytes = byteCount(of: place)
                    let stand = try part.device.backend.allocate(byteCount: bytes, on: part.device.id)
                    try invocation.bind(input: port, to: stand)
                    transfers.append(Transfer(part: index, source: place, destination: stand, byteCount: bytes))
                    continue
                }
                switch place {
                case .input(let input): inputUsers[input].append((index, port))
                case .output(let output): outputMakers[output].append((index, port, true))
                case .intermediate(let value): try invocation.bind(input: port, to: intermediates[value])
                }
            }
            for (port, place) in part.outputs.enumerated() {
                switch place {
                case .output(let output): outputMakers[output].append((index, port, false))
                case .intermediate(let value): try invocation.bind(output: port, to: intermediates[value])
                case .input: throw BackendError(.compilationFailed, "a part writes to a program input")
                }
            }
        }
        let largest = transfers.map(\.byteCount).max() ?? 0
        if largest > 0 { staging = try HostBuffer(byteCount: largest) }
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

    /// The buffer of input `index` from now on. Throws `invalidArgument` for a wrong index or size.
    public func bind(input index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundInputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no input \(index)"))
        }
        let port = program.inputs[index]
        guard buffer.byteCount == port.byteCount else {
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "input '\(port.name)' is \(port.type), \(port.byteCount) bytes; the buffer has \(buffer.byteCount)")
            )
        }
        if boundInputs[index] === buffer { return }
        boundInputs[index] = buffer
        do {
            for user in inputUsers[index] { try invocations[user.part].bind(input: user.port, to: buffer) }
        } catch { throw .backend(error) }
    }

    /// The buffer of output `index` from now on. Throws `invalidArgument` for a wrong index or size.
    public func bind(output index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundOutputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no output \(index)"))
        }
        let port = program.outputs[index]
        guard buffer.byteCount == port.byteCount else {
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "output '\(port.name)' is \(port.type), \(port.byteCount) bytes; the buffer has \(buffer.byteCount)"
                ))
        }
        if boundOutputs[index] === buffer { return }
        boundOutputs[index] = buffer
        do {
            for maker in outputMakers[index] {
                if maker.isInput {
                    try invocations[maker.part].bind(input: maker.port, to: buffer)
                } else {
                    try invocations[maker.part].bind(output: maker.port, to: buffer)
                }
            }
        } catch { throw .backend(error) }
    }

    /// Runs the program to completion on the bound buffers. Throws `invalidArgument` where one is missing, and what
    /// the devices throw.
    public func run() throws(HeterodyneError) {
        do { try runParts(profiling: nil) } catch { throw .backend(error) }
    }

    /// Runs the program and returns the nanoseconds of each step, in the order of `Program.stepDescriptions`.
    public func profile() throws(HeterodyneError) -> [UInt64] {
        let times = Times()
        do { try runParts(profiling: times) } catch { throw .backend(error) }
        return times.nanoseconds
    }

    private final class Times { var nanoseconds: [UInt64] = [] }

    private func runParts(profiling times: Times?) throws(BackendError) {
        for index in boundInputs.indices where boundInputs[index] == nil {
            throw BackendError(.invalidArgument, "input '\(program.inputs[index].name)' is not bound")
        }
        for index in boundOutputs.indices where boundOutputs[index] == nil {
            throw BackendError(.invalidArgument, "output '\(program.outputs[index].name)' is not bound")
        }
        for index in invocations.indices {
            if !transfers.isEmpty {
                for transfer in transfers where transfer.part == index {
                    try copy(transfer.source, to: transfer.destination, transfer.byteCount)
                }
            }
            if let times {
                times.nanoseconds += try invocations[index].profile()
            } else {
                try invocations[index].run()
            }
        }
        for copy in program.copies {
            guard let destination = boundOutputs[copy.toOutput] else { continue }
            try self.copy(copy.from, to: destination, program.outputs[copy.toOutput].byteCount)
        }
    }

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

    /// Forgets inputs and outputs so that the session does not keep callers' memory alive.
    func unbind() {
        for index in boundInputs.indices { boundInputs[index] = nil }
        for index in boundOutputs.indices { boundOutputs[index] = nil }
    }
}
