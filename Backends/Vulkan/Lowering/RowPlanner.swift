// Heterodyne: how much work the row kernels give to an invocation, and the launches of reductions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Plans launches of row kernels into a sink.
struct RowPlanner {
    let sink: any KernelSink
    var target: KernelTarget { sink.target }

    /// Whether the device computes in the subgroups of a CPU's vector registers.
    var isSoftware: Bool { target.tileMemory == .registers }

    /// Invocations that keep a device busy; a software device reads many streams faster than one.
    var wantedInvocations: Int { isSoftware ? 256 * max(target.subgroupSize, 1) : 65_536 }

    /// Fewer columns than this are not worth another launch.
    var leastSegment: Int { isSoftware ? 4_096 : 512 }

    /// Iterations of loops that an invocation may have in all.
    static let iterationLimit = KernelTarget.iterationLimit

    /// Throws where tensors of the types cannot lie in buffers or indices are too wide.
    func check(_ types: [ScalarType], _ space: RowSpace?, _ operation: String) throws(BackendError) {
        for type in types where !target.stores(type) || !ScalarCode.supports(type, target) {
            throw BackendError(.unsupported, "\(operation): the device has no \(type); convert the operand first")
        }
        if let space, space.isWide, !target.features.contains(.int64) {
            throw BackendError(
                .unsupported,
                "\(operation): the tensors have more than 2^31 elements and the device has no 64-bit integers; split them"
            )
        }
    }

    /// Invocations for each row, where neighbouring columns lie next to each other. A software device gains nothing
    /// from neighbouring loads and pays for each combination.
    func team(rows: Int, columns: Int) -> TeamShape {
        if isSoftware { return .single(rows, target) }
        let size = min(256, TeamShape.powerOfTwo(atLeast: (columns + 3) / 4))
        return size == 1 ? .single(rows, target) : .teams(of: size, wanted: max(size, 128), target)
    }

    // MARK: - Reductions

    /// The reduction of `dimensions` into a dense result of the kept ones. The result's element type is the source's.
    func reduce(
        _ source: StridedView, _ kind: ReductionKind, _ dimensions: [Int], into result: StridedView
    ) throws(BackendError) {
        guard result.count > 0 else { return }
        guard source.count > 0 else {
            try sink.emitFill(result, bits: ReduceRecipe.identity(kind, result.type))
            return
        }
        let kept = (0..<source.rank).filter { !dimensions.contains($0) }
        if dimensions.allSatisfy({ source.extents[$0] == 1 }), source.type == result.type {
            // Nothing to combine: the elements stay as they are.
            var view = source
            view.extents = kept.map { source.extents[$0] }
            view.strides = kept.map { source.strides[$0] }
            try sink.emitCopy(from: view, to: result)
            return
        }
        let columns = dimensions.sorted()
        let rowExtents = kept.map { source.extents[$0] }
        let operands = [
            RowSpace.Operand(source, rows: kept, columns: columns),
            RowSpace.Operand(rowStrides: result.strides, columnStrides: [], origin: result.bound.origin),
        ]
        let (space, counts) = RowSpace.plan(
            rows: rowExtents, columns: columns.map { source.extents[$0] }, operands,
            allowing: [.alongColumns, .alongRows, .none])
        try check([source.type, result.type], space, "reduce \(kind.rawValue)")
        let isAcross = space.vectors == .alongRows || !isContiguous(space)
        // A CPU reads longer pieces of memory faster, as long as there is work for all of its cores.
        let longer = [4, 2].first { counts.rows % $0 == 0 && counts.rows / $0 >= 16 * max(target.subgroupSize, 1) }
        let span = isSoftware && space.vectors == .alongRows ? longer ?? 1 : 1
        let team =
            isAcross
            ? TeamShape.single(counts.rows / span, target) : team(rows: counts.rows, columns: counts.columns)
        let lanes = counts.rows / span * team.size
        let wanted = min((wantedInvocations + lanes - 1) / lanes, counts.elements / leastSegment, 4096)
        let perInvocation = Self.iterationLimit * team.size * (span == 1 ? ReduceRecipe.unroll : 1)
        let segments = max(wanted, (counts.columns + perInvocation - 1) / perInvocation)
        let accumulator = ReduceRecipe.accumulator(source.type)
        guard segments > 1, target.stores(accumulator) else {
            let recipe = ReduceRecipe(
                kind: kind, source: source.type, result: result.type, space: space, team: team, isSplit: false,
                span: span)
            try sink.emit(
                recipe, [.read(source), .write(result)],
                constants: [
                    space.push(counts.rows), space.push(counts.columns), space.push(counts.origins[0]),
                    space.push(counts.origins[1]),
                ], grid: team.grid(rows: counts.rows / span), work: Double(source.byteCount),
                "reduce \(kind.rawValue) \(source.type)\(source.extents) over \(dimensions)")
            return
        }
        let order = RowSpace.order(rowExtents, operands[0].rowStrides)
        try split(source, kind, space, counts, team, span, segments, result, order)
    }

    /// Segments of the columns first, then their partial results.
    private func split(
        _ source: StridedView, _ kind: ReductionKind, _ space: RowSpace, _ counts: RowSpace.Counts, _ team: TeamShape,
        _ span: Int, _ segments: Int, _ result: StridedView, _ order: [Int]
    ) throws(BackendError) {
        let segment = (counts.columns + segments - 1) / segments
        let parts = (counts.columns + segment - 1) / segment
        let accumulator = ReduceRecipe.accumulator(source.type)
        let width = space.vectors == .alongRows ? 4 : 1
        let partial = try sink.newResult([parts, counts.rows * width], accumulator)
        let recipe = ReduceRecipe(
            kind: kind, source: source.type, result: accumulator, space: space, team: team, isSplit: true, span: span)
        try sink.emit(
            recipe, [.read(source), .write(partial)],
            constants: [
                space.push(counts.rows), space.push(counts.columns), space.push(segment), space.push(counts.origins[0]),
                space.push(partial.bound.origin / width),
            ], grid: team.grid(rows: counts.rows / span * parts), work: Double(source.byteCount),
            "reduce \(kind.rawValue) \(source.type)\(source.extents) in \(parts) parts")
        // Partial results lie in the order in which the space counts its rows.
        let extents = order.map { result.extents[$0] }
        var view = partial
        view.extents = [parts] + extents
        view.strides = [counts.rows * width] + Strides.dense(extents)
        var target = result
        target.extents = extents
        target.strides = order.map { result.strides[$0] }
        try reduce(view, kind, [0], into: target)
    }

    /// Whether neighbouring columns of the source lie closer together than neighbouring rows.
    func isContiguous(_ space: RowSpace) -> Bool {
        guard let column = space.columns.strides.first?.last else { return false }
        guard let row = space.rows.strides.first?.last else { return true }
        return abs(column) <= abs(row)
    }
}
