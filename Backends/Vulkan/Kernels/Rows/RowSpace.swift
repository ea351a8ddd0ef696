// Heterodyne: rows and columns of several operands, as the row kernels walk over them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// Two iteration spaces with the places of their points in several operands: one result (or one run of results) for
/// each row, and the columns that a row consists of. The place of an element is the sum of its origin and the places of
/// its row and its column.
struct RowSpace: Hashable, Sendable {
    /// What a vector of four elements is.
    enum Vectors: Hashable, Sendable {
        /// There are none.
        case none
        /// Four neighbouring columns of one row.
        case alongColumns
        /// The same column of four neighbouring rows.
        case alongRows
    }

    /// What a plan has to know of an operand.
    struct Operand {
        /// Elements from one index to the next; 0 in the dimensions of rows for operands that all rows share.
        var rowStrides: [Int]
        /// Likewise for the columns; empty where the operand has one element for each row.
        var columnStrides: [Int]
        /// Where the element at index zero lies.
        var origin: Int

        /// An operand with both rows and columns.
        init(_ view: StridedView, rows: [Int], columns: [Int]) {
            rowStrides = rows.map { view.strides[$0] }
            columnStrides = columns.map { view.strides[$0] }
            origin = view.bound.origin
        }

        init(rowStrides: [Int], columnStrides: [Int], origin: Int) {
            self.rowStrides = rowStrides
            self.columnStrides = columnStrides
            self.origin = origin
        }
    }

    let rows: IndexSpace
    let columns: IndexSpace
    let vectors: Vectors
    let isWide: Bool

    /// Numbers that a launch gives to the kernel.
    struct Counts {
        /// Rows, or vectors of rows.
        var rows: Int
        /// Columns, or vectors of columns.
        var columns: Int
        /// Columns of one row.
        var elements: Int
        /// The place of index zero in each operand, in vectors where it is read in vectors.
        var origins: [Int]
    }

    /// Whether each operand is accessed in vectors.
    private(set) var usesVectors: [Bool]

    /// The space of nothing.
    static var empty: RowSpace {
        plan(rows: [], columns: [], [], allowing: [.none]).space
    }

    /// The space for a kernel that writes one partial result for each row and segment, dense, into its second operand.
    var givingPartialResults: RowSpace {
        var copy = self
        if copy.usesVectors.count > 1 { copy.usesVectors[1] = vectors == .alongRows }
        return copy
    }

    /// The space and the numbers of a launch.
    ///
    /// - Parameters:
    ///   - operands: the operands in the order of their slots.
    ///   - allowed: which vectors the kernel can take, best first.
    ///   - keepsOrder: rows are numbered in the given order of their dimensions, not by strides.
    static func plan(
        rows rowExtents: [Int], columns columnExtents: [Int], _ operands: [Operand], allowing allowed: [Vectors],
        keepsOrder: Bool = false
    ) -> (space: RowSpace, counts: Counts) {
        let rowOrder = keepsOrder ? Array(rowExtents.indices) : order(rowExtents, operands.first?.rowStrides ?? [])
        let columnOrder = order(columnExtents, operands.first?.columnStrides ?? [])
        let rows = ordered(rowExtents, operands.map(\.rowStrides), rowOrder)
        let columns = ordered(columnExtents, operands.map(\.columnStrides), columnOrder)
        let isWide = IndexSpace.needsWideIndices(
            rows.extents + columns.extents, operands.indices.map { rows.strides[$0] + columns.strides[$0] })
        let total = (rows: Strides.count(rowExtents), columns: Strides.count(columnExtents))
        for vectors in allowed {
            guard let fit = vectorized(vectors, rows, columns, operands) else { continue }
            let space = RowSpace(
                rows: IndexSpace(extents: fit.rows.extents, strides: fit.rows.strides),
                columns: IndexSpace(extents: fit.columns.extents, strides: fit.columns.strides),
                vectors: vectors, isWide: isWide, usesVectors: fit.uses)
            let counts = Counts(
                rows: vectors == .alongRows ? total.rows / 4 : total.rows,
                columns: vectors == .alongColumns ? total.columns / 4 : total.columns, elements: total.columns,
                origins: zip(operands, fit.uses).map { $1 ? $0.origin / 4 : $0.origin })
            return (space, counts)
        }
        let space = RowSpace(
            rows: IndexSpace(extents: rows.extents, strides: rows.strides),
            columns: IndexSpace(extents: columns.extents, strides: columns.strides),
            vectors: .none, isWide: isWide, usesVectors: operands.map { _ in false })
        return (
            space,
            Counts(rows: total.rows, columns: total.columns, elements: total.columns, origins: operands.map(\.origin))
        )
    }

    private typealias Dimensions = (extents: [Int], strides: [[Int]])

    /// Dimensions by falling stride, so that the innermost ones lie next to each other in memory: the order of rows and
    /// that of columns are free.
    static func order(_ extents: [Int], _ strides: [Int]) -> [Int] {
        guard strides.count == extents.count else { return Array(extents.indices) }
        return extents.indices.sorted {
            let (a, b) = (abs(strides[$0]), abs(strides[$1]))
            return a != b ? a > b : $0 < $1
        }
    }

    private static func ordered(_ extents: [Int], _ strides: [[Int]], _ order: [Int]) -> Dimensions {
        let full = strides.map { $0.isEmpty ? [Int](repeating: 0, count: extents.count) : $0 }
        let merged = Strides.merged(order.map { extents[$0] }, full.map { list in order.map { list[$0] } })
        return (merged.extents, merged.strides)
    }

    /// The dimensions with the innermost one counted in vectors, or nil where an operand does not allow that.
    private static func vectorized(
        _ vectors: Vectors, _ rows: Dimensions, _ columns: Dimensions, _ operands: [Operand]
    ) -> (rows: Dimensions, columns: Dimensions, uses: [Bool])? {
        if vectors == .none { return (rows, columns, operands.map { _ in false }) }
        var (rows, columns) = (rows, columns)
        let own = vectors == .alongRows ? rows : columns
        guard let inner = own.extents.last, inner % 4 == 0 else { return nil }
        let last = own.extents.count - 1
        // Operands that do not move with the vector's dimension are read one by one.
        let uses = operands.indices.map { own.strides[$0][last] != 0 }
        guard uses.first == true else { return nil }
        for index in operands.indices where uses[index] {
            guard own.strides[index][last] == 1, operands[index].origin % 4 == 0 else { return nil }
            let others = rows.strides[index] + columns.strides[index]
            let misfits = others.count { $0 % 4 != 0 }
            guard misfits == 1 else { return nil }
            rows.strides[index] = rows.strides[index].map { $0 / 4 }
            columns.strides[index] = columns.strides[index].map { $0 / 4 }
            if vectors == .alongRows { rows.strides[index][last] = 1 } else { columns.strides[index][last] = 1 }
        }
        if vectors == .alongRows { rows.extents[last] /= 4 } else { columns.extents[last] /= 4 }
        return (rows, columns, uses)
    }

    /// Components of the values that a kernel computes with.
    var width: Int { vectors == .none ? 1 : 4 }

    /// The type of indices.
    var indexType: KernelType { isWide ? .u64 : .u32 }

    /// A number of the launch as a push constant.
    func push(_ number: Int) -> PushValue { isWide ? .u64(UInt64(number)) : .u32(UInt32(truncatingIfNeeded: number)) }
}
