// Heterodyne: updates combined into slices at given positions, always as if one came after the other.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Every update in row-major order: one invocation for each element of the window goes through the index vectors, so
/// that the result is the definition's whatever the mode and type. `set` moves pieces without looking into them.
///
/// Slots: target, updates, and the indices where vectors have numbers. Push constants: elements of the window, first
/// and end of the vectors, origins of target, updates, indices, limits.
struct OrderedScatterKernel: KernelRecipe {
    /// How an update joins what is there; nil replaces it.
    enum Combination: Hashable, Sendable {
        case replace(MoveUnit)
        case combine(ScatterMode, ScalarType)
    }

    var combination: Combination
    /// Over the window: target, updates.
    var window: IndexSpace
    /// From the updates of one index vector to those of the next.
    var updateStride: Int
    var addressing: Addressing
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("scatter_ordered", workgroup: [UInt32(width)])
        let scalars = ScalarCode(builder, target)
        let element: KernelType =
            switch combination {
            case .replace(let unit): unit.type
            case .combine(_, let type): ScalarCode.memory(type)
            }
        let result = builder.buffer("target", element, .readWrite)
        let updates = builder.buffer("updates", element, .read)
        let depth = addressing.strides.count
        let indices = depth > 0 ? IndexReader.buffer(builder, "indices", addressing.stored) : nil
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        let first = builder.pushConstant("first", type)
        let end = builder.pushConstant("end", type)
        let targetOrigin = builder.pushConstant("target_origin", type)
        let updateOrigin = builder.pushConstant("update_origin", type)
        let indexOrigin = builder.pushConstant("index_origin", type)
        let limits = (0..<depth).map { builder.pushConstant("limit\($0)", type) }
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            let at = window.coordinates(of: index)
            let targetBase = window.place(0, at, origin: targetOrigin)
            let updateBase = window.place(1, at, origin: updateOrigin)
            builder.loop(from: first, to: end) { n in
                func apply(_ place: KernelValue) {
                    let update = updates[updateBase + IndexSpace.scaled(n, updateStride)]
                    switch combination {
                    case .replace: result[place] = update
                    case .combine(let mode, let scalar):
                        let value = scalars.binary(
                            mode.binaryOperator, scalars.decode(result[place], scalar),
                            scalars.decode(update, scalar), scalar)
                        result[place] = scalars.encode(value, scalar)
                    }
                }
                guard let indices else { return apply(targetBase) }
                let base = indexOrigin + IndexSpace.scaled(n, depth * addressing.componentStride)
                let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
                builder.if(isInside) { apply(targetBase + start) }
            }
        }
        return try builder.finish()
    }
}

/// Integer sums, maxima and minima by atomics, which give the same whatever the order: one invocation for each element
/// of the updates.
///
/// Slots: target, updates, indices. Push constants: elements of the updates, origins of the three, limits.
struct AtomicScatterKernel: KernelRecipe {
    var mode: ScatterMode
    var type: ScalarType
    /// Over index vectors and window: target (window only), updates, indices (index vectors only).
    var space: IndexSpace
    var addressing: Addressing
    var isWide: Bool

    /// Whether atomics of the target give the results of a mode.
    static func takes(_ mode: ScatterMode, _ type: ScalarType, _ target: KernelTarget) -> Bool {
        switch (mode, type) {
        case (.add, .int32), (.add, .uint32), (.maximum, .int32), (.maximum, .uint32), (.minimum, .int32),
            (.minimum, .uint32):
            true
        case (.add, .int64), (.add, .uint64), (.maximum, .int64), (.maximum, .uint64), (.minimum, .int64),
            (.minimum, .uint64):
            target.features.contains(.int64Atomics)
        default: false
        }
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("scatter_atomic", workgroup: [UInt32(width)])
        let result = builder.buffer("target", ScalarCode.memory(type), .readWrite)
        let updates = builder.buffer("updates", ScalarCode.memory(type), .read)
        let indices = IndexReader.buffer(builder, "indices", addressing.stored)
        let position: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", position)
        let targetOrigin = builder.pushConstant("target_origin", position)
        let updateOrigin = builder.pushConstant("update_origin", position)
        let indexOrigin = builder.pushConstant("index_origin", position)
        let limits = addressing.strides.indices.map { builder.pushConstant("limit\($0)", position) }
        let index = builder.linearInvocation(width: width, position)
        builder.if(index .< count) {
            let at = space.coordinates(of: index)
            let base = space.place(2, at, origin: indexOrigin)
            let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
            builder.if(isInside) {
                let place = space.place(0, at, origin: targetOrigin) + start
                let update = updates[space.place(1, at, origin: updateOrigin)]
                switch mode {
                case .maximum: result.atomic(.maximum, place, update)
                case .minimum: result.atomic(.minimum, place, update)
                case .add, .multiply, .set: result.atomic(.add, place, update)
                }
            }
        }
        return try builder.finish()
    }
}

/// The last update of each slice: `winners[slice] = max(n + 1)` over the index vectors n that name it; 0 at first.
///
/// Slots: winners, indices. Push constants: index vectors, origins of winners and indices, limits.
struct ScatterWinnerKernel: KernelRecipe {
    /// The strides are those of the winners.
    var addressing: Addressing

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("scatter_winners", workgroup: [UInt32(width)])
        let winners = builder.buffer("winners", .u32, .readWrite)
        let indices = IndexReader.buffer(builder, "indices", addressing.stored)
        let count = builder.pushConstant("count", .u32)
        let winnerOrigin = builder.pushConstant("winner_origin", .u32)
        let indexOrigin = builder.pushConstant("index_origin", .u32)
        let limits = addressing.strides.indices.map { builder.pushConstant("limit\($0)", .u32) }
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< count) {
            let base = indexOrigin + IndexSpace.scaled(index, addressing.strides.count * addressing.componentStride)
            let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
            builder.if(isInside) { winners.atomic(.maximum, winnerOrigin + start, index + 1) }
        }
        return try builder.finish()
    }
}

/// Writes the updates that win, piece by piece: one invocation for each piece of the updates.
///
/// Slots: target, updates, winners, indices. Push constants: pieces of the updates, origins of the four, limits.
struct WinningScatterKernel: KernelRecipe {
    var unit: MoveUnit
    /// Over index vectors (one dimension) and window: target (window only), updates, indices, number of the vector.
    var space: IndexSpace
    var addressing: Addressing
    /// The strides of the winners along the indexed dimensions.
    var winnerStrides: [Int]

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("scatter_set", workgroup: [UInt32(width)])
        let result = builder.buffer("target", unit.type, .write)
        let updates = builder.buffer("updates", unit.type, .read)
        let winners = builder.buffer("winners", .u32, .read)
        let indices = IndexReader.buffer(builder, "indices", addressing.stored)
        let count = builder.pushConstant("count", .u32)
        let targetOrigin = builder.pushConstant("target_origin", .u32)
        let updateOrigin = builder.pushConstant("update_origin", .u32)
        let winnerOrigin = builder.pushConstant("winner_origin", .u32)
        let indexOrigin = builder.pushConstant("index_origin", .u32)
        let limits = addressing.strides.indices.map { builder.pushConstant("limit\($0)", .u32) }
        let index = builder.linearInvocation(width: width, .u32)
        builder.if(index .< count) {
            let at = space.coordinates(of: index)
            let base = space.place(2, at, origin: indexOrigin)
            let (start, isInside) = addressing.checkedStart(indices, base: base, limits, builder)
            builder.if(isInside) {
                var slices = addressing
                slices.strides = winnerStrides
                let slice = slices.clampedStart(indices, base: base, limits, builder)
                let number = space.place(3, at, origin: builder.constant(1, .u32))
                builder.if(winners[winnerOrigin + slice] .== number) {
                    result[space.place(0, at, origin: targetOrigin) + start] =
                        updates[space.place(1, at, origin: updateOrigin)]
                }
            }
        }
        return try builder.finish()
    }
}

extension ScatterMode {
    /// The primitive that joins an update with what is there; `set` has none and is not asked.
    var binaryOperator: HeterodyneGraph.BinaryOperator {
        switch self {
        case .add, .set: .add
        case .multiply: .multiply
        case .maximum: .maximum
        case .minimum: .minimum
        }
    }
}
