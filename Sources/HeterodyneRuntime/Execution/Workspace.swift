// Heterodyne: the memory and the invocations that the steps of a run work on.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// The memory and the invocations of one session.
///
/// Unchecked: a session changes it between runs only. During a run its lanes read it, and what each step writes is its
/// own by the schedule.
final class Workspace: @unchecked Sendable {
    let copies: [Program.Copy]
    var invocations: [any Invocation] = []
    var intermediates: [any Buffer] = []
    /// Buffers that stand in for places on devices that cannot read these.
    var standIns: [any Buffer] = []
    var inputs: [(any Buffer)?]
    var outputs: [(any Buffer)?]

    /// Host memory of a lane for values on their way between two devices neither of which the host can reach.
    final class Staging { var buffer: HostBuffer? }

    init(_ program: Program) {
        copies = program.copies
        inputs = [(any Buffer)?](repeating: nil, count: program.inputs.count)
        outputs = [(any Buffer)?](repeating: nil, count: program.outputs.count)
    }

    func buffer(at place: Program.Place) -> (any Buffer)? {
        switch place {
        case .input(let index): inputs[index]
        case .output(let index): outputs[index]
        case .intermediate(let index): intermediates[index]
        }
    }

    /// Does one step. Throws what the device throws.
    func perform(_ step: RunStep, _ staging: Staging) throws(BackendError) {
        switch step {
        case .run(let part): try invocations[part].run()
        case .transfer(let place, let index, _):
            let standIn = standIns[index]
            try copy(place, to: standIn, standIn.byteCount, staging)
        case .copy(let index):
            guard let destination = outputs[copies[index].toOutput] else { return }
            try copy(copies[index].from, to: destination, destination.byteCount, staging)
        }
    }

    /// Copies unless both are one buffer.
    func copy(
        _ place: Program.Place, to destination: any Buffer, _ byteCount: Int, _ staging: Staging
    ) throws(BackendError) {
        guard let source = buffer(at: place), source !== destination else { return }
        if let address = source.hostAddress {
            try destination.write(from: UnsafeRawBufferPointer(start: address, count: byteCount), at: 0)
        } else if let address = destination.hostAddress {
            try source.read(into: UnsafeMutableRawBufferPointer(start: address, count: byteCount), at: 0)
        } else {
            let memory: HostBuffer
            if let existing = staging.buffer, existing.byteCount >= byteCount {
                memory = existing
            } else {
                memory = try HostBuffer(byteCount: byteCount)
                staging.buffer = memory
            }
            try source.read(into: UnsafeMutableRawBufferPointer(start: memory.address, count: byteCount), at: 0)
            try destination.write(from: UnsafeRawBufferPointer(start: memory.address, count: byteCount), at: 0)
        }
    }
}
