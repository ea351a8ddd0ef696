// Heterodyne: constant factors of products in the order in which kernels read them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// A constant right factor of several rows with its columns next to each other in memory, where the neighbours along
    /// the depth are that instead: weights that are stored as (outputs, inputs). Lanes of software devices then read one line
    /// of memory, not one each. Factors in float16 and bfloat16 are widened besides: such devices read short elements one by one.
    /// The bytes are put into order once, while the program is compiled. nil where nothing is gained.
    func withColumnsTogether(_ right: StridedView, _ shape: DotShape) -> StridedView? {
        let dimensions = shape.dimensions
        let isShort = right.type == .float16 || right.type == .bfloat16
        guard target.tileMemory == .registers, right.elementSize == 4 || isShort, right.splatBits == nil,
            dimensions.rightBatch.isEmpty, dimensions.rightContracting.count == 1, shape.rightFree.count == 1,
            right.extents.count == 2, shape.rows >= 8, let storage = constantStorage(right)
        else { return nil }
        let (depthAxis, columnAxis) = (dimensions.rightContracting[0], shape.rightFree[0])
        let matrix = ConstantMatrix(
            type: right.type, offset: right.offset, depth: right.extents[depthAxis],
            columns: right.extents[columnAxis], depthStride: right.strides[depthAxis],
            columnStride: right.strides[columnAxis])
        guard matrix.depth > 1, matrix.columns >= 8, matrix.lies(in: storage) else { return nil }
        guard isShort || (matrix.depthStride == 1 && matrix.columnStride >= matrix.depth) else { return nil }
        let key = [
            right.root, matrix.offset, matrix.depthStride, matrix.columnStride, matrix.depth, matrix.columns,
        ]
        let root: Int
        if let known = gatheredColumns[key] {
            root = known
        } else {
            root = constantRoot(matrix.gathered(storage))
            gatheredColumns[key] = root
        }
        var view = right
        view.root = root
        view.offset = 0
        view.strides[depthAxis] = matrix.columns
        view.strides[columnAxis] = 1
        if isShort { view.type = .float32 }
        return view
    }
}

/// A matrix in a constant: its elements, by element offsets and strides.
private struct ConstantMatrix {
    let type: ScalarType
    let offset: Int
    let depth: Int
    let columns: Int
    let depthStride: Int
    let columnStride: Int

    /// Whether all elements lie within the constant. In 64 bits: sizes of tensors are checked where they are made.
    func lies(in storage: LiteralStorage) -> Bool {
        guard offset >= 0, depthStride >= 0, columnStride >= 0 else { return false }
        let end = offset + (columns - 1) * columnStride + (depth - 1) * depthStride + 1
        return end * (type.bitWidth / 8) <= storage.bytes.count
    }

    /// The elements in 4 bytes each, columns next to each other: floats of 16 bits as float32, others as they are.
    func gathered(_ storage: LiteralStorage) -> LiteralStorage {
        switch type {
        case .bfloat16: gathered(storage) { (bits: UInt16) in UInt32(bits) << 16 }
        case .float16: gathered(storage) { (bits: UInt16) in Float(Float16(bitPattern: bits)).bitPattern }
        default: gathered(storage) { (bits: UInt32) in bits }
        }
    }

    private func gathered<Bits: FixedWidthInteger & BitwiseCopyable>(
        _ storage: LiteralStorage, _ widened: (Bits) -> UInt32
    ) -> LiteralStorage {
        storage.withBytes { source in
            LiteralStorage(count: 4 * depth * columns) { result in
                // Squares that lie in the cache.
                let (edge, width) = (32, Bits.bitWidth / 8)
                for top in stride(from: 0, to: columns, by: edge) {
                    for start in stride(from: 0, to: depth, by: edge) {
                        for column in top..<min(top + edge, columns) {
                            for row in start..<min(start + edge, depth) {
                                let from = width * (offset + column * columnStride + row * depthStride)
                                let bits = source.loadUnaligned(fromByteOffset: from, as: Bits.self)
                                result.storeBytes(
                                    of: widened(bits), toByteOffset: 4 * (row * columns + column), as: UInt32.self)
                            }
                        }
                    }
                }
            }
        }
    }
}
