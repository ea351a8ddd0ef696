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
            scalarTypes: types, emulations: emulations(target), claims: VulkanClaims.names,
            fusion: FusionCapabilities(
                elementwiseRegions: true, dotEpilogues: true,
                maximumOperands: max(1, min(12, target.maximumBuffers - 2)), scalarTypes: computed,
                composites: VulkanClaims.elementwiseNames),
            maximumBufferByteCount: physical.maximumPieceByteCount, hasUnifiedMemory: false,
            numerics: numerics(target))
    }

    /// What kernels compute although the device may lack it. The factors are rounded from measurements on a software device:
    /// against float32 a sum of two tensors takes 5 times as long, 16 sums and products in one kernel 13, a product of
    /// matrices 23; against int32 a sum takes 2, a quotient 3, a kernel of products 17 times as long.
    static func emulations(_ target: KernelTarget) -> [ScalarType: Emulation] {
        var result: [ScalarType: Emulation] = [:]
        for type in target.emulatable {
            let (method, precision, cost) =
                type == .float64 ? ("pairs of float32", 48, 20.0) : ("two 32-bit words", Int?.none, 8.0)
            result[type] = Emulation(method: method, precision: precision, costFactor: cost)
        }
        return result
    }

    /// Whether and how a node runs whose types the device has, or its kernels emulate.
    static func support(for node: NodeSignature, _ physical: PhysicalDevice, _ target: KernelTarget) -> Support {
        let capabilities = make(physical, target)
        let answer = capabilities.support(for: node)
        guard case .unsupported = answer, case .primitive = node.operation else { return answer }
        let missing = node.scalarTypes.filter { capabilities.usages(of: $0).isEmpty }
        guard !missing.isEmpty, missing.isSubset(of: target.emulatable) else { return answer }
        let emulating = make(physical, target.emulating(missing)).support(for: node)
        guard emulating.isNative else { return answer }
        let methods = missing.sorted { $0.name < $1.name }.compactMap { type in
            capabilities.emulations[type].map { "\(type) as \($0.method)" }
        }
        return .afterLegalization(
            reason: "the device has no \(missing.map(\.name).sorted().joined(separator: ", ")); kernels compute "
                + methods.joined(separator: ", "))
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
