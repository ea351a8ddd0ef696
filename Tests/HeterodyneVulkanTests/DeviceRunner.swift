// Heterodyne: runs single kernels on the first Vulkan device, for tests.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

@testable import HeterodyneVulkan

/// Runs single kernels on the first Vulkan device. Tests that use it are enabled where there is one:
///
///     @Test(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct DeviceRunner: Sendable {
    let device: VulkanDevice

    /// The first device, or why there is none.
    private static let first: Result<DeviceRunner, BackendError> = {
        do throws(BackendError) {
            return .success(DeviceRunner(device: try DeviceRegistry.standard.device("vulkan:0")))
        } catch { return .failure(error) }
    }()

    /// Whether there is a device.
    static var isAvailable: Bool { (try? first.get()) != nil }

    /// The runner on the first device.
    static var shared: DeviceRunner {
        get throws { try first.get() }
    }

    /// What kernels are built for.
    var target: KernelTarget { device.target }

    /// Runs a kernel once and gives the content of all buffers afterwards. Buffers are bound to the slots in order.
    func run(
        _ recipe: some KernelRecipe, buffers: [[UInt8]], constants: [PushValue] = [], grid: Grid,
        memory: SPIRVOptions.Memory = .descriptors, multiplyAdd: SPIRVOptions.MultiplyAdd? = nil,
        emulated: Set<ScalarType> = []
    ) throws -> [[UInt8]] {
        let request = PipelineRequest(recipe, memory: memory, multiplyAdd: multiplyAdd, emulated: emulated)
        let pipeline = try device.pipelines([request])[0]
        let pieces = try buffers.map { bytes in
            let piece = try device.allocate(byteCount: bytes.count, for: .tensor)
            try bytes.withUnsafeBytes { try device.upload($0, to: piece, at: 0) }
            return piece
        }
        let list = try device.makeCommandList()
        try list.begin()
        try list.dispatch(pipeline, pieces.map { MemorySlice($0) }, constants, groups: grid)
        try list.end()
        try list.run(label: "DeviceRunner")
        return try pieces.map { piece in
            var bytes = [UInt8](repeating: 0, count: piece.byteCount)
            try bytes.withUnsafeMutableBytes { try device.download(piece, at: 0, into: $0) }
            return bytes
        }
    }

    /// Runs a kernel on arrays of numbers.
    func run<T: BitwiseCopyable>(
        _ recipe: some KernelRecipe, values: [[T]], constants: [PushValue] = [], grid: Grid,
        memory: SPIRVOptions.Memory = .descriptors
    ) throws -> [[T]] {
        let buffers = values.map { list in list.withUnsafeBytes { Array($0) } }
        return try run(recipe, buffers: buffers, constants: constants, grid: grid, memory: memory).map { bytes in
            bytes.withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
        }
    }
}
