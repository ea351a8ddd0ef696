// Heterodyne: ceil, roundEven, sign and the classification of floats; all exact.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The smallest integer not below each element: `-floor(-x)`. Keeps -0, infinities and NaN.
public struct Ceil: UnaryElementwiseComposite {
    /// `ceil`.
    public static let name = "ceil"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// The only value.
    public init() {}
    /// `-floor(-x)`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.negate().floor().negate() }
}

/// The nearest integer, ties to even (IEEE 754 roundToIntegralTiesToEven). Keeps -0, infinities and NaN.
public struct RoundEven: UnaryElementwiseComposite {
    /// `roundEven`.
    public static let name = "roundEven"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// The only value.
    public init() {}

    /// With `t = floor(x)` and `d = x - t`, which is exact: `t` below a half, `t + 1` above, the even one at a half.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let below = try x.floor()
        let distance = try x - below
        let half = try below * 0.5
        let isEven = try half.compare(.equal, half.floor())
        let above = try below + 1
        let tie = try isEven.select(below, above)
        let upper = try distance.compare(.greater, 0.5).select(above, tie)
        let nearest = try distance.compare(.less, 0.5).select(below, upper)
        // Infinities have no distance. A zero result takes the sign of x, also where it comes from -0.25.
        let isFinite = try x.abs().compare(.less, .infinity)
        let rounded = try isFinite.select(nearest, x)
        return try rounded.compare(.equal, 0).select(x * 0, rounded)
    }
}

/// -1 below zero, 1 above, and the element itself at ±0 and NaN.
public struct Sign: UnaryElementwiseComposite {
    /// `sign`.
    public static let name = "sign"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Everything with arithmetic.
    public static func takes(_ scalarType: ScalarType) -> Bool { scalarType.isArithmetic }
    /// The only value.
    public init() {}

    /// Two comparisons with zero.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let positive = try x.compare(.greater, 0)
        guard x.scalarType.isFloatingPoint || x.scalarType.isSignedInteger else {
            return try positive.select(x.like(1), x)
        }
        return try positive.select(x.like(1), x.compare(.less, 0).select(x.like(-1), x))
    }
}

/// Whether each element is NaN, as bool.
public struct IsNaN: UnaryElementwiseComposite {
    /// `isNaN`.
    public static let name = "isNaN"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Bool.
    public static func resultType(for scalarType: ScalarType) -> ScalarType { .bool }
    /// The only value.
    public init() {}
    /// `x != x`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.isNaNPrimitive() }
}

/// Whether each element is plus or minus infinity, as bool.
public struct IsInfinite: UnaryElementwiseComposite {
    /// `isInfinite`.
    public static let name = "isInfinite"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Bool.
    public static func resultType(for scalarType: ScalarType) -> ScalarType { .bool }
    /// The only value.
    public init() {}
    /// `|x| == ∞`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.abs().compare(.equal, .infinity) }
}

/// Whether each element is neither infinite nor NaN, as bool.
public struct IsFinite: UnaryElementwiseComposite {
    /// `isFinite`.
    public static let name = "isFinite"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Bool.
    public static func resultType(for scalarType: ScalarType) -> ScalarType { .bool }
    /// The only value.
    public init() {}
    /// `|x| < ∞`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.abs().compare(.less, .infinity) }
}

extension Term {
    /// The smallest integer not below each element.
    public func ceil() throws(GraphError) -> Term { try builder.add(Ceil(), [self]) }
    /// The nearest integer, ties to even.
    public func roundEven() throws(GraphError) -> Term { try builder.add(RoundEven(), [self]) }
    /// -1, 0 or 1; keeps ±0 and NaN.
    public func sign() throws(GraphError) -> Term { try builder.add(Sign(), [self]) }
    /// Bool: whether each element is NaN.
    public func isNaN() throws(GraphError) -> Term { try builder.add(IsNaN(), [self]) }
    /// Bool: whether each element is infinite.
    public func isInfinite() throws(GraphError) -> Term { try builder.add(IsInfinite(), [self]) }
    /// Bool: whether each element is finite.
    public func isFinite() throws(GraphError) -> Term { try builder.add(IsFinite(), [self]) }
}
