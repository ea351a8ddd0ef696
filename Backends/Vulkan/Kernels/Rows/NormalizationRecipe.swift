// Heterodyne: the kernel of softmax and of the normalisations of rows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Softmax, its logarithm, layer or root-mean-square normalisation of each row:
///
///     softmax             e^(x - max) / sum e^(x - max)
///     logSoftmax          (x - max) - log sum e^(x - max)
///     layerNormalization  (x - mean) / sqrt(mean (x - mean)^2 + epsilon) * scale + bias
///     rmsNormalization    x / sqrt(mean x^2 + epsilon) * scale
///
/// Narrow floats are computed in float32 and rounded once. Slots: source, result, then scale and bias where there are
/// any. Push constants: rows, columns, the origin of each slot, and for the normalisations the number of columns and
/// epsilon as numbers of the computing type.
struct NormalizationRecipe: KernelRecipe {
    enum Kind: String, Hashable, Sendable {
        case softmax, logSoftmax, layerNormalization, rmsNormalization

        /// Whether epsilon and the number of columns are needed.
        var isNormalization: Bool { self == .layerNormalization || self == .rmsNormalization }
    }

    let kind: Kind
    let type: ScalarType
    /// The types of scale and bias.
    let parameters: [ScalarType]
    let space: RowSpace
    let team: TeamShape
    /// Columns (or vectors of them) that each invocation keeps in registers; 0 where it reads them again in each pass.
    let held: Int
    /// Whether a row has exactly `held * team.size` columns, so that no invocation needs to look.
    let isFull: Bool

    /// The type that is computed in.
    var computing: ScalarType { type == .float64 ? .float64 : .float32 }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("\(kind.rawValue)_\(type)", workgroup: [UInt32(team.workgroup)])
        let code = ScalarCode(k, target)
        var reader = RowReader(k, code, space)
        let index = space.indexType
        let rows = k.pushConstant("rows", index)
        let columns = k.pushConstant("columns", index)
        reader.declare("source", type, .read)
        reader.declare("result", type, .write)
        for (number, parameter) in parameters.enumerated() {
            reader.declare(number == 0 ? "scale" : "bias", parameter, .read)
        }
        let register = ScalarCode.register(computing)
        let count = kind.isNormalization ? k.pushConstant("count", register) : nil
        let epsilon = kind.isNormalization ? k.pushConstant("epsilon", register) : nil
        let members = RowTeam(code, team)
        let first = k.linearWorkgroup().converted(to: index.scalar) * team.count
        k.if(first .< rows) {
            let number = first + members.number.converted(to: index.scalar)
            // Teams beyond the end repeat the last row and write nothing, since barriers wait for all.
            let row = team.count == 1 ? number : number.minimum(rows - 1)
            let walk = RowWalk(
                k: k, code: code, reader: reader, members: members, row: reader.row(row), columns: columns,
                isRow: team.count == 1 ? nil : number .< rows, recipe: self)
            switch kind {
            case .softmax, .logSoftmax: walk.softmax()
            case .layerNormalization, .rmsNormalization:
                if let count, let epsilon { walk.normalize(count, epsilon) }
            }
        }
        return try k.finish()
    }
}

/// The passes over the row of one team while a kernel is built.
private struct RowWalk {
    let k: KernelBuilder
    let code: ScalarCode
    let reader: RowReader
    let members: RowTeam
    let row: [KernelValue]
    let columns: KernelValue
    /// Whether the team has a row of its own to write; nil where all have.
    let isRow: KernelValue?
    let recipe: NormalizationRecipe
    /// What is held of the row.
    private let held: [Variable]

    init(
        k: KernelBuilder, code: ScalarCode, reader: RowReader, members: RowTeam, row: [KernelValue],
        columns: KernelValue, isRow: KernelValue?, recipe: NormalizationRecipe
    ) {
        self.k = k
        self.code = code
        self.reader = reader
        self.members = members
        self.row = row
        self.columns = columns
        self.isRow = isRow
        self.recipe = recipe
        let zero = code.constant(bits: 0, recipe.computing, width: recipe.space.width)
        held = (0..<recipe.held).map { _ in k.variable(zero) }
        let lane = members.lane.converted(to: columns.type.scalar)
        for (position, variable) in held.enumerated() {
            let column = position == 0 ? lane : lane + position * members.shape.size
            guarded(column) { variable.value = reader.load(0, row, column) }
        }
    }

    private func guarded(_ column: KernelValue, _ body: () -> Void) {
        if recipe.isFull { body() } else { k.if(column .< columns, then: body) }
    }

    /// The block for each column (or vector of them) of the invocation, with the element there.
    private func forEach(_ body: (KernelValue, KernelValue) -> Void) {
        let lane = members.lane.converted(to: columns.type.scalar)
        if held.isEmpty {
            k.loop(from: lane, to: columns, step: UInt32(members.shape.size)) { column in
                body(column, reader.load(0, row, column))
            }
            return
        }
        for (position, variable) in held.enumerated() {
            let column = position == 0 ? lane : lane + position * members.shape.size
            guarded(column) { body(column, variable.value) }
        }
    }

    private func store(_ body: (KernelValue, KernelValue) -> KernelValue) {
        func pass() {
            forEach { column, element in
                reader.store(1, row, column, code.rounded(body(column, element), to: recipe.type))
            }
        }
        if let isRow { k.if(isRow, then: pass) } else { pass() }
    }

    /// The team's combination of a value for each column.
    private func reduce(
        _ combination: RowTeam.Combination, _ first: UInt64, _ body: (KernelValue, KernelValue) -> KernelValue
    )
        -> KernelValue
    {
        let value = k.variable(code.constant(bits: first, recipe.computing, width: recipe.space.width))
        forEach { column, element in value.value = combination.apply(code, value.value, body(column, element)) }
        var total = value.value
        if recipe.space.vectors == .alongColumns {
            total = combination.fold(code, total)
        }
        return spread(members.combine(total, combination))
    }

    /// A value of the row for all components of a vector along it.
    private func spread(_ value: KernelValue) -> KernelValue {
        recipe.space.width > 1 && value.type.width == 1 ? k.splat(value, recipe.space.width) : value
    }

    private func exponential(_ x: KernelValue) -> KernelValue { code.unary(.exp, x, recipe.computing) }

    func softmax() {
        let type = recipe.computing
        let largest = reduce(.maximum, type.lowestBits) { _, x in x }
        let keepsExponentials = !held.isEmpty && recipe.kind == .softmax
        var position = 0
        let sum = reduce(.add, 0) { _, x in
            let e = exponential(x - largest)
            if keepsExponentials {
                held[position].value = e
                position += 1
            }
            return e
        }
        if recipe.kind == .logSoftmax {
            let logarithm = code.unary(.log, sum, type)
            store { _, x in (x - largest) - logarithm }
        } else {
            let inverse = code.binary(.divide, sum.like(1.0), sum, type)
            store { _, x in (keepsExponentials ? x : exponential(x - largest)) * inverse }
        }
    }

    func normalize(_ count: KernelValue, _ epsilon: KernelValue) {
        let type = recipe.computing
        let (count, epsilon) = (spread(count), spread(epsilon))
        var mean: KernelValue?
        if recipe.kind == .layerNormalization {
            mean = code.binary(.divide, reduce(.add, 0) { _, x in x }, count, type)
        }
        func centred(_ x: KernelValue) -> KernelValue {
            if let mean { x - mean } else { x }
        }
        let squares = reduce(.add, 0) { _, x in
            let d = centred(x)
            return d * d
        }
        let variance = code.binary(.divide, squares, count, type)
        let deviation = code.unary(.sqrt, variance + epsilon, type)
        let inverse = code.binary(.divide, deviation.like(1.0), deviation, type)
        store { column, x in
            var y = centred(x) * inverse
            if recipe.parameters.count > 0 { y = y * reader.load(2, row, column) }
            if recipe.parameters.count > 1 { y = y + reader.load(3, row, column) }
            return y
        }
    }
}
