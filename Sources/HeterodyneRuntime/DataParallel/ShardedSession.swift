// Heterodyne: one place to run a batch over several devices.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneCompiler

/// One place to run a program that is split over devices: bind buffers of the whole batch, run, bind others, run again.
/// One thread at a time uses a session. The first share runs on the caller's thread, each other one on a thread of
/// the session that sleeps in between. Running allocates nothing.
public final class ShardedSession {
    /// Unowned: a program holds the sessions of its pool, and each would keep the other alive.
    private unowned let program: ShardedProgram
    /// Keeps the program alive; nil in the program's own pool.
    private let owned: ShardedProgram?
    private let workers: [ShardWorker]
    /// Nil where there is one share.
    private let threads: LaneThreads?
    private var boundInputs: [(any Buffer)?]
    private var boundOutputs: [(any Buffer)?]
    private var needsOverlapCheck = true

    init(_ program: ShardedProgram, isPooled: Bool) throws(HeterodyneError) {
        self.program = program
        owned = isPooled ? nil : program
        boundInputs = program.inputs.map { _ in nil }
        boundOutputs = program.outputs.map { _ in nil }
        var workers: [ShardWorker] = []
        for (share, own) in zip(program.shares, program.programs) {
            workers.append(try ShardWorker(own, rows: share.rows, analysis: program.analysis))
        }
        self.workers = workers
        guard workers.count > 1 else {
            threads = nil
            return
        }
        let lanes = workers
        guard let threads = LaneThreads(lanes: lanes.count, body: { lanes[$0].run() }) else {
            throw .backend(
                BackendError(.outOfMemory, "the system gives no thread for each of \(workers.count) devices"))
        }
        self.threads = threads
    }

    /// The buffer of input `index` of the whole batch from now on, in memory of the host or of any device.
    ///
    /// An input that all rows share is brought to the devices now and kept there; binding the same buffer again brings it
    /// there again, with what it holds by then. Rows are read in every run. Throws `invalidArgument` for a wrong index or
    /// size, and what the devices throw.
    public func bind(input index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundInputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no input \(index)"))
        }
        try check(buffer, program.inputs[index], "input")
        boundInputs[index] = nil
        for worker in workers { try worker.bind(input: index, to: buffer) }
        boundInputs[index] = buffer
        needsOverlapCheck = true
    }

    /// The buffer of output `index` of the whole batch from now on, in memory that the host reaches. Throws
    /// `invalidArgument` for a wrong index or size, and for memory that is read-only or out of the host's reach.
    public func bind(output index: Int, to buffer: any Buffer) throws(HeterodyneError) {
        guard boundOutputs.indices.contains(index) else {
            throw .backend(BackendError(.invalidArgument, "the program has no output \(index)"))
        }
        let port = program.outputs[index]
        try check(buffer, port, "output")
        guard !buffer.isReadOnly, buffer.hostAddress != nil else {
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "output '\(port.name)' gathers rows of several devices and needs memory that the host can write; "
                        + "bind a HostBuffer"))
        }
        for (share, worker) in workers.enumerated() {
            // What does not depend on the batch is taken from the first share.
            let isOwn = share == 0 || program.analysis.outputs[index] != nil
            worker.bind(output: index, to: isOwn ? buffer : nil)
        }
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

    /// Forgets inputs and outputs so that the session does not keep callers' memory alive.
    public func unbind() {
        for index in boundInputs.indices { boundInputs[index] = nil }
        for index in boundOutputs.indices { boundOutputs[index] = nil }
        for worker in workers { worker.unbind() }
    }

    /// Runs all shares and returns when the results are complete. Throws `invalidArgument` where something is not bound or
    /// an output lies over another one or an input, and the error of the first share, in order of rows, that failed;
    /// all are at rest then.
    public func run() throws(HeterodyneError) {
        if needsOverlapCheck { try checkBindings() }
        if let threads { threads.run() } else { workers[0].run() }
        for worker in workers {
            if let failure = worker.failure { throw .backend(failure) }
        }
        for (share, worker) in workers.enumerated() {
            program.record(share, nanoseconds: worker.start.nanoseconds(to: worker.end))
        }
    }

    /// Runs all shares and returns when each began and ended, its copies included. Throws as `run` does.
    public func timeline() throws(HeterodyneError) -> [TimedStep] {
        let origin = ContinuousClock.now
        try run()
        return workers.enumerated().map { lane, worker in
            let share = program.shares[lane]
            return TimedStep(
                device: share.device.id,
                work: "\(share.rows.count) of \(program.analysis.rowCount) rows, from row \(share.rows.lowerBound)",
                lane: lane, start: origin.nanoseconds(to: worker.start), end: origin.nanoseconds(to: worker.end))
        }
    }

    private func checkBindings() throws(HeterodyneError) {
        for index in boundInputs.indices where boundInputs[index] == nil {
            throw .backend(BackendError(.invalidArgument, "input '\(program.inputs[index].name)' is not bound"))
        }
        for index in boundOutputs.indices where boundOutputs[index] == nil {
            throw .backend(BackendError(.invalidArgument, "output '\(program.outputs[index].name)' is not bound"))
        }
        switch BufferOverlaps.conflict(outputs: boundOutputs, inputs: boundInputs) {
        case nil: needsOverlapCheck = false
        case .outputs(let a, let b):
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "outputs '\(program.outputs[a].name)' and '\(program.outputs[b].name)' are bound to the same memory"
                ))
        case .outputAndInput(let output, let input):
            throw .backend(
                BackendError(
                    .invalidArgument,
                    "output '\(program.outputs[output].name)' is bound to the memory of input "
                        + "'\(program.inputs[input].name)'"))
        }
    }
}
