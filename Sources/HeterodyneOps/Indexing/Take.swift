// Heterodyne: gathering along an axis.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `take(x, indices)`: the slices of `x` at `indices` along one axis (NumPy take, ONNX Gather).
///
/// Result shape: x's dimensions before the axis, the indices' dimensions, x's dimensions after it. Negative indices
/// count from the back; indices still out of range are clamped into it.
public struct Take: AxisAttribute {
    /// `take`.
    public static let name = "take"
    /// The axis of `x` that is indexed; negative counts from the back.
    public var axis: Int

    /// The gathering along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// x's type with the axis replaced by the indices' dimensions.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 2, "x, indices")
        let (x, indices) = (operands[0], operands[1])
        try OperandRules.integer(indices.scalarType, "indices")
        let axis = try OperandRules.axis(axis, rank: x.rank)
        try OperandRules.notEmpty(x, axis, indexedBy: indices)
        let shape =
            x.shape.dimensions[..<axis] + indices.shape.dimensions + x.shape.dimensions[(axis + 1)...]
        return [x.with(Shape(Array(shape)))]
    }

    /// The `gather` primitive, whose index dimension comes first, and a transpose that puts it at the axis.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, indices) = (operands[0], operands[1])
        let axis = try OperandRules.axis(axis, rank: x.rank)
        let positions = try indices.positions(within: x.shape[axis])
        // Flat positions: the result may have the highest rank, which leaves no room for a dimension more.
        let column = try positions.reshape([positions.shape.elementCount(), 1])
        let moved = try x.gather(column, dimensions: [axis])
            .transpose(Array(1..<axis + 1) + [0] + Array(axis + 1..<x.rank))
        return [try moved.reshape(inferTypes(operands.map(\.type))[0].shape)]
    }
}

extension Term {
    /// The elements as int32 or int64 positions within `extent`, negative ones counted from the back.
    func positions(within extent: Extent) throws(GraphError) -> Term {
        let extent = try Shape([extent]).extents()[0]
        guard scalarType.isSignedInteger else { return try convert(.int64) }
        return try (scalarType.isIndex ? self : convert(.int64)).wrappingNegative(extent: extent)
    }

    /// The slices at `indices` along `axis`; see `Take`.
    public func take(_ indices: Term, axis: Int) throws(GraphError) -> Term {
        try builder.add(Take(axis: axis), [self, indices])
    }
}
