// Heterodyne: slices at given positions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// `result[n…, w…] = operand[clamp(indices[n…]), w…]`, piece by piece: one invocation for each piece of the result.
///
/// Slots: operand, indices, result. Push constants: count of pieces, origins of the three, the last valid position of
/// each indexed dimension.
struct GatherKernel: KernelRecipe {
    var unit: MoveUnit
    /// Over index vectors and window: operand (window only), result, indices (index vectors only).
    var space: IndexSpace
    var addressing: Addressing
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("gather", workgroup: [UInt32(width)])
        let operand = builder.buffer("operand", unit.type, .read)
        let indices = IndexReader.buffer(builder, "indices", addressing.stored)
        let result = builder.buffer("result", unit.type, .write)
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        let operandOrigin = builder.pushConstant("operand_origin", type)
        let resultOrigin = builder.pushConstant("result_origin", type)
        let indicesOrigin = builder.pushConstant("indices_origin", type)
        let limits = addressing.strides.indices.map { builder.pushConstant("limit\($0)", type) }
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            let at = space.coordinates(of: index)
            let start = addressing.clampedStart(
                indices, base: space.place(2, at, origin: indicesOrigin), limits, builder)
            result[space.place(1, at, origin: resultOrigin)] =
                operand[space.place(0, at, origin: operandOrigin + start)]
        }
        return try builder.finish()
    }

    /// The launch. `indices` has the index vectors along its last dimension; `result` their other dimensions, then
    /// those of `operand` that are not indexed. Nothing is empty.
    static func launch(
        _ operand: StridedView, _ indices: StridedView, _ result: StridedView, _ dimensions: [Int],
        _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        let outer = indices.rank - 1
        let window = (0..<operand.rank).filter { !dimensions.contains($0) }
        let none = [Int](repeating: 0, count: outer)
        let bound = (operand.bound, indices.bound, result.bound)
        let indexed = dimensions.map { operand.strides[$0] }
        let moved = try MovedSpace(
            elementSize: operand.elementSize, extents: result.extents,
            [
                MovedSpace.Operand(
                    origin: bound.0.origin, strides: none + window.map { operand.strides[$0] }, others: indexed),
                MovedSpace.Operand(origin: bound.2.origin, strides: result.strides),
            ],
            unmoved: [Array(indices.strides[..<outer]) + window.map { _ in 0 }], target)
        let width = try IndexWidth(
            [moved.reach, (operand.extents, [operand.strides]), (indices.extents, [indices.strides])], target,
            "gather \(operand.type)\(operand.extents)")
        let recipe = GatherKernel(
            unit: moved.unit, space: moved.space,
            addressing: Addressing(
                strides: moved.operands[0].others, componentStride: indices.strides[outer], stored: indices.type),
            isWide: width.isWide)
        return KernelLaunch(
            recipe: recipe, accesses: [.read(operand), .read(indices), .write(result)],
            constants: [
                width.push(moved.count), width.push(moved.operands[0].origin), width.push(moved.operands[1].origin),
                width.push(bound.1.origin),
            ] + dimensions.map { width.push(operand.extents[$0] - 1) },
            grid: .linear(invocations: moved.count, width: target.linearWorkgroup),
            work: Double(result.byteCount) * 2,
            description: "gather \(operand.type)\(operand.extents) by \(indices.type)\(indices.extents)")
    }
}
