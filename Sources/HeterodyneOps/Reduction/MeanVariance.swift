// Heterodyne: means and variances along axes.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `reduceMean(x)`: the arithmetic mean of floats along axes; NaN for none. Narrow floats are computed in float32 and
/// rounded once.
public struct ReduceMean: ReductionAttributes {
    /// `reduceMean`.
    public static let name = "reduceMean"
    /// The axes that are averaged over; negative ones count from the back.
    public var axes: [Int]
    /// Whether the axes stay with extent 1.
    public var keepDimensions: Bool

    /// The mean along `axes`.
    public init(axes: [Int], keepDimensions: Bool = false) {
        self.axes = axes
        self.keepDimensions = keepDimensions
    }

    /// The operand's type without the axes.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        return [try OperandRules.reduced(operands[0], axes, keep: keepDimensions)]
    }

    /// Sum divided by count.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let result = try inferTypes([operands[0].type])[0]
        let mean = try x.mean(OperandRules.axes(axes, rank: x.rank), Self.name)
        return [try mean.convert(result.scalarType).reshape(result.shape)]
    }
}

/// `reduceVariance(x)`: `sum((x - mean(x))^2) / (n - correction)` of floats along axes, computed in two passes.
/// Narrow floats are computed in float32 and rounded once.
public struct ReduceVariance: AttributedComposite {
    /// `reduceVariance`.
    public static let name = "reduceVariance"
    /// The axes; negative ones count from the back.
    public var axes: [Int]
    /// Whether the axes stay with extent 1.
    public var keepDimensions: Bool
    /// What is taken from the count: 0 for the variance of a population, 1 for that of a sample.
    public var correction: Int

    /// The variance along `axes`.
    public init(axes: [Int], keepDimensions: Bool = false, correction: Int = 0) {
        self.axes = axes
        self.keepDimensions = keepDimensions
        self.correction = correction
    }
    /// The attributes as data.
    public var attributes: Attributes {
        ["axes": .integers(axes), "keepDimensions": .bool(keepDimensions), "correction": .integer(correction)]
    }
    /// Reads axes, keepDimensions and correction.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axes = try reader.integers("axes")
        keepDimensions = try reader.bool("keepDimensions")
        correction = try reader.integer("correction")
    }

    /// The operand's type without the axes.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.require(
            correction >= 0 && correction <= 1 << 52, .invalidAttribute,
            "correction is \(correction); choose 0 to 2^52")
        return [try OperandRules.reduced(operands[0], axes, keep: keepDimensions)]
    }

    /// The mean of the squared differences from the mean.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let result = try inferTypes(operands.map(\.type))[0]
        let x = try operands[0].widened()
        let axes = try OperandRules.axes(axes, rank: x.rank)
        let kept = x.dimensions(except: axes)
        let difference = try x - x.mean(axes, Self.name).broadcast(like: x, axes: kept)
        let count = try x.count(of: axes, Self.name) - Double(correction)
        let variance = try (difference * difference).reduce(.sum, axes) / count
        return [try variance.convert(result.scalarType).reshape(result.shape)]
    }
}
