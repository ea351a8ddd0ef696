// Heterodyne: sums, means, variances and norms along axes as functions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Term {
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
        let axes = try OperandRules.axes(axes ?? Array(0..<rank), rank: rank)
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

    /// `log Σ e^x` along `axes`, along all where nil is given; see `LogSumExp`.
    public func logSumExp(_ axes: [Int]? = nil, keepDimensions: Bool = false) throws(GraphError) -> Term {
        try builder.add(LogSumExp(axes: normalized(axes: axes), keepDimensions: keepDimensions), [self])
    }

    /// `log Σ e^x` along `axes`; see `LogSumExp`.
    public func logSumExp(axes: [Int], keepDimensions: Bool = false) throws(GraphError) -> Term {
        try logSumExp(axes, keepDimensions: keepDimensions)
    }
}
