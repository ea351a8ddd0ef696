// Heterodyne: triangles of matrices, identity matrices, repetition.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `trilu(x)`: the upper or lower triangle of the matrices in the last two dimensions, zero elsewhere (ONNX Trilu).
public struct Trilu: Composite {
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
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        upper = try reader.bool("upper")
        diagonal = try reader.integer("diagonal")
        try reader.finish()
    }

    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        try DataRules.require(
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

/// `tile(x)`: x repeated along every dimension (NumPy tile, ONNX Tile).
public struct Tile: Composite {
    /// `tile`.
    public static let name = "tile"
    /// How often, one number per dimension.
    public var repeats: [Int]

    /// The repetition.
    public init(repeats: [Int]) { self.repeats = repeats }
    /// The attributes as data.
    public var attributes: Attributes { ["repeats": .integers(repeats)] }
    /// Reads repeats.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        repeats = try reader.integers("repeats")
        try reader.finish()
    }

    /// Every extent times its repetition.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        let type = operands[0]
        try DataRules.require(
            repeats.count == type.rank, .invalidAttribute, "\(repeats.count) repeats for the dimensions of \(type)")
        var shape = type.shape
        for d in 0..<type.rank {
            try DataRules.require(repeats[d] >= 0, .invalidAttribute, "repeats[\(d)] is \(repeats[d]), below 0")
            shape.dimensions[d] = try type.shape[d].multiplied(by: .fixed(repeats[d]))
        }
        return [try DataRules.valid(type.with(shape))]
    }

    /// Broadcasts new dimensions before the repeated ones and merges them; one by one where the rank would be too high.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let result = try inferTypes([x.type])[0]
        let repeated = repeats.indices.filter { repeats[$0] != 1 }
        if x.rank + repeated.count <= TensorType.maximumRank {
            var (shape, kept): ([Extent], [Int]) = ([], [])
            for d in 0..<x.rank {
                if repeats[d] != 1 { shape.append(.fixed(repeats[d])) }
                kept.append(shape.count)
                shape.append(x.shape[d])
            }
            return [try x.broadcast(Shape(shape), dimensions: kept).reshape(result.shape)]
        }
        var y = x
        for d in repeated {
            let before = try Shape(Array(y.shape.dimensions[..<d])).elementCount()
            let after = try Shape(Array(y.shape.dimensions[d...])).elementCount()
            let next = y.shape.replacing(d, result.shape[d])
            y = try y.reshape([before, after])
                .broadcast([before, .fixed(repeats[d]), after], dimensions: [0, 2]).reshape(next)
        }
        return [y]
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

    /// The term repeated along every dimension; see `Tile`.
    public func tile(_ repeats: [Int]) throws(GraphError) -> Term {
        try builder.add(Tile(repeats: repeats), [self])
    }
}

extension GraphBuilder {
    /// A matrix of `type` with ones on a diagonal (0 is the main one, positive ones lie above it) and zeros elsewhere
    /// (ONNX EyeLike). Throws `shapeMismatch` for another rank than 2.
    public func eye(_ type: TensorType, diagonal: Int = 0) throws(GraphError) -> Term {
        try DataRules.require(type.rank == 2, .shapeMismatch, "an identity matrix has rank 2, not \(type.rank)")
        let index = TensorType(.int64, type.shape)
        let offset = try iota(index, dimension: 1) - iota(index, dimension: 0)
        return try offset.compare(.equal, integer(diagonal, index)).convert(type.scalarType)
    }
}
