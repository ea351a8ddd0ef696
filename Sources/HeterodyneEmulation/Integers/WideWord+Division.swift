// Heterodyne: division and powers of 64-bit integers without loops over bits.
// SPDX-License-Identifier: Apache-2.0

extension WideWord {
    /// a / b truncated toward zero; all bits set for b = 0; the smallest signed number by -1 is itself.
    public func divided(by b: Self, isSigned: Bool) -> Self {
        guard isSigned else { return Self.select(b.isZero, like(.max), unsignedDivision(by: b).quotient) }
        let quotient = magnitude.unsignedDivision(by: b.magnitude).quotient.negated(where: (high ^ b.high).signFill)
        return Self.select(b.isZero, like(.max), quotient)
    }

    /// a - b trunc(a / b), with the sign of a; a for b = 0.
    public func remainder(dividingBy b: Self, isSigned: Bool) -> Self {
        guard isSigned else { return Self.select(b.isZero, self, unsignedDivision(by: b).remainder) }
        let remainder = magnitude.unsignedDivision(by: b.magnitude).remainder.negated(where: high.signFill)
        return Self.select(b.isZero, self, remainder)
    }

    /// Quotient and remainder of unsigned numbers; by 1 where b = 0.
    ///
    /// Four estimates in float32 from below. One estimate of Q = r / b is `float(r) * inverse`: r costs two roundings and
    /// b two (2^-22 together), the lane's quotient at most 2.5 units in the last place (5 * 2^-24), the product one
    /// more, in all at most 10 * 2^-24. The factor 1 - 2^-20 is below that, so that the estimate, truncated, is at most
    /// Q, and at least Q (1 - 27 * 2^-24) - 1. What remains of Q < 2^64 is therefore below 2^45, 2^26, 2^7 and, after
    /// the fourth estimate, 1 + 2^-12, which one comparison settles.
    private func unsignedDivision(by b: Self) -> (quotient: Self, remainder: Self) {
        let divisor = Self(low: Word.select(b.isZero, low.like(1), b.low), high: b.high)
        let number = divisor.estimate
        let inverse = number.like(1 - 0x1p-20) / number
        var (quotient, remainder) = (like(0), self)
        for _ in 0..<2 {
            let part = Self(truncating: remainder.estimate * inverse)
            quotient = quotient + part
            remainder = remainder - part * divisor
        }
        for _ in 0..<2 {
            let part = (remainder.estimate * inverse).truncatedWord
            let product = part.fullProduct(divisor.low)
            quotient = quotient + Self(zeroExtending: part)
            remainder = remainder - Self(low: product.low, high: product.high + part * divisor.high)
        }
        let fits = !remainder.isLess(than: divisor, isSigned: false)
        return (
            Self.select(fits, quotient + like(1), quotient), Self.select(fits, remainder - divisor, remainder)
        )
    }

    /// An unsigned number as float32 with two roundings.
    private var estimate: Word.Number {
        let upper = high.toFloat
        return upper * upper.like(0x1p32) + low.toFloat
    }

    /// The integer part of a number from 0 to less than 2^64.
    init(truncating x: Word.Number) {
        let upper = (x * x.like(0x1p-32)).truncatedWord
        self.init(low: (x - upper.toFloat * x.like(0x1p32)).truncatedWord, high: upper)
    }

    /// a^b modulo 2^64. A negative exponent gives the truncated quotient 1 / a^|b|, for a = 0 all bits set.
    ///
    /// The 20 low bits of b are squared and multiplied out. The rest is m in b = b' + 2^20 m: for odd a, a^(2^20) = 1 + z
    /// with z divisible by 2^22 (the order of the group of odd numbers modulo 2^n), hence
    /// (1 + z)^m = 1 + m z + m (m - 1) z^2 / 2, and what follows is divisible by 2^64. Even a to 64 or more is 0.
    public func power(_ b: Self, isSigned: Bool) -> Self {
        let (zero, one) = (like(0), like(1))
        var (result, square) = (one, self)
        for bit in 0..<20 {
            let isSet = !(b.low & low.like(1 << UInt32(bit))).isEqual(to: low.like(0))
            result = Self.select(isSet, bit == 0 ? square : result * square, result)
            square = square * square
        }
        let z = square - one
        let half = z.shiftedRight(by: 1)
        let m = b.shiftedRight(by: 20)
        result = result * (one + m * (z + (m - one) * (half * z)))
        let isEven = (low & low.like(1)).isEqual(to: low.like(0))
        let isLarge = !b.isLess(than: like(64), isSigned: false)
        result = Self.select(isEven & isLarge, zero, result)
        guard isSigned else { return result }
        let ones = like(.max)
        let isMinusOne = isEqual(to: ones)
        let odd = !(b.low & low.like(1)).isEqual(to: low.like(0))
        var quotient = Self.select(isEqual(to: one) | (isMinusOne & !odd), one, zero)
        quotient = Self.select(isZero | (isMinusOne & odd), ones, quotient)
        return Self.select(b.isNegative, quotient, result)
    }

    /// floor(a / 2^count) for a count from 1 to 31.
    func shiftedRight(by count: UInt32) -> Self {
        let (down, up) = (low.like(count), low.like(32 - count))
        return Self(
            low: low.shiftedRight(by: down) | high.shiftedLeft(by: up), high: high.shiftedRight(by: down))
    }
}
