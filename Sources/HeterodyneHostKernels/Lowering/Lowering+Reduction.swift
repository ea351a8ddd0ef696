// Heterodyne: lowering of reductions and sorting.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The result of a reduction.
    func lowerReduce(_ node: Node, _ kind: ReductionKind, _ dimensions: [Int]) throws(BackendError) -> StridedView {
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        let source = view(node.operands[0])
        guard source.count > 0 else {
            emitFill(result, Self.identity(kind, source.type))
            return result
        }
        if dimensions.allSatisfy({ source.extents[$0] == 1 }) {
            // Nothing to combine: the elements stay as they are.
            var view = source
            view.extents = result.extents
            view.strides = (0..<source.rank).filter { !dimensions.contains($0) }.map { source.strides[$0] }
            emitCopy(from: view, to: result)
            return result
        }
        let description = reduction(source, kind, dimensions)
        var layout = description
        if layout.rank > Int(HK_MAX_RANK) {
            // Kept dimensions in front and reduced ones behind, as a dense copy, are two dimensions.
            let kept = (0..<source.rank).filter { !dimensions.contains($0) }
            let copy = copied(source.transposed(kept + dimensions))
            layout = reduction(copy, kind, Array(kept.count..<source.rank))
        }
        var handle: OpaquePointer?
        try check(hk_reduce_prepare(&handle, &layout.description), "reduce \(kind.rawValue) of \(source.type)")
        guard let handle else { throw BackendError(.compilationFailed, "the kernels gave no reduction") }
        store.own(reduction: handle)
        emit(
            runReduce, UnsafeRawPointer(handle), [argument(layout.source), argument(result)], writes: [result],
            isParallel: source.byteCount >= Self.parallelThreshold,
            "reduce \(kind.rawValue) \(graph.type(of: node.operands[0])) over \(dimensions)")
        return result
    }

    private struct ReductionLayout {
        var description: hk_reduce_desc
        var rank: Int
        var source: StridedView
    }

    /// The kernel's view of a reduction: dimensions of extent 1 dropped, neighbours of the same fate joined.
    private func reduction(_ source: StridedView, _ kind: ReductionKind, _ dimensions: [Int]) -> ReductionLayout {
        var extents: [Int] = []
        var strides: [Int] = []
        var reduced: [Bool] = []
        for d in 0..<source.rank where source.extents[d] != 1 {
            let isReduced = dimensions.contains(d)
            if let last = extents.indices.last, reduced[last] == isReduced,
                strides[last] == source.strides[d] * source.extents[d]
            {
                extents[last] *= source.extents[d]
                strides[last] = source.strides[d]
            } else {
                extents.append(source.extents[d])
                strides.append(source.strides[d])
                reduced.append(isReduced)
            }
        }
        var outStrides = [Int](repeating: 0, count: extents.count)
        var step = 1
        for d in extents.indices.reversed() where !reduced[d] {
            outStrides[d] = step
            step *= extents[d]
        }
        var description = hk_reduce_desc()
        description.kind = Self.code(kind)
        description.type = source.type.rawValue
        description.output_type = source.type.rawValue
        description.rank = Int32(extents.count)
        setRankArray(&description.dims, extents)
        setRankArray(&description.strides, strides)
        setRankArray(&description.out_strides, outStrides)
        withUnsafeMutableBytes(of: &description.reduced) { bytes in
            for (d, isReduced) in reduced.enumerated() where d < bytes.count { bytes[d] = isReduced ? 1 : 0 }
        }
        return ReductionLayout(description: description, rank: extents.count, source: source)
    }

    private static func code(_ kind: ReductionKind) -> UInt8 {
        switch kind {
        case .sum: UInt8(HK_REDUCE_SUM)
        case .product: UInt8(HK_REDUCE_PRODUCT)
        case .maximum: UInt8(HK_REDUCE_MAX)
        case .minimum: UInt8(HK_REDUCE_MIN)
        case .and: UInt8(HK_REDUCE_AND)
        case .or: UInt8(HK_REDUCE_OR)
        }
    }

    /// The value of a reduction of nothing.
    private static func identity(_ kind: ReductionKind, _ type: ScalarType) -> UInt64 {
        switch kind {
        case .sum, .or: 0
        case .product: type.bits(of: 1)
        case .maximum: type.lowestBits
        case .minimum: type.highestBits
        case .and: type == .bool ? 1 : UInt64.max
        }
    }

    /// Writes one element everywhere.
    func emitFill(_ target: StridedView, _ bits: UInt64) {
        let payload = store.store(
            FillPayload(elementSize: target.elementSize, bits: bits, count: Int64(target.count)))
        emit(
            runFill, payload, [argument(target)], writes: [target],
            isParallel: target.byteCount >= Self.parallelThreshold, "fill \(target.type)\(target.extents)")
    }

    /// The permutation that sorts along a dimension.
    func lowerSort(
        _ node: Node, _ dimension: Int, _ descending: Bool, _ indexType: ScalarType
    ) throws(BackendError) -> StridedView {
        let result = try newResult(node)
        guard result.count > 0 else { return result }
        var source = view(node.operands[0])
        if source.type == .bool { source.type = .uint8 }
        if source.rank > Int(HK_MAX_RANK) {
            source = dense(node.operands[0])
            if source.type == .bool { source.type = .uint8 }
            let outer = Strides.count(Array(source.extents[..<dimension]))
            let inner = Strides.count(Array(source.extents[(dimension + 1)...]))
            let extents = [outer, source.extents[dimension], inner]
            source.strides = Strides.dense(extents)
            source.extents = extents
        }
        let payload = SortPayload(
            type: source.type.rawValue, isDescending: descending ? 1 : 0, rank: Int32(source.rank),
            extents: store.integers(source.extents), strides: store.integers(source.strides),
            axis: Int32(result.rank > Int(HK_MAX_RANK) ? 1 : dimension), indexType: indexType.rawValue)
        emit(
            runSort, store.store(payload), [argument(source), argument(result)], writes: [result],
            isParallel: source.byteCount >= Self.parallelThreshold,
            "sort \(graph.type(of: node.operands[0])) along \(dimension)")
        return result
    }
}
