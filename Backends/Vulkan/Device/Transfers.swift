// Heterodyne: copies between host memory and device memory.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Copies between host memory and device memory: directly where the host sees it, else in chunks through staging memory.
final class Transfers: @unchecked Sendable {
    // Unchecked: the state is under a lock, the rest is constant.

    /// Bytes of one chunk.
    static let chunkByteCount = 4 << 20

    /// One staging buffer with the commands that copy it.
    private final class Lane {
        let memory: DeviceMemory
        let list: CommandList
        init(_ memory: DeviceMemory, _ list: CommandList) {
            self.memory = memory
            self.list = list
        }
    }

    private struct State: ~Copyable {
        var lanes: [Lane] = []
    }

    private let device: LogicalDevice
    private let pool: MemoryPool
    private let target: KernelTarget
    private let lock = Mutex<Void>(())
    private var lanes: [Lane] = []

    init(_ device: LogicalDevice, _ pool: MemoryPool, target: KernelTarget) {
        self.device = device
        self.pool = pool
        self.target = target
    }

    /// Copies `bytes` to `offset` of `memory`.
    func upload(_ bytes: UnsafeRawBufferPointer, to memory: DeviceMemory, at offset: Int) throws(BackendError) {
        try device.checkAlive()
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if !pool.writesThroughStaging, let mapped = memory.mapped {
            (mapped + offset).copyMemory(from: source, byteCount: bytes.count)
            return
        }
        throw BackendError(.unsupported, "staging")
    }

    /// Copies from `offset` of `memory` into `bytes`.
    func download(
        _ memory: DeviceMemory, at offset: Int, into bytes: UnsafeMutableRawBufferPointer
    ) throws(BackendError) {
        try device.checkAlive()
        guard let destination = bytes.baseAddress, bytes.count > 0 else { return }
        if !pool.readsThroughStaging, let mapped = memory.mapped {
            destination.copyMemory(from: mapped + offset, byteCount: bytes.count)
            return
        }
        throw BackendError(.unsupported, "staging")
    }
}
