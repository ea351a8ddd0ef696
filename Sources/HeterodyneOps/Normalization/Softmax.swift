// Heterodyne: softmax, its logarithm, the logarithm of sums of exponentials, and hardmax.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `e^(x - max) / Σ e^(x - max)` along an axis. A slice of nothing but minus infinity gives NaN. Narrow floats are
/// computed in float32 and rounded once.
public struct Softmax: AxisComposite {
    /// `softmax`.
    public static let name = "softmax"
    /// The axis along which the results sum to 1.
    public let axis: Int
    /// The softmax along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// Shifted by the maximum, so that nothing overflows.
    public func evaluate(_ x: Term) throws(GraphError) -> Term {
        let e = try (x - x.reduceAndRepeat(.maximum, [axis])).exp()
        return try e / e.reduceAndRepeat(.sum, [axis])
    }
}

/// The logarithm of the softmax: `x - max - log Σ e^(x - max)` along an axis.
public struct LogSoftmax: AxisComposite {
    /// `logSoftmax`.
    public static let name = "logSoftmax"
    /// The axis along which the exponentials of the results sum to 1.
    public let axis: Int
    /// The logarithm of the softmax along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// Shifted by the maximum, so that nothing overflows.
    public func evaluate(_ x: Term) throws(GraphError) -> Term {
        let shifted = try x - x.reduceAndRepeat(.maximum, [axis])
        let kept = (0..<x.rank).filter { $0 != axis }
        let logarithm = try shifted.exp().reduce(.sum, [axis]).log()
        return try shifted - logarithm.broadcast(like: x, axes: kept)
    }
}

/// 1 at the first largest element along an axis and 0 elsewhere; NaN counts as the largest.
public struct Hardmax: AxisComposite {
    /// `hardmax`.
    public static let name = "hardmax"
    /// The axis along which one element is 1.
    public let axis: Int
    /// The hardmax along `axis`.
    public init(axis: Int) { self.axis = axis }

    /// The smallest position among the largest elements.
    public func evaluate(_ x: Term) throws(GraphError) -> Term {
        let position = try x.builder.iota(x.type.with(.int64), dimension: axis)
        let isLargest = try x.compare(.equal, x.reduceAndRepeat(.maximum, [axis])).or(x.isNaNPrimitive())
        let beyond = try x.builder.constant(Literal(splatBits: UInt64(Int64.max), type: position.type))
        let first = try isLargest.select(position, beyond).reduceAndRepeat(.minimum, [axis])
        return try position.compare(.equal, first).convert(x.scalarType)
    }
}

/// A composite of one float operand with an axis, whose result has the operand's type.
public protocol AxisComposite: Composite {
    /// The axis, counted from 0.
    var axis: Int { get }
    /// The composite along `axis`.
    init(axis: Int)
    /// The definition on an operand that is float32 or float64.
    func evaluate(_ x: Term) throws(GraphError) -> Term
}

extension AxisComposite {
    /// `axis`.
    public var attributes: Attributes { ["axis": .integer(axis)] }

    /// Reads `axis`.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        let axis = try reader.integer("axis")
        try reader.finish()
        self.init(axis: axis)
    }

    /// The operand's type; the axis must be one of its dimensions.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1...1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.axis(axis, rank: operands[0].rank)
        return operands
    }

    /// `evaluate` between a widening and a rounding.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try evaluate(operands[0].widened()).convert(operands[0].scalarType)]
    }
}

/// `log Σ e^x` along axes, which disappear or stay with extent 1. Minus infinity for no elements.
public struct LogSumExp: Composite {
    /// `logSumExp`.
    public static let name = "logSumExp"
    /// The axes that are summed over.
    public let axes: [Int]
    /// Whether the axes stay with extent 1.
    public let keepDimensions: Bool

    /// `log Σ e^x` along `axes`.
    public init(axes: [Int], keepDimensions: Bool = false) {
        self.axes = axes
        self.keepDimensions = keepDimensions
    }

    /// `axes` and `keepDimensions`.
    public var attributes: Attributes { ["axes": .integers(axes), "keepDimensions": .bool(keepDimensions)] }

    /// Reads `axes` and `keepDimensions`.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        axes = try reader.integers("axes")
        keepDimensions = try reader.bool("keepDimensions")
        try reader.finish()
    }

    /// The operand's type without the axes, or with extent 1 there.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1...1, "x")
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.distinctAxes(axes, rank: x.rank)
        return [x.with(resultShape(x.shape))]
    }

    private func resultShape(_ shape: Shape) -> Shape {
        var dimensions: [Extent] = []
        for (index, extent) in shape.dimensions.enumerated() {
            if !axes.contains(index) { dimensions.append(extent) } else if keepDimensions { dimensions.append(1) }
        }
        return Shape(dimensions)
    }

    /// Shifted by the maximum, or by 0 where that is infinite.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let largest = try x.reduce(.maximum, axes)
        let isFinite = try largest.abs().compare(.less, .infinity)
        let shift = try isFinite.select(largest, largest.like(0))
        let kept = (0..<x.rank).filter { !axes.contains($0) }
        let sum = try (x - shift.broadcast(like: x, axes: kept)).exp().reduce(.sum, axes)
        let result = try (sum.log() + shift).convert(operands[0].scalarType)
        return [try result.reshape(resultShape(x.shape))]
    }
}

extension Term {
    /// The softmax along an axis; -1 is the last.
    public func softmax(axis: Int = -1) throws(GraphError) -> Term {
        try builder.add(Softmax(axis: normalized(axis: axis)), [self])
    }
    /// The logarithm of the softmax along an axis; -1 is the last.
    public func logSoftmax(axis: Int = -1) throws(GraphError) -> Term {
        try builder.add(LogSoftmax(axis: normalized(axis: axis)), [self])
    }
    /// 1 at the first largest element along an axis and 0 elsewhere; -1 is the last.
    public func hardmax(axis: Int = -1) throws(GraphError) -> Term {
        try builder.add(Hardmax(axis: normalized(axis: axis)), [self])
    }
    /// `log Σ e^x` along axes; negative ones count from the end.
    public func logSumExp(axes: [Int], keepDimensions: Bool = false) throws(GraphError) -> Term {
        var normal: [Int] = []
        for axis in axes { normal.append(try normalized(axis: axis)) }
        return try builder.add(LogSumExp(axes: normal, keepDimensions: keepDimensions), [self])
    }
}
