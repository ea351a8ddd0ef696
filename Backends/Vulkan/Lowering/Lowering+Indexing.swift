// Heterodyne: lowering of the primitives whose positions are data, and of those that join, surround or count.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

extension Lowering {
    /// Adds a planned launch.
    func emit(_ launch: KernelLaunch) throws(BackendError) {
        let bytes = launch.constants.reduce(0) { $0 + $1.byteCount }
        // Room for the buffers' addresses, in case they are used.
        guard bytes + 8 * launch.accesses.count <= target.maximumPushConstantByteCount else {
            throw BackendError(
                .unsupported,
                "\(launch.description) needs \(bytes) bytes of push constants beside \(launch.accesses.count) addresses; "
                    + "the device has \(target.maximumPushConstantByteCount)")
        }
        try emit(
            launch.recipe, launch.accesses, constants: launch.constants, grid: launch.grid, work: launch.work,
            launch.description)
    }

    /// The dense value of `operand` in memory that the node may change: its own block where it dies here and no other
    /// operand lies in it, else a copy.
    private func ownResult(_ operand: Value, besides others: [Int]) throws(BackendError) -> StridedView {
        let source = view(operand)
        if isFree(source), !others.contains(source.root), source.splatBits == nil {
            var result = source
            result.strides = Strides.dense(source.extents)
            return result
        }
        return try copied(source)
    }

    // MARK: - gather and scatter

    /// The elements or slices at given positions.
    func lowerGather(_ node: Node, _ dimensions: [Int]) throws(BackendError) -> StridedView {
        let operand = view(node.operands[0])
        let resultExtents = try extents(node.resultTypes[0])
        if dimensions.isEmpty {
            // Every index tuple is empty and selects all of the operand.
            let first = resultExtents.count - operand.rank
            return operand.broadcast(resultExtents, Array(first..<resultExtents.count))
        }
        if let bits = operand.splatBits { return splat(bits, resultExtents, operand.type) }
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        try emit(GatherKernel.launch(operand, view(node.operands[1]), result, dimensions, target))
        return result
    }

    /// The operand with updates combined into it.
    func lowerScatter(
        _ node: Node, _ mode: ScatterMode, _ dimensions: [Int]
    ) throws(BackendError) -> StridedView {
        let indices = try dense(node.operands[1])
        let updates = try dense(node.operands[2])
        let result = try ownResult(node.operands[0], besides: [indices.root, updates.root])
        guard updates.count > 0 else { return result }
        let plan = ScatterPlan(mode, result, indices, updates, dimensions)
        switch plan.strategy(target) {
        case .ordered: for launch in try plan.orderedLaunches(target) { try emit(launch) }
        case .atomic: try emit(plan.atomicLaunch(target))
        case .winners:
            let winners = newResult([plan.sliceCount], .uint32)
            try emitFill(winners, bits: 0)
            for launch in try plan.winnerLaunches(winners, target) { try emit(launch) }
        case .sorted:
            let numbers = newResult([plan.count], .uint32)
            try emit(plan.numberLaunch(numbers, target))
            let order = newResult([plan.count], .int32)
            try SortPlanner(sink: self).sort(numbers, 0, isDescending: false, into: order)
            try emit(plan.sortedLaunch(numbers: numbers, order: order, target))
        }
        return result
    }

    // MARK: - Blocks

    /// Start indices as the kernel takes them, in few enough buffers.
    private func positions(_ starts: ArraySlice<Value>) throws(BackendError) -> [BlockKernel.Position] {
        var positions: [BlockKernel.Position] = []
        var blocks: Set<[Int]> = []
        for start in starts {
            let view = view(start)
            if let bits = view.splatBits {
                positions.append(
                    .known(
                        view.type == .int32
                            ? Int(Int32(truncatingIfNeeded: bits)) : Int(truncatingIfNeeded: bits)))
            } else {
                positions.append(.stored(view))
                blocks.insert([view.root, view.type == .int32 ? 0 : 1])
            }
        }
        if blocks.count + 2 <= target.maximumBuffers { return positions }
        return try packed(positions)
    }

    /// The positions with those in memory brought into one array for each type.
    private func packed(_ positions: [BlockKernel.Position]) throws(BackendError) -> [BlockKernel.Position] {
        var arrays: [ScalarType: StridedView] = [:]
        var result: [BlockKernel.Position] = []
        for (d, position) in positions.enumerated() {
            guard case .stored(let view) = position else {
                result.append(position)
                continue
            }
            let array = arrays[view.type] ?? newResult([positions.count], view.type)
            arrays[view.type] = array
            var place = array
            place.offset += d
            place.extents = []
            place.strides = []
            try emitCopy(from: view, to: place)
            result.append(.stored(place))
        }
        return result
    }

    /// Where a block with known starts lies, each clamped so that it fits; nil where a start is not known.
    private func known(
        _ positions: [BlockKernel.Position], _ whole: StridedView, _ sizes: [Int]
    ) -> StridedView? {
        var starts: [Int] = []
        for (d, position) in positions.enumerated() {
            let limit = whole.extents[d] - sizes[d]
            switch position {
            case .known(let value): starts.append(max(0, min(value, limit)))
            case .stored:
                guard limit <= 0 else { return nil }
                starts.append(0)
            }
        }
        return whole.sliced(starts: starts, steps: sizes.map { _ in 1 }, extents: sizes)
    }

    /// The block at a position.
    func lowerDynamicSlice(_ node: Node) throws(BackendError) -> StridedView {
        let source = view(node.operands[0])
        let sizes = try extents(node.resultTypes[0])
        if let bits = source.splatBits { return splat(bits, sizes, source.type) }
        let positions = try positions(node.operands.dropFirst())
        if let block = known(positions, source, sizes) { return block }
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        try emit(BlockKernel.launch(block: result, whole: source, positions: positions, updates: false, target))
        return result
    }

    /// The operand with the block at a position replaced.
    func lowerDynamicUpdateSlice(_ node: Node) throws(BackendError) -> StridedView {
        let update = view(node.operands[1])
        let others = node.operands.dropFirst().map { view($0).root }
        let positions = try positions(node.operands.dropFirst(2))
        let result = try ownResult(node.operands[0], besides: others)
        guard update.count > 0 else { return result }
        if let block = known(positions, result, update.extents) {
            try emitCopy(from: update, to: block)
        } else {
            try emit(BlockKernel.launch(block: update, whole: result, positions: positions, updates: true, target))
        }
        return result
    }

    // MARK: - Padding, concatenation, iota

    /// The operand with elements around and between its own.
    func lowerPad(
        _ node: Node, _ low: [Int], _ high: [Int], _ interior: [Int]
    ) throws(BackendError) -> StridedView {
        let source = view(node.operands[0])
        let value = view(node.operands[1])
        let resultExtents = try extents(node.resultTypes[0])
        if resultExtents == source.extents, low.allSatisfy({ $0 == 0 }), high.allSatisfy({ $0 == 0 }) { return source }
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        let launch = try PadKernel.launch(
            source, value: value, low: low, interior: interior, result: result, target)
        if let launch {
            try emit(launch)
        } else {
            try emitCopy(from: value.broadcast(result.extents, []), to: result)
        }
        return result
    }

    /// The operands one after the other.
    func lowerConcatenate(_ node: Node, _ dimension: Int) throws(BackendError) -> StridedView {
        if node.operands.count == 1 { return view(node.operands[0]) }
        let result = try newResult(node)
        var position = 0
        for operand in node.operands {
            let part = view(operand)
            var starts = [Int](repeating: 0, count: part.rank)
            starts[dimension] = position
            let steps = [Int](repeating: 1, count: part.rank)
            try emitCopy(from: part, to: result.sliced(starts: starts, steps: steps, extents: part.extents))
            position += part.extents[dimension]
        }
        return result
    }

    /// The most bytes of a line that is made while compiling.
    private static let largestLine = 1 << 16

    /// The index along a dimension: one line, repeated by strides.
    func lowerIota(_ type: TensorType, _ dimension: Int) throws(BackendError) -> StridedView {
        let extents = try extents(type)
        let length = extents[dimension]
        let stored = Self.stored(type.scalarType)
        guard length > 1 else { return splat(0, extents, stored) }
        let line: StridedView
        if length <= Self.largestLine / max(1, type.scalarType.bitWidth / 8) {
            let storage = IotaKernel.bytes(length, type.scalarType).withUnsafeBytes { LiteralStorage(copying: $0) }
            line = StridedView(dense: constantRoot(storage), extents: [length], type: stored)
        } else {
            line = newResult([length], stored)
            try emit(IotaKernel.launch(line, type.scalarType, target))
        }
        return line.broadcast(extents, [dimension])
    }
}
