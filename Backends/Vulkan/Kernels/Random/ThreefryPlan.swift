// Heterodyne: launches of the random bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// The random composites as the kernels take them.
enum ThreefryPlan {
    static let bits = "threefryBits"
    static let cipher = "threefry2x32"

    /// Whether the kernels run `composite` on operands of the given types.
    static func takes(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) -> Bool {
        guard operands.allSatisfy({ $0.scalarType == .uint32 && $0.shape.fixedExtents != nil }),
            operands.first?.shape.fixedExtents == [2]
        else { return false }
        switch composite.name {
        case bits:
            guard operands.count == 1, let types = try? composite.inferTypes(operands), types.count == 1,
                let extents = types[0].shape.fixedExtents
            else { return false }
            return fits(extents, target)
        case cipher:
            guard operands.count == 3, let extents = operands[1].shape.fixedExtents else { return false }
            return target.maximumBuffers >= 4 && fits([2] + extents, target)
        default: return false
        }
    }

    private static func fits(_ extents: [Int], _ target: KernelTarget) -> Bool {
        if target.features.contains(.int64) { return true }
        return !IndexSpace.needsWideIndices(extents, [Strides.dense(extents)])
    }

    /// Bits for every element of a dense result. The key has stride 1.
    static func launchBits(
        key: StridedView, _ result: StridedView, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let width = try IndexWidth([(result.extents, [result.strides])], target, "random bits of \(result.extents)")
        return KernelLaunch(
            recipe: ThreefryBitsKernel(isWide: width.isWide), accesses: [.read(key), .write(result)],
            constants: [result.count, key.bound.origin, result.bound.origin].map(width.push),
            grid: .linear(invocations: result.count, width: target.linearWorkgroup), work: Double(result.count) * 130,
            description: "random bits \(result.extents)")
    }

    /// The cipher on dense counters; `result` is [2] and their extents.
    static func launchCipher(
        key: StridedView, _ high: StridedView, _ low: StridedView, _ result: StridedView, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let width = try IndexWidth([(result.extents, [result.strides])], target, "random words of \(high.extents)")
        let views = [key, high, low, result]
        return KernelLaunch(
            recipe: ThreefryKernel(isWide: width.isWide), accesses: views[..<3].map(Access.read) + [.write(result)],
            constants: ([high.count] + views.map(\.bound.origin)).map(width.push),
            grid: .linear(invocations: high.count, width: target.linearWorkgroup), work: Double(high.count) * 130,
            description: "threefry \(high.extents)")
    }
}
