// Heterodyne: tests of 64-bit integers as two words, against the processor's.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

@Suite("64-bit integers as two words")
struct WideWordTests {
    static let edges: [UInt64] = {
        var edges: [UInt64] = [0, 1, 2, 3, 5, 7, 10, 31, 32, 33, 63, 64, 65, 1000, 12_345_678_901_234_567]
        for bit in [15, 16, 23, 24, 25, 31, 32, 33, 40, 47, 48, 52, 53, 62, 63] {
            for near in -2...2 { edges.append((1 << UInt64(bit)) &+ UInt64(bitPattern: Int64(near))) }
        }
        return edges + edges.map { 0 &- $0 }
    }()

    /// Every edge with every edge, and random pairs.
    static let pairs: [(UInt64, UInt64)] = {
        var samples = Samples(seed: 1)
        let random = (0..<Samples.count(20_000, optimized: 1_000_000)).map { _ in
            (samples.integer(), samples.integer())
        }
        return edges.flatMap { a in edges.map { (a, $0) } } + random
    }()

    func wide(_ value: UInt64) -> WideWord<HostWord> {
        WideWord(low: HostWord(UInt32(truncatingIfNeeded: value)), high: HostWord(UInt32(value >> 32)))
    }

    func number(_ value: WideWord<HostWord>) -> UInt64 { UInt64(value.low.value) | UInt64(value.high.value) << 32 }
    func signed(_ value: WideWord<HostWord>) -> Int64 { Int64(bitPattern: number(value)) }

    @Test("Sums, products, bits and order")
    func arithmetic() {
        for (a, b) in Self.pairs {
            let (x, y) = (wide(a), wide(b))
            let (s, t) = (Int64(bitPattern: a), Int64(bitPattern: b))
            #expect(number(x + y) == a &+ b)
            #expect(number(x - y) == a &- b)
            #expect(number(x * y) == a &* b)
            #expect(number(x & y) == a & b && number(x | y) == a | b && number(x ^ y) == a ^ b)
            #expect(number(~x) == ~a && number(-x) == 0 &- a && number(x.magnitude) == s.magnitude)
            #expect(x.isLess(than: y, isSigned: false).value == (a < b))
            #expect(x.isLess(than: y, isSigned: true).value == (s < t))
            #expect(x.isEqual(to: y).value == (a == b))
            #expect(number(x.maximum(y, isSigned: false)) == max(a, b))
            #expect(number(x.minimum(y, isSigned: false)) == min(a, b))
            #expect(signed(x.maximum(y, isSigned: true)) == max(s, t))
            #expect(signed(x.minimum(y, isSigned: true)) == min(s, t))
            #expect(number(x.like(b)) == b)
            let full = x.low.fullProduct(y.low)
            #expect(number(WideWord(low: full.low, high: full.high)) == UInt64(x.low.value) * UInt64(y.low.value))
        }
        #expect(number(WideWord(zeroExtending: HostWord(0x8000_0001))) == 0x8000_0001)
        #expect(signed(WideWord(signExtending: HostWord(0x8000_0001))) == Int64(Int32.min) + 1)
    }

    @Test("Shifts; by 64 or more, or by a negative amount, only the fill remains")
    func shifts() {
        for (index, (a, b)) in Self.pairs.enumerated() {
            let amount = index % 4 == 0 ? b : b % 70
            let (x, n) = (wide(a), wide(amount))
            let s = Int64(bitPattern: a)
            #expect(number(x.shiftedLeft(by: n)) == (amount < 64 ? a << amount : 0))
            #expect(number(x.shiftedRight(by: n)) == (amount < 64 ? a >> amount : 0))
            #expect(signed(x.shiftedRightArithmetic(by: n)) == (amount < 64 ? s >> amount : s < 0 ? -1 : 0))
        }
    }

    @Test("Quotients and remainders, by zero and of the smallest by -1 too")
    func division() {
        for (a, b) in Self.pairs {
            let (x, y) = (wide(a), wide(b))
            let (s, t) = (Int64(bitPattern: a), Int64(bitPattern: b))
            #expect(number(x.divided(by: y, isSigned: false)) == (b == 0 ? .max : a / b))
            #expect(number(x.remainder(dividingBy: y, isSigned: false)) == (b == 0 ? a : a % b))
            let quotient = t == 0 ? -1 : s.dividedReportingOverflow(by: t).partialValue
            let remainder = t == 0 ? s : s.remainderReportingOverflow(dividingBy: t).partialValue
            #expect(signed(x.divided(by: y, isSigned: true)) == quotient)
            #expect(signed(x.remainder(dividingBy: y, isSigned: true)) == remainder)
        }
    }

    @Test("Powers")
    func powers() {
        func power(_ x: UInt64, _ y: UInt64) -> UInt64 {
            var (result, square, exponent): (UInt64, UInt64, UInt64) = (1, x, y)
            while exponent != 0 {
                if exponent & 1 != 0 { result = result &* square }
                square = square &* square
                exponent >>= 1
            }
            return result
        }
        for (index, (a, b)) in Self.pairs.enumerated() where index % 4 == 0 {
            let (x, y) = (wide(a), wide(b))
            #expect(number(x.power(y, isSigned: false)) == power(a, b))
            let signedPower: UInt64 =
                if Int64(bitPattern: b) >= 0 {
                    power(a, b)
                } else if a == 0 {
                    .max
                } else if a == 1 {
                    1
                } else if a == .max {
                    b & 1 == 0 ? 1 : .max
                } else {
                    0
                }
            #expect(number(x.power(y, isSigned: true)) == signedPower)
        }
    }

    @Test("To float32, rounded once, and back, truncated and saturated")
    func floats() {
        for (a, b) in Self.pairs {
            let x = wide(a)
            #expect(x.toFloat(isSigned: false).value == Float(a))
            #expect(x.toFloat(isSigned: true).value == Float(Int64(bitPattern: a)))
            // Numbers half way between two floats, and next to these.
            let tie = (a | 1 << 63) & ~0xFF_FFFF_FFFF | 0x80_0000_0000
            for near in [tie - 1, tie, tie + 1] {
                let shift = b & 39
                #expect(wide(near >> shift).toFloat(isSigned: false).value == Float(near >> shift))
            }
            let number = Float(bitPattern: UInt32(truncatingIfNeeded: a))
            let fraction = Float(Int64(bitPattern: b)) * 0x1p-8
            for value in [number, fraction, Float(b), -Float(b)] {
                let expected = value.isNaN ? 0 : UInt64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? 0 : .max)
                #expect(self.number(WideWord(truncating: HostFloat(value), isSigned: false)) == expected)
                let signed =
                    value.isNaN ? 0 : Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
                #expect(self.signed(WideWord(truncating: HostFloat(value), isSigned: true)) == signed)
            }
        }
    }
}
