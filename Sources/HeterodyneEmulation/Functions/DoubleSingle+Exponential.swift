// Heterodyne: the exponential and the hyperbolic tangent of pairs.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// e^x: infinity from about 88.72 on, 0 below about -104.
    public var exponential: Self {
        let parts = clamped(-110, 90).reducedExponential
        // 1 + r (1 + r tail), and 2^k in two factors because k leaves the exponents of normal numbers at both ends.
        let inner = parts.r.quickProduct(parts.tail, plus: 1)
        let number = parts.r.quickProduct(inner, plus: 1)
        let half = (parts.k * high.like(0.5)).floor
        let scaled = number.scaled(by: half.powerOfTwo).scaled(by: (parts.k - half).powerOfTwo)
        let result = Lane.select(high.isNaN, high, scaled.high)
        return Self(high: result, low: Lane.select(result.isNumberButZero, scaled.low, high.like(0)))
    }

    /// The hyperbolic tangent, as e / (e + 2) with e = e^(2 |x|) - 1, accurate near 0 too.
    public var hyperbolicTangent: Self {
        let size = magnitude
        // From 17.7 on the result is 1 in 50 bits.
        let parts = size.scaled(by: high.like(2)).clamped(0, 40).reducedExponential
        let inner = parts.r.quickProduct(parts.tail, plus: 1)
        let scale = parts.k.powerOfTwo
        // 2^k (e^r - 1) + (2^k - 1); k is not negative, so that nothing cancels but by a third.
        let less = parts.r.quickProduct(inner).scaled(by: scale)
        let e = less.quickSum(Self(quick: scale, high.like(-1)))
        let quotient = e.quickQuotient(e.quickSum(Self(exactly: high.like(2))))
        // Below 2^-30 the tangent is x to 60 bits.
        let isTiny = size.high.isLess(than: high.like(0x1p-30))
        let result = Self.select(isTiny | high.isNaN, size, quotient)
        let sign = high.bits & high.bits.like(0x8000_0000)
        return Self(high: (result.high.bits | sign).asFloat, low: (result.low.bits ^ sign).asFloat)
    }

    /// x = k ln 2 + r with an integer k and |r| <= ln 2 / 2, and (e^r - 1 - r) / r^2.
    private var reducedExponential: (k: Lane, r: Self, tail: Self) {
        let k = (high * high.like(Coefficients.inverseLogarithmOfTwo)).nearestInteger
        let parts = Coefficients.logarithmOfTwo.map { k * high.like($0) }
        // The first difference is exact because its terms are near each other, or k is 0. It is 0 or at least one unit in the
        // last place of x.
        let first = (high - parts[0]).exactSum(ofSmaller: low)
        let second = first.high.exactSum(-parts[1])
        let r = Self(quick: second.high, second.low + (first.low - parts[2]))
        return (k, r, r.polynomial(PolynomialLanes(Coefficients.exponential, like: high)))
    }

    /// The number between two limits; the upper one for NaN.
    private func clamped(_ low: Float, _ high: Float) -> Self {
        let upper = self.high.clamped(low, high)
        return Self(
            high: upper,
            low: Lane.select(upper.isEqual(to: self.high), self.low, upper.like(0)))
    }
}
