// Heterodyne: how kernels are asked for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneKernelIR

/// The parameters of a kernel. Equal recipes give equal kernels for one target, so that programs share pipelines;
/// recipes therefore name what changes the code (types, strides that are folded into it, tile sizes) and leave the
/// rest to push constants.
protocol KernelRecipe: Hashable, Sendable {
    /// The kernel. Its buffers have the slots 0, 1, ... in the order in which a launch binds them.
    func build(for target: KernelTarget) throws(KernelError) -> Kernel
}

/// A number that a launch gives to a push constant.
enum PushValue: Hashable, Sendable {
    case u32(UInt32)
    case u64(UInt64)
    case f32(Float)
    case f64(Double)

    /// Bytes in the push constants.
    var byteCount: Int {
        switch self {
        case .u32, .f32: 4
        case .u64, .f64: 8
        }
    }

    /// The bits.
    var bits: UInt64 {
        switch self {
        case .u32(let value): UInt64(value)
        case .u64(let value): value
        case .f32(let value): UInt64(value.bitPattern)
        case .f64(let value): value.bitPattern
        }
    }
}

/// How many workgroups a launch has along x, y, z. The recorder may split a long launch into several parts of the same
/// grid; kernels see the position in the whole (`workgroup_id`), but must not rely on `workgroup_count`.
struct Grid: Hashable, Sendable {
    var x: Int
    var y: Int
    var z: Int

    init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
        self.x = x
        self.y = y
        self.z = z
    }

    /// Workgroups in all.
    var count: Int { x * y * z }

    /// The width of the rows into which `linear` folds long grids; kernels take it from here.
    static let rowWidth = 32_768

    /// At least `workgroups` workgroups whose linear number is `x + y * rowWidth` (see
    /// `KernelBuilder.linearWorkgroup`); numbers beyond the end occur, and kernels leave at once there.
    static func linear(workgroups: Int) -> Grid {
        if workgroups <= rowWidth { return Grid(max(workgroups, 1)) }
        return Grid(rowWidth, (workgroups + rowWidth - 1) / rowWidth)
    }
}

extension KernelBuilder {
    /// The linear number of the workgroup in a grid made by `Grid.linear`, u32.
    func linearWorkgroup() -> KernelValue {
        builtin(.workgroupID(.x)) + builtin(.workgroupID(.y)) * constant(Grid.rowWidth, .u32)
    }

    /// The linear number of the invocation in a grid made by `Grid.linear`, for a workgroup of `width` invocations
    /// along x, in the index type.
    func linearInvocation(width: Int, _ type: KernelType) -> KernelValue {
        let group = linearWorkgroup().converted(to: type.scalar)
        return group * constant(width, type) + builtin(.localID(.x)).converted(to: type.scalar)
    }
}
