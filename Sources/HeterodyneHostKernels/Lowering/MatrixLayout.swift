// Heterodyne: a dot of any dimensions as a batch of matrix products.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// One operand of a batch of matrix products: rows and columns are single strides, one of which is 1.
struct MatrixOperand {
    var view: StridedView
    var batchStrides: [Int]
    var rowStride: Int
    var columnStride: Int
    var isTransposed: Bool
    /// Elements from one row (transposed: column) to the next.
    var leadingDimension: Int

    /// The operand of `rows` x `columns` in `view`, or nil where a library of matrix products cannot read it in place.
    init?(_ view: StridedView, batch: [Int], rows: [Int], columns: [Int]) {
        guard let row = view.group(rows), let column = view.group(columns) else { return nil }
        self.view = view
        batchStrides = batch.map { view.strides[$0] }
        rowStride = row.stride
        columnStride = column.stride
        if column.extent == 1 || column.stride == 1, row.extent == 1 || row.stride >= max(1, column.extent) {
            isTransposed = false
            leadingDimension = row.extent == 1 ? max(1, column.extent) : row.stride
        } else if row.extent == 1 || row.stride == 1, column.extent == 1 || column.stride >= max(1, row.extent) {
            isTransposed = true
            leadingDimension = column.extent == 1 ? max(1, row.extent) : column.stride
        } else {
            return nil
        }
    }
}

/// The extents of a dot as a batch of matrix products, and which dimensions of the operands they are.
struct ProductShape {
    var batchExtents: [Int]
    var m: Int
    var n: Int
    var k: Int
    var leftBatch: [Int]
    var leftFree: [Int]
    var leftContracting: [Int]
    var rightBatch: [Int]
    var rightFree: [Int]
    var rightContracting: [Int]
    var resultExtents: [Int]

    init(_ left: StridedView, _ right: StridedView, _ dimensions: DotDimensions) {
        leftBatch = dimensions.leftBatch
        rightBatch = dimensions.rightBatch
        leftContracting = dimensions.leftContracting
        rightContracting = dimensions.rightContracting
        leftFree = dimensions.leftFree(rank: left.rank)
        rightFree = dimensions.rightFree(rank: right.rank)
        batchExtents = leftBatch.map { left.extents[$0] }
        m = Strides.count(leftFree.map { left.extents[$0] })
        n = Strides.count(rightFree.map { right.extents[$0] })
        k = Strides.count(leftContracting.map { left.extents[$0] })
        resultExtents =
            batchExtents + leftFree.map { left.extents[$0] } + rightFree.map { right.extents[$0] }
    }

    /// Dimensions of the result that are batch, rows and columns.
    var resultBatch: [Int] { Array(0..<batchExtents.count) }
    var resultRows: [Int] { Array(batchExtents.count..<batchExtents.count + leftFree.count) }
    var resultColumns: [Int] { Array(batchExtents.count + leftFree.count..<resultExtents.count) }
}
