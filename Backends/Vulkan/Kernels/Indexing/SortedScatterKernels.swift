// Heterodyne: scatter by the order of slices, so that many slices are worked on at once and each in order.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// The row-major number of the slice that each index vector names; all ones where it is out of range.
///
/// Slots: indices, numbers. Push constants: index vectors, origins of both, limits.
struct SliceNumberKernel: KernelRecipe {
    /// The strides are those of slice numbers.
    var addressing: Addressing

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("slice_numbers", workgroup: [UInt32(width)])
        let indices = IndexReader.buffer(builder, "indices", addressing.stored)
        let numbers = builder.buffer("numbers", .u32, .write)
        let count = builder.pushConstant("count", .u32)
        let indexOrigin = builder.pushConstant("index_origin", .u32)
        let numberOrigin = builder.pushConstant("number_origin", .u32)
        let limits = addressing.strides.indices.map { builder.pushConstant("limit\($0)", .u32) }
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< count) {
            let base = indexOrigin + IndexSpace.scaled(index, addressing.strides.count * addressing.componentStride)
            let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
            numbers[numberOrigin + index] = builder.select(
                isInside, start, builder.constant(bits: 0xffff_ffff, .u32))
        }
        return try builder.finish()
    }
}

/// Combines updates whose index vectors are given in stable order of their slices: one invocation for each vector and
/// element of the window; the first vector of a slice takes all of that slice, one after the other.
///
/// Slots: target, updates, slice numbers, order. Push constants: invocations, index vectors, origins of the four.
struct SortedScatterKernel: KernelRecipe {
    var mode: ScatterMode
    var type: ScalarType
    /// Over index vectors in order and window: target (window only), updates (window only), position in the order.
    var space: IndexSpace
    /// Over slices: target.
    var slices: IndexSpace
    /// From the updates of one index vector to those of the next.
    var updateStride: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("scatter_sorted", workgroup: [UInt32(width)])
        let scalars = ScalarCode(builder, target)
        let result = builder.buffer("target", ScalarCode.memory(type), .readWrite)
        let updates = builder.buffer("updates", ScalarCode.memory(type), .read)
        let numbers = builder.buffer("numbers", .u32, .read)
        let order = builder.buffer("order", .u32, .read)
        let count = builder.pushConstant("count", .u32)
        let vectors = builder.pushConstant("vectors", .u32)
        let targetOrigin = builder.pushConstant("target_origin", .u32)
        let updateOrigin = builder.pushConstant("update_origin", .u32)
        let numberOrigin = builder.pushConstant("number_origin", .u32)
        let orderOrigin = builder.pushConstant("order_origin", .u32)
        func vector(_ position: KernelValue) -> KernelValue { order[orderOrigin + position] }
        func slice(_ position: KernelValue) -> KernelValue { numbers[numberOrigin + vector(position)] }
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< count) {
            let at = space.coordinates(of: index)
            let first = space.place(2, at, origin: builder.constant(0, .u32))
            let own = slice(first)
            // The vector before belongs to another slice; the first one has none before it.
            let before = slice(builder.select(first .== 0, first, first - 1))
            let isFirst = (first .== 0) | (before .!= own)
            builder.if(isFirst & (own .!= builder.constant(bits: 0xffff_ffff, .u32))) {
                let place = slices.place(
                    0, slices.coordinates(of: own), origin: space.place(0, at, origin: targetOrigin))
                let updateBase = space.place(1, at, origin: updateOrigin)
                let sum = builder.variable(scalars.decode(result[place], type))
                let position = builder.variable(first)
                let goesOn = builder.variable(builder.constant(true))
                builder.while(goesOn.value) {
                    let update = updates[updateBase + IndexSpace.scaled(vector(position.value), updateStride)]
                    sum.value = scalars.binary(
                        mode.binaryOperator, sum.value, scalars.decode(update, type), type)
                    let next = position.value + 1
                    position.value = next
                    goesOn.value = (next .< vectors) & (slice(next.minimum(vectors - 1)) .== own)
                }
                result[place] = scalars.encode(sum.value, type)
            }
        }
        return try builder.finish()
    }
}
