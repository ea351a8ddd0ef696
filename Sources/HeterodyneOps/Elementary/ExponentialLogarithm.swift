// Heterodyne: log1p, expm1, reciprocal and reciprocal square root.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `log(1 + x)`, accurate also near zero. Measured: 2 ULP.
public struct Log1p: UnaryElementwiseComposite {
    /// `log1p`.
    public static let name = "log1p"
    /// The only value.
    public init() {}

    /// `log(u) * x / (u - 1)` with `u = 1 + x`: the rounding error of `u` cancels (Kahan; Goldberg 1991, theorem 4).
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let u = try x + 1
        let difference = try u - 1
        let value = try u.log() * (x / difference)
        let result = try difference.compare(.equal, 0).select(x, value)
        return try u.compare(.equal, .infinity).select(u, result)
    }
}

/// `e^x - 1`, accurate also near zero. Measured: 2 ULP.
public struct Expm1: UnaryElementwiseComposite {
    /// `expm1`.
    public static let name = "expm1"
    /// The only value.
    public init() {}

    /// `(u - 1) * x / log(u)` with `u = e^x`: the rounding error of `u` cancels (Kahan). Where `u` is 1, `x` itself;
    /// where `u - 1` is -1, or `x` is above 40, nothing cancels.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let u = try x.exp()
        let difference = try u - 1
        let value = try difference * (x / u.log())
        let small = try u.compare(.equal, 1).select(x, value)
        let low = try difference.compare(.equal, -1).select(difference, small)
        return try x.compare(.greater, 40).select(difference, low)
    }
}

/// `1 / x`.
public struct Reciprocal: UnaryElementwiseComposite {
    /// `reciprocal`.
    public static let name = "reciprocal"
    /// The only value.
    public init() {}
    /// One division.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try 1 / x }
}

/// `1 / √x`.
public struct ReciprocalSquareRoot: UnaryElementwiseComposite {
    /// `rsqrt`.
    public static let name = "rsqrt"
    /// The only value.
    public init() {}
    /// A square root and a division.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try 1 / x.sqrt() }
}

extension Term {
    /// `log(1 + x)`, accurate near zero.
    public func log1p() throws(GraphError) -> Term { try builder.add(Log1p(), [self]) }
    /// `e^x - 1`, accurate near zero.
    public func expm1() throws(GraphError) -> Term { try builder.add(Expm1(), [self]) }
    /// `1 / x`.
    public func reciprocal() throws(GraphError) -> Term { try builder.add(Reciprocal(), [self]) }
    /// `1 / √x`.
    public func rsqrt() throws(GraphError) -> Term { try builder.add(ReciprocalSquareRoot(), [self]) }
    /// `x²`.
    public func square() throws(GraphError) -> Term { try self * self }
}
