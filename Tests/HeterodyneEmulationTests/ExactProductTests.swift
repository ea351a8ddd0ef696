// Heterodyne: tests of error-free sums and products.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

@Suite("Error-free sums and products")
struct ExactProductTests {
    /// Pairs of floats whose exponents lie up to 20 apart, so that float64 holds sums and products exactly.
    static let pairs: [(Float, Float)] = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        func number() -> Float {
            let bits = next()
            let magnitude = Float(
                sign: .plus, exponent: Int(bits % 21) - 10, significand: 1 + Float(bits >> 41) * 0x1p-23)
            return bits & 1 << 30 == 0 ? magnitude : -magnitude
        }
        return (0..<20_000).map { _ in (number(), number()) }
    }()

    @Test("Sums and products and their errors are exact")
    func exact() {
        for (a, b) in Self.pairs {
            let sum = HostFloat(a).exactSum(HostFloat(b))
            #expect(sum.high.value == a + b)
            #expect(Double(sum.high.value) + Double(sum.low.value) == Double(a) + Double(b))
            let product = HostFloat(a).exactProduct(HostFloat(b))
            #expect(product.high.value == a * b)
            #expect(Double(product.high.value) + Double(product.low.value) == Double(a) * Double(b))
            let (large, small) = a.magnitude >= b.magnitude ? (a, b) : (b, a)
            let quick = HostFloat(large).exactSum(ofSmaller: HostFloat(small))
            #expect(Double(quick.high.value) + Double(quick.low.value) == Double(a) + Double(b))
        }
    }
}
