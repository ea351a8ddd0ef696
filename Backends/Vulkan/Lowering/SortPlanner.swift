// Heterodyne: the launches of sorting and of the first k of an order.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A composite that sorting runs: `topK` and `sortValues`.
struct SortSelection {
    var axis: Int
    /// How many elements are kept; nil for all.
    var keep: Int?
    var isDescending: Bool
    var indexType: ScalarType

    /// The operation that `composite` is on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard operands.count == 1, let x = operands.first, let extents = x.shape.fixedExtents else { return nil }
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        do {
            axis = try reader.integer("axis")
            switch composite.name {
            case "topK":
                keep = try reader.integer("k")
                isDescending = try reader.bool("largest")
                // The results are always in order.
                _ = try reader.bool("sorted")
            case "sortValues":
                keep = nil
                isDescending = try reader.bool("descending")
            default: return nil
            }
            indexType = try reader.scalarType("indexType")
            try reader.finish()
        } catch { return nil }
        if axis < 0 { axis += x.rank }
        guard (0..<x.rank).contains(axis), (keep ?? 0) >= 0, (keep ?? 0) <= extents[axis] else { return nil }
        guard SortPlanner.takes(x.scalarType, extents, indexType, target) else { return nil }
    }
}

/// Plans launches of sorting kernels into a sink.
struct SortPlanner {
    let sink: any KernelSink
    var target: KernelTarget { sink.target }

    /// Whether tensors of the type and extents can be sorted.
    static func takes(_ type: ScalarType, _ extents: [Int], _ index: ScalarType, _ target: KernelTarget) -> Bool {
        target.stores(type) && target.stores(index) && Strides.count(extents) <= Int(Int32.max)
            && ScalarCode.supports(type, target)
    }

    /// Columns that a workgroup sorts at once, four of them to an invocation.
    private var tileLimit: Int {
        let wanted = target.tileMemory == .registers ? 64 : 512
        var limit = 4
        while limit * 2 <= wanted,
            limit / 2 <= min(target.maximumWorkgroupInvocations, target.maximumWorkgroupExtents.first ?? 1)
        { limit *= 2 }
        return limit
    }

    /// The columns of the first `result.extents[axis]` elements of each row in stable order, into `result`.
    func sort(
        _ source: StridedView, _ axis: Int, isDescending: Bool, into result: StridedView
    ) throws(BackendError) {
        guard result.count > 0 else { return }
        guard Self.takes(source.type, source.extents, result.type, target) else {
            throw BackendError(
                .unsupported,
                "sort of \(source.type)\(source.extents) to \(result.type): the device lacks one of the types, or there are more than 2^31 - 1 elements"
            )
        }
        let columns = source.extents[axis]
        let keep = result.extents[axis]
        let rowDimensions = (0..<source.rank).filter { $0 != axis }
        let rowExtents = rowDimensions.map { source.extents[$0] }
        let operands = [source, result].map { RowSpace.Operand($0, rows: rowDimensions, columns: [axis]) }
        let (both, counts) = RowSpace.plan(
            rows: rowExtents, columns: [columns], operands, allowing: [.none])
        // Runs are numbered in the order of these rows, whichever operand a pass has.
        let order = RowSpace.order(rowExtents, operands[0].rowStrides)
        let key = SortKey(type: source.type, isDescending: isDescending)
        let tile = min(tileLimit, TeamShape.powerOfTwo(atLeast: max(columns, 4)))
        let tiles = (columns + tile - 1) / tile
        let team = TeamShape.teams(of: tile / 4, wanted: max(tile / 4, target.linearWorkgroup), target)
        let text = "sort \(source.type)\(source.extents) along \(axis)"
        func push(_ numbers: Int...) -> [PushValue] { numbers.map { .u32(UInt32(truncatingIfNeeded: $0)) } }
        let work = Double(source.byteCount) * Double(tile) / 4
        if tiles == 1 {
            let recipe = SortTileRecipe(key: key, space: both, team: team, output: .positions(result.type))
            try sink.emit(
                recipe, [.read(source), .write(result)],
                constants: push(counts.rows, columns, 1, keep) + counts.origins.map(both.push),
                grid: team.grid(rows: counts.rows), work: work, text)
            return
        }
        // The order in which the rows of a run's memory are numbered is that of the source's rows.
        let alone = RowSpace.plan(rows: rowExtents, columns: [columns], [operands[0]], allowing: [.none])
        let place = RowSpace.plan(
            rows: order.map { rowExtents[$0] }, columns: [columns],
            [
                RowSpace.Operand(
                    rowStrides: order.map { operands[1].rowStrides[$0] }, columnStrides: operands[1].columnStrides,
                    origin: operands[1].origin)
            ], allowing: [.none], keepsOrder: true)
        var (runs, span) = (tiles, tile)
        var pitch = min(keep, span)
        var (keys, indices) = try newRuns(counts.rows * runs * pitch, key.key)
        let first = SortTileRecipe(key: key, space: alone.space, team: team, output: .runs)
        try sink.emit(
            first, [.read(source), .write(keys), .write(indices)],
            constants: push(counts.rows, columns, tiles, pitch) + [alone.space.push(alone.counts.origins[0])],
            grid: team.grid(rows: counts.rows * tiles), work: work, text)
        while runs > 1 {
            let merged = (runs + 1) / 2
            let newPitch = min(keep, 2 * span)
            // Each of these numbers is at most that of the elements, and a little more.
            let chunks = (newPitch + SortMergeRecipe.chunk - 1) / SortMergeRecipe.chunk
            let count = counts.rows * merged * chunks
            var constants = push(
                count, chunks, columns, span, keep, pitch, runs * pitch, newPitch, merged * newPitch)
            let workgroup = target.linearWorkgroup
            let grid = Grid.linear(workgroups: (count + workgroup - 1) / workgroup)
            if merged == 1 {
                constants.append(place.space.push(place.counts.origins[0]))
                let recipe = SortMergeRecipe(
                    key: key, space: place.space, output: .positions(result.type), workgroup: workgroup)
                try sink.emit(
                    recipe, [.read(keys), .read(indices), .write(result)], constants: constants, grid: grid,
                    work: Double(count) * 256, "\(text), last merge")
                return
            }
            let (newKeys, newIndices) = try newRuns(counts.rows * merged * newPitch, key.key)
            let recipe = SortMergeRecipe(key: key, space: .empty, output: .runs, workgroup: workgroup)
            try sink.emit(
                recipe, [.read(keys), .read(indices), .write(newKeys), .write(newIndices)], constants: constants,
                grid: grid, work: Double(count) * 256, "\(text), merge of runs of \(span)")
            (keys, indices) = (newKeys, newIndices)
            (runs, span, pitch) = (merged, 2 * span, newPitch)
        }
    }

    private func newRuns(_ count: Int, _ key: ScalarType) throws(BackendError) -> (StridedView, StridedView) {
        guard count <= Int(Int32.max) else {
            throw BackendError(.unsupported, "sorting needs runs of \(count) elements; more than 2^31 - 1 are too many")
        }
        return (try sink.newResult([count], key), try sink.newResult([count], .uint32))
    }

    /// The elements of `source` at `positions` along a dimension, into `result`.
    func gather(
        _ source: StridedView, _ axis: Int, _ positions: StridedView, into result: StridedView
    ) throws(BackendError) {
        guard result.count > 0 else { return }
        let rows = (0..<source.rank).filter { $0 != axis }
        let operands = [source, positions, result].map { RowSpace.Operand($0, rows: rows, columns: [axis]) }
        // The extent of the columns is not part of the code: only the stride is.
        let (space, counts) = RowSpace.plan(
            rows: rows.map { source.extents[$0] }, columns: [source.extents[axis]], operands, allowing: [.none])
        let workgroup = target.linearWorkgroup
        let columns = result.extents[axis]
        let count = counts.rows * columns
        let recipe = SortGatherRecipe(type: source.type, index: positions.type, space: space, workgroup: workgroup)
        try sink.emit(
            recipe, [.read(source), .read(positions), .write(result)],
            constants: [.u32(UInt32(truncatingIfNeeded: counts.rows)), .u32(UInt32(truncatingIfNeeded: columns))]
                + counts.origins.map(space.push),
            grid: .linear(workgroups: (count + workgroup - 1) / workgroup), work: Double(count) * 8,
            "sorted elements of \(source.type)\(source.extents)")
    }
}
