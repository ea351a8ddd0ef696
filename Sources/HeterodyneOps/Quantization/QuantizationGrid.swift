// Heterodyne: how the scales of a quantization lie over a tensor.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// How the scales and zero points of a quantization lie over the tensor.
///
/// A scalar or a vector of one element serves the whole tensor. A vector of the axis' extent has one scale per position
/// along `axis`. With `blockSize` b > 0 the scales have the tensor's rank and extents, except `ceil(n / b)` along the
/// axis: one scale per block of b positions.
public struct QuantizationGrid: CompositeSettings {
    /// The axis of per-axis and blocked scales; negative counts from the back.
    public var axis: Int
    /// The number of positions that share a scale along the axis; 0 where scales are not blocked.
    public var blockSize: Int
    /// Whether a zero point follows as the last operand.
    public var hasZeroPoint: Bool

    /// Scales along `axis`.
    public init(axis: Int = 0, blockSize: Int = 0, hasZeroPoint: Bool = false) {
        self.axis = axis
        self.blockSize = blockSize
        self.hasZeroPoint = hasZeroPoint
    }

    /// The attributes as data.
    public var attributes: Attributes {
        ["axis": .integer(axis), "blockSize": .integer(blockSize), "hasZeroPoint": .bool(hasZeroPoint)]
    }

    /// Reads `axis`, `blockSize` and `hasZeroPoint`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        blockSize = try reader.integer("blockSize")
        hasZeroPoint = try reader.bool("hasZeroPoint")
    }

    func check(_ operands: [TensorType], stored: ScalarType) throws(GraphError) {
        try OperandRules.count(operands, hasZeroPoint ? 3 : 2, hasZeroPoint ? "x, scale, zero point" : "x, scale")
        try OperandRules.float(operands[1], "the scale")
        try checkShape(operands[1], over: operands[0])
        guard hasZeroPoint else { return }
        try OperandRules.require(
            operands[2].scalarType == stored, .invalidType,
            "the zero point is \(operands[2]) where \(stored) elements are needed")
        try OperandRules.shape(operands[2], operands[1].shape.dimensions, "the zero point")
    }

    private func checkShape(_ scale: TensorType, over x: TensorType) throws(GraphError) {
        try OperandRules.require(blockSize >= 0, .invalidAttribute, "blockSize is \(blockSize), below 0")
        if blockSize > 0 {
            let axis = try OperandRules.axis(axis, rank: x.rank)
            try OperandRules.require(
                blockSize <= TensorType.maximumByteCount, .invalidAttribute, "blockSize \(blockSize) is too large")
            let blocks = try x.shape[axis].adding(.fixed(blockSize - 1)).floorDivided(by: blockSize)
            try OperandRules.shape(scale, x.shape.replacing(axis, blocks).dimensions, "the scale of \(x)")
            return
        }
        if scale.rank == 0 || scale.shape == [1] { return }
        let axis = try OperandRules.axis(axis, rank: x.rank)
        try OperandRules.shape(scale, [x.shape[axis]], "the scale of \(x) along axis \(axis)")
    }

    /// A scale or zero point repeated over the tensor's shape. Throws `shapeMismatch` where it does not lie over it so.
    public func spread(_ parameter: Term, over shape: Shape) throws(GraphError) -> Term {
        try checkShape(parameter.type, over: TensorType(parameter.scalarType, shape))
        if blockSize > 0 {
            let axis = try OperandRules.axis(axis, rank: shape.rank)
            // A block longer than the axis covers it once.
            let block = Extent.fixed(max(1, min(blockSize, try Shape([shape[axis]]).extents()[0])))
            var blocks = parameter.shape.dimensions
            blocks.insert(block, at: axis + 1)
            let kept = Array(0...axis) + Array(axis + 2..<shape.rank + 1)
            // Rank 16 cannot grow; its outer dimensions merge first.
            let merged = try Self.merged(parameter, axis: axis)
            let repeated =
                shape.rank < TensorType.maximumRank
                ? try parameter.broadcast(Shape(blocks), dimensions: kept)
                : try merged.broadcast(
                    [merged.shape[0], block, merged.shape[1]], dimensions: [0, 2])
            let padded = try shape.replacing(axis, parameter.shape[axis].multiplied(by: block))
            return try repeated.reshape(padded).slice(dimension: axis, from: 0, to: shape[axis])
        }
        if parameter.rank == 0 { return try parameter.broadcast(to: shape) }
        if parameter.shape == [1] { return try parameter.reshape(Shape.scalar).broadcast(to: shape) }
        return try parameter.broadcast(shape, dimensions: [OperandRules.axis(axis, rank: shape.rank)])
    }

    private static func merged(_ term: Term, axis: Int) throws(GraphError) -> Term {
        try term.reshape([
            Shape(Array(term.shape.dimensions[...axis])).elementCount(),
            Shape(Array(term.shape.dimensions[(axis + 1)...])).elementCount(),
        ])
    }
}
