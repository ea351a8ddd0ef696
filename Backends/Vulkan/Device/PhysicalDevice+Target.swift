// Heterodyne: what kernel builders may use on a device, from what its driver says.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneGraph
import HeterodyneKernelIR

extension PhysicalDevice {
    /// Whether the compute stage has a group of subgroup operations.
    private func hasSubgroups(_ operation: VkSubgroupFeatureFlagBits) -> Bool {
        properties11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT.rawValue != 0
            && properties11.subgroupSupportedOperations & operation.rawValue != 0
    }

    /// Whether pipelines can demand full subgroups of just `subgroupSize` invocations.
    var fixesSubgroups: Bool {
        guard let control = subgroupSizeControl, let sizes = subgroupSizes else { return false }
        return control.subgroupSizeControl == 1 && control.computeFullSubgroups == 1
            && sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT.rawValue != 0
            && sizes.minSubgroupSize <= properties11.subgroupSize && properties11.subgroupSize <= sizes.maxSubgroupSize
    }

    /// The features that the device has and that are not masked.
    func kernelFeatures(masked: KernelTarget.Features) -> KernelTarget.Features {
        var set: KernelTarget.Features = []
        if features.shaderFloat64 == 1 { set.insert(.float64) }
        if features12.shaderFloat16 == 1 { set.insert(.float16) }
        if features.shaderInt64 == 1 { set.insert(.int64) }
        if features.shaderInt16 == 1 { set.insert(.int16) }
        if features12.shaderInt8 == 1 { set.insert(.int8) }
        if features11.storageBuffer16BitAccess == 1 { set.insert(.storage16) }
        if features12.storageBuffer8BitAccess == 1 { set.insert(.storage8) }
        if features12.shaderBufferInt64Atomics == 1, features.shaderInt64 == 1 { set.insert(.int64Atomics) }
        if atomicFloat?.shaderBufferFloat32AtomicAdd == 1 { set.insert(.float32AtomicAdd) }
        if atomicFloat?.shaderBufferFloat64AtomicAdd == 1, features.shaderFloat64 == 1 {
            set.insert(.float64AtomicAdd)
        }
        if features12.bufferDeviceAddress == 1 { set.insert(.bufferAddresses) }
        // Reductions and shuffles of every type, or none: kernels do not ask type by type.
        if features12.shaderSubgroupExtendedTypes == 1, hasSubgroups(VK_SUBGROUP_FEATURE_BASIC_BIT) {
            if hasSubgroups(VK_SUBGROUP_FEATURE_ARITHMETIC_BIT), hasSubgroups(VK_SUBGROUP_FEATURE_BALLOT_BIT) {
                set.insert(.subgroupArithmetic)
            }
            if hasSubgroups(VK_SUBGROUP_FEATURE_SHUFFLE_BIT) { set.insert(.subgroupShuffle) }
        }
        if fixesSubgroups { set.insert(.fullSubgroups) }
        if cooperativeMatrix?.cooperativeMatrix == 1, features12.vulkanMemoryModel == 1, !matrixShapes.isEmpty {
            set.insert(.cooperativeMatrix)
        }
        // What rests on a masked feature goes with it.
        set.subtract(masked)
        if !set.contains(.int64) { set.subtract([.int64Atomics]) }
        if !set.contains(.float64) { set.subtract([.float64AtomicAdd]) }
        return set
    }

    /// The SPIR-V capabilities that the features allow, by name.
    private func capabilities(_ set: KernelTarget.Features) -> Set<String> {
        var names: Set<String> = ["Shader", "SampledBuffer"]
        let rows: [(KernelTarget.Features, [String])] = [
            (.float64, ["Float64"]), (.float16, ["Float16"]), (.int64, ["Int64"]), (.int16, ["Int16"]),
            (.int8, ["Int8"]), (.storage16, ["StorageBuffer16BitAccess"]), (.storage8, ["StorageBuffer8BitAccess"]),
            (.int64Atomics, ["Int64Atomics"]), (.float32AtomicAdd, ["AtomicFloat32AddEXT"]),
            (.float64AtomicAdd, ["AtomicFloat64AddEXT"]), (.bufferAddresses, ["PhysicalStorageBufferAddresses"]),
            (.subgroupArithmetic, ["GroupNonUniform", "GroupNonUniformArithmetic", "GroupNonUniformBallot"]),
            (.subgroupShuffle, ["GroupNonUniform", "GroupNonUniformShuffle"]),
        ]
        for (feature, added) in rows where set.contains(feature) { names.formUnion(added) }
        if hasSubgroups(VK_SUBGROUP_FEATURE_BASIC_BIT) { names.insert("GroupNonUniform") }
        let controls = floatControls(set)
        if !controls.roundToNearestEven.isEmpty { names.insert("RoundingModeRTE") }
        if !controls.preserveDenormals.isEmpty { names.insert("DenormPreserve") }
        if !controls.preserveSpecials.isEmpty { names.insert("SignedZeroInfNanPreserve") }
        return names
    }

    /// Behaviour of floats that the device can promise. Where the widths cannot be set apart, only what holds for all.
    private func floatControls(_ set: KernelTarget.Features) -> SPIRVOptions.FloatControls {
        func widths(_ half: VkBool32, _ single: VkBool32, _ double: VkBool32) -> Set<Int> {
            var list: Set<Int> = []
            if half == 1, set.contains(.float16) { list.insert(16) }
            if single == 1 { list.insert(32) }
            if double == 1, set.contains(.float64) { list.insert(64) }
            return list
        }
        func together(_ list: Set<Int>, _ independence: VkShaderFloatControlsIndependence) -> Set<Int> {
            if independence == VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_ALL { return list }
            var needed: Set<Int> = []
            if set.contains(.float16) { needed.insert(16) }
            if set.contains(.float64) { needed.insert(64) }
            if independence == VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_32_BIT_ONLY {
                // 16 and 64 bits behave alike, 32 bits as told.
                return needed.isSubset(of: list) ? list : list.intersection([32])
            }
            return needed.union([32]).isSubset(of: list) ? list : []
        }
        let p = properties12
        return SPIRVOptions.FloatControls(
            roundToNearestEven: together(
                widths(
                    p.shaderRoundingModeRTEFloat16, p.shaderRoundingModeRTEFloat32, p.shaderRoundingModeRTEFloat64),
                p.roundingModeIndependence),
            preserveDenormals: together(
                widths(
                    p.shaderDenormPreserveFloat16, p.shaderDenormPreserveFloat32, p.shaderDenormPreserveFloat64),
                p.denormBehaviorIndependence),
            preserveSpecials: widths(
                p.shaderSignedZeroInfNanPreserveFloat16, p.shaderSignedZeroInfNanPreserveFloat32,
                p.shaderSignedZeroInfNanPreserveFloat64))
    }

    /// The shapes that a subgroup multiplies, of types that tensors have.
    var matrixShapes: [KernelTarget.MatrixShape] {
        func type(_ component: VkComponentTypeKHR) -> ScalarType? {
            switch component {
            case VK_COMPONENT_TYPE_FLOAT16_KHR: .float16
            case VK_COMPONENT_TYPE_FLOAT32_KHR: .float32
            case VK_COMPONENT_TYPE_FLOAT64_KHR: .float64
            case VK_COMPONENT_TYPE_SINT8_KHR: .int8
            case VK_COMPONENT_TYPE_SINT16_KHR: .int16
            case VK_COMPONENT_TYPE_SINT32_KHR: .int32
            case VK_COMPONENT_TYPE_SINT64_KHR: .int64
            case VK_COMPONENT_TYPE_UINT8_KHR: .uint8
            case VK_COMPONENT_TYPE_UINT16_KHR: .uint16
            case VK_COMPONENT_TYPE_UINT32_KHR: .uint32
            case VK_COMPONENT_TYPE_UINT64_KHR: .uint64
            case VK_COMPONENT_TYPE_BFLOAT16_KHR: .bfloat16
            default: nil
            }
        }
        return matrices.compactMap { row in
            guard row.scope == VK_SCOPE_SUBGROUP_KHR, row.AType == row.BType, row.CType == row.ResultType,
                let operand = type(row.AType), let accumulator = type(row.CType)
            else { return nil }
            return KernelTarget.MatrixShape(
                m: Int(row.MSize), n: Int(row.NSize), k: Int(row.KSize), operand: operand, accumulator: accumulator)
        }
    }

    /// The target with nothing trusted of the arithmetic.
    func target(_ options: VulkanOptions) -> KernelTarget {
        let set = kernelFeatures(masked: options.maskedFeatures)
        let l = limits
        // 65,535 of each is the least that Vulkan promises; Int holds what it has.
        let counts = [l.maxComputeWorkGroupCount.0, l.maxComputeWorkGroupCount.1, l.maxComputeWorkGroupCount.2]
        let extents = [l.maxComputeWorkGroupSize.0, l.maxComputeWorkGroupSize.1, l.maxComputeWorkGroupSize.2]
        let isRecent = version >= VulkanVersion(1, 3) && hasMaintenance4
        let tileMemory = options.tileMemory ?? (isSoftware ? .registers : .workgroup)
        // Whatever a descriptor of a storage buffer shows can be seen as texels, too.
        let texels = tileMemory == .registers && UInt64(l.maxTexelBufferElements) * 4 >= UInt64(l.maxStorageBufferRange)
        let alignment = max(l.minStorageBufferOffsetAlignment, texels ? l.minTexelBufferOffsetAlignment : 1)
        return KernelTarget(
            subgroupSize: max(1, Int(properties11.subgroupSize)),
            tileMemory: tileMemory, features: set,
            arithmetic: .untrusted, maximumWorkgroupInvocations: Int(l.maxComputeWorkGroupInvocations),
            maximumWorkgroupExtents: extents.map(Int.init), maximumWorkgroupCounts: counts.map(Int.init),
            workgroupMemoryByteCount: Int(l.maxComputeSharedMemorySize),
            maximumBuffers: min(
                64, Int(l.maxPerStageDescriptorStorageBuffers), Int(l.maxDescriptorSetStorageBuffers),
                Int(l.maxPerStageResources)),
            maximumPushConstantByteCount: Int(l.maxPushConstantsSize),
            maximumStorageBufferRange: Int(l.maxStorageBufferRange),
            bufferOffsetAlignment: Int(clamping: alignment),
            matrixShapes: set.contains(.cooperativeMatrix) ? matrixShapes : [],
            spirv: SPIRVOptions(
                version: isRecent ? .v16 : .v15, multiplyAdd: .uncontracted, floatControls: floatControls(set),
                capabilities: capabilities(set), texels: texels))
    }
}
