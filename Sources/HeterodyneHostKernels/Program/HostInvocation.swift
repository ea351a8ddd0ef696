// Heterodyne: one place to run a host program.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
public import HeterodyneBackend
import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One place to run a host program: the arena, the table of addresses and the bound buffers.
public final class HostInvocation: Invocation {
    private struct Patch: BitwiseCopyable {
        var argument: Int
        var byteOffset: Int
    }

    let program: HostProgram
    private let arena: HostBuffer
    private let arguments: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
    private let children: [HostInvocation]
    private let patches: UnsafeMutableBufferPointer<Patch>
    /// Where the patches of input i, then of output i, start; one more entry closes the last.
    private let patchStarts: [Int]
    private var addresses: [UnsafeMutableRawPointer?]
    private var buffers: [(any Buffer)?]
    private let inputCount: Int
    /// Outputs that live in an input's buffer: (output, input) pairs.
    private let inPlace: [(output: Int, input: Int)]

    /// Allocates the memory of one invocation of `program`. Throws `outOfMemory`.
    init(_ program: HostProgram) throws(BackendError) {
        self.program = program
        arena = try HostBuffer(byteCount: program.ownArenaByteCount)
        var children: [HostInvocation] = []
        for child in program.children { children.append(try HostInvocation(child)) }
        self.children = children
        inputCount = program.inputByteCounts.count
        let slots = inputCount + program.outputByteCounts.count
        addresses = [UnsafeMutableRawPointer?](repeating: nil, count: slots)
        buffers = [(any Buffer)?](repeating: nil, count: slots)
        inPlace = program.inPlaceOutputs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }

        arguments = .allocate(capacity: program.arguments.count)
        arguments.initialize(repeating: nil)
        var bySlot = [[Patch]](repeating: [], count: slots)
        for (index, source) in program.arguments.enumerated() {
            switch source {
            case .none: break
            case .arena(let offset): arguments[index] = arena.address + offset
            case .constant(let address): arguments[index] = UnsafeMutableRawPointer(bitPattern: address)
            case .child(let child): arguments[index] = Unmanaged.passUnretained(children[child]).toOpaque()
            case .input(let input, let offset):
                bySlot[input].append(Patch(argument: index, byteOffset: offset))
            case .output(let output, let offset):
                bySlot[inputCount + output].append(Patch(argument: index, byteOffset: offset))
            }
        }
        var starts: [Int] = [0]
        for patches in bySlot { starts.append(starts[starts.count - 1] + patches.count) }
        patchStarts = starts
        patches = .allocate(capacity: starts[slots])
        _ = patches.initialize(from: bySlot.joined())
    }

    deinit {
        arguments.deallocate()
        patches.deallocate()
    }

    /// The buffer of input `index` from now on. Throws `invalidArgument` for a wrong index, size or device.
    public func bind(input index: Int, to buffer: any Buffer) throws(BackendError) {
        guard index >= 0, index < inputCount else {
            throw BackendError(
                .invalidArgument, "input \(index) does not exist; the program has \(inputCount)",
                device: program.device, node: program.label)
        }
        try bind(slot: index, needed: program.inputByteCounts[index], "input \(index)", buffer)
    }

    /// The buffer of output `index` from now on. Throws `invalidArgument` for a wrong index, size or device.
    public func bind(output index: Int, to buffer: any Buffer) throws(BackendError) {
        let count = program.outputByteCounts.count
        guard index >= 0, index < count else {
            throw BackendError(
                .invalidArgument, "output \(index) does not exist; the program has \(count)", device: program.device,
                node: program.label)
        }
        try bind(slot: inputCount + index, needed: program.outputByteCounts[index], "output \(index)", buffer)
    }

    private func bind(
        slot: Int, needed: Int, _ name: @autoclosure () -> String, _ buffer: any Buffer
    ) throws(BackendError) {
        guard let address = buffer.hostAddress else {
            throw BackendError(
                .invalidArgument, "\(name()) is bound to memory that the host cannot reach; copy it to this device",
                device: program.device, node: program.label)
        }
        guard buffer.byteCount >= needed else {
            throw BackendError(
                .invalidArgument, "\(name()) needs \(needed) bytes and the buffer has \(buffer.byteCount)",
                device: program.device, node: program.label)
        }
        buffers[slot] = buffer
        bind(slot: slot, to: address)
    }

    /// Lets go of the buffer of input `index`.
    public func unbind(input index: Int) { if index >= 0, index < inputCount { unbind(slot: index) } }

    /// Lets go of the buffer of output `index`.
    public func unbind(output index: Int) {
        if index >= 0, index < program.outputByteCounts.count { unbind(slot: inputCount + index) }
    }

    private func unbind(slot: Int) {
        buffers[slot] = nil
        addresses[slot] = nil
    }

    private func bind(slot: Int, to address: UnsafeMutableRawPointer) {
        addresses[slot] = address
        for index in patchStarts[slot]..<patchStarts[slot + 1] {
            let patch = patches[index]
            arguments[patch.argument] = address + patch.byteOffset
        }
    }

    /// Binds without checks, for the regions of control flow.
    func bindUnchecked(input index: Int, to address: UnsafeMutableRawPointer?) {
        if let address { bind(slot: index, to: address) }
    }

    /// Binds without checks, for the regions of control flow.
    func bindUnchecked(output index: Int, to address: UnsafeMutableRawPointer?) {
        if let address { bind(slot: inputCount + index, to: address) }
    }

    /// Runs the program to completion. Throws `executionFailed`, or `invalidArgument` where something is not bound.
    public func run() throws(BackendError) {
        try checkBindings()
        let failure = execute()
        if failure.status != 0 { throw error(failure) }
    }

    /// Runs every step; the index and status of the first that failed, or status 0.
    func execute() -> (step: Int, status: Int32) {
        let steps = program.steps
        let pool = program.pool
        guard let base = arguments.baseAddress ?? Self.emptyTable else { return (0, 0) }
        for index in 0..<steps.count {
            let step = steps[index]
            let status = step.function(step.payload, base + step.firstArgument, step.isParallel ? pool : nil)
            if status != 0 { return (index, status) }
        }
        copyInPlaceOutputs()
        return (0, 0)
    }

    private static var emptyTable: UnsafeMutablePointer<UnsafeMutableRawPointer?>? {
        UnsafeMutablePointer(bitPattern: 64)
    }

    /// Runs the program and returns the nanoseconds of each step.
    public func profile() throws(BackendError) -> [UInt64] {
        try checkBindings()
        var times: [UInt64] = []
        times.reserveCapacity(program.steps.count)
        guard let base = arguments.baseAddress ?? Self.emptyTable else { return [] }
        for index in 0..<program.steps.count {
            let step = program.steps[index]
            let start = Self.nanoseconds()
            let status = step.function(step.payload, base + step.firstArgument, step.isParallel ? program.pool : nil)
            times.append(Self.nanoseconds() - start)
            if status != 0 { throw error((index, status)) }
        }
        copyInPlaceOutputs()
        return times
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func checkBindings() throws(BackendError) {
        for slot in addresses.indices where addresses[slot] == nil {
            let name = slot < inputCount ? "input \(slot)" : "output \(slot - inputCount)"
            throw BackendError(
                .invalidArgument, "\(name) is not bound to a buffer", device: program.device, node: program.label)
        }
    }

    /// An in-place output that the caller bound to a buffer of its own is copied there.
    private func copyInPlaceOutputs() {
        for pair in inPlace {
            guard let source = addresses[pair.input], let target = addresses[inputCount + pair.output],
                source != target
            else { continue }
            hk_copy(target, source, program.outputByteCounts[pair.output], program.pool)
        }
    }

    private func error(_ failure: (step: Int, status: Int32)) -> BackendError {
        BackendError(
            .executionFailed, "a kernel reported: \(String(cString: hk_status_text(failure.status)))",
            device: program.device, node: program.stepDescriptions[failure.step])
    }
}
