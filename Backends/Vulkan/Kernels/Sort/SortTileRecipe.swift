// Heterodyne: the kernel that sorts short runs of a row.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// What a sorting kernel writes.
enum SortOutput: Hashable, Sendable {
    /// Keys and columns of sorted runs, for another pass.
    case runs
    /// The columns of the sorted row in the given type: the result.
    case positions(ScalarType)
}

/// Sorts tiles of `4 team.size` columns of a row by counting: an element's place is the number of elements that precede
/// it, equal ones by column, so that the order is stable. The first `keep` of each tile are written. Each invocation
/// has four neighbouring columns, so that one load from workgroup memory serves sixteen comparisons.
///
/// Slots: source, then keys and columns of runs, or positions. Push constants: rows, columns, tiles of a row, kept
/// elements of a tile, the origins. Runs lie dense: element `(row * tiles + tile) * keep + place`.
struct SortTileRecipe: KernelRecipe {
    let key: SortKey
    let space: RowSpace
    let team: TeamShape
    let output: SortOutput

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("sort_tile_\(key.type)", workgroup: [UInt32(team.workgroup)])
        let code = ScalarCode(k, target)
        var reader = RowReader(k, code, space)
        let rows = k.pushConstant("rows", .u32)
        let columns = k.pushConstant("columns", .u32)
        let tiles = k.pushConstant("tiles", .u32)
        let keep = k.pushConstant("keep", .u32)
        reader.declare("source", key.type, .read)
        let writer = SortWriter(k, key.key, output, reader: &reader)
        let type = KernelType(key.key)
        let keys = k.workgroupArray("keys", type.with(width: 4), count: team.workgroup)
        let first = k.linearWorkgroup() * team.count
        let count = rows * tiles
        k.if(first .< count) {
            let position = k.builtin(.localID(.x))
            let lane = position & (team.size - 1)
            let own = first + position / team.size
            // Teams beyond the end repeat the last tile and write nothing, since barriers wait for all.
            let number = team.count == 1 ? own : own.minimum(count - 1)
            let row = number / tiles
            let tile = number - row * tiles
            let places = reader.row(row.converted(to: space.indexType.scalar))
            let start = (tile * team.size + lane) * 4
            let beyond = k.constant(bits: key.key == .uint64 ? .max : 0xffff_ffff, type)
            let ownKeys = (0..<4).map { part -> KernelValue in
                let column = start + part
                // Columns beyond the end repeat the last one, as keys that come after all others.
                let inside = column.minimum(columns - 1)
                let value = reader.load(0, places, inside.converted(to: space.indexType.scalar))
                return k.select(column .< columns, key(value), beyond)
            }
            let four = k.vector(ownKeys[0], ownKeys[1], ownKeys[2], ownKeys[3])
            keys[position] = four
            k.barrier()
            let zeros = k.constant(0, KernelType(.uint32, 4))
            let ones = zeros.like(1)
            let place = k.variable(zeros)
            let base = position - lane
            k.loop(team.size) { other in
                let others = keys[base + other]
                // Of equal elements of other invocations the one with the lower number precedes.
                let isBefore = other .< lane
                for part in 0..<4 {
                    let theirs = k.splat(others[part], 4)
                    let precedes = (theirs .< four) | (k.splat(isBefore, 4) & (theirs .== four))
                    place.value = place.value + k.select(precedes, ones, zeros)
                }
            }
            // Among its own four, equal elements are in the order of their columns; the loop counted none of them.
            let isWritten = own .< count
            for part in 0..<4 {
                var before = place.value[part]
                for other in 0..<part {
                    let ties = ownKeys[other] .== ownKeys[part]
                    before = before + k.select(ties, before.like(1), before.like(0))
                }
                let column = start + part
                k.if((isWritten & (column .< columns)) & (before .< keep)) {
                    writer.write(places, run: number * keep, place: before, key: ownKeys[part], column: column)
                }
            }
        }
        return try k.finish()
    }
}

/// Writes sorted elements while a kernel is built.
struct SortWriter {
    private let k: KernelBuilder
    private let output: SortOutput
    private var keys: MemoryArray?
    private var columns: MemoryArray?
    private let reader: RowReader
    private let slot: Int

    /// Declares what is written after the operands that `reader` has.
    init(_ k: KernelBuilder, _ key: ScalarType, _ output: SortOutput, reader: inout RowReader) {
        self.k = k
        self.output = output
        slot = reader.count
        switch output {
        case .runs:
            keys = k.buffer("sorted_keys", KernelType(key), .write)
            columns = k.buffer("sorted_columns", .u32, .write)
        case .positions(let type): reader.declare("positions", type, .write)
        }
        self.reader = reader
    }

    /// Writes an element of the run that starts at `run`, or of the row at `row`.
    func write(_ row: [KernelValue], run: KernelValue, place: KernelValue, key: KernelValue, column: KernelValue) {
        switch output {
        case .runs:
            if let keys, let columns {
                keys[run + place] = key
                columns[run + place] = column
            }
        case .positions(let type):
            let index = column.converted(to: type)
            let position = place.converted(to: reader.space.indexType.scalar)
            reader.store(slot, row, position, index)
        }
    }
}
