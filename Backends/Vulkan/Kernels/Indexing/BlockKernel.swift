// Heterodyne: blocks at positions that are data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A block copied from (`dynamicSlice`) or to (`dynamicUpdateSlice`) a position that is read from memory and clamped
/// so that the block fits. One invocation for each piece.
///
/// Slots: source, target, then the buffers of starts. Push constants: count of pieces, origins of source and target,
/// then the limit of each start.
struct BlockKernel: KernelRecipe {
    /// A start index that is read from memory.
    struct Start: Hashable, Sendable {
        /// Which of the buffers of starts, and which element of it.
        var buffer: Int
        var element: Int
        /// The stride of the operand that moves, in pieces.
        var stride: Int
    }

    var unit: MoveUnit
    /// Over the block: source, target.
    var space: IndexSpace
    /// Whether the starts move the target instead of the source.
    var movesTarget: Bool
    var starts: [Start]
    /// int32 or int64, for each buffer of starts.
    var stored: [ScalarType]
    var isWide: Bool

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let width = target.linearWorkgroup
        let builder = KernelBuilder("block", workgroup: [UInt32(width)])
        let source = builder.buffer("source", unit.type, .read)
        let destination = builder.buffer("target", unit.type, .write)
        let buffers = stored.enumerated().map { IndexReader.buffer(builder, "starts\($0.offset)", $0.element) }
        let type: KernelType = isWide ? .u64 : .u32
        let count = builder.pushConstant("count", type)
        var origins = [builder.pushConstant("source_origin", type), builder.pushConstant("target_origin", type)]
        let limits = starts.indices.map { builder.pushConstant("limit\($0)", type) }
        let index = builder.linearInvocation(width: width, type)
        builder.if(index .< count) {
            let moving = movesTarget ? 1 : 0
            for (start, limit) in zip(starts, limits) {
                let reader = IndexReader(builder, position: type, stored: stored[start.buffer])
                let position = reader.clamped(buffers[start.buffer][start.element], limit: limit)
                origins[moving] = origins[moving] + IndexSpace.scaled(position, start.stride)
            }
            let at = space.coordinates(of: index)
            destination[space.place(1, at, origin: origins[1])] = source[space.place(0, at, origin: origins[0])]
        }
        return try builder.finish()
    }

    /// A start index as the launch takes it: a known number, or a scalar in memory.
    enum Position {
        case known(Int)
        case stored(StridedView)
    }

    /// The launch that copies the block `extents` between `whole`, at `positions`, and the dense or strided `block`.
    /// Views of starts may share blocks of memory and are bound once for each block and type; `block` is not empty.
    static func launch(
        block: StridedView, whole: StridedView, positions: [Position], updates: Bool, _ target: KernelTarget
    ) throws(BackendError) -> KernelLaunch {
        var whole = whole
        var limits: [Int] = []
        var moving: [(view: StridedView, dimension: Int)] = []
        for (d, position) in positions.enumerated() {
            let limit = whole.extents[d] - block.extents[d]
            switch position {
            case .known(let value): whole.offset += max(0, min(value, limit)) * whole.strides[d]
            case .stored(let view):
                // A block as long as the dimension lies at its start, whatever the index says.
                guard limit > 0 else { continue }
                moving.append((view, d))
                limits.append(limit)
            }
        }
        // What is bound has to reach over all positions: the range of the whole, from its lowest element on.
        var range = whole
        for (d, position) in positions.enumerated() {
            if case .known = position { range.extents[d] = block.extents[d] }
        }
        let (source, destination) = updates ? (block, range) : (range, block)
        let strides = moving.map { whole.strides[$0.dimension] }
        let moved = try MovedSpace(
            elementSize: block.elementSize, extents: block.extents,
            [
                MovedSpace.Operand(
                    origin: source.bound.origin, strides: source.strides, others: updates ? [] : strides),
                MovedSpace.Operand(
                    origin: destination.bound.origin, strides: destination.strides, others: updates ? strides : []),
            ], target)
        let width = try IndexWidth(
            [moved.reach, (whole.extents, [whole.strides])], target,
            "a block of \(whole.type)\(whole.extents)")
        let (bound, places) = Self.bindings(moving.map(\.view))
        guard bound.count + 2 <= target.maximumBuffers else {
            throw BackendError(.unsupported, "\(bound.count) start indices in memory need more buffers than there are")
        }
        let movedStrides = moved.operands[updates ? 1 : 0].others
        let recipe = BlockKernel(
            unit: moved.unit, space: moved.space, movesTarget: updates,
            starts: zip(places, movedStrides).map { Start(buffer: $0.0.buffer, element: $0.0.element, stride: $0.1) },
            stored: bound.map(\.type), isWide: width.isWide)
        return KernelLaunch(
            recipe: recipe,
            accesses: [.read(source), updates ? .readWrite(destination) : .write(destination)] + bound.map(Access.read),
            constants: ([moved.count, moved.operands[0].origin, moved.operands[1].origin] + limits).map(width.push),
            grid: .linear(invocations: moved.count, width: target.linearWorkgroup),
            work: Double(block.byteCount) * 2,
            description: "\(updates ? "dynamicUpdateSlice" : "dynamicSlice") \(whole.type)\(whole.extents) by "
                + "\(block.extents)")
    }

    /// The views to bind for scalars in memory, each once, and where each scalar lies in them.
    private static func bindings(
        _ views: [StridedView]
    ) -> (bound: [StridedView], places: [(buffer: Int, element: Int)]) {
        var bound: [StridedView] = []
        var places: [(buffer: Int, element: Int)] = []
        for view in views {
            // Scalars of one dense array, as packed starts are, share its binding.
            if let known = bound.firstIndex(where: { $0.root == view.root && $0.type == view.type }) {
                let low = min(bound[known].offset, view.offset)
                let high = max(bound[known].offset + bound[known].count - 1, view.offset)
                bound[known].offset = low
                bound[known].extents = [high - low + 1]
                bound[known].strides = [1]
                places.append((known, 0))
            } else {
                bound.append(view)
                places.append((bound.count - 1, 0))
            }
        }
        for (i, view) in views.enumerated() {
            let range = bound[places[i].buffer]
            places[i].element = range.bound.origin + view.offset - range.offset
        }
        return (bound, places)
    }
}
