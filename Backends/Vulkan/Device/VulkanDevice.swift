// Heterodyne: a Vulkan device that is open for work.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneKernelIR
import Synchronization

/// A Vulkan device that is open for work: memory, compiled kernels, commands. All methods may be called from any thread.
final class VulkanDevice: @unchecked Sendable {
    // Unchecked: the parts are constant and guard themselves.

    let id: String
    let descriptor: DeviceDescriptor
    let target: KernelTarget
    let options: VulkanOptions
    let logical: LogicalDevice
    let memory: MemoryPool
    let store: PipelineStore
    private let transfers: Transfers

    /// Opens a device.
    init(
        id: String, instance: VulkanInstance, physical: PhysicalDevice, descriptor: DeviceDescriptor,
        options: VulkanOptions
    ) throws(BackendError) {
        self.id = id
        self.descriptor = descriptor
        self.options = options
        var target = physical.target(options)
        let logical = try LogicalDevice(
            id: id, instance: instance, physical: physical, features: target.features, options: options)
        let memory = try MemoryPool(logical, features: target.features, options: options)
        let folder = options.vulkanCacheDirectory
        let cache = PipelineCache(logical, folder: folder)
        let transfers = Transfers(logical, memory, target: target)
        let results = SelfTest.file(physical, target, folder: folder)
        if let known = SelfTest.read(results) {
            target.measured(known)
        } else {
            let store = PipelineStore(logical, target: target, cache: cache, capacity: options.pipelineCapacity)
            let bench = SelfTestBench(logical: logical, memory: memory, store: store, transfers: transfers)
            target.measured(try SelfTest(target: target, run: bench.run).arithmetic())
            SelfTest.write(target.arithmetic, results)
        }
        self.logical = logical
        self.memory = memory
        self.transfers = transfers
        self.target = target
        store = PipelineStore(logical, target: target, cache: cache, capacity: options.pipelineCapacity)
    }

    /// Whether the device stopped answering; it must be opened again.
    var isLost: Bool { logical.isLost }

    /// Allocates memory; its content is undefined. Throws `outOfMemory`.
    func allocate(byteCount: Int, for use: MemoryUse) throws(BackendError) -> DeviceMemory {
        try memory.allocate(byteCount, for: use)
    }

    /// The pipelines of the requests, in their order: made in parallel, shared by all programs. Throws
    /// `compilationFailed` naming the kernel.
    func pipelines(_ requests: [PipelineRequest]) throws(BackendError) -> [Pipeline] {
        try store.pipelines(requests)
    }

    /// An empty list of commands.
    func makeCommandList() throws(BackendError) -> CommandList { try CommandList(logical, target: target) }

    /// Copies host memory into device memory, and waits.
    func upload(_ bytes: UnsafeRawBufferPointer, to memory: DeviceMemory, at offset: Int) throws(BackendError) {
        try transfers.upload(bytes, to: memory, at: offset)
    }

    /// Copies device memory into host memory, and waits.
    func download(
        _ memory: DeviceMemory, at offset: Int, into bytes: UnsafeMutableRawBufferPointer
    ) throws(BackendError) {
        try transfers.download(memory, at: offset, into: bytes)
    }
}

/// Runs the self-test's kernels on a device that is being opened.
private struct SelfTestBench {
    let logical: LogicalDevice
    let memory: MemoryPool
    let store: PipelineStore
    let transfers: Transfers

    /// Runs all jobs in one submission and gives the content of each last buffer.
    func run(_ jobs: [SelfTest.Job]) throws(BackendError) -> [[UInt8]] {
        let pipelines = try store.pipelines(
            jobs.map { PipelineRequest($0.recipe, memory: .descriptors, multiplyAdd: .fused) })
        let list = try CommandList(logical, target: store.target)
        var results: [DeviceMemory] = []
        try list.begin()
        for (pipeline, job) in zip(pipelines, jobs) {
            var slices: [MemorySlice] = []
            for bytes in job.inputs {
                let piece = try memory.allocate(bytes.count, for: .tensor)
                try transfers.upload(bytes, to: piece)
                slices.append(MemorySlice(piece))
            }
            let result = try memory.allocate(job.resultByteCount, for: .tensor)
            results.append(result)
            slices.append(MemorySlice(result))
            try list.dispatch(pipeline, slices, [.u32(UInt32(clamping: job.count))], groups: job.grid)
        }
        try list.end()
        try list.run(label: "self-test")
        var contents: [[UInt8]] = []
        for piece in results { contents.append(try transfers.download(piece)) }
        return contents
    }
}

/// Device memory as a buffer of the contract.
final class VulkanBuffer: Buffer {
    let memory: DeviceMemory
    let device: VulkanDevice

    init(_ memory: DeviceMemory, _ device: VulkanDevice) {
        self.memory = memory
        self.device = device
    }

    var byteCount: Int { memory.byteCount }
    /// Where the host reads and writes the memory directly. A lost device's memory is gone.
    var hostAddress: UnsafeMutableRawPointer? { memory.hostAddress }

    func write(from source: UnsafeRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, source.count <= byteCount - offset else {
            throw BackendError(
                .invalidArgument, "\(source.count) bytes at offset \(offset) do not fit in a buffer of \(byteCount)")
        }
        try device.upload(source, to: memory, at: offset)
    }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: Int) throws(BackendError) {
        guard offset >= 0, offset <= byteCount, destination.count <= byteCount - offset else {
            throw BackendError(
                .invalidArgument,
                "\(destination.count) bytes at offset \(offset) do not lie in a buffer of \(byteCount)")
        }
        try device.download(memory, at: offset, into: destination)
    }
}
