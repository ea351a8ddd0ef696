// Heterodyne: the kernel that merges sorted runs in pairs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Merges neighbouring sorted runs. Each invocation gives `chunk` neighbouring elements of a merged run: it finds by
/// bisection how many of the elements before them come from the left run (the "merge path" of Odeh, Green, Mwassi,
/// Shmueli and Birk 2012), and goes on from there. Elements of the left run precede equal ones of the right.
///
/// Of run `r` of a row, which stands for the columns `r * span ..< (r + 1) * span`, only the first `keep` are there; it
/// starts at element `row * rowPitch + r * pitch`. Slots: keys, columns, then keys and columns of the merged runs, or
/// positions. Push constants: invocations, invocations of a merged run, columns, span, keep, pitch and row pitch of what
/// is read, pitch and row pitch of what is written, and the origin of positions.
struct SortMergeRecipe: KernelRecipe {
    let key: SortKey
    /// Where positions lie; unused for runs.
    let space: RowSpace
    let output: SortOutput
    let workgroup: Int

    /// Elements that an invocation gives.
    static let chunk = 8

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("sort_merge_\(key.key)", workgroup: [UInt32(workgroup)])
        let code = ScalarCode(k, target)
        let keys = k.buffer("keys", KernelType(key.key), .read)
        let columnsOf = k.buffer("columns", .u32, .read)
        let count = k.pushConstant("count", .u32)
        let chunks = k.pushConstant("chunks", .u32)
        let total = k.pushConstant("columns", .u32)
        let span = k.pushConstant("span", .u32)
        let keep = k.pushConstant("keep", .u32)
        let pitch = k.pushConstant("pitch", .u32)
        let rowPitch = k.pushConstant("row_pitch", .u32)
        let newPitch = k.pushConstant("new_pitch", .u32)
        let newRowPitch = k.pushConstant("new_row_pitch", .u32)
        var reader = RowReader(k, code, space)
        let writer = SortWriter(k, key.key, output, reader: &reader)
        let number = k.linearInvocation(width: workgroup, .u32)
        k.if(number .< count) {
            let merged = number / chunks
            let start = (number - merged * chunks) * Self.chunk
            let perRow = newRowPitch / newPitch
            let row = merged / perRow
            let run = (merged - row * perRow) * 2
            func length(_ run: KernelValue) -> KernelValue {
                let first = run * span
                let left = k.select(first .< total, total - first, total.like(0))
                return left.minimum(span).minimum(keep)
            }
            let (leftCount, rightCount) = (length(run), length(run + 1))
            let end = (leftCount + rightCount).minimum(newPitch).minimum(start + Self.chunk)
            k.if(start .< end) {
                let left = row * rowPitch + run * pitch
                let right = left + pitch
                // How many of the first `start` elements are of the left run.
                let low = k.variable(k.select(start .> rightCount, start - rightCount, start.like(0)))
                let high = k.variable(start.minimum(leftCount))
                k.while(low.value .< high.value) {
                    let middle = (low.value + high.value) >> 1
                    let isLeft = keys[left + middle] .<= keys[right + (start - 1 - middle)]
                    low.value = k.select(isLeft, middle + 1, low.value)
                    high.value = k.select(isLeft, high.value, middle)
                }
                let places = reader.row(row.converted(to: space.indexType.scalar))
                let target = row * newRowPitch + (run >> 1) * newPitch
                let i = k.variable(low.value)
                let j = k.variable(start - low.value)
                // An end of a run is guarded by the run's last element, which is there, or the other run's.
                func load(_ base: KernelValue, _ index: KernelValue, _ count: KernelValue) -> KernelValue {
                    keys[base + index.minimum(k.select(count .> 0, count - 1, count))]
                }
                let leftKey = k.variable(load(left, i.value, leftCount))
                let rightKey = k.variable(
                    k.select(
                        rightCount .> 0, load(k.select(rightCount .> 0, right, left), j.value, rightCount),
                        leftKey.value))
                k.loop(from: start, to: end) { place in
                    let hasLeft = i.value .< leftCount
                    let hasRight = j.value .< rightCount
                    let takesLeft = hasLeft & (!hasRight | (leftKey.value .<= rightKey.value))
                    let own = k.select(takesLeft, leftKey.value, rightKey.value)
                    let from = k.select(takesLeft, left + i.value, right + j.value)
                    writer.write(places, run: target, place: place, key: own, column: columnsOf[from])
                    k.if(takesLeft) {
                        i.value = i.value + 1
                    } else: {
                        j.value = j.value + 1
                    }
                    // The next key of the run that was taken from, if there is one.
                    let next = k.select(takesLeft, i.value, j.value)
                    let limit = k.select(takesLeft, leftCount, rightCount)
                    k.if(next .< limit) {
                        let found = keys[k.select(takesLeft, left, right) + next]
                        leftKey.value = k.select(takesLeft, found, leftKey.value)
                        rightKey.value = k.select(takesLeft, rightKey.value, found)
                    }
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
