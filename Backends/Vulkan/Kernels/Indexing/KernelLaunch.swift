// Heterodyne: a kernel with all that one launch of it needs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR

/// A kernel with all that one launch of it needs: what planners give, and the lowering emits.
struct KernelLaunch: Sendable {
    var recipe: any KernelRecipe
    /// The views in the order of the slots.
    var accesses: [Access]
    /// The push constants in the order of their declaration.
    var constants: [PushValue]
    var grid: Grid
    /// Estimated scalar operations, or bytes moved, whichever is larger.
    var work: Double
    var description: String
}

/// Whether positions in a launch take 32 or 64 bits, and the numbers that it gives to push constants of that type.
struct IndexWidth: Hashable, Sendable {
    /// Whether positions take 64 bits.
    let isWide: Bool

    /// The width for several spaces, each with extents and strides. Throws `unsupported` where 64 bits are needed and
    /// `target` has no 64-bit integers.
    init(
        _ spaces: [(extents: [Int], strides: [[Int]])], _ target: KernelTarget, _ what: @autoclosure () -> String
    ) throws(BackendError) {
        isWide = spaces.contains { IndexSpace.needsWideIndices($0.extents, $0.strides) }
        if isWide && !target.features.contains(.int64) {
            throw BackendError(
                .unsupported,
                "\(what()) spans more elements than 32-bit indices reach, and the device has no 64-bit integers; split "
                    + "the tensor")
        }
    }

    /// The type of positions in kernels.
    var type: KernelType { isWide ? .u64 : .u32 }

    /// A number that is not negative, or a difference taken modulo 2^32 or 2^64.
    func push(_ value: Int) -> PushValue {
        isWide ? .u64(UInt64(bitPattern: Int64(value))) : .u32(UInt32(truncatingIfNeeded: value))
    }
}

extension Grid {
    /// The workgroups of `width` invocations that hold `invocations`, for kernels that use `linearInvocation`.
    static func linear(invocations: Int, width: Int) -> Grid {
        linear(workgroups: invocations / width + (invocations % width == 0 ? 0 : 1))
    }
}

extension KernelBuilder {
    /// A constant of an index type for a stride, which may be negative.
    func strideConstant(_ stride: Int, _ type: KernelType) -> KernelValue {
        let bits = UInt64(bitPattern: Int64(stride))
        return constant(bits: type.bits == 64 ? bits : bits & 0xffff_ffff, type)
    }
}
