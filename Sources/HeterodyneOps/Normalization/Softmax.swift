// Heterodyne: softmax, its logarithm, and hardmax.
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
        let kept = x.dimensions(except: [axis])
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
}
