// Heterodyne: tests of pairs of float32 where float64 has zeros with signs, infinities and NaN.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("Special values of pairs of float32")
struct DoubleSingleSpecialTests {
    static let values: [Double] = [
        0, -0.0, 1, -1, 0.5, -2, 3, -7.25, 0x1p-60, -0x1p-60, 0x1p-126, 0x1p60, -0x1p100, 0x1p127, -0x1p127,
        DoubleSingleFormat.largest, -DoubleSingleFormat.largest, .infinity, -.infinity, .nan, 1 + 0x1p-40, -1 - 0x1p-40,
        1 - 0x1p-40, 0x1p126, -0x1p126, 0x1p115, 1.5 - 0x1p-30,
    ]

    /// What float64 gives, with what lies beyond the largest pair as infinity and what lies below 2^-126 as zero.
    func expect<Lane: VisibleLane>(_ pair: DoubleSingle<Lane>, _ exact: Double, _ name: String) {
        let result = pair.double
        #expect(pair.isCanonical, "\(name)")
        if exact.isNaN {
            #expect(result.isNaN, "\(name)")
        } else if exact.magnitude > DoubleSingleFormat.largest {
            #expect(result == (exact < 0 ? -.infinity : .infinity), "\(name)")
        } else if exact == 0 {
            #expect(result.bitPattern == exact.bitPattern, "\(name)")
        } else if exact.magnitude < 0x1p-126 {
            #expect(result.magnitude <= 0x1p-126 && result.sign == exact.sign, "\(name)")
        } else {
            let bound = max(exact.magnitude * 0x1p-45, DoubleSingleFormat.absoluteError)
            #expect((result - exact).magnitude <= bound, "\(name)")
        }
    }

    func check<Lane: VisibleLane>(_ lane: Lane.Type) {
        for x in Self.values {
            let a = DoubleSingle<Lane>(rounding: x)
            expect(-a, -x, "-\(x)")
            expect(a.magnitude, x.magnitude, "|\(x)|")
            expect(a.floor, x.rounded(.down), "floor \(x)")
            expect(a.squareRoot, x.squareRoot(), "sqrt \(x)")
            for y in Self.values {
                let b = DoubleSingle<Lane>(rounding: y)
                expect(a + b, x + y, "\(x) + \(y)")
                expect(a - b, x - y, "\(x) - \(y)")
                expect(a * b, x * y, "\(x) * \(y)")
                expect(a / b, x / y, "\(x) / \(y)")
                #expect(a.isLess(than: b).value == (x < y))
                #expect(a.isLessOrEqual(to: b).value == (x <= y))
                #expect(a.isEqual(to: b).value == (x == y))
                let isNaN = x.isNaN || y.isNaN
                let larger = x == y ? (x.sign == .minus ? y : x) : max(x, y)
                let smaller = x == y ? (x.sign == .minus ? x : y) : min(x, y)
                expect(a.maximum(b), isNaN ? .nan : larger, "max \(x) \(y)")
                expect(a.minimum(b), isNaN ? .nan : smaller, "min \(x) \(y)")
                expect(DoubleSingle.select(HostMask(x < 1), a, b), x < 1 ? x : y, "select")
            }
        }
    }

    @Test("Zeros, infinities, NaN, overflow and underflow")
    func special() { check(HostFloat.self) }

    @Test("The same on a device that flushes subnormal numbers and divides badly")
    func specialOnARoughDevice() { check(RoughFloat.self) }
}

extension DoubleSingleSpecialTests {
    func checkFunctions<Lane: VisibleLane>(_ lane: Lane.Type) {
        let exponents: [Double] = [0.5, -0.5, 2, 3, -3, 5.5, 0x1p40, 0x1p40 + 1, -0x1p30 - 1]
        for x in Self.values + [-1.5, 89, -88, -105, 100, -100, 0x1p-31, -0x1p-29] {
            let a = DoubleSingle<Lane>(rounding: x)
            expect(a.exponential, exp(x), "exp \(x)")
            expect(a.logarithm, log(x), "log \(x)")
            expect(a.hyperbolicTangent, tanh(x), "tanh \(x)")
            let isAngle = x.magnitude <= DoubleSingleFormat.largestAngle
            expect(a.sine, isAngle ? sin(x) : .nan, "sin \(x)")
            expect(a.cosine, isAngle ? cos(x) : .nan, "cos \(x)")
            for y in Self.values + exponents {
                let b = DoubleSingle<Lane>(rounding: y)
                let quotient = (x / y).magnitude
                let isInRange = !(quotient > DoubleSingleFormat.largestQuotient) || x.isInfinite || y == 0
                if isInRange {
                    expect(a.remainder(dividingBy: b), x.truncatingRemainder(dividingBy: y), "\(x) % \(y)")
                } else {
                    expect(a.remainder(dividingBy: b), .nan, "\(x) % \(y)")
                }
                // Powers of numbers near 1 to huge exponents multiply what rounding left of the logarithm.
                let reach = (y * log(x.magnitude)).magnitude
                if reach < 1 || reach > 200 || !reach.isFinite { expect(a.power(b), pow(x, y), "\(x) ^ \(y)") }
            }
        }
    }

    @Test("Functions of zeros, infinities, NaN and numbers at the ends of their ranges")
    func functions() { checkFunctions(HostFloat.self) }

    @Test("The same on a device that flushes subnormal numbers and divides badly")
    func functionsOnARoughDevice() { checkFunctions(RoughFloat.self) }
}
