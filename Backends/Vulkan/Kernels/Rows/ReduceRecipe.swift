// Heterodyne: the kernel of reductions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// One value for each row: `result[r] = combination of source[r, c] over c`.
///
/// Slots: source, result. Push constants: rows, columns, the columns of a segment where `isSplit`, the two origins.
/// A split reduction has a row for each segment of a row's columns, number `segment * rows + row`, and writes one
/// partial result for each of them, in that order.
struct ReduceRecipe: KernelRecipe {
    let kind: ReductionKind
    /// What is read.
    let source: ScalarType
    /// What is written: the source's type, or in partial results the type that is accumulated in.
    let result: ScalarType
    let space: RowSpace
    let team: TeamShape
    let isSplit: Bool
    /// Neighbouring rows (or vectors of rows) that an invocation works on at once: 1, or a divisor of the rows where
    /// teams have one invocation. Rows that lie next to each other are then read in longer pieces.
    let span: Int

    /// Columns that are combined one by one before they join the total: the error of a long sum then grows with the
    /// number of blocks instead of the number of columns.
    static let block = 1024
    /// Columns that an invocation has in flight.
    static let unroll = 4

    /// The type that partial results have in memory and registers.
    static func accumulator(_ type: ScalarType) -> ScalarType { type == .bool ? .uint32 : type.accumulationType }

    /// The combination of two partial results.
    static func combination(_ kind: ReductionKind) -> RowTeam.Combination {
        switch kind {
        case .sum: .add
        case .product: .multiply
        case .maximum: .maximum
        case .minimum: .minimum
        case .and: .and
        case .or: .or
        }
    }

    /// The bits of the value of a reduction of nothing, in `type`.
    static func identity(_ kind: ReductionKind, _ type: ScalarType) -> UInt64 {
        switch kind {
        case .sum, .or: 0
        case .product: type.bits(of: 1)
        case .maximum: type.lowestBits
        case .minimum: type.highestBits
        case .and: type == .bool ? 1 : UInt64.max >> UInt64(64 - max(1, min(type.bitWidth, 64)))
        }
    }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("reduce_\(kind.rawValue)_\(source)", workgroup: [UInt32(team.workgroup)])
        let code = ScalarCode(k, target)
        var reader = RowReader(k, code, space)
        let type = space.indexType
        let rows = k.pushConstant("rows", type)
        let columns = k.pushConstant("columns", type)
        let segment = isSplit ? k.pushConstant("segment", type) : columns
        reader.declare("source", source, .read)
        reader.declare("result", result, .write)
        let members = RowTeam(code, team)
        let segments = isSplit ? (columns + segment - 1) / segment : columns
        // Blocks of `span` rows are dealt out like single rows.
        let blocks = span == 1 ? rows : rows / span
        let count = isSplit ? blocks * segments : blocks
        let first = k.linearWorkgroup().converted(to: type.scalar) * team.count
        k.if(first .< count) {
            let number = first + members.number.converted(to: type.scalar)
            let isRow = number .< count
            // Teams beyond the end repeat the last row and write nothing, since barriers wait for all.
            let work = team.count == 1 ? number : number.minimum(count - 1)
            let part = isSplit ? work / blocks : work
            let block = isSplit ? work - part * blocks : work
            let own = (0..<span).map { span == 1 ? block : block * span + $0 }
            let places = own.map(reader.row)
            let from = isSplit ? part * segment : k.constant(0, type)
            let to = isSplit ? (from + segment).minimum(columns) : columns
            for (index, sum) in accumulated(k, code, reader, places, from, to, members).enumerated() {
                var value = sum
                if space.vectors == .alongColumns { value = Self.combination(kind).fold(code, value) }
                value = members.combine(value, Self.combination(kind))
                k.if(isRow & (members.lane .== 0)) {
                    let output = finished(value, k, code)
                    if isSplit {
                        // Partial results lie dense, one after the other.
                        let place = reader.origin(1) + part * rows + own[index]
                        reader.store(1, [k.constant(0, type), place], output)
                    } else {
                        reader.store(1, places[index], output)
                    }
                }
            }
        }
        return try k.finish()
    }

    /// The combinations of the columns of one invocation, one for each of its rows.
    private func accumulated(
        _ k: KernelBuilder, _ code: ScalarCode, _ reader: RowReader, _ rows: [[KernelValue]], _ from: KernelValue,
        _ to: KernelValue, _ members: RowTeam
    ) -> [KernelValue] {
        let accumulator = Self.accumulator(source)
        let combination = Self.combination(kind)
        let identity = code.constant(
            bits: Self.identity(kind, source == .bool && kind == .and ? .bool : accumulator), accumulator,
            width: space.width)
        func load(_ row: [KernelValue], _ column: KernelValue) -> KernelValue {
            let value = reader.load(0, row, column)
            return source == .bool ? k.select(value, identity.like(1), identity.like(0)) : value
        }
        // Several columns of one row are in flight, or one column of several rows.
        let unroll = rows.count == 1 ? Self.unroll : 1
        let parts = (0..<max(unroll, rows.count)).map { _ in k.variable(identity) }
        func walk(_ from: KernelValue, _ to: KernelValue) {
            k.columns(from: from, to: to, members, unroll: unroll) { column, part in
                for (index, row) in rows.enumerated() {
                    let variable = parts[rows.count == 1 ? part : index]
                    variable.value = combination.apply(code, variable.value, load(row, column))
                }
            }
        }
        func joined() -> [KernelValue] {
            if rows.count > 1 { return parts.map(\.value) }
            return [
                combination.apply(
                    code, combination.apply(code, parts[0].value, parts[1].value),
                    combination.apply(code, parts[2].value, parts[3].value))
            ]
        }
        guard kind == .sum, accumulator.isFloatingPoint else {
            walk(from, to)
            return joined()
        }
        let totals = rows.map { _ in k.variable(identity) }
        k.loop(from: from, to: to, step: UInt32(Self.block * team.size)) { start in
            for part in parts { part.value = identity }
            // The end of the block, without running over the end of the index type.
            let left = to - start
            walk(start, start + left.minimum(left.like(Self.block * team.size)))
            for (total, part) in zip(totals, joined()) { total.value = total.value + part }
        }
        return totals.map(\.value)
    }

    /// The value as the result's type has it.
    private func finished(_ value: KernelValue, _ k: KernelBuilder, _ code: ScalarCode) -> KernelValue {
        if result == .bool { return value .!= 0 }
        return result == Self.accumulator(source) ? value : code.rounded(value, to: result)
    }
}
