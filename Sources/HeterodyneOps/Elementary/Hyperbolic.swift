// Heterodyne: sinh, cosh and the inverse hyperbolic functions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The hyperbolic sine. Measured: 3 ULP.
public struct Sinh: UnaryElementwiseComposite {
    /// `sinh`.
    public static let name = "sinh"
    /// The only value.
    public init() {}

    /// With `e = expm1(|x|)`, `(e + e / (e + 1)) / 2` below 1; `t - 1/(4t)` with `t = e^|x| / 2` above.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let magnitude = try x.abs()
        let e = try magnitude.expm1()
        let small = try (e + e / (e + 1)) * 0.5
        let t = try Hyperbolic.halfExponential(magnitude)
        let large = try t - 0.25 / t
        return try ErrorFunction.copySign(magnitude.compare(.less, 1).select(small, large), of: x)
    }
}

/// The hyperbolic cosine. Measured: 2 ULP.
public struct Cosh: UnaryElementwiseComposite {
    /// `cosh`.
    public static let name = "cosh"
    /// The only value.
    public init() {}

    /// `t + 1/(4t)` with `t = e^|x| / 2`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let t = try Hyperbolic.halfExponential(x.abs())
        return try t + 0.25 / t
    }
}

/// The inverse hyperbolic sine. Measured: 2 ULP.
public struct Asinh: UnaryElementwiseComposite {
    /// `asinh`.
    public static let name = "asinh"
    /// The only value.
    public init() {}

    /// With `a = |x|`: `log1p(a + a² / (1 + √(1 + a²)))`, and `log(a) + log(2)` where the 1 no longer counts.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let a = try x.abs()
        let square = try a * a
        let moderate = try (a + square / (1 + (1 + square).sqrt())).log1p()
        let large = try a.log() + Hyperbolic.log2
        return try ErrorFunction.copySign(
            a.compare(.less, Hyperbolic.large).select(moderate, large), of: x)
    }
}

/// The inverse hyperbolic cosine; NaN below 1. Measured: 2 ULP.
public struct Acosh: UnaryElementwiseComposite {
    /// `acosh`.
    public static let name = "acosh"
    /// The only value.
    public init() {}

    /// With `t = x - 1`: `log1p(t + √t √(x + 1))`, and `log(x) + log(2)` where the 1 no longer counts.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let t = try x - 1
        let moderate = try (t + t.sqrt() * (x + 1).sqrt()).log1p()
        return try x.compare(.greater, Hyperbolic.large).select(x.log() + Hyperbolic.log2, moderate)
    }
}

/// The inverse hyperbolic tangent; ±infinity at ±1 and NaN beyond. Measured: 2 ULP.
public struct Atanh: UnaryElementwiseComposite {
    /// `atanh`.
    public static let name = "atanh"
    /// The only value.
    public init() {}

    /// `log1p(2a / (1 - a)) / 2` with `a = |x|`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let a = try x.abs()
        let value = try ((a + a) / (1 - a)).log1p() * 0.5
        return try ErrorFunction.copySign(value, of: x)
    }
}

private enum Hyperbolic {
    static let log2 = 0.693147180559945309417
    /// Above this, `x² ± 1` is `x²` in float64, and in float32 all the more.
    static let large = 0x1p28

    /// `e^x / 2` for `x >= 0`, without overflow before the result overflows.
    static func halfExponential(_ x: Term) throws(GraphError) -> Term {
        let root = try (x * 0.5).exp()
        return try root * 0.5 * root
    }
}

extension Term {
    /// The hyperbolic sine.
    public func sinh() throws(GraphError) -> Term { try builder.add(Sinh(), [self]) }
    /// The hyperbolic cosine.
    public func cosh() throws(GraphError) -> Term { try builder.add(Cosh(), [self]) }
    /// The inverse hyperbolic sine.
    public func asinh() throws(GraphError) -> Term { try builder.add(Asinh(), [self]) }
    /// The inverse hyperbolic cosine.
    public func acosh() throws(GraphError) -> Term { try builder.add(Acosh(), [self]) }
    /// The inverse hyperbolic tangent.
    public func atanh() throws(GraphError) -> Term { try builder.add(Atanh(), [self]) }
}
