// Heterodyne: the launches of softmax and of the normalisations of rows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A composite that the row kernels run: softmax and its logarithm along any axis, layer and root-mean-square
/// normalisation over trailing dimensions.
struct RowNormalization {
    var kind: NormalizationRecipe.Kind
    var axis: Int
    var epsilon: Double

    /// The operation that `composite` is on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard let kind = NormalizationRecipe.Kind(rawValue: composite.name), let x = operands.first,
            x.scalarType.isFloatingPoint, x.scalarType.isArithmetic
        else { return nil }
        self.kind = kind
        epsilon = 0
        var reader = AttributeReader(composite.attributes, operation: composite.name)
        do {
            axis = try reader.integer("axis")
            if kind.isNormalization { epsilon = try reader.number("epsilon") }
            if kind == .layerNormalization, try reader.bool("statistics") { return nil }
            try reader.finish()
        } catch { return nil }
        guard axis >= 0, axis < x.rank, let extents = x.shape.fixedExtents else { return nil }
        let limit = kind == .layerNormalization ? 3 : kind == .rmsNormalization ? 2 : 1
        let computing = ScalarCode.register(x.scalarType)
        guard operands.count <= limit, operands.count + 1 <= target.maximumBuffers,
            ScalarCode.supports(x.scalarType, target),
            operands.allSatisfy({ target.stores($0.scalarType) && ScalarCode.register($0.scalarType) == computing })
        else { return nil }
        // A few rows of very many columns are done faster by reductions that share a row between workgroups.
        let columns = Strides.count(isAlongAxis ? [extents[axis]] : Array(extents[axis...]))
        let rows = columns == 0 ? 0 : Strides.count(extents) / columns
        let subgroups: KernelTarget.Features = [.subgroupArithmetic, .fullSubgroups]
        let isShared = target.features.isSuperset(of: subgroups)
        // Three passes of an invocation over its part of a row; a workgroup of a GPU shares each row.
        let lanes = target.tileMemory == .workgroup ? 8 : isShared ? min(max(target.subgroupSize, 1), 8) : 1
        if columns > RowPlanner.iterationLimit / 2 * lanes { return nil }
        if columns > 65_536, rows * max(target.subgroupSize, 1) < 64 { return nil }
        if !target.features.contains(.int64), Strides.count(extents) > Int(Int32.max) { return nil }
    }

    /// Whether the operation runs along one axis, as opposed to all dimensions from it on.
    var isAlongAxis: Bool { !kind.isNormalization }
}

extension RowPlanner {
    /// Invocations for each row, and how much of it each of them keeps in registers (0: it reads the row again in each
    /// pass). A software device keeps registers in its cache, from where they come faster than any load.
    private func shape(_ space: RowSpace, rows: Int, columns: Int) -> (team: TeamShape, held: Int) {
        let limit = (isSoftware ? 32 : 8) * (space.width > 1 ? 1 : 2)
        let isAcross = space.vectors == .alongRows || !isContiguous(space)
        var shape = isAcross ? TeamShape.single(rows, target) : team(rows: rows, columns: columns)
        let subgroups: KernelTarget.Features = [.subgroupArithmetic, .fullSubgroups]
        if !isAcross, isSoftware, columns >= target.subgroupSize, target.features.isSuperset(of: subgroups) {
            let wanted = rows >= 8 * target.linearWorkgroup ? target.linearWorkgroup : target.subgroupSize
            shape = .teams(of: target.subgroupSize, wanted: wanted, target)
        }
        let held = (columns + shape.size - 1) / shape.size
        return (shape, held <= limit ? held : 0)
    }

    /// `operation` of `source` into `result`, a tensor of the same extents; parameters have the extents of the columns.
    func normalize(
        _ operation: RowNormalization, _ source: StridedView, _ parameters: [StridedView], into result: StridedView
    ) throws(BackendError) {
        guard result.count > 0 else { return }
        let columns = operation.isAlongAxis ? [operation.axis] : Array(operation.axis..<source.rank)
        let rows = (0..<source.rank).filter { !columns.contains($0) }
        let shared = [Int](repeating: 0, count: rows.count)
        let operands =
            [source, result].map { RowSpace.Operand($0, rows: rows, columns: columns) }
            + parameters.map {
                RowSpace.Operand(rowStrides: shared, columnStrides: $0.strides, origin: $0.bound.origin)
            }
        let (space, counts) = RowSpace.plan(
            rows: rows.map { source.extents[$0] }, columns: columns.map { source.extents[$0] }, operands,
            allowing: [.alongColumns, .alongRows, .none])
        let views = [source, result] + parameters
        try check(views.map(\.type), space, operation.kind.rawValue)
        let (team, held) = shape(space, rows: counts.rows, columns: counts.columns)
        if held == 0, counts.columns / team.size > Self.iterationLimit / 2 {
            // Too long for one invocation: as a dense copy, whose rows several of them share.
            let order = rows + columns
            let copy = try sink.copied(source.transposed(order))
            let dense = try sink.newResult(copy.extents, result.type)
            var operation = operation
            operation.axis = rows.count
            try normalize(operation, copy, parameters, into: dense)
            try sink.emitCopy(from: dense, to: result.transposed(order))
            return
        }
        // Scale and bias are loaded once for several rows.
        let teams = (counts.rows + team.count - 1) / team.count
        let run = isSoftware && held > 0 && !parameters.isEmpty ? max(1, min(16, teams / 16)) : 1
        let recipe = NormalizationRecipe(
            kind: operation.kind, type: source.type, parameters: parameters.map(\.type), space: space, team: team,
            held: held, isFull: held * team.size == counts.columns, isRun: run > 1)
        var constants = [space.push(counts.rows), space.push(counts.columns)] + counts.origins.map(space.push)
        if run > 1 { constants.insert(space.push(run), at: 2) }
        if operation.kind.isNormalization {
            let isDouble = recipe.computing == .float64
            constants.append(isDouble ? .f64(Double(counts.elements)) : .f32(Float(counts.elements)))
            constants.append(isDouble ? .f64(operation.epsilon) : .f32(Float(operation.epsilon)))
        }
        try sink.emit(
            recipe, [.read(source), .write(result)] + parameters.map(Access.read), constants: constants,
            grid: team.grid(rows: (counts.rows + run - 1) / run), work: Double(source.byteCount) * 4,
            "\(operation.kind.rawValue) \(source.type)\(source.extents) from dimension \(operation.axis)")
    }
}
