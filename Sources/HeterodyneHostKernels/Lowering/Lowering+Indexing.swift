// Heterodyne: lowering of gather and scatter.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The elements or slices at given positions.
    func lowerGather(_ node: Node, _ dimensions: [Int]) throws(BackendError) -> StridedView {
        let operand = view(node.operands[0])
        let resultExtents = try extents(node.resultTypes[0])
        if dimensions.isEmpty {
            // Every index tuple is empty and selects all of the operand.
            let first = resultExtents.count - operand.rank
            return operand.broadcast(resultExtents, Array(first..<resultExtents.count))
        }
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        let indices = dense(node.operands[1])
        var source = operand
        var positions = dimensions
        if Self.joined(operand, dimensions).extents.count > Int(HK_MAX_RANK) {
            (source, positions) = indexedInFront(operand, dimensions)
        }
        let layout = try indexing(source, indices, positions)
        let payload = IndexPayload(description: layout.description, kind: 0)
        emit(
            runGather, store.store(payload), [argument(layout.operand), argument(indices), argument(result)],
            writes: [result], isParallel: result.byteCount >= Self.parallelThreshold,
            "gather \(graph.type(of: node.operands[0])) by \(graph.type(of: node.operands[1]))")
        return result
    }

    /// The operand with updates combined into it.
    func lowerScatter(
        _ node: Node, _ mode: ScatterMode, _ dimensions: [Int]
    ) throws(BackendError) -> StridedView {
        let indices = dense(node.operands[1])
        let updates = dense(node.operands[2])
        let result = try resultOver(node.operands[0], besides: [indices.root, updates.root])
        guard updates.count > 0 else { return result }
        if dimensions.isEmpty {
            // Every update replaces or joins the whole operand: a scatter along a leading dimension of extent 1.
            var whole = result
            whole.extents.insert(1, at: 0)
            whole.strides.insert(0, at: 0)
            let tuples = updates.count / max(1, result.count)
            try emitScatter(whole, splat(0, [tuples, 1], .int32), updates, mode, [0], node)
            return result
        }
        if Self.joined(result, dimensions).extents.count > Int(HK_MAX_RANK) {
            let (moved, positions) = indexedInFront(result, dimensions)
            try emitScatter(moved, indices, updates, mode, positions, node)
            let order = Self.indexedFirst(result.rank, dimensions)
            emitCopy(from: moved, to: result.transposed(order))
            return result
        }
        try emitScatter(result, indices, updates, mode, dimensions, node)
        return result
    }

    private static func indexedFirst(_ rank: Int, _ dimensions: [Int]) -> [Int] {
        dimensions + (0..<rank).filter { !dimensions.contains($0) }
    }

    /// A copy with the indexed dimensions in front, so that all others join; and where the indexed ones are then.
    private func indexedInFront(_ view: StridedView, _ dimensions: [Int]) -> (StridedView, [Int]) {
        (copied(view.transposed(Self.indexedFirst(view.rank, dimensions))), Array(dimensions.indices))
    }

    private func emitScatter(
        _ target: StridedView, _ indices: StridedView, _ updates: StridedView, _ mode: ScatterMode,
        _ dimensions: [Int], _ node: Node
    ) throws(BackendError) {
        let indices = indices.splatBits == nil ? indices : copied(indices)
        let layout = try indexing(target, indices, dimensions)
        let kind: Int =
            switch mode {
            case .set: HK_SCATTER_SET
            case .add: HK_SCATTER_ADD
            case .multiply: HK_SCATTER_MULTIPLY
            case .maximum: HK_SCATTER_MAX
            case .minimum: HK_SCATTER_MIN
            }
        let payload = IndexPayload(description: layout.description, kind: Int32(kind))
        emit(
            runScatter, store.store(payload), [argument(target), argument(indices), argument(updates)],
            writes: [target], isParallel: updates.byteCount >= Self.parallelThreshold,
            "scatter \(mode.rawValue) \(node.resultTypes[0]) by \(graph.type(of: node.operands[1]))")
    }

    /// The kernel's view of an operand that is indexed: neighbouring window dimensions joined where strides allow.
    private func indexing(
        _ operand: StridedView, _ indices: StridedView, _ dimensions: [Int]
    ) throws(BackendError) -> (description: hk_index_desc, operand: StridedView) {
        let joined = Self.joined(operand, dimensions)
        guard joined.extents.count <= Int(HK_MAX_RANK) else {
            throw BackendError(
                .unsupported, "indexing of rank \(operand.rank) by \(dimensions) does not fit the kernels' limit")
        }
        var description = hk_index_desc()
        description.element_size = operand.elementSize
        description.type = operand.type.rawValue
        description.index_type = indices.type.rawValue
        description.rank = Int32(joined.extents.count)
        description.index_depth = Int32(dimensions.count)
        description.index_count = Int64(indices.count / max(1, dimensions.count))
        withUnsafeMutableBytes(of: &description.index_dims) { bytes in
            for (position, d) in joined.dimensions.enumerated() where position < bytes.count / 4 {
                bytes.storeBytes(of: Int32(d), toByteOffset: position * 4, as: Int32.self)
            }
        }
        setRankArray(&description.dims, joined.extents)
        setRankArray(&description.strides, joined.strides)
        try check(hk_index_validate(&description), "indexing of \(operand.type)\(operand.extents)")
        return (description, operand)
    }

    private static func joined(
        _ operand: StridedView, _ dimensions: [Int]
    ) -> (extents: [Int], strides: [Int], dimensions: [Int]) {
        var extents: [Int] = []
        var strides: [Int] = []
        var isWindow: [Bool] = []
        var positions = [Int](repeating: 0, count: operand.rank)
        for d in 0..<operand.rank {
            let window = !dimensions.contains(d)
            if window, operand.extents[d] == 1 { continue }
            if let last = extents.indices.last, window, isWindow[last],
                strides[last] == operand.strides[d] * operand.extents[d]
            {
                extents[last] *= operand.extents[d]
                strides[last] = operand.strides[d]
            } else {
                positions[d] = extents.count
                extents.append(operand.extents[d])
                strides.append(operand.strides[d])
                isWindow.append(window)
            }
        }
        return (extents, strides, dimensions.map { positions[$0] })
    }
}
