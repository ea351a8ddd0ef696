// Heterodyne: one-hot encoding.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `oneHot(indices, on, off)`: `on` where the position along a new axis is the index, `off` elsewhere.
///
/// Operands: integers of any shape, and two scalars of one type. The new axis of extent `depth` stands at `axis` of
/// the result (negative counts from the back, -1 is the last). An index `i` below zero means `depth + i`; indices
/// out of range give only `off` (ONNX OneHot).
public struct OneHot: AttributedComposite {
    /// `oneHot`.
    public static let name = "oneHot"
    /// The extent of the new axis.
    public var depth: Int
    /// Where the new axis stands in the result.
    public var axis: Int

    /// The encoding with `depth` positions along `axis`.
    public init(depth: Int, axis: Int = -1) {
        self.depth = depth
        self.axis = axis
    }

    /// The attributes as data.
    public var attributes: Attributes { ["depth": .integer(depth), "axis": .integer(axis)] }

    /// Reads depth and axis.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        depth = try reader.integer("depth")
        axis = try reader.integer("axis")
    }

    /// The indices' shape with the new axis, of the values' type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 3, "indices, on value, off value")
        try OperandRules.integer(operands[0].scalarType, "indices")
        try OperandRules.require(depth >= 0, .invalidAttribute, "depth is \(depth); it cannot be negative")
        for value in operands.dropFirst() {
            try OperandRules.shape(value, [], "an on or off value")
            try OperandRules.sameScalarType(operands[1], value, "the off value")
        }
        let axis = try OperandRules.axis(axis, rank: operands[0].rank + 1)
        var shape = operands[0].shape
        shape.dimensions.insert(.fixed(depth), at: axis)
        return [operands[1].with(shape)]
    }

    /// Compares every index with the position along the new axis.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let result = try inferTypes(operands.map(\.type))[0]
        let axis = try OperandRules.axis(axis, rank: result.rank)
        let type = TensorType(.int64, result.shape)
        var indices = try operands[0].convert(.int64)
        if operands[0].scalarType.isSignedInteger { indices = try indices.wrappingNegative(extent: depth) }
        let kept = (0..<result.rank).filter { $0 != axis }
        let hit = try indices.broadcast(result.shape, dimensions: kept)
            .compare(.equal, builder.iota(type, dimension: axis))
        return [
            try hit.select(operands[1].broadcast(to: result.shape), operands[2].broadcast(to: result.shape))
        ]
    }
}

extension Term {
    /// `index + extent` where an integer element is negative, else the index: how NumPy and ONNX count from the back.
    public func wrappingNegative(extent: Int) throws(GraphError) -> Term {
        guard scalarType.isSignedInteger else { return self }
        let shifted = try self + builder.integer(extent, type)
        return try compare(.less, builder.integer(0, type)).select(shifted, self)
    }

    /// 1 and 0 of `scalarType` by the index along a new axis; see `OneHot`.
    public func oneHot(depth: Int, axis: Int = -1, scalarType: ScalarType = .float32) throws(GraphError) -> Term {
        let on = try builder.constant(1, .scalar(scalarType))
        return try oneHot(depth: depth, axis: axis, on: on, off: builder.constant(0, .scalar(scalarType)))
    }

    /// The scalar `on` at the index along a new axis, `off` elsewhere; see `OneHot`.
    public func oneHot(depth: Int, axis: Int = -1, on: Term, off: Term) throws(GraphError) -> Term {
        try builder.add(OneHot(depth: depth, axis: axis), [self, on, off])
    }
}
