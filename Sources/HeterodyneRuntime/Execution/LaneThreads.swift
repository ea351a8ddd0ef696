// Heterodyne: threads that sleep until there is something to do at the same time.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Runs a piece of work in several lanes at once, again and again: lane 0 on the caller's thread, each of the others on
/// a thread of its own that sleeps in between. Starting the lanes allocates nothing. One thread at a time uses it.
final class LaneThreads {
    /// What the threads share; they keep it alive, not the other way round, so that whoever owns the `LaneThreads` can
    /// be let go of on any thread but theirs.
    private final class Shared: @unchecked Sendable {
        // Unchecked: what changes is guarded by the monitor.
        let monitor = Monitor()
        let body: @Sendable (Int) -> Void
        /// Counts the runs; a thread that has not seen the number has something to do.
        var run: UInt64 = 0
        /// Threads that have not finished this run.
        var busy = 0
        var isStopping = false

        init(_ body: @escaping @Sendable (Int) -> Void) { self.body = body }

        func serve(lane: Int) {
            var seen: UInt64 = 0
            while true {
                monitor.lock()
                while run == seen && !isStopping { monitor.wait() }
                guard !isStopping else {
                    monitor.unlock()
                    return
                }
                seen = run
                monitor.unlock()
                body(lane)
                monitor.lock()
                busy -= 1
                if busy == 0 { monitor.wakeAll() }
                monitor.unlock()
            }
        }
    }

    private final class Start {
        let shared: Shared
        let lane: Int

        init(_ shared: Shared, _ lane: Int) {
            self.shared = shared
            self.lane = lane
        }
    }

    private let shared: Shared
    private let threads: UnsafeMutablePointer<pthread_t>
    private var count = 0

    /// Threads for `lanes` lanes, one less than there are lanes. Nil where the system gives no more threads.
    ///
    /// `body` is given the lane. It must not own what owns these threads.
    init?(lanes: Int, body: @escaping @Sendable (Int) -> Void) {
        shared = Shared(body)
        threads = .allocate(capacity: max(1, lanes - 1))
        for lane in stride(from: 1, to: lanes, by: 1) {
            let start = Unmanaged.passRetained(Start(shared, lane))
            let status = pthread_create(
                threads + count, nil,
                { argument in
                    guard let argument else { return nil }
                    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    start.shared.serve(lane: start.lane)
                    return nil
                }, start.toOpaque())
            guard status == 0 else {
                start.release()
                return nil
            }
            count += 1
        }
    }

    /// Waits for the threads to end; none of them is at work, since `run` waits for all.
    deinit {
        shared.monitor.lock()
        shared.isStopping = true
        shared.monitor.wakeAll()
        shared.monitor.unlock()
        for index in 0..<count { pthread_join(threads[index], nil) }
        threads.deallocate()
    }

    /// Runs every lane and returns when all have finished.
    func run() {
        shared.monitor.lock()
        shared.run &+= 1
        shared.busy = count
        shared.monitor.wakeAll()
        shared.monitor.unlock()
        shared.body(0)
        shared.monitor.lock()
        while shared.busy > 0 { shared.monitor.wait() }
        shared.monitor.unlock()
    }
}
