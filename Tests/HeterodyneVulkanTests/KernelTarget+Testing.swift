// Heterodyne: targets for tests of kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneKernelIR

@testable import HeterodyneVulkan

extension KernelTarget {
    /// Everything is there, as on a desktop GPU.
    static let gpu = KernelTarget(
        subgroupSize: 32, tileMemory: .workgroup,
        features: [
            .float64, .float16, .int64, .int16, .int8, .storage16, .storage8, .int64Atomics, .float32AtomicAdd,
            .bufferAddresses, .subgroupArithmetic, .subgroupShuffle, .fullSubgroups,
        ],
        arithmetic: Arithmetic(
            dividesExactly: false, rootsExactly: false, dividesExactly64: true, rootsExactly64: true, fuses: true,
            narrowsToHalfExactly: true, keepsDenormals: true),
        maximumWorkgroupInvocations: 1024, maximumWorkgroupExtents: [1024, 1024, 64],
        maximumWorkgroupCounts: [65_535, 65_535, 65_535], workgroupMemoryByteCount: 49_152, maximumBuffers: 32,
        maximumPushConstantByteCount: 128, maximumStorageBufferRange: 1 << 31, bufferOffsetAlignment: 64,
        matrixShapes: [], spirv: SPIRVOptions(version: .v15))

    /// A software device: registers instead of workgroup memory, small subgroups.
    static let software: KernelTarget = {
        var target = gpu
        target.subgroupSize = 8
        target.tileMemory = .registers
        target.workgroupMemoryByteCount = 32_768
        target.maximumStorageBufferRange = 128 << 20
        return target
    }()

    /// The least that Vulkan 1.2 promises: float32 and 32-bit integers, four buffers, tiny limits.
    static let least: KernelTarget = {
        var target = gpu
        target.subgroupSize = 1
        target.features = []
        target.arithmetic = .untrusted
        target.maximumWorkgroupInvocations = 128
        target.maximumWorkgroupExtents = [128, 128, 64]
        target.workgroupMemoryByteCount = 16_384
        target.maximumBuffers = 4
        target.maximumStorageBufferRange = 1 << 27
        target.bufferOffsetAlignment = 256
        target.spirv = SPIRVOptions(version: .v13, multiplyAdd: .uncontracted, capabilities: ["Shader"])
        return target
    }()
}
