// Heterodyne: error-free sums and products of lanes.
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

    /// By splitting each factor into a half of its first 12 bits and the rest (Dekker 1971). The halves are cut with a mask
    /// and not with Veltkamp's multiplication by 4097, which costs more and overflows for factors from 2^115 on. Each
    /// partial product and each partial sum is exact: in units of the factors' last places the sums stay below 2^24
    /// times the smallest bit they hold.
    public func exactProduct(_ b: Self) -> (high: Self, low: Self) {
        let high = self * b
        let (x, y) = (split(), b.split())
        let low = ((x.high * y.high - high) + x.high * y.low + x.low * y.high) + x.low * y.low
        return (high, low)
    }

    private func split() -> (high: Self, low: Self) {
        let word = bits
        let high = (word & word.like(0xFFFF_F000)).asFloat
        return (high, self - high)
    }
}

extension WordLane {
    /// From products of halves: no sum of these exceeds a word.
    public func fullProduct(_ b: Self) -> (low: Self, high: Self) {
        let (half, mask) = (like(16), like(0xFFFF))
        let (a0, a1) = (self & mask, shiftedRight(by: half))
        let (b0, b1) = (b & mask, b.shiftedRight(by: half))
        let upper = a1 * b0 + (a0 * b0).shiftedRight(by: half)
        let middle = a0 * b1 + (upper & mask)
        return (self * b, a1 * b1 + upper.shiftedRight(by: half) + middle.shiftedRight(by: half))
    }
}
