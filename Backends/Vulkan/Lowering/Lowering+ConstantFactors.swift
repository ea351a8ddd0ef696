// Heterodyne: constant factors of products in the order in which kernels read them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// A constant right factor of several rows with its columns next to each other in memory, where the neighbours along
    /// the depth are that instead: weights that are stored as (outputs, inputs). Lanes of software devices then read one line
    /// of memory, not one each. The bytes are put into order once, while the program is compiled. nil where nothing is
    /// gained.
    func withColumnsTogether(_ right: StridedView, _ shape: DotShape) -> StridedView? {
        let dimensions = shape.dimensions
        guard target.tileMemory == .registers, right.elementSize == 4, right.splatBits == nil,
            dimensions.rightBatch.isEmpty, dimensions.rightContracting.count == 1, shape.rightFree.count == 1,
            right.extents.count == 2, shape.rows >= 8, let storage = constantStorage(right)
        else { return nil }
        let (depthAxis, columnAxis) = (dimensions.rightContracting[0], shape.rightFree[0])
        let (depth, columns) = (right.extents[depthAxis], right.extents[columnAxis])
        let stride = right.strides[columnAxis]
        guard right.strides[depthAxis] == 1, depth > 1, columns >= 8, stride >= depth else { return nil }
        // In 64 bits: sizes of tensors are checked where they are made.
        let end = right.offset + (columns - 1) * stride + depth
        guard right.offset >= 0, end * 4 <= storage.bytes.count else { return nil }
        let key = [right.root, right.offset, stride, depth, columns]
        let root: Int
        if let known = gatheredColumns[key] {
            root = known
        } else {
            root = constantRoot(Self.transposed(storage, right.offset, rows: columns, stride: stride, columns: depth))
            gatheredColumns[key] = root
        }
        var view = right
        view.root = root
        view.offset = 0
        view.strides[depthAxis] = columns
        view.strides[columnAxis] = 1
        return view
    }

    /// The transpose of a matrix of 4-byte elements that begins at element `offset`.
    private static func transposed(
        _ storage: LiteralStorage, _ offset: Int, rows: Int, stride: Int, columns: Int
    ) -> LiteralStorage {
        storage.withBytes { source in
            LiteralStorage(count: 4 * rows * columns) { result in
                // Squares that lie in the cache.
                let edge = 32
                for top in Swift.stride(from: 0, to: rows, by: edge) {
                    for start in Swift.stride(from: 0, to: columns, by: edge) {
                        for row in top..<min(top + edge, rows) {
                            for column in start..<min(start + edge, columns) {
                                let from = 4 * (offset + row * stride + column)
                                let value = source.loadUnaligned(fromByteOffset: from, as: UInt32.self)
                                result.storeBytes(of: value, toByteOffset: 4 * (column * rows + row), as: UInt32.self)
                            }
                        }
                    }
                }
            }
        }
    }
}
