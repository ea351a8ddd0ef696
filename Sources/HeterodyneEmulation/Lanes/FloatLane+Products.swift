// Heterodyne: error-free sums and products of float32 lanes.
// SPDX-License-Identifier: Apache-2.0

extension FloatLane {
    /// The sum as a rounded sum and its exact error, `a + b = high + low`, unless the sum overflows (Knuth 1969).
    public func exactSum(_ b: Self) -> (high: Self, low: Self) {
        let high = self + b
        let part = high - self
        return (high, (self - (high - part)) + (b - part))
    }

    /// Likewise for |a| >= |b| or a = 0 (Dekker 1971).
    public func exactSum(ofSmaller b: Self) -> (high: Self, low: Self) {
        let high = self + b
        return (high, b - (high - self))
    }

    /// By splitting each factor into halves of 12 bits (Dekker 1971; Veltkamp's splitting). Factors from 2^115 on overflow.
    public func exactProduct(_ b: Self) -> (high: Self, low: Self) {
        let high = self * b
        let (x, y) = (split(), b.split())
        let low = ((x.high * y.high - high) + x.high * y.low + x.low * y.high) + x.low * y.low
        return (high, low)
    }

    private func split() -> (high: Self, low: Self) {
        let scaled = like(4097) * self
        let high = scaled - (scaled - self)
        return (high, self - high)
    }
}
