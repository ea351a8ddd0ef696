// Heterodyne: triangles of matrices and identity matrices.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `trilu(x)`: the upper or lower triangle of the matrices in the last two dimensions, zero elsewhere (ONNX Trilu).
public struct Trilu: AttributedComposite {
    /// `trilu`.
    public static let name = "trilu"
    /// Whether elements on and above the diagonal stay, or those on and below it.
    public var upper: Bool
    /// The diagonal: 0 is the main one, positive ones lie above it.
    public var diagonal: Int

    /// The triangle from `diagonal` on.
    public init(upper: Bool, diagonal: Int = 0) {
        self.upper = upper
        self.diagonal = diagonal
    }
    /// The attributes as data.
    public var attributes: Attributes { ["upper": .bool(upper), "diagonal": .integer(diagonal)] }
    /// Reads upper and diagonal.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        upper = try reader.bool("upper")
        diagonal = try reader.integer("diagonal")
    }

    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.require(
            operands[0].rank >= 2, .shapeMismatch, "\(operands[0]) is no matrix: it needs rank 2 or more")
        return operands
    }

    /// Selects by the difference of column and row.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let matrix = TensorType(.int64, Shape(Array(x.shape.dimensions.suffix(2))))
        let offset = try builder.iota(matrix, dimension: 1) - builder.iota(matrix, dimension: 0)
        let keep = try offset.compare(upper ? .greaterOrEqual : .lessOrEqual, builder.integer(diagonal, matrix))
        let zero = try builder.constant(Literal(splatBits: 0, type: x.type))
        return [try keep.broadcast(to: x.shape).select(x, zero)]
    }
}

extension Term {
    /// The upper triangle of the last two dimensions; see `Trilu`.
    public func upperTriangle(_ diagonal: Int = 0) throws(GraphError) -> Term {
        try builder.add(Trilu(upper: true, diagonal: diagonal), [self])
    }

    /// The lower triangle of the last two dimensions; see `Trilu`.
    public func lowerTriangle(_ diagonal: Int = 0) throws(GraphError) -> Term {
        try builder.add(Trilu(upper: false, diagonal: diagonal), [self])
    }
}

extension GraphBuilder {
    /// A matrix of `type` with ones on a diagonal (0 is the main one, positive ones lie above it) and zeros elsewhere
    /// (ONNX EyeLike). Throws `shapeMismatch` for another rank than 2.
    public func eye(_ type: TensorType, diagonal: Int = 0) throws(GraphError) -> Term {
        try OperandRules.require(type.rank == 2, .shapeMismatch, "an identity matrix has rank 2, not \(type.rank)")
        let index = TensorType(.int64, type.shape)
        let offset = try iota(index, dimension: 1) - iota(index, dimension: 0)
        return try offset.compare(.equal, integer(diagonal, index)).convert(type.scalarType)
    }
}
