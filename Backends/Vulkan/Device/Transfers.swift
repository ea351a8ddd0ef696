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

/// Copies between host memory and device memory: directly where the host sees the memory, else in chunks through two
/// pieces of staging memory, so that the device copies one chunk while the host copies the next.
final class Transfers: @unchecked Sendable {
    // Unchecked: `lanes` is used under the lock, the rest is constant.

    /// Bytes of one chunk.
    static let chunkByteCount = 4 << 20

    /// A piece of staging memory and the commands that copy from or to it.
    private final class Lane {
        let memory: DeviceMemory
        let list: CommandList

        init(_ memory: DeviceMemory, _ list: CommandList) {
            self.memory = memory
            self.list = list
        }
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

    /// Copies `bytes` to `offset` of `memory`. The caller has checked that they fit.
    func upload(_ bytes: UnsafeRawBufferPointer, to memory: DeviceMemory, at offset: Int) throws(BackendError) {
        try device.checkAlive()
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if !pool.writesThroughStaging, let mapped = memory.mapped {
            (mapped + offset).copyMemory(from: source, byteCount: bytes.count)
            return
        }
        try locked { () throws(BackendError) in
            for (index, start) in stride(from: 0, to: bytes.count, by: Self.chunkByteCount).enumerated() {
                let count = min(Self.chunkByteCount, bytes.count - start)
                let lane = lanes[index % lanes.count]
                // The device may still copy what was here.
                try lane.list.finish(label: "upload")
                guard let mapped = lane.memory.mapped else { throw unmapped }
                mapped.copyMemory(from: source + start, byteCount: count)
                try check(lane.memory.flush())
                let piece = MemorySlice(memory: memory, byteOffset: offset + start, byteCount: count)
                try copy(lane, MemorySlice(memory: lane.memory, byteOffset: 0, byteCount: count), piece)
            }
            for lane in lanes { try lane.list.finish(label: "upload") }
        }
    }

    /// Copies from `offset` of `memory` into `bytes`. The caller has checked that they lie there.
    func download(
        _ memory: DeviceMemory, at offset: Int, into bytes: UnsafeMutableRawBufferPointer
    ) throws(BackendError) {
        try device.checkAlive()
        guard let destination = bytes.baseAddress, bytes.count > 0 else { return }
        if !pool.readsThroughStaging, let mapped = memory.mapped {
            destination.copyMemory(from: mapped + offset, byteCount: bytes.count)
            return
        }
        try locked { () throws(BackendError) in
            let starts = Array(stride(from: 0, to: bytes.count, by: Self.chunkByteCount))
            // One chunk ahead of the host.
            for index in 0..<starts.count + 1 {
                if index < starts.count {
                    let count = min(Self.chunkByteCount, bytes.count - starts[index])
                    let lane = lanes[index % lanes.count]
                    let piece = MemorySlice(memory: memory, byteOffset: offset + starts[index], byteCount: count)
                    try copy(lane, piece, MemorySlice(memory: lane.memory, byteOffset: 0, byteCount: count))
                }
                if index > 0 {
                    let start = starts[index - 1]
                    let lane = lanes[(index - 1) % lanes.count]
                    try lane.list.finish(label: "download")
                    guard let mapped = lane.memory.mapped else { throw unmapped }
                    try check(lane.memory.invalidate())
                    let count = min(Self.chunkByteCount, bytes.count - start)
                    (destination + start).copyMemory(from: mapped, byteCount: count)
                }
            }
        }
    }

    /// Copies bytes to the start of `memory`.
    func upload(_ bytes: [UInt8], to memory: DeviceMemory) throws(BackendError) {
        let result: Result<Void, BackendError> = bytes.withUnsafeBytes { bytes in
            do throws(BackendError) { return .success(try upload(bytes, to: memory, at: 0)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// The content of `memory`.
    func download(_ memory: DeviceMemory) throws(BackendError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: memory.byteCount)
        let result: Result<Void, BackendError> = bytes.withUnsafeMutableBytes { bytes in
            do throws(BackendError) { return .success(try download(memory, at: 0, into: bytes)) } catch {
                return .failure(error)
            }
        }
        try result.get()
        return bytes
    }

    private var unmapped: BackendError {
        BackendError(.executionFailed, "the driver does not show its staging memory to the host", device: device.id)
    }

    private func check(_ result: VkResult) throws(BackendError) {
        guard result == VK_SUCCESS else { throw device.error(result, "synchronizing staging memory with the host") }
    }

    private func copy(_ lane: Lane, _ from: MemorySlice, _ to: MemorySlice) throws(BackendError) {
        try lane.list.begin()
        lane.list.copy(from, to)
        try lane.list.end()
        try lane.list.start(label: "transfer")
    }

    /// Runs `body` with both lanes for itself. Nothing is in flight afterwards, whatever happens.
    private func locked(_ body: () throws(BackendError) -> Void) throws(BackendError) {
        let failure: BackendError? = lock.withLock { _ in
            do throws(BackendError) {
                while lanes.count < 2 {
                    let memory = try pool.allocate(Self.chunkByteCount, for: .staging)
                    lanes.append(Lane(memory, try CommandList(device, target: target)))
                }
                try body()
                return nil
            } catch {
                // The staging memory goes with the lanes, once the device is done with them.
                lanes = []
                return error
            }
        }
        if let failure { throw failure }
    }
}
