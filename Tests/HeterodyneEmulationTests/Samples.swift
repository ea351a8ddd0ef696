// Heterodyne: reproducible numbers for the tests of emulation.
// SPDX-License-Identifier: Apache-2.0

/// Pseudo-random numbers (xorshift), the same in every run.
struct Samples: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// How many samples a test takes: few where the library is built for debugging, many where it is optimized.
    static func count(_ few: Int, optimized many: Int) -> Int {
        #if DEBUG
        few
        #else
        many
        #endif
    }

    /// A number of 1 to 64 bits, so that small ones are as frequent as large ones, of either sign.
    mutating func integer() -> UInt64 {
        let bits = next()
        let value = next() >> (bits & 63)
        return bits & 64 == 0 ? value : 0 &- value
    }

    /// A number with a random significand and an exponent in the range, of either sign.
    mutating func double(_ exponents: ClosedRange<Int>) -> Double {
        let bits = next()
        let exponent = Int.random(in: exponents, using: &self)
        let value = Double(sign: .plus, exponent: exponent, significand: 1 + Double(bits >> 12) * 0x1p-52)
        return bits & 1 == 0 ? value : -value
    }
}
