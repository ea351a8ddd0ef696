// Heterodyne: products of matrices by tiles in workgroup memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// A product whose factors pass through workgroup memory, with a block of sums in the registers of each invocation.
///
/// A workgroup of `columnLanes` x `rowLanes` invocations computes a tile of `rows * rowLanes` x
/// `columns * columnLanes`; an invocation has every `rowLanes`-th row and every `columnLanes`-th column of it, so that
/// neighbours read neighbouring words of workgroup memory and store neighbouring elements. Slices of the factors that
/// are `depth` deep are fetched from memory into registers while the slice before is multiplied. Each slice lies
/// depth-major with a word of padding per row against conflicts of banks.
///
/// Slots: left, right, operands of the epilogue, results. The rows of slices beyond the edge repeat the last one; what
/// lies beyond the depth counts as zero.
struct WorkgroupTileDot: KernelRecipe {
    var dot: DotClass
    var rows: Int
    var columns: Int
    var rowLanes: Int
    var columnLanes: Int
    var depth: Int

    var tileRows: Int { rows * rowLanes }
    var tileColumns: Int { columns * columnLanes }
    /// Invocations of a workgroup.
    var invocations: Int { rowLanes * columnLanes }
    /// Bytes of workgroup memory.
    var workgroupByteCount: Int { depth * (tileRows + 1 + tileColumns + 1) * (dot.types.sum.bits / 8) }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        guard rows > 0, columns > 0, rowLanes > 0, columnLanes > 0, depth > 0, !dot.hasVectorColumns,
            [dot.left, dot.right].allSatisfy({
                $0.width == 1 || $0.order == .alongDepth && dot.hasVectorDepth || $0.order == .alongEdge
            }), depth % 4 == 0, tileRows % 4 == 0, tileColumns % 4 == 0
        else { throw .invalidDeclaration("a workgroup tile of \(tileRows) x \(tileColumns) x \(depth)") }
        let k = KernelBuilder("dot_workgroup", workgroup: [UInt32(columnLanes), UInt32(rowLanes)])
        let code = ScalarCode(k, target)
        let type = dot.types.sum
        // The buffers come first: slots are in the order of declaration.
        let left = SliceSource(k, dot, isLeft: true)
        let right = SliceSource(k, dot, isLeft: false)
        let frame = DotFrame(k, dot, tileRows: tileRows, tileColumns: tileColumns)
        let output = DotStore(frame.place, code)
        func slice(_ source: SliceSource, _ edge: Int) -> WorkgroupSlice {
            WorkgroupSlice(
                frame, source, edge: edge, depth: depth, pitch: edge + 1, invocations: invocations, element: type
            ) { raw, from in code.convert(code.decode(raw, from), from: from, to: dot.types.accumulation) }
        }
        let (a, b) = (slice(left, tileRows), slice(right, tileColumns))
        let (x, y) = (k.localID(.x), k.localID(.y))
        let zero = k.constant(bits: 0, type)
        let sums = (0..<rows).map { _ in (0..<columns).map { _ in k.variable(zero) } }
        var failure: KernelError?
        k.if(frame.isInside) {
            let (start, end) = (frame.depthStart, frame.depthEnd)
            a.fetch(start)
            b.fetch(start)
            k.loop(from: start, to: end, step: UInt32(depth)) { position in
                a.keep()
                b.keep()
                k.barrier()
                // The last fetch is of the last slice again, which nobody reads.
                let next = position + depth
                k.if(next .< end) {
                    a.fetch(next)
                    b.fetch(next)
                }
                k.loop(depth) { step in
                    let factors = (0..<rows).map { a.shared[step * a.pitch + y + $0 * rowLanes] }
                    let others = (0..<columns).map { b.shared[step * b.pitch + x + $0 * columnLanes] }
                    for row in 0..<rows {
                        for column in 0..<columns {
                            let sum = sums[row][column]
                            sum.value =
                                type.isFloat
                                ? k.multiplyAdd(factors[row], others[column], sum.value)
                                : factors[row] * others[column] + sum.value
                        }
                    }
                }
                k.barrier()
            }
            for column in 0..<columns {
                let c = frame.column + x + column * columnLanes
                for row in 0..<rows {
                    let r = frame.row + y + row * rowLanes
                    k.if((c .< frame.columns) & (r .< frame.rows)) {
                        do throws(KernelError) {
                            try output.store(sums[row][column].value, row: r, column: c)
                        } catch { failure = error }
                    }
                }
            }
        }
        if let failure { throw failure }
        return try k.finish()
    }
}
