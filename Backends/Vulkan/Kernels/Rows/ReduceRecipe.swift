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

    /// Columns that are combined one by one before they join the total: the error of a long sum then grows with the
    /// number of blocks instead of the number of columns.
    static let block = 1024
    /// Columns that an invocation has in flight.
    private static let unroll = 4

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
        let count = isSplit ? rows * segments : rows
        let first = k.linearWorkgroup().converted(to: type.scalar) * team.count
        k.if(first .< count) {
            let number = first + members.number.converted(to: type.scalar)
            let isRow = number .< count
            // Teams beyond the end repeat the last row and write nothing, since barriers wait for all.
            let work = team.count == 1 ? number : number.minimum(count - 1)
            let part = isSplit ? work / rows : work
            let row = isSplit ? work - part * rows : work
            let places = reader.row(row)
            let from = isSplit ? part * segment : k.constant(0, type)
            let to = isSplit ? (from + segment).minimum(columns) : columns
            var value = accumulated(k, code, reader, places, from, to, members)
            if space.vectors == .alongColumns { value = Self.combination(kind).fold(code, value) }
            value = members.combine(value, Self.combination(kind))
            k.if(isRow & (members.lane .== 0)) {
                let output = finished(value, k, code)
                if isSplit {
                    // Partial results lie dense, one after the other.
                    reader.store(1, [k.constant(0, type), partialPlace(work, reader)], output)
                } else {
                    reader.store(1, places, output)
                }
            }
        }
        return try k.finish()
    }

    private func partialPlace(_ work: KernelValue, _ reader: RowReader) -> KernelValue { reader.origin(1) + work }

    /// The combination of the columns of one invocation.
    private func accumulated(
        _ k: KernelBuilder, _ code: ScalarCode, _ reader: RowReader, _ row: [KernelValue], _ from: KernelValue,
        _ to: KernelValue, _ members: RowTeam
    ) -> KernelValue {
        let accumulator = Self.accumulator(source)
        let combination = Self.combination(kind)
        let identity = code.constant(
            bits: Self.identity(kind, source == .bool && kind == .and ? .bool : accumulator), accumulator,
            width: space.width)
        func load(_ column: KernelValue) -> KernelValue {
            let value = reader.load(0, row, column)
            return source == .bool ? k.select(value, identity.like(1), identity.like(0)) : value
        }
        let parts = (0..<Self.unroll).map { _ in k.variable(identity) }
        func join() -> KernelValue {
            combination.apply(
                code, combination.apply(code, parts[0].value, parts[1].value),
                combination.apply(code, parts[2].value, parts[3].value))
        }
        guard kind == .sum, accumulator.isFloatingPoint else {
            k.columns(from: from, to: to, members, unroll: Self.unroll) { column, part in
                parts[part].value = combination.apply(code, parts[part].value, load(column))
            }
            return join()
        }
        let total = k.variable(identity)
        k.loop(from: from, to: to, step: UInt32(Self.block * team.size)) { start in
            for part in parts { part.value = identity }
            // The end of the block, without running over the end of the index type.
            let left = to - start
            let size = left.like(Self.block * team.size)
            let end = start + left.minimum(size)
            k.columns(from: start, to: end, members, unroll: Self.unroll) { column, part in
                parts[part].value = combination.apply(code, parts[part].value, load(column))
            }
            total.value = total.value + join()
        }
        return total.value
    }

    /// The value as the result's type has it.
    private func finished(_ value: KernelValue, _ k: KernelBuilder, _ code: ScalarCode) -> KernelValue {
        if result == .bool { return value .!= 0 }
        return result == Self.accumulator(source) ? value : code.rounded(value, to: result)
    }
}
