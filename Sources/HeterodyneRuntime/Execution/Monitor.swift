// Heterodyne: a lock that threads can wait at.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A lock with a condition: threads that wait sleep until another says that something changed.
final class Monitor: @unchecked Sendable {
    // Unchecked: both objects are made for use by several threads.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }

    func unlock() { pthread_mutex_unlock(mutex) }

    /// Lets go of the lock, sleeps until `wakeAll` or for no reason, and takes the lock again.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Wakes all who wait.
    func wakeAll() { pthread_cond_broadcast(condition) }
}
