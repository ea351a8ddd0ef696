// Heterodyne: matrices that a subgroup holds together.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What a matrix is in D = A B + C.
public enum MatrixUse: String, Hashable, Sendable, CaseIterable {
    /// The left factor, rows by depth.
    case a
    /// The right factor, depth by columns.
    case b
    /// The summand and the result, rows by columns.
    case accumulator
}

/// How a matrix lies in memory.
public enum MatrixLayout: String, Hashable, Sendable, CaseIterable {
    /// Element (r, c) at r stride + c.
    case rowMajor = "row_major"
    /// Element (r, c) at c stride + r.
    case columnMajor = "column_major"
}

/// The type of a matrix whose elements are spread over the invocations of a subgroup, in a way that the device chooses.
public struct MatrixType: Hashable, Sendable {
    /// The type of an element: float16, float32, float64 or an integer of 8, 16 or 32 bits.
    public var scalar: ScalarType
    /// How many rows.
    public var rows: Int
    /// How many columns.
    public var columns: Int
    /// What it is in a product.
    public var use: MatrixUse

    /// A matrix type.
    public init(_ scalar: ScalarType, rows: Int, columns: Int, use: MatrixUse) {
        self.scalar = scalar
        self.rows = rows
        self.columns = columns
        self.use = use
    }

    /// The type of one element.
    public var element: KernelType { KernelType(scalar) }
    /// How many elements.
    public var count: Int { rows * columns }

    /// The same shape and use with other elements.
    func with(scalar: ScalarType) -> MatrixType { MatrixType(scalar, rows: rows, columns: columns, use: use) }
}

extension MatrixType: CustomStringConvertible {
    /// For instance `a<f16, 16x8>`.
    public var description: String { "\(use.rawValue)<\(element), \(rows)x\(columns)>" }
}

/// A step that a whole subgroup takes on its matrices, which are variables named by their position in
/// `Kernel.matrices`. All operands are the same in all invocations of the subgroup.
public enum MatrixStatement: Hashable, Sendable {
    /// Every element becomes the value.
    case fill(Int, ValueID)
    /// Reads the matrix. The stride counts elements of the array, and so does the index; 32-bit integers.
    case load(Int, Place, stride: ValueID, MatrixLayout)
    /// Writes the matrix.
    case store(Int, Place, stride: ValueID, MatrixLayout)
    /// result = a b + c; the order of the sums is the device's choice.
    case multiplyAdd(result: Int, a: Int, b: Int, c: Int)
    /// result = x + y, element by element.
    case add(result: Int, Int, Int)
    /// result = x times a number.
    case scale(result: Int, Int, ValueID)
    /// result = x, its elements converted.
    case convert(result: Int, Int)

    /// The matrix that is written, if one is.
    var result: Int? {
        switch self {
        case .fill(let result, _), .load(let result, _, _, _), .multiplyAdd(let result, _, _, _),
            .add(let result, _, _), .scale(let result, _, _), .convert(let result, _):
            result
        case .store: nil
        }
    }

    /// The matrices that are read.
    var sources: [Int] {
        switch self {
        case .fill, .load: []
        case .store(let x, _, _, _), .scale(_, let x, _), .convert(_, let x): [x]
        case .add(_, let x, let y): [x, y]
        case .multiplyAdd(_, let a, let b, let c): [a, b, c]
        }
    }

    /// The values that are used.
    var operands: [ValueID] {
        switch self {
        case .fill(_, let value), .scale(_, _, let value): [value]
        case .load(_, let place, let stride, _), .store(_, let place, let stride, _): place.operands + [stride]
        case .multiplyAdd, .add, .convert: []
        }
    }
}
