// Heterodyne: tan and the inverse trigonometric functions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The tangent of `x` radians. Measured: 2 ULP.
public struct Tan: UnaryElementwiseComposite {
    /// `tan`.
    public static let name = "tan"
    /// The only value.
    public init() {}
    /// `sin(x) / cos(x)`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.sin() / x.cos() }
}

/// The inverse tangent, in radians between -π/2 and π/2. Measured: 2 ULP.
public struct Atan: UnaryElementwiseComposite {
    /// `atan`.
    public static let name = "atan"
    /// The only value.
    public init() {}

    /// With `a = |x|` and `T = tan(π/8)`: a polynomial in `t = a` up to `T`, `π/4 + atan((a - 1) / (a + 1))` up to
    /// `1/T`, `π/2 + atan(-1 / a)` above; the constants carry a second word.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let a = try x.abs()
        let isLarge = try a.compare(.greater, 2.414213562373095)
        let isMiddle = try a.compare(.greater, 0.41421356237309503)
        func choose(_ large: Term, _ middle: Term, _ small: Term) throws(GraphError) -> Term {
            try isLarge.select(large, isMiddle.select(middle, small))
        }
        let isDouble = x.scalarType == .float64
        let quarter = 0.78539816339744830962
        let high = isDouble ? quarter : Double(Float(quarter))
        // π/4 beyond the type's precision.
        let low = isDouble ? 3.0616169978683830e-17 : quarter - Double(Float(quarter))
        let zero = try x.like(0)
        let t = try choose(x.like(-1), a - 1, a) / choose(a, a + 1, x.like(1))
        let z = try t * t
        let table = isDouble ? ArcTangentTables.atanFloat64 : ArcTangentTables.atanFloat32
        let tail = try t * z * z.polynomial(table) + choose(x.like(2 * low), x.like(low), zero)
        let value = try choose(x.like(2 * high), x.like(high), zero) + (t + tail)
        return try ErrorFunction.copySign(value, of: x)
    }
}

/// The inverse sine, in radians between -π/2 and π/2; NaN beyond ±1. Measured: 2 ULP.
public struct Asin: UnaryElementwiseComposite {
    /// `asin`.
    public static let name = "asin"
    /// The only value.
    public init() {}
    /// `atan(x / √((1 - x)(1 + x)))`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        try (x / ((1 - x) * (1 + x)).sqrt()).atan()
    }
}

/// The inverse cosine, in radians between 0 and π; NaN beyond ±1. Measured: 2 ULP.
public struct Acos: UnaryElementwiseComposite {
    /// `acos`.
    public static let name = "acos"
    /// The only value.
    public init() {}
    /// `2 atan(√((1 - x) / (1 + x)))`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        try ((1 - x) / (1 + x)).sqrt().atan() * 2
    }
}

extension Term {
    /// The tangent.
    public func tan() throws(GraphError) -> Term { try builder.add(Tan(), [self]) }
    /// The inverse tangent.
    public func atan() throws(GraphError) -> Term { try builder.add(Atan(), [self]) }
    /// The inverse sine.
    public func asin() throws(GraphError) -> Term { try builder.add(Asin(), [self]) }
    /// The inverse cosine.
    public func acos() throws(GraphError) -> Term { try builder.add(Acos(), [self]) }
}
