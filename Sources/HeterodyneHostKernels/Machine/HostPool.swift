// Heterodyne: the threads that all host programs of a process share.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import Synchronization

/// The threads that all host programs of a process share: one pool per number of threads, started on first use.
enum HostPool {
    private struct Pools: @unchecked Sendable {
        // Unchecked: pools may be used from any thread and are never destroyed.
        var byThreads: [Int: OpaquePointer] = [:]
    }

    private static let pools = Mutex(Pools())

    /// The pool of `threads` threads, or nil for one thread or where the system gives no threads.
    static func shared(threads: Int) -> OpaquePointer? {
        guard threads > 1 else { return nil }
        let address: Int = pools.withLock { pools in
            if let pool = pools.byThreads[threads] { return Int(bitPattern: pool) }
            guard let pool = hk_pool_create(Int32(clamping: threads)) else { return 0 }
            pools.byThreads[threads] = pool
            return Int(bitPattern: pool)
        }
        return OpaquePointer(bitPattern: address)
    }
}
