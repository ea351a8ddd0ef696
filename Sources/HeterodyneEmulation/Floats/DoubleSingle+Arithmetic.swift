// Heterodyne: sums, products, quotients and square roots of pairs.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// The sum; AccurateDWPlusDW of the paper, relative error below 3 u^2 + 13 u^3, also where terms cancel.
    public static func + (a: Self, b: Self) -> Self {
        let upper = a.high.exactSum(b.high)
        let lower = a.low.exactSum(b.low)
        let sum = upper.high.exactSum(ofSmaller: upper.low + lower.high)
        return Self(sum.high, plus: lower.low + sum.low, orWithoutNumber: upper.high)
    }

    /// The difference, with the bound of the sum.
    public static func - (a: Self, b: Self) -> Self { a + -b }

    /// The product; DWTimesDW1 of the paper, relative error below 5 u^2.
    public static func * (a: Self, b: Self) -> Self {
        let product = a.high.exactProduct(b.high)
        let cross = a.high * b.low + a.low * b.high
        return Self(product.high, plus: product.low + cross, orWithoutNumber: product.high)
    }

    /// The product with a float32 number; DWTimesFP1 of the paper, relative error below 3 u^2.
    static func * (a: Self, b: Lane) -> Self {
        let product = a.high.exactProduct(b)
        return Self(product.high, plus: product.low + a.low * b, orWithoutNumber: product.high)
    }

    /// The product with a power of two, exact in range.
    func scaled(by power: Lane) -> Self { Self(high: high * power, low: low * power) }

    /// The quotient.
    ///
    /// The lane's own division may be off by 2.5 units in the last place (which is what Vulkan allows), so that only the
    /// reciprocal is taken from it, and improved by one step of Newton's iteration to within two roundings. A first
    /// quotient of the upper parts is corrected until it is rounded almost correctly; then the rest is of order u and
    /// its quotient needs no more than float32.
    public static func / (a: Self, b: Self) -> Self {
        // Reciprocals of more than 2^126 leave the normal numbers. Where the numerator leaves them because of the
        // scaling, the quotient does too.
        let isLarge = b.high.like(0x1p100).isLess(than: b.high.magnitude)
        let scale = Lane.select(isLarge, b.high.like(0x1p-64), b.high.like(1))
        let (x, y) = (a.scaled(by: scale), b.scaled(by: scale))
        let (quotient, correction) = x.quotientParts(y)
        return Self(quotient, plus: correction, orWithoutNumber: a.high / b.high)
    }

    /// The quotient by a number from 2^-100 to 2^100 inside functions, as accurate as `/`.
    func quickQuotient(_ y: Self) -> Self {
        let (quotient, correction) = quotientParts(y)
        return Self(quick: quotient, correction)
    }

    /// The quotient as a sum.
    private func quotientParts(_ y: Self) -> (quotient: Lane, correction: Lane) {
        let estimate = y.high.like(1) / y.high
        let inverse = estimate + estimate * (y.high.like(1) - y.high * estimate)
        let first = high * inverse
        let near = first.exactProduct(y.high)
        let quotient = first + ((high - near.high) - near.low) * inverse
        let product = quotient.exactProduct(y.high)
        let rest = ((high - product.high) - product.low) + (low - quotient * y.low)
        return (quotient, rest * inverse)
    }

    /// The square root; NaN below zero. The lane's own root and division may be off by some units in the last place, see
    /// division.
    public var squareRoot: Self {
        // Squares of roots of small numbers would lose their lower parts, and that of the largest root overflows.
        let isSmall = high.isLess(than: high.like(0x1p-64))
        let isLarge = high.like(0x1p64).isLess(than: high)
        let unit = Lane.select(isLarge, high.like(0x1p-64), high.like(1))
        let x = scaled(by: Lane.select(isSmall, high.like(0x1p64), unit))
        let estimate = x.high.squareRoot
        let half = x.high.like(0.5) / estimate
        let near = estimate.exactProduct(estimate)
        let root = estimate + ((x.high - near.high) - near.low) * half
        let inverse = half + (half + half) * (x.high.like(0.5) - root * half)
        let square = root.exactProduct(root)
        let rest = ((x.high - square.high) - square.low) + x.low
        let result = Self(root, plus: rest * inverse, orWithoutNumber: high.squareRoot)
        let unscaled = Lane.select(isLarge, high.like(0x1p32), high.like(1))
        return result.scaled(by: Lane.select(isSmall, high.like(0x1p-32), unscaled))
    }
}
