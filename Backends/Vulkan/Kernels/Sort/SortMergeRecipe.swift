// Heterodyne: the kernel that merges sorted runs in pairs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Merges neighbouring sorted runs: an element's place is its place in its own run and the number of elements of the
/// other run that precede it, found by bisection. Elements of the left run precede equal ones of the right.
///
/// Of run `r` of a row, which stands for the columns `r * span ..< (r + 1) * span`, only the first `keep` are there; it
/// starts at element `row * rowPitch + r * pitch`. Slots: keys, columns, then keys and columns of the merged runs, or
/// positions. Push constants: invocations, columns, span, keep, pitch and row pitch of what is read, pitch and row pitch
/// of what is written, and the origin of positions.
struct SortMergeRecipe: KernelRecipe {
    let key: SortKey
    /// Where positions lie; unused for runs.
    let space: RowSpace
    let output: SortOutput
    let workgroup: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("sort_merge_\(key.key)", workgroup: [UInt32(workgroup)])
        let code = ScalarCode(k, target)
        let keys = k.buffer("keys", KernelType(key.key), .read)
        let columnsOf = k.buffer("columns", .u32, .read)
        let count = k.pushConstant("count", .u32)
        let total = k.pushConstant("columns", .u32)
        let span = k.pushConstant("span", .u32)
        let keep = k.pushConstant("keep", .u32)
        let pitch = k.pushConstant("pitch", .u32)
        let rowPitch = k.pushConstant("row_pitch", .u32)
        let newPitch = k.pushConstant("new_pitch", .u32)
        let newRowPitch = k.pushConstant("new_row_pitch", .u32)
        var reader = RowReader(k, code, space)
        let writer = SortWriter(k, key.key, output, reader: &reader)
        let element = k.linearInvocation(width: workgroup, .u32)
        k.if(element .< count) {
            let row = element / rowPitch
            let inRow = element - row * rowPitch
            let run = inRow / pitch
            let place = inRow - run * pitch
            func length(_ run: KernelValue) -> KernelValue {
                let start = run * span
                let left = k.select(start .< total, total - start, total.like(0))
                return left.minimum(span).minimum(keep)
            }
            k.if(place .< length(run)) {
                let own = keys[element]
                let isRight = (run & 1) .!= 0
                let other = run ^ run.like(1)
                let base = row * rowPitch + other * pitch
                let low = k.variable(place.like(0))
                let high = k.variable(length(other))
                k.while(low.value .< high.value) {
                    let middle = (low.value + high.value) >> 1
                    let found = keys[base + middle]
                    let precedes = (found .< own) | (isRight & (found .== own))
                    low.value = k.select(precedes, middle + 1, low.value)
                    high.value = k.select(precedes, high.value, middle)
                }
                let newPlace = place + low.value
                k.if(newPlace .< newPitch) {
                    let places = reader.row(row.converted(to: space.indexType.scalar))
                    writer.write(
                        places, run: row * newRowPitch + (run >> 1) * newPitch, place: newPlace, key: own,
                        column: columnsOf[element])
                }
            }
        }
        return try k.finish()
    }
}

/// `result[r, p] = source[r, positions[r, p]]`: the elements that sorting has chosen, as bits.
///
/// Slots: source, positions, result. Push constants: rows, positions of a row, the origins.
struct SortGatherRecipe: KernelRecipe {
    let type: ScalarType
    let index: ScalarType
    let space: RowSpace
    let workgroup: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("sort_gather_\(type)", workgroup: [UInt32(workgroup)])
        var reader = RowReader(k, ScalarCode(k, target), space)
        let rows = k.pushConstant("rows", .u32)
        let columns = k.pushConstant("columns", .u32)
        let bits: ScalarType =
            switch max(8, type.bitWidth) {
            case 8: .uint8
            case 16: .uint16
            case 32: .uint32
            default: type
            }
        reader.declare("source", bits, .read)
        reader.declare("positions", index, .read)
        reader.declare("result", bits, .write)
        let element = k.linearInvocation(width: workgroup, .u32)
        k.if(element .< rows * columns) {
            let row = element / columns
            let places = reader.row(row.converted(to: space.indexType.scalar))
            let column = (element - row * columns).converted(to: space.indexType.scalar)
            let position = reader.load(1, places, column).converted(to: space.indexType.scalar)
            reader.store(2, places, column, reader.load(0, places, position))
        }
        return try k.finish()
    }
}
