// Heterodyne: the logarithm and powers of pairs.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// The natural logarithm; NaN below 0, minus infinity at 0.
    public var logarithm: Self {
        // Numbers near both ends of the range are moved by 2^64, so that no factor leaves the normal numbers.
        let isSmall = high.isLess(than: high.like(0x1p-64))
        let isLarge = high.like(0x1p64).isLess(than: high)
        let moves = Lane.select(isSmall, high.like(0x1p64), Lane.select(isLarge, high.like(0x1p-64), high.like(1)))
        let moved = Lane.select(isSmall, high.like(-64), Lane.select(isLarge, high.like(64), high.like(0)))
        let x = scaled(by: moves)
        // x = 2^e m with sqrt(1/2) <= m < sqrt(2); 0x3F3504F3 is sqrt(1/2).
        let bits = x.high.bits
        let shifted = bits + bits.like(0x3F80_0000 - 0x3F35_04F3)
        let biased = shifted.shiftedRight(by: bits.like(23))
        let inverse = (bits.like(254) - biased).shiftedLeft(by: bits.like(23)).asFloat
        let m = x.scaled(by: inverse)
        let e = (biased.toFloat - high.like(127)) + moved
        // log m = 2 atanh s = s (2 + z A(z)) with s = (m - 1) / (m + 1) and z = s^2.
        let one = high.like(1)
        let below = (m.high - one).exactSum(ofSmaller: m.low)
        let above = one.exactSum(ofSmaller: m.high)
        let s = Self(high: below.high, low: below.low).quickQuotient(Self(quick: above.high, above.low + m.low))
        let z = s.quickProduct(s)
        let tail = z.polynomial(PolynomialLanes(Coefficients.logarithm, like: high))
        let logarithm = s.quickProduct(z.quickProduct(tail, plus: 2))
        let parts = Coefficients.logarithmOfTwo.map { e * high.like($0) }
        let base = parts[0].exactSum(ofSmaller: parts[1])
        let sum = Self(quick: base.high, base.low + parts[2]).quickSum(logarithm)

        let isZero = high.isEqual(to: high.like(0))
        let isNegative = high.isLess(than: high.like(0))
        var special = Lane.select(isZero, high.like(-.infinity), high)
        special = Lane.select(isNegative, high.like(.nan), special)
        let isNumber = high.isNumberButZero & !isNegative & !isZero
        return Self(
            high: Lane.select(isNumber, sum.high, special), low: Lane.select(isNumber, sum.low, high.like(0)))
    }

    /// x^y as IEEE 754 has it: negative numbers have powers for whole exponents, and x^0 and 1^y are 1.
    public func power(_ y: Self) -> Self {
        let one = like(1)
        let size = magnitude
        let result = (y * size.logarithm).exponential
        let half = y.scaled(by: high.like(0.5))
        let isWhole = y.floor.isEqual(to: y)
        let isOdd = isWhole & !half.floor.isEqual(to: half)
        let flip = Lane.Word.select(isOdd, high.bits & high.bits.like(0x8000_0000), high.bits.like(0))
        var power = Self(high: (result.high.bits ^ flip).asFloat, low: (result.low.bits ^ flip).asFloat)
        let isReal = isWhole | !high.isLess(than: high.like(0)) | size.high.isEqual(to: high.like(.infinity))
        power = Self.select(isReal, power, Self(exactly: high.like(.nan)))
        // (-1)^y for an infinite y is 1 as well.
        let isUnit = isEqual(to: one) | (size.isEqual(to: one) & y.high.magnitude.isEqual(to: high.like(.infinity)))
        return Self.select(isUnit | y.high.isEqual(to: high.like(0)), one, power)
    }
}
