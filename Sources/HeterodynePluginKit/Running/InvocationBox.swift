// Heterodyne: one place to run a program as the object that a host holds.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One place to run a program as the object that a host holds. A run binds the buffers that are others than the last time;
/// where none is, it allocates nothing and takes no lock.
final class InvocationBox: @unchecked Sendable {
    // Unchecked: whoever has set `isBusy` is alone with everything else.

    private let program: ProgramBox
    private let invocation: any Invocation
    private let inputCount: Int
    private let slotCount: Int
    /// The buffers of the inputs, then of the outputs. Each holds its box alive, so that none of these pointers can be
    /// reused for another.
    private let bound: UnsafeMutablePointer<OpaquePointer?>
    private let isBusy = Atomic<Bool>(false)
    /// Whether a buffer was freed that may be bound.
    private let hasFreedBuffers = Atomic<Bool>(false)
    private var measured = CMemory()

    init(_ program: ProgramBox, _ invocation: any Invocation) {
        self.program = program
        self.invocation = invocation
        inputCount = program.graph.inputs.count
        slotCount = inputCount + program.graph.outputs.count
        bound = .allocate(capacity: max(slotCount, 1))
        bound.initialize(repeating: nil, count: max(slotCount, 1))
    }

    deinit { bound.deallocate() }

    /// Runs the program and returns the status.
    func execute(
        _ inputs: UnsafePointer<OpaquePointer?>?, _ outputs: UnsafePointer<OpaquePointer?>?,
        _ completion: UnsafeMutablePointer<heterodyne_completion>?, _ error: UnsafeMutablePointer<heterodyne_error>?
    ) -> Int32 {
        enter()
        defer { leave() }
        do throws(BackendError) {
            try bind(inputs, outputs)
            try invocation.run()
        } catch let failure { return Failure(failure, in: program.graph).write(to: error) }
        if let completion, completion.pointee.struct_size >= FirstSize.completion {
            completion.pointee.done?(completion, Failure.ok)
        }
        return Failure.ok
    }

    /// Runs the program and writes the nanoseconds of its steps.
    func profile(
        _ inputs: UnsafePointer<OpaquePointer?>?, _ outputs: UnsafePointer<OpaquePointer?>?,
        _ nanoseconds: UnsafeMutableBufferPointer<UInt64>
    ) throws(Failure) {
        enter()
        defer { leave() }
        do throws(BackendError) {
            try bind(inputs, outputs)
            let times = try invocation.profile()
            for index in nanoseconds.indices { nanoseconds[index] = index < times.count ? times[index] : 0 }
        } catch { throw Failure(error, in: program.graph) }
    }

    /// What the last run measured, valid until the next call.
    func measurements() throws(Failure) -> (pointer: UnsafePointer<UnsafePointer<heterodyne_measurement>?>?, count: Int)
    {
        enter()
        defer { leave() }
        let list: [Measurement]
        do { list = try invocation.measurements() } catch { throw Failure(error, in: program.graph) }
        let memory = CMemory()
        let pointers = memory.pointers(
            list.map { measurement in
                var result = heterodyne_measurement()
                result.struct_size = MemoryLayout<heterodyne_measurement>.size
                result.name = memory.text(measurement.name)
                result.value = measurement.value
                result.unit = memory.text(measurement.unit)
                result.source = memory.text(measurement.source)
                return result
            })
        measured = memory
        return (pointers, list.count)
    }

    /// Lets go of every buffer, before the host's reference goes away.
    func close() {
        enter()
        for slot in 0..<slotCount { unbind(slot) }
        leave()
    }

    /// Lets go of the buffers that the host has freed: now, or where the program is running, when it has run.
    func releaseFreedBuffers() {
        hasFreedBuffers.store(true, ordering: .sequentiallyConsistent)
        // Whoever is inside looks at the flag after it has left.
        while hasFreedBuffers.load(ordering: .sequentiallyConsistent), tryEnter() {
            hasFreedBuffers.store(false, ordering: .sequentiallyConsistent)
            for slot in 0..<slotCount {
                guard let pointer = bound[slot] else { continue }
                if Unmanaged<BufferBox>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue().isFreed {
                    unbind(slot)
                }
            }
            isBusy.store(false, ordering: .sequentiallyConsistent)
        }
    }

    private func tryEnter() -> Bool {
        isBusy.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged
    }

    private func enter() {
        // Taken only while another thread frees a buffer, or by hosts that break the rule of one thread at a time.
        while !tryEnter() { sched_yield() }
    }

    private func leave() {
        isBusy.store(false, ordering: .sequentiallyConsistent)
        if hasFreedBuffers.load(ordering: .sequentiallyConsistent) { releaseFreedBuffers() }
    }

    private func bind(
        _ inputs: UnsafePointer<OpaquePointer?>?, _ outputs: UnsafePointer<OpaquePointer?>?
    ) throws(BackendError) {
        for slot in 0..<slotCount {
            let pointer = slot < inputCount ? inputs?[slot] : outputs?[slot - inputCount]
            if pointer != bound[slot] { try bind(slot, pointer) }
        }
    }

    private func bind(_ slot: Int, _ pointer: OpaquePointer?) throws(BackendError) {
        unbind(slot)
        // The run then says what is not bound.
        guard let pointer else { return }
        let box = Unmanaged<BufferBox>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
        if slot < inputCount {
            try invocation.bind(input: slot, to: box.buffer)
        } else {
            try invocation.bind(output: slot - inputCount, to: box.buffer)
        }
        bound[slot] = OpaquePointer(Unmanaged.passRetained(box).toOpaque())
        box.addHolder(self)
    }

    private func unbind(_ slot: Int) {
        guard let pointer = bound[slot] else { return }
        bound[slot] = nil
        if slot < inputCount {
            invocation.unbind(input: slot)
        } else {
            invocation.unbind(output: slot - inputCount)
        }
        let box = Unmanaged<BufferBox>.fromOpaque(UnsafeRawPointer(pointer)).takeRetainedValue()
        box.removeHolder(self)
    }
}
