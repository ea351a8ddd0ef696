// Heterodyne: what all kernels of products begin with: push constants, and which tile a workgroup computes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Where results go, and what an epilogue needs to know of a place.
struct DotPlace {
    let builder: KernelBuilder
    let dot: DotClass
    let rows: KernelValue
    let columns: KernelValue
    /// The indices of the batch, in the type of places; nil where the batch has no such dimension.
    let outer: KernelValue?
    let inner: KernelValue?
    /// The place of the first element of the result matrix.
    let resultBase: KernelValue

    /// A place in the matrix of number `matrix` of the results, of which `batch` is the number in the batch.
    init(
        _ k: KernelBuilder, _ dot: DotClass, rows: KernelValue, columns: KernelValue, matrix: KernelValue,
        batch: KernelValue, batchInner: KernelValue?
    ) {
        builder = k
        self.dot = dot
        self.rows = rows
        self.columns = columns
        let index = dot.indexType.scalar
        resultBase = matrix * rows.converted(to: index) * columns.converted(to: index)
        if let batchInner, dot.batchRank > 1 {
            (outer, inner) = (batch / batchInner, batch % batchInner)
        } else {
            (outer, inner) = (nil, dot.batchRank > 0 ? batch : nil)
        }
    }
}

/// The push constants of a product and the tile of the workgroup at hand.
struct DotFrame {
    /// The places of a factor's elements, as values of the kernel.
    struct Operand {
        /// The place of the first element of the matrix.
        var base: KernelValue
        var edgeStride: KernelValue
        var depthStride: KernelValue
    }

    let place: DotPlace
    let rows: KernelValue
    let columns: KernelValue
    /// The first row and column of the tile, u32.
    let row: KernelValue
    let column: KernelValue
    /// The part of the depth that this workgroup sums, u32.
    let depthStart: KernelValue
    let depthEnd: KernelValue
    let left: Operand
    let right: Operand
    /// Whether there is such a tile; the same for the whole workgroup.
    let isInside: KernelValue

    /// Declares the push constants in the order of `DotNumbers.constants`.
    init(_ k: KernelBuilder, _ dot: DotClass, tileRows: Int, tileColumns: Int) {
        let type = dot.indexType
        func places(_ name: String) -> [KernelValue] {
            ["origin", "edge", "depth", "inner", "outer"].prefix(3 + dot.batchRank).map {
                k.pushConstant("\(name)_\($0)", type)
            }
        }
        let (l, r) = (places("left"), places("right"))
        rows = k.pushConstant("rows", .u32)
        columns = k.pushConstant("columns", .u32)
        let depth = k.pushConstant("depth", .u32)
        let matrices = dot.isLinear ? k.pushConstant("matrices", .u32) : nil
        let split = dot.hasSplits ? (k.pushConstant("batch_count", .u32), k.pushConstant("split_depth", .u32)) : nil
        let batchInner = dot.batchRank > 1 ? k.pushConstant("batch_inner", .u32) : nil

        var (x, y, z): (KernelValue, KernelValue, KernelValue)
        if dot.isLinear {
            let number = k.linearWorkgroup()
            let columnTiles = (columns + (tileColumns - 1)) / k.constant(tileColumns, .u32)
            let rowTiles = (rows + (tileRows - 1)) / k.constant(tileRows, .u32)
            let rest = number / columnTiles
            x = number % columnTiles
            y = rest % rowTiles
            z = rest / rowTiles
        } else {
            (x, y, z) = (k.workgroupID(.x), k.workgroupID(.y), k.workgroupID(.z))
        }
        // Only folded grids have more workgroups than tiles.
        isInside = matrices.map { z .< $0 } ?? k.constant(true)
        column = x * tileColumns
        row = y * tileRows
        var batch = z
        if let (batchCount, splitDepth) = split {
            depthStart = z / batchCount * splitDepth
            batch = z % batchCount
            depthEnd = (depthStart + splitDepth).minimum(depth)
        } else {
            depthStart = k.constant(0, .u32)
            depthEnd = depth
        }
        place = DotPlace(
            k, dot, rows: rows, columns: columns, matrix: z.converted(to: type.scalar),
            batch: batch.converted(to: type.scalar), batchInner: batchInner?.converted(to: type.scalar))
        let (outer, inner) = (place.outer, place.inner)
        func operand(_ list: [KernelValue]) -> Operand {
            var base = list[0]
            if let inner { base = base + inner * list[3] }
            if let outer { base = base + outer * list[4] }
            return Operand(base: base, edgeStride: list[1], depthStride: list[2])
        }
        left = operand(l)
        right = operand(r)
    }
}
