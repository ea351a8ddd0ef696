// Heterodyne: products of matrices on the device's matrix engine.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// A product by matrices that a subgroup holds together (SPV_KHR_cooperative_matrix).
///
/// `rowSubgroups` x `columnSubgroups` subgroups compute a tile; each holds `rowMatrices` x `columnMatrices` sums of
/// `shape.m` x `shape.n`. The factors go through workgroup memory in slices of `depth`, as in `WorkgroupTileDot`, so
/// that layouts and edges do not matter to the engine; the sums go through it one matrix at a time, so that each
/// invocation sees whole elements for the epilogue.
///
/// Slots: left, right, operands of the epilogue, results.
struct MatrixEngineDot: KernelRecipe {
    var dot: DotClass
    var shape: KernelTarget.MatrixShape
    var subgroupSize: Int
    var rowSubgroups: Int
    var columnSubgroups: Int
    var rowMatrices: Int
    var columnMatrices: Int
    var depth: Int

    /// Whether the engine's shape computes what the types ask for.
    static func suits(_ types: DotTypes, _ shape: KernelTarget.MatrixShape, _ target: KernelTarget) -> Bool {
        guard types.left == shape.operand, types.right == shape.operand, types.sum.scalar == shape.accumulator,
            target.features.isSuperset(of: [.cooperativeMatrix, .fullSubgroups])
        else { return false }
        // Narrow elements are chosen and moved in registers on their way to workgroup memory. A narrower accumulation
        // type would round the factors first, which the engine does not do.
        switch shape.operand {
        case .float16: return target.features.contains(.float16) && types.accumulation == .float32
        case .int8, .uint8: return target.features.contains(.int8)
        case .float32, .int32, .uint32, .float64: return types.accumulation == shape.operand
        default: return false
        }
    }

    private static func pitch(_ edge: Int, _ type: ScalarType) -> Int {
        // Rows that the engine loads start at multiples of 16 bytes.
        let unit = max(1, 128 / type.bitWidth)
        return (edge + unit - 1) / unit * unit + unit
    }

    /// Bytes of workgroup memory that a tiling takes.
    static func workgroupByteCount(
        _ shape: KernelTarget.MatrixShape, rows: Int, columns: Int, depth: Int, subgroups: Int
    ) -> Int {
        let slices = depth * (pitch(rows, shape.operand) + pitch(columns, shape.operand))
        return slices * shape.operand.bitWidth / 8 + subgroups * shape.m * shape.n * shape.accumulator.bitWidth / 8
    }

    var tileRows: Int { rowSubgroups * rowMatrices * shape.m }
    var tileColumns: Int { columnSubgroups * columnMatrices * shape.n }
    private var subgroups: Int { rowSubgroups * columnSubgroups }

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        guard rowMatrices > 0, columnMatrices > 0, subgroups > 0, depth > 0, depth % shape.k == 0, depth % 4 == 0,
            tileRows % 4 == 0, tileColumns % 4 == 0, !dot.hasVectorColumns,
            Self.suits(dot.types, shape, target),
            [dot.left, dot.right].allSatisfy({ $0.width == 1 || $0.order == .alongEdge || dot.hasVectorDepth })
        else { throw .invalidDeclaration("a tile of \(tileRows) x \(tileColumns) x \(depth) on the matrix engine") }
        let invocations = subgroups * subgroupSize
        let k = KernelBuilder("dot_engine", workgroup: [UInt32(invocations)])
        let code = ScalarCode(k, target)
        let (left, right) = (SliceSource(k, dot, isLeft: true), SliceSource(k, dot, isLeft: false))
        let frame = DotFrame(k, dot, tileRows: tileRows, tileColumns: tileColumns)
        let output = DotStore(frame.place, code)
        func slice(_ source: SliceSource, _ edge: Int) -> WorkgroupSlice {
            // The engine takes elements as they are in memory.
            WorkgroupSlice(
                frame, source, edge: edge, depth: depth, pitch: Self.pitch(edge, shape.operand),
                invocations: invocations, element: ScalarCode.memory(shape.operand)
            ) { raw, _ in raw }
        }
        let (a, b) = (slice(left, tileRows), slice(right, tileColumns))
        let staged = k.workgroupArray("sums", KernelType(shape.accumulator), count: subgroups * shape.m * shape.n)
        let rows = (0..<rowMatrices).map { _ in k.matrix(shape.operand, rows: shape.m, columns: shape.k, use: .a) }
        let columns = (0..<columnMatrices).map { _ in
            k.matrix(shape.operand, rows: shape.k, columns: shape.n, use: .b)
        }
        let sums = (0..<rowMatrices).map { _ in
            (0..<columnMatrices).map { _ in
                k.matrix(shape.accumulator, rows: shape.m, columns: shape.n, use: .accumulator)
            }
        }
        let subgroup = k.builtin(.subgroupID)
        let firstRow = (subgroup / k.constant(columnSubgroups, .u32)) * (rowMatrices * shape.m)
        let firstColumn = (subgroup % k.constant(columnSubgroups, .u32)) * (columnMatrices * shape.n)
        var failure: KernelError?
        k.if(frame.isInside) {
            let zero = k.constant(bits: 0, KernelType(shape.accumulator))
            for sum in sums.flatMap({ $0 }) { sum.fill(zero) }
            let (start, end) = (frame.depthStart, frame.depthEnd)
            a.fetch(start)
            b.fetch(start)
            k.loop(from: start, to: end, step: UInt32(depth)) { position in
                a.keep()
                b.keep()
                k.barrier()
                let next = position + depth
                k.if(next .< end) {
                    a.fetch(next)
                    b.fetch(next)
                }
                for step in 0..<depth / shape.k {
                    let (aPitch, bPitch) = (k.constant(a.pitch, .u32), k.constant(b.pitch, .u32))
                    for (number, matrix) in rows.enumerated() {
                        let place = firstRow + number * shape.m + step * shape.k * a.pitch
                        matrix.load(a.shared, place, stride: aPitch, .columnMajor)
                    }
                    for (number, matrix) in columns.enumerated() {
                        let place = firstColumn + number * shape.n + step * shape.k * b.pitch
                        matrix.load(b.shared, place, stride: bPitch, .rowMajor)
                    }
                    for (row, list) in zip(rows, sums) {
                        for (column, sum) in zip(columns, list) { sum.multiplyAdd(row, column) }
                    }
                }
                k.barrier()
            }
            let base = subgroup * (shape.m * shape.n)
            let lane = k.builtin(.subgroupLane)
            for row in 0..<rowMatrices {
                for column in 0..<columnMatrices {
                    sums[row][column].store(staged, base, stride: k.constant(shape.n, .u32), .rowMajor)
                    k.barrier()
                    let count = shape.m * shape.n
                    for round in 0..<(count + subgroupSize - 1) / subgroupSize {
                        let number = lane + round * subgroupSize
                        let r = frame.row + firstRow + row * shape.m + number / shape.n
                        let c = frame.column + firstColumn + column * shape.n + number % shape.n
                        var isInside = (r .< frame.rows) & (c .< frame.columns)
                        if (round + 1) * subgroupSize > count {
                            isInside = isInside & (number .< k.constant(count, .u32))
                        }
                        k.if(isInside) {
                            do throws(KernelError) {
                                try output.store(staged[base + number], row: r, column: c)
                            } catch { failure = error }
                        }
                    }
                    k.barrier()
                }
            }
        }
        if let failure { throw failure }
        return try k.finish()
    }
}
