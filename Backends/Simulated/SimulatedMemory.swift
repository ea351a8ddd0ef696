// Heterodyne: the memory of a simulated chip.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Synchronization

/// The memory of a simulated chip: how much there is and how much is in use. Constants that several programs share count
/// once.
final class SimulatedMemory: Sendable {
    /// The size.
    let byteCount: Int
    /// The chip's identifier.
    let device: String
    private let name: String
    private let state = Mutex(State())

    private struct State {
        var used = 0
        var constants: [ObjectIdentifier: (uses: Int, byteCount: Int)] = [:]
    }

    init(byteCount: Int, device: String, name: String) {
        self.byteCount = byteCount
        self.device = device
        self.name = name
    }

    /// Bytes in use.
    var used: Int { state.withLock(\.used) }

    /// Takes `count` bytes. Throws `outOfMemory` with the numbers where there is no room.
    func take(_ count: Int, for what: @autoclosure () -> String) throws(BackendError) {
        let used: Int? = state.withLock { state in
            guard count >= 0, count <= byteCount - state.used else { return state.used }
            state.used += count
            return nil
        }
        if let used { throw full(count, used, what()) }
    }

    /// Gives back what `take` took.
    func give(_ count: Int) { state.withLock { $0.used -= count } }

    /// Takes room for constants, which the caller keeps alive; those that are there already need none. Throws
    /// `outOfMemory` and takes nothing where there is no room.
    func take(_ constants: [LiteralStorage], for what: @autoclosure () -> String) throws(BackendError) {
        let failure: (needed: Int, used: Int)? = state.withLock { state in
            var needed = 0
            for constant in constants where state.constants[ObjectIdentifier(constant)] == nil {
                needed =
                    needed.addingReportingOverflow(constant.bytes.count).overflow
                    ? Int.max : needed + constant.bytes.count
            }
            guard needed <= byteCount - state.used else { return (needed, state.used) }
            state.used += needed
            for constant in constants {
                let known = state.constants[ObjectIdentifier(constant)]
                state.constants[ObjectIdentifier(constant)] = ((known?.uses ?? 0) + 1, constant.bytes.count)
            }
            return nil
        }
        if let failure { throw full(failure.needed, failure.used, what()) }
    }

    /// Gives back what `take` took.
    func give(_ constants: [LiteralStorage]) {
        state.withLock { state in
            for constant in constants {
                guard let known = state.constants[ObjectIdentifier(constant)] else { continue }
                if known.uses > 1 {
                    state.constants[ObjectIdentifier(constant)] = (known.uses - 1, known.byteCount)
                } else {
                    state.constants[ObjectIdentifier(constant)] = nil
                    state.used -= known.byteCount
                }
            }
        }
    }

    /// The failure for what does not fit.
    func full(_ needed: Int, _ used: Int, _ what: String) -> BackendError {
        BackendError(
            .outOfMemory,
            "\(name) has \(byteCount) bytes of memory, of which \(used) are in use; \(what) of \(needed) bytes does not fit",
            device: device)
    }
}

/// Memory of a simulated chip: bytes of the host that the host reaches by copying only, so that every transfer shows.
final class SimulatedBuffer: Buffer {
    /// The chip's memory.
    let memory: SimulatedMemory
    /// The bytes.
    let host: HostBuffer

    init(byteCount: Int, memory: SimulatedMemory) throws(BackendError) {
        try memory.take(byteCount, for: "a buffer")
        do { host = try HostBuffer(byteCount: byteCount) } catch {
            memory.give(byteCount)
            throw error
        }
        self.memory = memory
    }

    deinit { memory.give(host.byteCount) }

    var byteCount: Int { host.byteCount }

    /// Nil: the chip's memory is its own.
    var hostAddress: UnsafeMutableRawPointer? { nil }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        try host.write(from: source, at: offset)
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        try host.read(into: destination, at: offset)
    }
}
