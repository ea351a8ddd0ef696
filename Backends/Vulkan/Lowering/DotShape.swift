// Heterodyne: a dot of any dimensions as a batch of products of matrices with one stride for each dimension.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// The extents of a dot as a batch of products, and which dimensions of the operands they are.
struct DotShape: Hashable, Sendable {
    var batchExtents: [Int]
    var rows: Int
    var columns: Int
    var depth: Int
    var dimensions: DotDimensions
    var leftFree: [Int]
    var rightFree: [Int]
    var resultExtents: [Int]

    init(_ left: StridedView, _ right: StridedView, _ dimensions: DotDimensions) {
        self.dimensions = dimensions
        leftFree = dimensions.leftFree(rank: left.rank)
        rightFree = dimensions.rightFree(rank: right.rank)
        batchExtents = dimensions.leftBatch.map { left.extents[$0] }
        rows = Strides.count(leftFree.map { left.extents[$0] })
        columns = Strides.count(rightFree.map { right.extents[$0] })
        depth = Strides.count(dimensions.leftContracting.map { left.extents[$0] })
        resultExtents = batchExtents + leftFree.map { left.extents[$0] } + rightFree.map { right.extents[$0] }
    }

    /// Dimensions of the result that are batch, rows and columns.
    var resultBatch: [Int] { Array(0..<batchExtents.count) }
    var resultRows: [Int] { Array(batchExtents.count..<batchExtents.count + leftFree.count) }
    var resultColumns: [Int] { Array(batchExtents.count + leftFree.count..<resultExtents.count) }
    var batchCount: Int { Strides.count(batchExtents) }
}
