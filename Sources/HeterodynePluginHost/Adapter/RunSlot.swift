// Heterodyne: where a plugin reports the end of a run.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Dispatch
import Synchronization

/// Where a plugin reports the end of an invocation's runs: completions, an error with room for a message, and what a
/// thread waits on.
///
/// A plugin may call `done` twice, or long after the run counted as lost. So runs take the completions in turn, and
/// only the completion of the run that is under way is listened to; and a slot is never given back to the system: it
/// goes to a queue, from whose other end slots are taken again.
///
/// Unchecked: `status` is written by whoever ends the run, which one caller does, and read after the semaphore.
final class RunSlot: @unchecked Sendable {
    /// A completion, and what `done` needs to know behind it.
    private struct Ticket {
        var completion: heterodyne_completion
        var slot: UnsafeMutableRawPointer
        /// From 1.
        var number: Int
    }

    /// What the plugin writes where a run fails.
    let error: ErrorSlot
    private let tickets: UnsafeMutablePointer<Ticket>
    /// The number of the ticket whose run is under way; 0 where there is none.
    private let current = Atomic(0)
    private var lastNumber = 0
    private let semaphore = DispatchSemaphore(value: 0)
    private var status: Int32 = 0

    /// How many runs later a completion is used again.
    private static let ticketCount = 64
    private static let messageCapacity = 952

    private init() {
        tickets = .allocate(capacity: Self.ticketCount)
        let size = ErrorSlot.byteCount(message: Self.messageCapacity)
        error = ErrorSlot(in: UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16))
        for index in 0..<Self.ticketCount {
            (tickets + index).initialize(
                to: Ticket(
                    completion: heterodyne_completion(), slot: Unmanaged.passUnretained(self).toOpaque(),
                    number: index + 1))
        }
    }

    private static let done: @convention(c) (UnsafeMutablePointer<heterodyne_completion>?, Int32) -> Void = {
        completion, status in
        guard let completion else { return }
        let ticket = UnsafeMutableRawPointer(completion).assumingMemoryBound(to: Ticket.self)
        Unmanaged<RunSlot>.fromOpaque(ticket.pointee.slot).takeUnretainedValue().end(ticket.pointee.number, status)
    }

    private func end(_ number: Int, _ status: Int32) {
        guard close(number) else { return }
        self.status = status
        semaphore.signal()
    }

    /// Ends the run of a ticket, unless it has ended.
    private func close(_ number: Int) -> Bool {
        current.compareExchange(expected: number, desired: 0, ordering: .acquiringAndReleasing).exchanged
    }

    /// The completion of a run that is about to start.
    func begin() -> UnsafeMutablePointer<heterodyne_completion> {
        lastNumber = lastNumber % Self.ticketCount + 1
        error.reset()
        let ticket = tickets + (lastNumber - 1)
        ticket.pointee.completion.struct_size = MemoryLayout<heterodyne_completion>.size
        ticket.pointee.completion.extensions = nil
        ticket.pointee.completion.error = error.error
        ticket.pointee.completion.done = Self.done
        current.store(lastNumber, ordering: .releasing)
        return UnsafeMutableRawPointer(ticket).assumingMemoryBound(to: heterodyne_completion.self)
    }

    /// Takes back a run that did not start; what `done` says from now on is not listened to.
    func cancel() { if !close(lastNumber) { semaphore.wait() } }

    /// Waits until the run has ended, and returns its status; nil where it did not within `seconds`, after which `done`
    /// does nothing. Waits one second after the other, so that a process that was stopped for an hour is late by one.
    func wait(seconds: Int) -> Int32? {
        for _ in 0..<seconds where semaphore.wait(timeout: .now() + .seconds(1)) == .success { return status }
        if close(lastNumber) { return nil }
        // It ended at the last moment.
        semaphore.wait()
        return status
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
