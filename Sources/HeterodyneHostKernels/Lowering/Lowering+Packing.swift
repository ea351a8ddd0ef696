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
        var blocks: [UnsafeMutableRawPointer] = []
        for tile in 0..<tiling.columnTiles {
            let first = tile * tiling.tileColumns
            let columns = min(tiling.tileColumns, shape.n - first)
            let memory = store.constant(byteCount: hk_sgemm_packed_size(Int64(shape.k), Int64(columns)))
            let source = bytes + (right.offset + first * column.stride) * right.elementSize
            try check(
                hk_sgemm_pack_b(
                    right.type.rawValue, source, Int64(row.stride), Int64(column.stride), Int64(shape.k),
                    Int64(columns), memory, pool), "packing of a constant matrix")
            blocks.append(memory)
        }
        Self.retire(bytes + right.byteOffset, shape.k * shape.n * right.elementSize)
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
