// Heterodyne: a buffer of the backend as the object that a host holds.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import Synchronization

/// A buffer of the backend as the object that a host holds.
///
/// Invocations keep what they run on, so that the next run on the same buffers binds nothing. A buffer that the host frees is
/// taken from them: otherwise its memory would stay until the next run.
final class BufferBox: Sendable {
    let buffer: any Buffer
    private let freed = Atomic<Bool>(false)
    /// The invocations that have the buffer bound, once per place.
    private let holders = Mutex<[InvocationBox]>([])

    init(_ buffer: any Buffer) { self.buffer = buffer }

    /// Whether the host has freed the buffer.
    var isFreed: Bool { freed.load(ordering: .sequentiallyConsistent) }

    func addHolder(_ invocation: InvocationBox) { holders.withLock { $0.append(invocation) } }

    func removeHolder(_ invocation: InvocationBox) {
        holders.withLock { holders in
            if let index = holders.firstIndex(where: { $0 === invocation }) { holders.remove(at: index) }
        }
    }

    /// The host no longer uses the buffer.
    func free() {
        freed.store(true, ordering: .sequentiallyConsistent)
        for invocation in holders.withLock(\.self) { invocation.releaseFreedBuffers() }
    }
}
