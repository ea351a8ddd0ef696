// Heterodyne: the random numbers that the standard's reference implementation draws.
// SPDX-License-Identifier: Apache-2.0

/// The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded and read as NumPy's `RandomState` does, so that a
/// seeded operator gives the numbers of the standard's reference implementation.
struct MersenneTwister {
    private var state = [UInt32](repeating: 0, count: 624)
    private var position = 624

    /// The generator of a seed of 32 bits.
    init(seed: UInt32) {
        var word = seed
        for index in 0..<624 {
            state[index] = word
            word = 1_812_433_253 &* (word ^ (word >> 30)) &+ UInt32(index) &+ 1
        }
    }

    /// 32 random bits.
    mutating func word() -> UInt32 {
        if position == 624 { twist() }
        var y = state[position]
        position += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C_5680
        y ^= (y << 15) & 0xEFC6_0000
        return y ^ (y >> 18)
    }

    /// A number in `[0, 1)` with 53 random bits.
    mutating func unit() -> Double {
        let high = Double(word() >> 5)
        let low = Double(word() >> 6)
        return (high * 0x1p26 + low) * 0x1p-53
    }

    private mutating func twist() {
        for index in 0..<624 {
            let y = (state[index] & 0x8000_0000) | (state[(index + 1) % 624] & 0x7FFF_FFFF)
            let odd: UInt32 = y & 1 == 0 ? 0 : 0x9908_B0DF
            state[index] = state[(index + 397) % 624] ^ (y >> 1) ^ odd
        }
        position = 0
    }
}
