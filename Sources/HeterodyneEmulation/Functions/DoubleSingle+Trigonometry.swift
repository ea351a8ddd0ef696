// Heterodyne: the sine and the cosine of pairs.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// The sine of x radians for |x| <= `DoubleSingleFormat.largestAngle`; NaN beyond.
    public var sine: Self { sine(turnedBy: 0) }

    /// The cosine of x radians for |x| <= `DoubleSingleFormat.largestAngle`; NaN beyond.
    public var cosine: Self { sine(turnedBy: 1) }

    /// The sine of x + quarters * pi / 2.
    private func sine(turnedBy quarters: UInt32) -> Self {
        // Beyond the range numbers are replaced by 0 on the way, so that nothing on it overflows.
        let isInRange = high.magnitude.isLessOrEqual(to: high.like(Float(DoubleSingleFormat.largestAngle)))
        let x = Self.select(isInRange, self, Self(exactly: high.like(0)))
        let (k, r) = x.reducedAngle
        // Quarter turns modulo 4, of a negative k too.
        let count = k.magnitude.truncatedWord
        let turns = Lane.Word.select(k.isLess(than: k.like(0)), count.like(0) - count, count) + count.like(quarters)
        let isCosine = !(turns & count.like(1)).isEqual(to: count.like(0))

        // One polynomial with the coefficients of either function: sin r = r (1 + z S(z)), cos r = 1 + z C(z).
        let z = r.quickProduct(r)
        let tail = z.polynomial(
            PolynomialLanes(isCosine, Coefficients.cosine, Coefficients.sine, like: high))
        let factor = Self(
            high: Lane.select(isCosine, high.like(1), r.high), low: Lane.select(isCosine, high.like(0), r.low))
        let number = factor.quickProduct(z.quickProduct(tail, plus: 1))
        let sign = (turns & count.like(2)).shiftedLeft(by: count.like(30))
        var result = Self(high: (number.high.bits ^ sign).asFloat, low: (number.low.bits ^ sign).asFloat)
        if quarters == 0 {
            // sin x is x to 60 bits below 2^-30; zero keeps its sign.
            result = Self.select(high.magnitude.isLess(than: high.like(0x1p-30)), self, result)
        }
        return Self.select(isInRange, result, Self(exactly: high.like(.nan)))
    }

    /// x = k pi / 2 + r with an integer k and |r| not much above pi / 4.
    ///
    /// Every product of k with a part of pi / 2 is an exact pair. The first difference is exact because its terms are near
    /// each other; what follows are sums with an error relative to their result, however much of it cancels.
    private var reducedAngle: (k: Lane, r: Self) {
        let parts = Coefficients.halfPi.map { high.like($0) }
        let inverse = high.like(Coefficients.inverseHalfPi)
        let near = (high * inverse).nearestInteger
        // For large x the product above may be off by more than one half; what remains says whether by one.
        let first = near.exactProduct(parts[0])
        let rest = high - first.high
        let left = (rest - first.low) + (low - near * parts[1])
        let turn = (left * inverse).nearestInteger
        let k = near + turn
        let lower = low.exactSum(-first.low)
        let upper = (rest - turn * parts[0]).exactSum(lower.high)
        var r = Self(quick: upper.high, upper.low + lower.low)
        for part in parts[1...2] {
            let product = k.exactProduct(part)
            r = r.quickSum(Self(high: -product.high, low: -product.low))
        }
        let product = k.exactProduct(parts[3])
        let last = r.high.exactSum(-product.high)
        return (k, Self(quick: last.high, last.low + r.low))
    }
}
