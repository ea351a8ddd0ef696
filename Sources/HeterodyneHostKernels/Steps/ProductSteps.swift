// Heterodyne: the steps that multiply matrices.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

/// How a result is cut into tiles, and batches of tiles into chunks for the threads.
struct ProductTiling: BitwiseCopyable {
    var tileRows: Int
    var tileColumns: Int
    var rowTiles: Int
    var columnTiles: Int
    var batchesPerChunk: Int
    var chunkCount: Int
}

struct EpiloguePayload: BitwiseCopyable {
    struct Operand: BitwiseCopyable {
        var rowStride: Int
        var columnStride: Int
        var elementSize: Int
        /// Strides of the batch dimensions of the result.
        var batch: UnsafePointer<Int>
    }

    /// For inner tiles, the last column, the last row, the corner.
    var regions: UnsafePointer<OpaquePointer>
    var inputCount: Int
    var resultCount: Int
    /// Which input is the product itself; -1 for none.
    var producedIndex: Int
    var operands: UnsafePointer<Operand>
    var batchRank: Int
    var batchExtents: UnsafePointer<Int>
}

struct ProductPayload: BitwiseCopyable {
    struct Operand: BitwiseCopyable {
        var isTransposed: Bool
        var leadingDimension: Int
        var rowStride: Int
        var columnStride: Int

        init(_ operand: MatrixOperand) {
            isTransposed = operand.isTransposed
            leadingDimension = operand.leadingDimension
            rowStride = operand.isTransposed ? 1 : operand.leadingDimension
            columnStride = operand.isTransposed ? operand.leadingDimension : 1
        }
    }

    var m: Int
    var n: Int
    var k: Int
    var left: Operand
    var right: Operand
    var batchRank: Int
    var batchExtents: UnsafePointer<Int>
    var leftBatch: UnsafePointer<Int>
    var rightBatch: UnsafePointer<Int>
    var resultBatch: UnsafePointer<Int>
    var batchCount: Int
    var tiling: ProductTiling
    var isDouble: Bool
    var sgemm: HostBLAS.SGEMM?
    var dgemm: HostBLAS.DGEMM?
    /// Whether the kernels' own float32 product is taken in place of the library's.
    var prefersOwn: Bool
    /// One packed block per column of tiles; nil where the right operand is read as it is.
    var packed: UnsafePointer<UnsafeMutableRawPointer>?
    var epilogue: UnsafePointer<EpiloguePayload>?
}

private struct ProductRun {
    var payload: UnsafePointer<ProductPayload>
    var arguments: StepArguments
    /// The first failure; written by whichever thread meets one.
    var status: Int32
}

/// Arguments: left, right, product, then the epilogue's inputs and results.
func runProduct(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: ProductPayload.self)
    var run = ProductRun(payload: p, arguments: arguments, status: 0)
    withUnsafeMutablePointer(to: &run) { run in
        hk_pool_run(
            pool, { context, chunk, _ in if let context { runProductChunk(context, Int(chunk)) } }, run,
            Int64(p.pointee.tiling.chunkCount))
    }
    return run.status
}

private func runProductChunk(_ context: UnsafeMutableRawPointer, _ chunk: Int) {
    let run = context.assumingMemoryBound(to: ProductRun.self)
    let p = run.pointee.payload
    let tiling = p.pointee.tiling
    let tileCount = tiling.rowTiles * tiling.columnTiles
    let firstBatch = chunk / tileCount * tiling.batchesPerChunk
    let tile = chunk % tileCount
    let lastBatch = min(firstBatch + tiling.batchesPerChunk, p.pointee.batchCount)
    for batch in firstBatch..<max(firstBatch, lastBatch) {
        let status = runProductTile(
            p, run.pointee.arguments, batch, tile / tiling.columnTiles, tile % tiling.columnTiles)
        if status != 0 { run.pointee.status = status }
    }
}

private func offset(_ index: Int, _ rank: Int, _ extents: UnsafePointer<Int>, _ strides: UnsafePointer<Int>) -> Int {
    var rest = index
    var result = 0
    for d in stride(from: rank - 1, through: 0, by: -1) {
        result += rest % extents[d] * strides[d]
        rest /= extents[d]
    }
    return result
}

private func runProductTile(
    _ p: UnsafePointer<ProductPayload>, _ arguments: StepArguments, _ batch: Int, _ rowTile: Int, _ columnTile: Int
) -> Int32 {
    guard let a = arguments[0], let b = arguments[1], let c = arguments[2] else { return missingPointerStatus }
    let tiling = p.pointee.tiling
    let (row, column) = (rowTile * tiling.tileRows, columnTile * tiling.tileColumns)
    let m = min(tiling.tileRows, p.pointee.m - row)
    let n = min(tiling.tileColumns, p.pointee.n - column)
    let (left, right) = (p.pointee.left, p.pointee.right)
    let rank = p.pointee.batchRank
    let extents = p.pointee.batchExtents
    let leftOffset = offset(batch, rank, extents, p.pointee.leftBatch) + row * left.rowStride
    let rightOffset = offset(batch, rank, extents, p.pointee.rightBatch) + column * right.columnStride
    let resultOffset = offset(batch, rank, extents, p.pointee.resultBatch) + row * p.pointee.n + column
    let status: Int32
    if p.pointee.isDouble {
        status = multiplyDouble(
            p, a.assumingMemoryBound(to: Double.self) + leftOffset,
            b.assumingMemoryBound(to: Double.self) + rightOffset,
            c.assumingMemoryBound(to: Double.self) + resultOffset, m, n)
    } else {
        status = multiplySingle(
            p, a.assumingMemoryBound(to: Float.self) + leftOffset, b.assumingMemoryBound(to: Float.self) + rightOffset,
            c.assumingMemoryBound(to: Float.self) + resultOffset, m, n, columnTile)
    }
    guard status == 0, let epilogue = p.pointee.epilogue else { return status }
    let kind = (rowTile == tiling.rowTiles - 1 ? 2 : 0) + (columnTile == tiling.columnTiles - 1 ? 1 : 0)
    finishTile(
        epilogue, arguments, batch, row, column, epilogue.pointee.regions[kind],
        c + resultOffset * (p.pointee.isDouble ? 8 : 4))
    return 0
}

/// CBLAS's codes: row-major 101, as it is 111, transposed 112.
private func multiplySingle(
    _ p: UnsafePointer<ProductPayload>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>, _ m: Int, _ n: Int, _ columnTile: Int
) -> Int32 {
    let (left, right, k) = (p.pointee.left, p.pointee.right, p.pointee.k)
    if let packed = p.pointee.packed {
        return hk_sgemm_packed(
            Int64(m), Int64(n), Int64(k), a, Int64(left.leadingDimension), packed[columnTile], c, Int64(p.pointee.n),
            nil, nil)
    }
    guard let sgemm = p.pointee.sgemm, !p.pointee.prefersOwn else {
        return hk_sgemm(
            Int64(m), Int64(n), Int64(k), a, Int64(left.leadingDimension), UInt8(HK_F32), b, Int64(right.rowStride),
            Int64(right.columnStride), c, Int64(p.pointee.n), nil, nil)
    }
    sgemm(
        101, left.isTransposed ? 112 : 111, right.isTransposed ? 112 : 111, Int32(truncatingIfNeeded: m),
        Int32(truncatingIfNeeded: n), Int32(truncatingIfNeeded: k), 1, a,
        Int32(truncatingIfNeeded: left.leadingDimension), b, Int32(truncatingIfNeeded: right.leadingDimension), 0, c,
        Int32(truncatingIfNeeded: p.pointee.n))
    return 0
}

private func multiplyDouble(
    _ p: UnsafePointer<ProductPayload>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ c: UnsafeMutablePointer<Double>, _ m: Int, _ n: Int
) -> Int32 {
    let (left, right, k) = (p.pointee.left, p.pointee.right, p.pointee.k)
    guard let dgemm = p.pointee.dgemm else {
        var description = hk_dot_desc()
        description.type = UInt8(HK_F64)
        description.accumulator = UInt8(HK_F64)
        description.output = UInt8(HK_F64)
        description.batch = 1
        description.m = Int64(m)
        description.n = Int64(n)
        description.k = Int64(k)
        description.a_strides = (0, Int64(left.rowStride), Int64(left.columnStride))
        description.b_strides = (0, Int64(right.rowStride), Int64(right.columnStride))
        description.c_strides = (0, Int64(p.pointee.n), 1)
        return hk_dot(&description, a, b, c, nil)
    }
    dgemm(
        101, left.isTransposed ? 112 : 111, right.isTransposed ? 112 : 111, Int32(truncatingIfNeeded: m),
        Int32(truncatingIfNeeded: n), Int32(truncatingIfNeeded: k), 1, a,
        Int32(truncatingIfNeeded: left.leadingDimension), b, Int32(truncatingIfNeeded: right.leadingDimension), 0, c,
        Int32(truncatingIfNeeded: p.pointee.n))
    return 0
}

/// Runs the region of the epilogue over one tile.
private func finishTile(
    _ e: UnsafePointer<EpiloguePayload>, _ arguments: StepArguments, _ batch: Int, _ row: Int, _ column: Int,
    _ region: OpaquePointer, _ product: UnsafeMutableRawPointer
) {
    let count = e.pointee.inputCount + e.pointee.resultCount
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: count) { bases in
        for index in 0..<count {
            guard index != e.pointee.producedIndex, let address = arguments[3 + index] else {
                bases[index] = index == e.pointee.producedIndex ? product : nil
                continue
            }
            let operand = e.pointee.operands[index]
            let start =
                offset(batch, e.pointee.batchRank, e.pointee.batchExtents, operand.batch) + row * operand.rowStride
                + column * operand.columnStride
            bases[index] = address + start * operand.elementSize
        }
        if let base = bases.baseAddress { hk_region_run(region, base, nil) }
    }
}

struct VectorProductPayload: BitwiseCopyable {
    var isTransposed: Int32
    var outputs: Int64
    var k: Int64
    var leadingDimension: Int64
    var isDouble: Bool
}

/// Arguments: matrix, vector, result.
func runVectorProduct(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    let p = payload.assumingMemoryBound(to: VectorProductPayload.self).pointee
    guard let a = arguments[0], let x = arguments[1], let y = arguments[2] else { return missingPointerStatus }
    if p.isDouble {
        return hk_gemv_f64(
            p.isTransposed, p.outputs, p.k, a.assumingMemoryBound(to: Double.self), p.leadingDimension,
            x.assumingMemoryBound(to: Double.self), y.assumingMemoryBound(to: Double.self), pool)
    }
    return hk_gemv_f32(
        p.isTransposed, p.outputs, p.k, a.assumingMemoryBound(to: Float.self), p.leadingDimension,
        x.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self), pool)
}

/// The payload is the kernel's description. Arguments: left, right, result.
func runGenericProduct(_ payload: UnsafeRawPointer, _ arguments: StepArguments, _ pool: OpaquePointer?) -> Int32 {
    hk_dot(payload.assumingMemoryBound(to: hk_dot_desc.self), arguments[0], arguments[1], arguments[2], pool)
}
