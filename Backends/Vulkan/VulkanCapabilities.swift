// Heterodyne: what a Vulkan device can do, as data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What a Vulkan device can do, as data.
enum VulkanCapabilities {
    static func make(_ physical: PhysicalDevice, _ target: KernelTarget) -> Capabilities {
        var types: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases {
            let usages = usages(type, target)
            if !usages.isEmpty { types[type] = usages }
        }
        let computed = Set(types.filter { $0.value.contains(.arithmetic) }.keys)
        return Capabilities(
            scalarTypes: types, claims: VulkanClaims.names,
            fusion: FusionCapabilities(
                elementwiseRegions: true, dotEpilogues: true,
                maximumOperands: max(1, min(12, target.maximumBuffers - 2)), scalarTypes: computed,
                composites: VulkanClaims.elementwiseNames),
            maximumBufferByteCount: physical.maximumPieceByteCount, hasUnifiedMemory: false,
            numerics: numerics(target))
    }

    /// In which ways kernels for the target use a type.
    static func usages(_ type: ScalarType, _ target: KernelTarget) -> ScalarUsage {
        guard target.stores(type), ScalarCode.supports(type, target) else { return [] }
        var usages: ScalarUsage
        switch type {
        case .float8e4m3fn, .float8e5m2, .int4, .uint4: usages = [.storage, .convert]
        case .bool: usages = [.storage, .convert, .arithmetic]
        case .int64, .uint64, .float64, .float32, .float16, .bfloat16, .int8, .uint8, .int16, .uint16, .int32,
            .uint32:
            usages = .compute
        }
        switch type {
        case .int32, .uint32: usages.insert(.atomicAdd)
        case .int64, .uint64: if target.features.contains(.int64Atomics) { usages.insert(.atomicAdd) }
        case .float32: if target.features.contains(.float32AtomicAdd) { usages.insert(.atomicAdd) }
        case .float64: if target.features.contains(.float64AtomicAdd) { usages.insert(.atomicAdd) }
        case .float8e4m3fn, .float8e5m2, .int4, .uint4, .bool, .float16, .bfloat16, .int8, .uint8, .int16, .uint16:
            break
        }
        return usages
    }

    /// How accurate the kernels are: products and sums are the device's own, which Vulkan rounds correctly, the rest is
    /// our own arithmetic, by the bounds of docs/MathFunctions.md, with which tests on the device compare it.
    static func numerics(_ target: KernelTarget) -> Numerics {
        Numerics(
            denormals: target.arithmetic.keepsDenormals ? .preserved : .flushed, propagatesNaN: true, contracts: true,
            roundsToNearestEven: true,
            maximumULP: [.exp: 2, .log: 2, .sin: 3, .cos: 3, .tanh: 4, .power: 4],
            maximumCompositeULP: [
                "erf": 4, "gelu": 16, "sigmoid": 4, "silu": 5, "softplus": 4, "log1p": 3, "expm1": 3, "rsqrt": 2,
            ])
    }
}
