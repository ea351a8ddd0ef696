// Heterodyne: the launches of running sums, products, maxima and minima.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// A running reduction that the row kernels run.
struct RowCumulative {
    var kind: CumulativeRecipe.Kind
    var axis: Int
    var isExclusive: Bool
    var isReverse: Bool

    /// The operation that `composite` is on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard let kind = CumulativeRecipe.Kind(rawValue: composite.name), operands.count == 1, let x = operands.first,
            x.scalarType.isArithmetic, target.stores(x.scalarType), ScalarCode.supports(x.scalarType, target),
            let extents = x.shape.fixedExtents
        else { return nil }
        self.kind = kind
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        do {
            axis = try reader.integer("axis")
            isExclusive = try reader.bool("exclusive")
            isReverse = try reader.bool("reverse")
            try reader.finish()
        } catch { return nil }
        if axis < 0 { axis += x.rank }
        guard (0..<x.rank).contains(axis) else { return nil }
        if !target.features.contains(.int64), Strides.count(extents) > Int(Int32.max) { return nil }
    }
}

extension RowPlanner {
    /// Invocations that keep a device busy where each of them runs over columns one by one.
    private var wantedRunners: Int { target.tileMemory == .registers ? 16 * max(target.subgroupSize, 1) : 16_384 }
    /// Columns below which a segment is not worth its launches.
    private var leastRun: Int { target.tileMemory == .registers ? 2_048 : 64 }

    /// The running combination of `source` into `result`, a tensor of the same extents and type.
    func accumulate(
        _ operation: RowCumulative, _ source: StridedView, into result: StridedView
    ) throws(BackendError) {
        guard result.count > 0 else { return }
        let backwards = operation.isReverse ? [operation.axis] : []
        try run(
            operation.kind, source.reversed(backwards), operation.axis, operation.isExclusive, source.type,
            into: result.reversed(backwards))
    }

    private func run(
        _ kind: CumulativeRecipe.Kind, _ source: StridedView, _ axis: Int, _ isExclusive: Bool,
        _ neutral: ScalarType, into result: StridedView
    ) throws(BackendError) {
        let rows = (0..<source.rank).filter { $0 != axis }
        let operands = [source, result].map { RowSpace.Operand($0, rows: rows, columns: [axis]) }
        let rowExtents = rows.map { source.extents[$0] }
        let (space, counts) = RowSpace.plan(
            rows: rowExtents, columns: [source.extents[axis]], operands, allowing: [.alongColumns, .alongRows, .none])
        try check([source.type, result.type], space, kind.rawValue)
        let accumulator = ReduceRecipe.accumulator(source.type)
        let segments = min(
            (wantedRunners + counts.rows - 1) / counts.rows, counts.elements / leastRun, 1 << 16)
        let runs = max(segments, (counts.columns + Self.iterationLimit - 1) / Self.iterationLimit)
        let segment = (counts.columns + runs - 1) / runs
        let parts = (counts.columns + segment - 1) / segment
        let workgroup = TeamShape.single(counts.rows * parts, target)
        func launch(
            _ space: RowSpace, _ output: CumulativeRecipe.Output, _ target: StridedView, _ targetOrigin: Int,
            _ carry: (view: StridedView, origin: Int)?
        ) throws(BackendError) {
            let recipe = CumulativeRecipe(
                kind: kind, source: source.type, result: target.type, neutral: neutral, space: space,
                output: output, isExclusive: isExclusive && output == .running, hasCarry: carry != nil,
                workgroup: workgroup.workgroup)
            var constants = [counts.rows, counts.columns, segment, counts.origins[0], targetOrigin].map(space.push)
            var accesses: [Access] = [.read(source), .write(target)]
            if let carry {
                constants.append(space.push(carry.origin))
                accesses.append(.read(carry.view))
            }
            try sink.emit(
                recipe, accesses, constants: constants, grid: workgroup.grid(rows: counts.rows * parts),
                work: Double(source.byteCount) * 2,
                "\(kind.rawValue) \(output) \(source.type)\(source.extents) along \(axis)")
        }
        guard parts > 1, target.stores(accumulator) else {
            try launch(space, .running, result, counts.origins[1], nil)
            return
        }
        // The total of each segment, the running total of these, and then the segments with what came before them.
        let width = space.vectors == .alongRows ? 4 : 1
        let totals = try sink.newResult([parts, counts.rows * width], accumulator)
        let carries = try sink.newResult([parts, counts.rows * width], accumulator)
        try launch(space.givingPartialResults, .totals, totals, totals.bound.origin / width, nil)
        try run(kind, totals, 0, true, neutral, into: carries)
        try launch(space, .running, result, counts.origins[1], (carries, carries.bound.origin / width))
    }
}
