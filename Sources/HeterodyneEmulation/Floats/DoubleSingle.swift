// Heterodyne: float64 as the sum of two float32 numbers.
// SPDX-License-Identifier: Apache-2.0

/// A number `high + low` of two float32 numbers: about 48 significant bits in float32's range of exponents.
///
/// The pair is canonical: `high` is the sum rounded to nearest even, so that equal numbers are equal pairs, order is that
/// of the parts, and `high` is what conversion to float32 gives. Zeros, infinities and NaN stand in `high`, with `low` 0.
/// What each operation promises is in `DoubleSingleFormat`; how the bounds were found, and what happens out of range,
/// in docs/Emulation.md.
///
/// Sums and products follow Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
/// double-word arithmetic" (ACM TOMS 44(2), 2017), with u = 2^-24.
public struct DoubleSingle<Lane: FloatLane> {
    /// The number rounded to float32.
    public var high: Lane
    /// What rounding lost, rounded to float32.
    public var low: Lane

    /// A pair that is canonical already.
    public init(high: Lane, low: Lane) {
        self.high = high
        self.low = low
    }

    /// A float32 number.
    public init(exactly number: Lane) { self.init(high: number, low: number.like(0)) }

    /// The sum of any two numbers as a canonical pair.
    public init(renormalizing high: Lane, _ low: Lane) {
        let sum = high.exactSum(low)
        self.init(sum.high, plus: sum.low, orWithoutNumber: sum.high)
    }

    /// `high + low` with |low| <= |high|, where that is finite and not 0, else twice `special`: for a zero, an infinity or
    /// NaN that is itself, with the sign that sums of parts lose, and for a finite number whose correction leaves the
    /// range that is infinity.
    init(_ high: Lane, plus low: Lane, orWithoutNumber special: Lane) {
        let sum = high + low
        let isNumber = sum.isNumberButZero
        self.init(
            high: Lane.select(isNumber, sum, special + special),
            low: Lane.select(isNumber, low - (sum - high), high.like(0)))
    }

    /// `value` in every lane, rounded to a pair when this is built: to infinity from 2^128 - 2^103 on, to zero below
    /// 2^-126.
    public func like(_ value: Double) -> Self {
        let upper = Float(value)
        if value.magnitude < 0x1p-126 { return Self(exactly: high.like(value.sign == .minus ? -0.0 : 0)) }
        guard upper.isFinite else { return Self(exactly: high.like(upper)) }
        return Self(high: high.like(upper), low: high.like(Float(value - Double(upper))))
    }

    /// The number rounded to float32, to nearest even.
    public var single: Lane { high }

    /// The number rounded to float32 toward zero, with the last bit set where something was lost. Rounding this again, to
    /// a format that is at least two bits narrower, is one rounding of the number.
    public var roundedToOdd: Lane {
        let bits = high.bits
        let isBelow = (low.bits ^ bits).signFill
        let odd = (bits + isBelow) | bits.like(1)
        return Lane.select(low.isEqual(to: low.like(0)), high, odd.asFloat)
    }

    /// -x
    public static prefix func - (x: Self) -> Self { Self(high: -x.high, low: -x.low) }

    /// |x|
    public var magnitude: Self {
        let sign = high.bits.like(0x8000_0000)
        return Self(high: high.magnitude, low: (low.bits ^ (high.bits & sign)).asFloat)
    }

    /// The first where the mask is true, else the second.
    public static func select(_ mask: Lane.Mask, _ a: Self, _ b: Self) -> Self {
        Self(high: Lane.select(mask, a.high, b.high), low: Lane.select(mask, a.low, b.low))
    }

    /// a < b; false where one is NaN.
    public func isLess(than b: Self) -> Lane.Mask {
        high.isLess(than: b.high) | (high.isEqual(to: b.high) & low.isLess(than: b.low))
    }

    /// a <= b; false where one is NaN.
    public func isLessOrEqual(to b: Self) -> Lane.Mask {
        high.isLess(than: b.high) | (high.isEqual(to: b.high) & low.isLessOrEqual(to: b.low))
    }

    /// a = b; false where one is NaN, true for zeros of both signs.
    public func isEqual(to b: Self) -> Lane.Mask { high.isEqual(to: b.high) & low.isEqual(to: b.low) }

    /// The larger; NaN where either is, and +0 above -0.
    public func maximum(_ b: Self) -> Self {
        let isFirst = b.isLess(than: self) | (isEqual(to: b) & !high.isSigned) | high.isNaN
        return Self.select(isFirst, self, b)
    }

    /// The smaller; NaN where either is, and -0 below +0.
    public func minimum(_ b: Self) -> Self {
        let isFirst = isLess(than: b) | (isEqual(to: b) & high.isSigned) | high.isNaN
        return Self.select(isFirst, self, b)
    }

    /// The largest integer that is not above x; exact.
    public var floor: Self {
        // Only where the first part is an integer does the second matter: it is at most half a step of the first.
        let upper = high.floor
        let isWhole = upper.isEqual(to: high)
        let sum = upper.exactSum(ofSmaller: Lane.select(isWhole, low.floor, low.like(0)))
        let isNumber = upper.isNumberButZero
        return Self(
            high: Lane.select(isNumber, sum.high, upper), low: Lane.select(isNumber, sum.low, low.like(0)))
    }
}

// Classes of numbers are read off the bits, because compilers of kernels may assume that no NaN or infinity occurs and drop
// comparisons that ask for them.
extension FloatLane {
    /// Whether the number is finite and not 0.
    var isNumberButZero: Mask {
        let word = bits
        return ((word & word.like(0x7FFF_FFFF)) - word.like(1)).isLess(than: word.like(0x7F7F_FFFF))
    }

    /// Whether this is no number.
    var isNaN: Mask {
        let word = bits
        return word.like(0x7F80_0000).isLess(than: word & word.like(0x7FFF_FFFF))
    }

    /// Whether the sign bit is set.
    var isSigned: Mask {
        let word = bits
        return !word.isLess(than: word.like(0x8000_0000))
    }
}
