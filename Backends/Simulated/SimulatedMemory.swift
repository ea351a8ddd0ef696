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
        var constants: [Constant: Int] = [:]
    }

    /// A constant by its place in the host's memory; several storages may refer to one.
    private struct Constant: Hashable {
        let address: UnsafeRawPointer?
        let byteCount: Int

        init(_ storage: LiteralStorage) {
            address = storage.bytes.baseAddress
            byteCount = storage.bytes.count
        }
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
            for constant in Set(constants.map(Constant.init)) where state.constants[constant] == nil {
                let (sum, overflow) = needed.addingReportingOverflow(constant.byteCount)
                needed = overflow ? .max : sum
            }
            guard needed <= byteCount - state.used else { return (needed, state.used) }
            state.used += needed
            for storage in constants { state.constants[Constant(storage), default: 0] += 1 }
            return nil
        }
        if let failure { throw full(failure.needed, failure.used, what()) }
    }

    /// Gives back what `take` took.
    func give(_ constants: [LiteralStorage]) {
        state.withLock { state in
            for constant in constants.map(Constant.init) {
                guard let uses = state.constants[constant] else { continue }
                state.constants[constant] = uses > 1 ? uses - 1 : nil
                if uses == 1 { state.used -= constant.byteCount }
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

/// Constants that are alive and counted while this object lives.
final class SimulatedConstants: Sendable {
    private let storages: [LiteralStorage]
    private let memory: SimulatedMemory

    /// Takes room for the constants of a program. Throws `outOfMemory` and takes nothing where there is none.
    init(_ storages: [LiteralStorage], in memory: SimulatedMemory, of program: String) throws(BackendError) {
        // Before anything is stored: what fails here has nothing to give back.
        try memory.take(storages, for: "'\(program)' with constants")
        self.storages = storages
        self.memory = memory
    }

    deinit { memory.give(storages) }
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
