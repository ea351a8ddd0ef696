// Heterodyne: a Vulkan device as the listing shows it.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneKernelIR

extension PhysicalDevice {
    /// The device as the listing shows it.
    func descriptor(id: String, instance: VulkanInstance, options: VulkanOptions) -> DeviceDescriptor {
        let heap = tensorHeap.map { self.heap($0, instance) }
        let kind: DeviceDescriptor.Kind =
            switch properties.deviceType {
            case VK_PHYSICAL_DEVICE_TYPE_CPU: .cpu
            case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: .discreteGPU
            case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: .integratedGPU
            default: .other
            }
        var facts = details(options)
        facts["Vulkan loader"] = "\(instance.library.name) \(instance.library.version)"
        return DeviceDescriptor(
            id: id, backend: "vulkan", kind: kind, isSoftware: isSoftware, name: name, vendor: vendor,
            // Vulkan does not tell how many workgroups run at once.
            threads: 1, memoryByteCount: Int(clamping: heap?.byteCount ?? 0),
            freeMemoryByteCount: heap?.free.map { Int(clamping: $0) },
            versions: ["Vulkan": version.description, text(properties12.driverName): text(properties12.driverInfo)],
            details: facts, fingerprint: fingerprint)
    }

    /// The largest heap that the device has for itself.
    private var tensorHeap: Int? {
        let heaps = memoryHeaps
        return heaps.indices.filter { heaps[$0].isLocal }.max { heaps[$0].byteCount < heaps[$1].byteCount }
    }

    /// The largest tensor: one allocation, one buffer, one heap.
    var maximumPieceByteCount: Int {
        let heap = tensorHeap.map { memoryHeaps[$0].byteCount } ?? UInt64.max
        return Int(
            clamping: min(properties11.maxMemoryAllocationSize, maintenance4?.maxBufferSize ?? UInt64.max, heap))
    }

    /// Who made the device.
    var vendor: String {
        switch properties.vendorID {
        case 0x1002: "AMD"
        case 0x1010: "Imagination"
        case 0x106b: "Apple"
        case 0x10de: "NVIDIA"
        case 0x13b5: "Arm"
        case 0x144d: "Samsung"
        case 0x14e4: "Broadcom"
        case 0x15ad: "VMware"
        case 0x1ae0: "Google"
        case 0x1d17: "Zhaoxin"
        case 0x1ed5: "Moore Threads"
        case 0x5143: "Qualcomm"
        case 0x8086: "Intel"
        case 0x10005: "Mesa"
        case 0x10006: "PoCL"
        default: "vendor 0x\(hexadecimal(properties.vendorID))"
        }
    }

    /// Facts worth showing.
    private func details(_ options: VulkanOptions) -> [String: String] {
        let target = target(options)
        let operations = Self.subgroupOperations.filter {
            properties11.subgroupSupportedOperations & $0.0.rawValue != 0
        }
        let sizes = subgroupSizes.map { " (\($0.minSubgroupSize) to \($0.maxSubgroupSize))" } ?? ""
        let heaps = memoryHeaps.map { "\($0.byteCount)\($0.isLocal ? " device-local" : "")" }
        let conformance = properties12.conformanceVersion
        var facts = [
            "driver": "\(text(properties12.driverName)), id \(properties12.driverID.rawValue)",
            "driver version": hexadecimal(properties.driverVersion),
            "conformance": "\(conformance.major).\(conformance.minor).\(conformance.subminor).\(conformance.patch)",
            "features": target.features.names.joined(separator: " "),
            "subgroups": "\(properties11.subgroupSize)\(sizes): " + operations.map(\.1).joined(separator: " "),
            "memory heaps": heaps.joined(separator: ", "),
            "largest allocation": "\(maximumPieceByteCount)",
            "largest storage buffer range": "\(target.maximumStorageBufferRange)",
            "workgroup": "\(target.maximumWorkgroupInvocations) invocations, at most "
                + target.maximumWorkgroupExtents.map(String.init).joined(separator: " x "),
            "workgroups": target.maximumWorkgroupCounts.map(String.init).joined(separator: " x "),
            "workgroup memory": "\(target.workgroupMemoryByteCount)",
            "buffers of a kernel": "\(target.maximumBuffers)",
            "push constants": "\(target.maximumPushConstantByteCount)",
            "SPIR-V": target.spirv.version == .v16 ? "1.6" : "1.5",
            "timestamps": (queueFamily?.timestampBits ?? 0) > 0
                ? "every \(limits.timestampPeriod) ns" : "none",
            "tile memory": target.tileMemory == .registers ? "registers" : "workgroup",
            "cache": options.vulkanCacheDirectory ?? "none: neither HETERODYNE_CACHE, XDG_CACHE_HOME nor HOME is set",
        ]
        let missing = missing(options)
        if !missing.isEmpty { facts["missing"] = missing.joined(separator: "; ") }
        if !target.matrixShapes.isEmpty {
            facts["matrix shapes"] = target.matrixShapes.map {
                "\($0.m)x\($0.n)x\($0.k) \($0.operand) to \($0.accumulator)"
            }.joined(separator: ", ")
        }
        if bfloat16?.shaderBFloat16Type == 1 { facts["bfloat16"] = "VK_KHR_shader_bfloat16" }
        return facts
    }

    /// What kernels could use and the device lacks, and the feature of Vulkan that it would take.
    private func missing(_ options: VulkanOptions) -> [String] {
        let set = kernelFeatures(masked: options.maskedFeatures)
        let all: [(KernelTarget.Features, String)] = [
            (.float64, "float64: shaderFloat64"), (.float16, "float16 arithmetic: shaderFloat16"),
            (.int64, "int64: shaderInt64"), (.int16, "int16 arithmetic: shaderInt16"),
            (.int8, "int8 arithmetic: shaderInt8"),
            (.storage16, "16-bit tensors: storageBuffer16BitAccess"),
            (.storage8, "8-bit tensors: storageBuffer8BitAccess"),
            (.bufferAddresses, "tensors beyond \(limits.maxStorageBufferRange) bytes: bufferDeviceAddress"),
            (.subgroupArithmetic, "subgroup reductions: arithmetic and ballot operations of the compute stage"),
            (.fullSubgroups, "full subgroups: computeFullSubgroups and subgroupSizeControl"),
            (.cooperativeMatrix, "matrix engine: VK_KHR_cooperative_matrix"),
        ]
        return all.filter { !set.contains($0.0) }.map { part in
            options.maskedFeatures.contains(part.0) ? part.1 + " (masked)" : part.1
        }
    }

    private static let subgroupOperations: [(VkSubgroupFeatureFlagBits, String)] = [
        (VK_SUBGROUP_FEATURE_BASIC_BIT, "basic"), (VK_SUBGROUP_FEATURE_VOTE_BIT, "vote"),
        (VK_SUBGROUP_FEATURE_ARITHMETIC_BIT, "arithmetic"), (VK_SUBGROUP_FEATURE_BALLOT_BIT, "ballot"),
        (VK_SUBGROUP_FEATURE_SHUFFLE_BIT, "shuffle"), (VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT, "shuffle-relative"),
        (VK_SUBGROUP_FEATURE_CLUSTERED_BIT, "clustered"), (VK_SUBGROUP_FEATURE_QUAD_BIT, "quad"),
    ]
}

extension KernelTarget.Features {
    /// The names of the features in the set.
    var names: [String] {
        let all: [(KernelTarget.Features, String)] = [
            (.float64, "float64"), (.float16, "float16"), (.int64, "int64"), (.int16, "int16"), (.int8, "int8"),
            (.storage16, "storage16"), (.storage8, "storage8"), (.int64Atomics, "int64Atomics"),
            (.float32AtomicAdd, "float32AtomicAdd"), (.float64AtomicAdd, "float64AtomicAdd"),
            (.bufferAddresses, "bufferAddresses"), (.subgroupArithmetic, "subgroupArithmetic"),
            (.subgroupShuffle, "subgroupShuffle"), (.fullSubgroups, "fullSubgroups"),
            (.cooperativeMatrix, "cooperativeMatrix"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}
