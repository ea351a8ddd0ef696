// Heterodyne: one place to run a program of a simulated chip.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneHostKernels
import HeterodyneRoofline

/// One place to run a program of a simulated chip. Runs on the host; times are the model's.
final class SimulatedInvocation: Invocation {
    private let executable: SimulatedExecutable
    private let host: any Invocation
    /// The bound buffers, which count against the chip's memory while they live.
    private var inputs: [Int: SimulatedBuffer] = [:]
    private var outputs: [Int: SimulatedBuffer] = [:]

    init(_ executable: SimulatedExecutable) throws(BackendError) {
        let memory = executable.chip.memory
        try memory.take(executable.arenaByteCount, for: "'\(executable.label)' with intermediate results")
        do { host = try executable.program.makeInvocation() } catch {
            memory.give(executable.arenaByteCount)
            throw error
        }
        self.executable = executable
    }

    deinit { executable.chip.memory.give(executable.arenaByteCount) }

    func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        let own = try own(buffer, "input \(index)")
        try host.bind(input: index, to: own.host)
        inputs[index] = own
    }

    func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        let own = try own(buffer, "output \(index)")
        try host.bind(output: index, to: own.host)
        outputs[index] = own
    }

    private func own(_ buffer: any Buffer, _ name: @autoclosure () -> String) throws(BackendError) -> SimulatedBuffer {
        if let own = buffer as? SimulatedBuffer, own.memory === executable.chip.memory { return own }
        throw BackendError(
            .invalidArgument, "\(name()) is bound to memory that is not this chip's; copy it to this device",
            device: executable.chip.device, node: executable.label)
    }

    func unbind(input index: Int) {
        host.unbind(input: index)
        inputs[index] = nil
    }

    func unbind(output index: Int) {
        host.unbind(output: index)
        outputs[index] = nil
    }

    func run() throws(BackendError) { try host.run() }

    /// Runs the program and returns the nanoseconds that the model gives each step, rounded up; 0 where it knows none.
    func profile() throws(BackendError) -> [UInt64] {
        try run()
        return executable.estimate.steps.map { step in
            let nanoseconds = ((step.seconds ?? 0) * 1e9).rounded(.up)
            return nanoseconds < 0x1p63 ? UInt64(max(nanoseconds, 0)) : UInt64.max
        }
    }

    /// What the model says of a run, and each figure that it lacks.
    func measurements() throws(BackendError) -> [Measurement] {
        let estimate = executable.estimate
        let source = "roofline model"
        var list: [Measurement] = []
        if let seconds = estimate.seconds {
            let name = estimate.isLowerBound ? "simulated time (at least)" : "simulated time"
            list.append(Measurement(name: name, value: seconds, unit: "s", source: source))
        }
        if let utilisation = estimate.utilisation {
            let name = estimate.isLowerBound ? "simulated utilisation (at most)" : "simulated utilisation"
            list.append(Measurement(name: name, value: utilisation, unit: "", source: source))
        }
        if let joules = estimate.joules {
            let name = "simulated energy at full power" + (estimate.isLowerBound ? " (for that time)" : "")
            list.append(Measurement(name: name, value: joules, unit: "J", source: source))
        }
        for term in estimate.missing {
            list.append(
                Measurement(
                    name: "not in the simulated time: \(term.name) (\(term.reason))", value: term.amount,
                    unit: term.unit, source: source))
        }
        return list
    }
}
