// Heterodyne: the generator of test data; the same seed gives the same data everywhere.
// SPDX-License-Identifier: Apache-2.0

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct SplitMix: Sendable {
    private var state: UInt64

    /// A generator whose sequence is fixed by `text` (its FNV-1a hash).
    init(_ text: String) {
        state = text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// The next 64 bits.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The next number in 0 ..< 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// The next number between two.
    mutating func number(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

    /// The next whole number in a range of less than 2^63 values.
    mutating func integer(_ range: ClosedRange<Int>) -> Int {
        let width = UInt64(bitPattern: Int64(range.upperBound &- range.lowerBound)) &+ 1
        return width == 0 ? Int(truncatingIfNeeded: next()) : range.lowerBound &+ Int(next() % width)
    }
}
