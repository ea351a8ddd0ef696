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
/// any. Push constants: rows, columns, the rows of a team where `isRun`, the origin of each slot, and for the normalisations the number of columns and
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
    /// Whether a team has several rows, one after the other, and keeps what it has of scale and bias in registers.
    let isRun: Bool

    /// The type that is computed in.
    var computing: ScalarType { type == .float64 ? .float64 : .float32 }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("\(kind.rawValue)_\(type)", workgroup: [UInt32(team.workgroup)])
        let code = ScalarCode(k, target)
        var reader = RowReader(k, code, space)
        let index = space.indexType
        let rows = k.pushConstant("rows", index)
        let columns = k.pushConstant("columns", index)
        let run = isRun ? k.pushConstant("run", index) : nil
        reader.declare("source", type, .read)
        reader.declare("result", type, .write)
        for (number, parameter) in parameters.enumerated() {
            reader.declare(number == 0 ? "scale" : "bias", parameter, .read)
        }
        let register = ScalarCode.register(computing)
        let count = kind.isNormalization ? k.pushConstant("count", register) : nil
        let epsilon = kind.isNormalization ? k.pushConstant("epsilon", register) : nil
        let members = RowTeam(code, team)
        let group = k.linearWorkgroup().converted(to: index.scalar)
        let number = members.number.converted(to: index.scalar)
        let walk = RowWalk(code: code, reader: reader, members: members, columns: columns, recipe: self)
        func work(from first: KernelValue) {
            let own = first + number
            // Teams beyond the end repeat the last row and write nothing, since barriers wait for all.
            let row = team.count == 1 ? own : own.minimum(rows - 1)
            walk.row(reader.row(row), isRow: team.count == 1 ? nil : own .< rows, count, epsilon)
        }
        if let run {
            let start = group * run * team.count
            k.if(start .< rows) {
                walk.keepParameters()
                let left = (rows - start + (team.count - 1)) / team.count
                k.loop(from: run.like(0), to: run.minimum(left)) { work(from: start + $0 * team.count) }
            }
        } else {
            let first = group * team.count
            k.if(first .< rows) { work(from: first) }
        }
        return try k.finish()
    }
}

/// The passes over the rows of one team while a kernel is built.
private final class RowWalk {
    private let k: KernelBuilder
    private let code: ScalarCode
    private let reader: RowReader
    private let members: RowTeam
    private let columns: KernelValue
    private let recipe: NormalizationRecipe
    /// The row that is worked on, and whether the team has it for itself; nil where all have.
    private var row: [KernelValue] = []
    private var isRow: KernelValue?
    /// What is held of the row, and of scale and bias.
    private let held: [Variable]
    private let parameters: [[Variable]]

    init(
        code: ScalarCode, reader: RowReader, members: RowTeam, columns: KernelValue, recipe: NormalizationRecipe
    ) {
        k = code.builder
        self.code = code
        self.reader = reader
        self.members = members
        self.columns = columns
        self.recipe = recipe
        let zero = code.constant(bits: 0, recipe.computing, width: recipe.space.width)
        func variables() -> [Variable] { (0..<recipe.held).map { _ in code.builder.variable(zero) } }
        held = variables()
        parameters = recipe.isRun ? recipe.parameters.map { _ in variables() } : []
    }

    /// Column number `position` of those that the invocation holds.
    private func column(_ position: Int) -> KernelValue {
        let lane = members.lane.converted(to: columns.type.scalar)
        return position == 0 ? lane : lane + position * members.shape.size
    }

    /// Loads scale and bias for all rows to come.
    func keepParameters() {
        // They have a place in each row's list; that of the row itself is not used.
        let first = reader.row(columns.like(0))
        for position in held.indices {
            guarded(column(position)) {
                for (number, list) in parameters.enumerated() {
                    list[position].value = reader.load(2 + number, first, column(position))
                }
            }
        }
    }

    /// Works on a row.
    func row(_ places: [KernelValue], isRow: KernelValue?, _ count: KernelValue?, _ epsilon: KernelValue?) {
        row = places
        self.isRow = isRow
        for (position, variable) in held.enumerated() {
            guarded(column(position)) { variable.value = reader.load(0, row, column(position)) }
        }
        switch recipe.kind {
        case .softmax, .logSoftmax: softmax()
        case .layerNormalization, .rmsNormalization:
            if let count, let epsilon { normalize(count, epsilon) }
        }
    }

    private func guarded(_ column: KernelValue, _ body: () -> Void) {
        if recipe.isFull { body() } else { k.if(column .< columns, then: body) }
    }

    /// The block for each column (or vector of them) of the invocation: the column, its position among those that are
    /// held, and the element there.
    private func forEach(_ body: (KernelValue, Int, KernelValue) -> Void) {
        if held.isEmpty {
            k.loop(from: column(0), to: columns, step: UInt32(members.shape.size)) { column in
                body(column, 0, reader.load(0, row, column))
            }
            return
        }
        for (position, variable) in held.enumerated() {
            let column = column(position)
            guarded(column) { body(column, position, variable.value) }
        }
    }

    private func store(_ body: (KernelValue, Int, KernelValue) -> KernelValue) {
        func pass() {
            forEach { column, position, element in
                reader.store(1, row, column, code.rounded(body(column, position, element), to: recipe.type))
            }
        }
        if let isRow { k.if(isRow, then: pass) } else { pass() }
    }

    /// The team's combination of a value for each column.
    private func reduce(
        _ combination: RowTeam.Combination, _ first: UInt64, _ body: (Int, KernelValue) -> KernelValue
    )
        -> KernelValue
    {
        let value = k.variable(code.constant(bits: first, recipe.computing, width: recipe.space.width))
        forEach { _, position, element in
            value.value = combination.apply(code, value.value, body(position, element))
        }
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

    private func softmax() {
        let type = recipe.computing
        let largest = reduce(.maximum, type.lowestBits) { _, x in x }
        let keepsExponentials = !held.isEmpty && recipe.kind == .softmax
        let sum = reduce(.add, 0) { position, x in
            let e = exponential(x - largest)
            if keepsExponentials { held[position].value = e }
            return e
        }
        if recipe.kind == .logSoftmax {
            let logarithm = code.unary(.log, sum, type)
            store { _, _, x in (x - largest) - logarithm }
        } else {
            let inverse = code.binary(.divide, sum.like(1.0), sum, type)
            store { _, _, x in (keepsExponentials ? x : exponential(x - largest)) * inverse }
        }
    }

    private func normalize(_ count: KernelValue, _ epsilon: KernelValue) {
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
        store { column, position, x in
            var y = centred(x) * inverse
            if recipe.parameters.count > 0 { y = y * parameter(0, column, position) }
            if recipe.parameters.count > 1 { y = y + parameter(1, column, position) }
            return y
        }
    }

    /// Scale or bias.
    private func parameter(_ number: Int, _ column: KernelValue, _ position: Int) -> KernelValue {
        recipe.isRun ? parameters[number][position].value : reader.load(2 + number, row, column)
    }
}
