// Heterodyne: means, variances and norms along axes.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `reduceMean(x)`: the arithmetic mean of floats along axes; NaN for none. Narrow floats are computed in float32 and
/// rounded once.
public struct ReduceMean: Composite {
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
    /// The attributes as data.
    public var attributes: Attributes { ["axes": .integers(axes), "keepDimensions": .bool(keepDimensions)] }
    /// Reads axes and keepDimensions.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        axes = try reader.integers("axes")
        keepDimensions = try reader.bool("keepDimensions")
        try reader.finish()
    }

    /// The operand's type without the axes.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        try DataRules.floating(operands[0])
        return [try DataRules.reduced(operands[0], axes, keep: keepDimensions)]
    }

    /// Sum divided by count.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let result = try inferTypes([x.type])[0]
        let mean = try x.convert(DataRules.computeType(x.scalarType)).meanKeeping(DataRules.axes(axes, rank: x.rank))
        return [try mean.convert(x.scalarType).reshape(result.shape)]
    }
}

/// `reduceVariance(x)`: `sum((x - mean(x))^2) / (n - correction)` of floats along axes, computed in two passes.
/// Narrow floats are computed in float32 and rounded once.
public struct ReduceVariance: Composite {
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
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        axes = try reader.integers("axes")
        keepDimensions = try reader.bool("keepDimensions")
        correction = try reader.integer("correction")
        try reader.finish()
    }

    /// The operand's type without the axes.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        try DataRules.floating(operands[0])
        try DataRules.require(
            correction >= 0 && correction <= 1 << 52, .invalidAttribute,
            "correction is \(correction); choose 0 to 2^52")
        return [try DataRules.reduced(operands[0], axes, keep: keepDimensions)]
    }

    /// The mean of the squared differences from the mean.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let result = try inferTypes(operands.map(\.type))[0]
        let x = try operands[0].convert(DataRules.computeType(operands[0].scalarType))
        let axes = try DataRules.axes(axes, rank: x.rank)
        let difference = try x - x.meanKeeping(axes).broadcast(to: x.shape)
        let squares = try (difference * difference).reduceKeeping(.sum, axes)
        let count = try x.count(axes)
        return [try (squares / Double(count - correction)).convert(result.scalarType).reshape(result.shape)]
    }
}

extension DataRules {
    static func reduced(_ type: TensorType, _ axes: [Int], keep: Bool) throws(GraphError) -> TensorType {
        var shape = type.shape
        for axis in try self.axes(axes, rank: type.rank).reversed() {
            if keep { shape.dimensions[axis] = 1 } else { shape.dimensions.remove(at: axis) }
        }
        return type.with(shape)
    }
}

extension Term {
    /// How many elements the dimensions `axes` hold together.
    func count(_ axes: [Int]) throws(GraphError) -> Int {
        try TensorType(.bool, Shape(axes.map { shape[$0] })).elementCount()
    }

    func meanKeeping(_ axes: [Int]) throws(GraphError) -> Term {
        try reduceKeeping(.sum, axes) / Double(count(axes))
    }

    /// The mean along `axes`, along all where nil is given; see `ReduceMean`.
    public func mean(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try builder.add(ReduceMean(axes: axes ?? Array(0..<rank), keepDimensions: keepDimensions), [self])
    }

    /// The variance along `axes`, along all where nil is given; see `ReduceVariance`.
    public func variance(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 0
    ) throws(GraphError) -> Term {
        let composite = ReduceVariance(
            axes: axes ?? Array(0..<rank), keepDimensions: keepDimensions, correction: correction)
        return try builder.add(composite, [self])
    }

    /// The square root of the variance.
    public func standardDeviation(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 0
    ) throws(GraphError) -> Term {
        try variance(axes, keepDimensions: keepDimensions, correction: correction).sqrt()
    }

    private func reduceAlong(
        _ kind: ReductionKind, _ axes: [Int]?, _ keep: Bool
    ) throws(GraphError) -> Term {
        let axes = try DataRules.axes(axes ?? Array(0..<rank), rank: rank)
        return keep ? try reduceKeeping(kind, axes) : try reduce(kind, axes)
    }

    /// The sum along `axes`, along all where nil is given; negative axes count from the back.
    public func sum(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try reduceAlong(.sum, axes, keepDimensions)
    }

    /// `sum(x^2)`.
    public func sumOfSquares(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try (self * self).sum(axes, keepDimensions: keepDimensions)
    }

    /// `sum(|x|)`.
    public func normL1(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try abs().sum(axes, keepDimensions: keepDimensions)
    }

    /// `sqrt(sum(x^2))`.
    public func normL2(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try sumOfSquares(axes, keepDimensions: keepDimensions).sqrt()
    }

    /// `log(sum(x))`.
    public func logSum(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try sum(axes, keepDimensions: keepDimensions).log()
    }

    /// `log(sum(exp(x)))`, computed relative to the largest element so that it neither overflows nor loses everything;
    /// infinite where the largest is.
    public func logSumExp(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        let axes = try DataRules.axes(axes ?? Array(0..<rank), rank: rank)
        let largest = try reduceKeeping(.maximum, axes)
        // An infinite maximum would make inf - inf; zero in its place gives exp(±inf), which is right.
        let finite = try largest.abs().compare(.less, largest.like(.infinity))
        let shift = try finite.select(largest, largest.like(0))
        let sum = try (self - shift.broadcast(to: shape)).exp().reduceKeeping(.sum, axes).log() + shift
        return try sum.reshape(DataRules.reduced(type, axes, keep: keepDimensions).shape)
    }

}
