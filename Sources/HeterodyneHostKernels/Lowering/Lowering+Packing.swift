// Heterodyne: constant matrices in the form that the packed product reads.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

extension Lowering {
    /// Rows up to which the packed product was measured to be faster than the library's (by 4 times at 8 rows, 15 % at
    /// 128; equal at 1024), which packs the right operand anew in every call.
    static let packedRowLimit = 512
    /// Rows up to which the kernels' own product is faster also where it packs in every call.
    static let ownRowLimit = 16

    /// Whether the right operand of a product is packed once, at compile time.
    func packs(_ right: StridedView, _ shape: ProductShape) -> Bool {
        guard options.packsConstantMatrices, right.splatBits == nil, constantBytes(right) != nil,
            [.float32, .float16, .bfloat16].contains(right.type), shape.k > 0, shape.n > 0,
            shape.rightBatch.allSatisfy({ right.strides[$0] == 0 || right.extents[$0] == 1 }),
            right.group(shape.rightContracting) != nil, right.group(shape.rightFree) != nil
        else { return false }
        let rows = shape.m * Strides.count(shape.batchExtents)
        // One row is a matrix times a vector, which reads the matrix once in any case.
        guard rows > 1 else { return false }
        return right.type != .float32 || rows <= Self.packedRowLimit || options.prefersOwnProducts
    }

    /// The packed blocks of a constant right operand, one for each column of tiles.
    func packedBlocks(
        _ right: StridedView, _ shape: ProductShape, _ tiling: ProductTiling
    ) throws(BackendError) -> UnsafePointer<UnsafeMutableRawPointer>? {
        guard let bytes = constantBytes(right), let row = right.group(shape.rightContracting),
            let column = right.group(shape.rightFree)
        else { return nil }
        let start = bytes + right.byteOffset
        let key = PackedMatrix.Key(
            address: Int(bitPattern: start), type: right.type, rowStride: row.stride, columnStride: column.stride,
            rows: shape.k, columns: shape.n, blockColumns: tiling.tileColumns, level: hk_cpu_level())
        if let matrix = PackedMatrix.find(key) {
            store.keep(constant: matrix, byteCount: matrix.byteCount)
            return store.array(matrix.blocks)
        }
        let firstColumns = (0..<tiling.columnTiles).map { $0 * tiling.tileColumns }
        let widths = firstColumns.map { min(tiling.tileColumns, shape.n - $0) }
        let sizes = widths.map { Int(hk_sgemm_packed_size(Int64(shape.k), Int64($0))) }
        let matrix = constantOwners[right.root].map { PackedMatrix(sizes: sizes, owner: $0) }
        let blocks = matrix?.blocks ?? sizes.map { store.constant(byteCount: $0) }
        for (tile, block) in blocks.enumerated() {
            try check(
                hk_sgemm_pack_b(
                    right.type.rawValue, start + firstColumns[tile] * column.stride * right.elementSize,
                    Int64(row.stride), Int64(column.stride), Int64(shape.k), Int64(widths[tile]), block, pool),
                "packing of a constant matrix")
        }
        if let matrix {
            PackedMatrix.share(matrix, key)
            store.keep(constant: matrix, byteCount: matrix.byteCount)
        }
        Self.retire(start, shape.k * shape.n * right.elementSize)
        return store.array(blocks)
    }

    /// Tells the system that the bytes, which the packed form replaces, need not stay in memory. Pages of a mapped file
    /// are dropped and read again if somebody asks; contents never change.
    private static func retire(_ start: UnsafeRawPointer, _ byteCount: Int) {
        let pageSize = max(4096, Int(sysconf(Int32(_SC_PAGESIZE))))
        let address = Int(bitPattern: start)
        let first = (address + pageSize - 1) / pageSize * pageSize
        let end = (address + byteCount) / pageSize * pageSize
        guard end > first, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
        let pageOut: Int32 = 21  // MADV_PAGEOUT of Linux 5.4; older systems refuse, which does no harm.
        _ = madvise(pages, end - first, pageOut)
    }
}
