// Heterodyne: what the kernel of a product of matrices depends on, apart from its tile sizes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// The types of `result[i, j] = sum_d left[i, d] right[d, j]`: both factors are converted to the accumulation type,
/// the sum is rounded to it, and converted to the result type.
struct DotTypes: Hashable, Sendable {
    var left: ScalarType
    var right: ScalarType
    var accumulation: ScalarType
    var result: ScalarType

    /// The type of sums in registers; narrow floats are summed in float32, narrow integers in 32 bits.
    var sum: KernelType { ScalarCode.register(accumulation) }
}

/// How one factor lies in memory. Its edge is the dimension that it gives to the result: the rows of the left factor,
/// the columns of the right one. The other dimension, along which products are summed, is the depth.
struct DotOperandClass: Hashable, Sendable {
    enum Order: Hashable, Sendable {
        /// Neighbours along the depth are neighbours in memory.
        case alongDepth
        /// Neighbours along the edge are neighbours in memory.
        case alongEdge
        /// Neither.
        case scattered
    }

    var order: Order
    /// Elements that a load takes along `order`: 4 where the origin and all other strides are multiples of 4 (and,
    /// along the edge, the extent of the edge), else 1.
    var width: Int
}

/// What the kernel of a product depends on: types and the layout of the factors. Extents and strides are push
/// constants, so that all products of one class share a kernel.
struct DotClass: Hashable, Sendable {
    var types: DotTypes
    var left: DotOperandClass
    var right: DotOperandClass
    /// Whether the number of columns is a multiple of 4, so that results are stored by vectors of 4.
    var hasVectorColumns: Bool
    /// Whether element (i, j) of the result lies at `j * rows + i` instead of `i * columns + j`.
    var transposesResult = false
    /// Whether the depth (and what a split of it takes) is a multiple of 4.
    var hasVectorDepth: Bool
    /// Independent strides of the batch: 0 to 2.
    var batchRank = 0
    /// Whether the depth is split among workgroups; sums are stored as they stand in registers, one result for each
    /// part.
    var hasSplits = false
    /// Whether the grid is one row of workgroups because an edge of it would be too long.
    var isLinear = false
    /// Whether places need 64 bits.
    var isWide = false
    /// Elementwise work on the result.
    var epilogue: DotEpilogue?

    /// The type of places.
    var indexType: KernelType { isWide ? .u64 : .u32 }
}

/// The numbers of one product, in the order of the kernel's push constants.
struct DotNumbers: Hashable, Sendable {
    var rows: Int
    var columns: Int
    var depth: Int
    var batchCount = 1
    /// Extent of the inner one of two batch dimensions.
    var batchInner = 1
    /// How much of the depth a part takes, and how many parts there are.
    var splitDepth: Int
    var splits = 1
    var left: Operand
    var right: Operand

    /// The places of a factor's elements.
    struct Operand: Hashable, Sendable {
        var origin: Int
        /// Distance of neighbours along the edge and along the depth.
        var edgeStride: Int
        var depthStride: Int
        /// Distance of neighbouring matrices along the outer and the inner dimension of the batch.
        var outerStride = 0
        var innerStride = 0
    }

    /// What a launch gives to the push constants, in the order in which `DotFrame` declares them: what a class does not
    /// need is left out, since some devices have room for 128 bytes only. All numbers fit, since wide classes are told
    /// apart.
    func constants(for dot: DotClass) -> [PushValue] {
        func place(_ value: Int) -> PushValue {
            dot.isWide ? .u64(UInt64(bitPattern: Int64(value))) : .u32(UInt32(truncatingIfNeeded: value))
        }
        let places = [left, right].flatMap { operand in
            [operand.origin, operand.edgeStride, operand.depthStride]
                + (dot.batchRank > 0 ? [operand.innerStride] : []) + (dot.batchRank > 1 ? [operand.outerStride] : [])
        }
        let counts =
            [rows, columns, depth] + (dot.isLinear ? [batchCount * splits] : [])
            + (dot.hasSplits ? [batchCount, splitDepth] : []) + (dot.batchRank > 1 ? [batchInner] : [])
        return places.map(place) + counts.map { .u32(UInt32(truncatingIfNeeded: $0)) }
    }

    /// The most bytes that the push constants of a class take, however it is tiled: a product that is split has a short
    /// grid.
    static func maximumByteCount(_ dot: DotClass) -> Int {
        (6 + 2 * min(dot.batchRank, 2)) * (dot.isWide ? 8 : 4) + (5 + (dot.batchRank > 1 ? 1 : 0)) * 4
    }

    /// The grid of workgroups for tiles of so many rows and columns.
    func grid(tileRows: Int, tileColumns: Int, isLinear: Bool) -> Grid {
        let (x, y, z) = tiles(tileRows: tileRows, tileColumns: tileColumns)
        return isLinear ? .linear(workgroups: x * y * z) : Grid(x, y, z)
    }

    /// Tiles along the columns, along the rows, and along batch and depth.
    func tiles(tileRows: Int, tileColumns: Int) -> (Int, Int, Int) {
        ((columns + tileColumns - 1) / tileColumns, (rows + tileRows - 1) / tileRows, batchCount * splits)
    }
}
