// Heterodyne: the remainder of pairs.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// x - y trunc(x / y), with the sign of x; NaN for y = 0, for an infinite x, and where the quotient is beyond
    /// `DoubleSingleFormat.largestQuotient`.
    ///
    /// Four estimates of the quotient from below, of 18 bits each, as in the division of 64-bit integers. Products of 18
    /// bits and the divisor's parts are exact pairs, and what remains of the dividend is less than 2^-17 of it, so that
    /// it fits into a pair again where the operands' bits leave room: then nothing is rounded.
    public func remainder(dividingBy y: Self) -> Self {
        let (x, divisor) = (magnitude, y.magnitude)
        // Where scaling overflows or underflows the dividend, the quotient is out of range, or 0.
        let isLarge = high.like(0x1p64).isLess(than: divisor.high)
        let isSmall = divisor.high.isLess(than: high.like(0x1p-32))
        let one = high.like(1)
        let scale = Lane.select(isLarge, high.like(0x1p-64), Lane.select(isSmall, high.like(0x1p64), one))
        let unscale = Lane.select(isLarge, high.like(0x1p64), Lane.select(isSmall, high.like(0x1p-64), one))
        let d = divisor.scaled(by: scale)
        let inverse = high.like(1 - 0x1p-20) / d.high
        var rest = x.scaled(by: scale)
        let estimate = rest.high * inverse
        let isInRange = estimate.isLessOrEqual(to: high.like(Float(DoubleSingleFormat.largestQuotient)))
        rest = Self.select(isInRange, rest, Self(exactly: high.like(0)))
        for _ in 0..<4 {
            let bits = (rest.high * inverse).floor.bits
            let quotient = (bits & bits.like(0xFFFF_FFC0)).asFloat
            let (upper, lower) = (d.high.exactProduct(quotient), d.low.exactProduct(quotient))
            rest = rest.quickSum(Self(high: -upper.high, low: -upper.low))
            rest = rest.quickSum(Self(high: -lower.high, low: -lower.low))
        }
        let less = rest.quickSum(-d)
        rest = Self.select(less.high.isLess(than: high.like(0)), rest, less)
        // A divisor that is larger, infinite too, leaves the dividend as it is.
        let result = Self.select(x.isLess(than: divisor), x, rest.scaled(by: unscale))
        let isFinite = x.high.isLess(than: high.like(.infinity))
        let isNumber = isFinite & high.like(0).isLess(than: divisor.high) & (isInRange | x.isLess(than: divisor))
        let sign = high.bits & high.bits.like(0x8000_0000)
        let signed = Self(high: (result.high.bits | sign).asFloat, low: (result.low.bits ^ sign).asFloat)
        return Self.select(isNumber, signed, Self(exactly: high.like(.nan)))
    }
}
