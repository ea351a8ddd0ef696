// Heterodyne: where a plugin reports the end of a run.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Dispatch
import Synchronization

/// Where a plugin reports the end of a run: a completion, an error with room for a message, and what a thread waits on.
///
/// A plugin may call `done` twice, or long after the run counted as lost. So a slot is never given back to the system: it
/// goes to a queue, from whose other end slots are taken again, and a call that nobody waits for does nothing. An
/// invocation takes its slots in turn, so that a second call does not end the next run.
///
/// Unchecked: `status` is written by whoever moves the state to `ended`, and read after the semaphore.
final class RunSlot: @unchecked Sendable {
    /// What the plugin gets.
    let completion: UnsafeMutablePointer<heterodyne_completion>
    /// What the plugin writes where the run fails.
    let error: ErrorSlot
    private let state = Atomic<UInt8>(0)
    private let semaphore = DispatchSemaphore(value: 0)
    private var status: Int32 = 0

    private static let idle: UInt8 = 0
    private static let armed: UInt8 = 1
    private static let ended: UInt8 = 2
    private static let messageCapacity = 952

    private init() {
        // The completion is followed by the address of this object, where `done` finds it.
        let head = (MemoryLayout<heterodyne_completion>.stride + MemoryLayout<UnsafeRawPointer>.stride + 15) & ~15
        let size = head + ErrorSlot.byteCount(message: Self.messageCapacity)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        error = ErrorSlot(in: UnsafeMutableRawBufferPointer(rebasing: memory[head...]))
        completion = memory.baseAddress.unsafelyUnwrapped.bindMemory(to: heterodyne_completion.self, capacity: 1)
        completion.initialize(to: heterodyne_completion())
        let own = UnsafeMutableRawPointer(completion + 1)
        own.storeBytes(of: Unmanaged.passUnretained(self).toOpaque(), as: UnsafeMutableRawPointer.self)
        prepare()
    }

    /// Makes completion and error as a plugin expects them.
    private func prepare() {
        error.reset()
        completion.pointee.struct_size = MemoryLayout<heterodyne_completion>.size
        completion.pointee.extensions = nil
        completion.pointee.error = error.error
        completion.pointee.done = Self.done
    }

    private static let done: @convention(c) (UnsafeMutablePointer<heterodyne_completion>?, Int32) -> Void = {
        completion, status in
        guard let completion else { return }
        let own = UnsafeRawPointer(completion + 1).load(as: UnsafeMutableRawPointer.self)
        Unmanaged<RunSlot>.fromOpaque(own).takeUnretainedValue().end(status)
    }

    private func end(_ status: Int32) {
        guard move(from: Self.armed, to: Self.ended) else { return }
        self.status = status
        semaphore.signal()
    }

    private func move(from old: UInt8, to new: UInt8) -> Bool {
        state.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }

    /// Prepares the slot for a run.
    func arm() {
        prepare()
        state.store(Self.armed, ordering: .releasing)
    }

    /// Takes the slot back from a run that did not start; what `done` says from now on is not listened to.
    func disarm() {
        if !move(from: Self.armed, to: Self.idle) { finish() }
    }

    /// Waits until the run has ended, and returns its status; nil where it did not within `seconds`, after which `done` does
    /// nothing.
    func wait(seconds: Int) -> Int32? {
        if semaphore.wait(timeout: .now() + .seconds(seconds)) == .success {
            state.store(Self.idle, ordering: .releasing)
            return status
        }
        if move(from: Self.armed, to: Self.idle) { return nil }
        // It ended at the last moment.
        finish()
        return status
    }

    private func finish() {
        semaphore.wait()
        state.store(Self.idle, ordering: .releasing)
    }

    // MARK: Slots at rest

    private static let resting = Mutex<[RunSlot]>([])
    /// How many slots rest before the first is taken again.
    private static let quarantine = 256

    /// A slot that nobody uses.
    static func take() -> RunSlot {
        resting.withLock { $0.count > quarantine ? $0.removeFirst() : nil } ?? RunSlot()
    }

    /// Puts a slot to rest.
    static func rest(_ slot: RunSlot) { resting.withLock { $0.append(slot) } }
}
