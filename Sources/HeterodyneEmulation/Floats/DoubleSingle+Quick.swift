// Heterodyne: sums and products of pairs inside functions, where no zero's sign, infinity or NaN needs care.
// SPDX-License-Identifier: Apache-2.0

extension DoubleSingle {
    /// `high + low` for |high| >= |low| or high = 0.
    init(quick high: Lane, _ low: Lane) {
        let sum = high.exactSum(ofSmaller: low)
        self.init(high: sum.high, low: sum.low)
    }

    /// The sum, as accurate as `+`.
    func quickSum(_ b: Self) -> Self {
        let upper = high.exactSum(b.high)
        let lower = low.exactSum(b.low)
        let sum = upper.high.exactSum(ofSmaller: upper.low + lower.high)
        return Self(quick: sum.high, lower.low + sum.low)
    }

    /// The product, as accurate as `*`.
    func quickProduct(_ b: Self) -> Self {
        let product = high.exactProduct(b.high)
        return Self(quick: product.high, product.low + (high * b.low + low * b.high))
    }

    /// `constant + self * b`, where the constant is at least twice as large as the product.
    func quickProduct(_ b: Self, plus constant: Self) -> Self {
        let product = high.exactProduct(b.high)
        let rest = product.low + (high * b.low + low * b.high)
        let sum = constant.high.exactSum(ofSmaller: product.high)
        return Self(quick: sum.high, sum.low + (rest + constant.low))
    }

    /// `constant + self * b`, where the constant is at least twice as large as the product.
    func quickProduct(_ b: Self, plus constant: Float) -> Self {
        let product = high.exactProduct(b.high)
        let rest = product.low + (high * b.low + low * b.high)
        let sum = high.like(constant).exactSum(ofSmaller: product.high)
        return Self(quick: sum.high, sum.low + rest)
    }

    /// The polynomial of x by Horner's rule. Each coefficient is at least twice as large as what follows it.
    func polynomial(_ coefficients: PolynomialLanes<Lane>) -> Self {
        let tail = coefficients.singles.reduce(high.like(0)) { $0 * high + $1 }
        // The first pair takes what follows it as one float32 number, as accurate as its own small weight asks for.
        guard let first = coefficients.pairs.first else { return Self(exactly: tail) }
        let sum = first.high.exactSum(ofSmaller: tail * high)
        return coefficients.pairs.dropFirst().reduce(Self(quick: sum.high, sum.low + first.low)) {
            quickProduct($0, plus: $1)
        }
    }
}

extension FloatLane {
    /// The nearest integer, either one half way between two.
    var nearestInteger: Self { (self + like(0.5)).floor }

    /// 2^k of an integer k from -126 to 127.
    var powerOfTwo: Self {
        let biased = (self + like(127)).truncatedWord
        return biased.shiftedLeft(by: biased.like(23)).asFloat
    }

    /// The number between two limits; the upper one for NaN.
    func clamped(_ low: Float, _ high: Float) -> Self {
        let capped = Self.select(isLess(than: like(high)), self, like(high))
        return Self.select(capped.isLess(than: like(low)), like(low), capped)
    }
}
