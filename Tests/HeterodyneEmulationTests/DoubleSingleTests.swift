// Heterodyne: tests of float64 as pairs of float32: accuracy of arithmetic and conversions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

@Suite("float64 as pairs of float32")
struct DoubleSingleTests {
    /// Pairs of operands: any exponents, near ones, nearly equal and nearly opposite ones, ends of binades.
    static let operands: [(Double, Double)] = {
        var samples = Samples(seed: 3)
        var pairs: [(Double, Double)] = []
        let count = Samples.count(20_000, optimized: 1_000_000)
        for index in 0..<count {
            let a = samples.double(-60...60)
            switch index % 8 {
            case 0: pairs.append((a, samples.double(-60...60)))
            case 1, 2: pairs.append((a, samples.double(Int(a.exponent) - 3...Int(a.exponent) + 3)))
            case 3: pairs.append((a, samples.double(Int(a.exponent) - 30...Int(a.exponent) + 30)))
            case 4: pairs.append((a, -a * (1 + samples.double(-52 ... -1))))
            case 5: pairs.append((a, a * (1 + samples.double(-52 ... -20))))
            case 6:
                // Sums of two powers of two, whose parts lie far apart or half way.
                let b = samples.double(Int(a.exponent) - 2...Int(a.exponent) + 2)
                pairs.append((a.binade + (a * 0x1p-40).binade, b.binade - (b * 0x1p-24).binade))
            default:
                // High parts just below and above powers of two, where an error counts most.
                let b = samples.double(-40...40)
                pairs.append((a.binade * (1 + a * 0x1p-20 / a.binade), b.binade * (1 - b * 0x1p-22 / b.binade)))
            }
        }
        return pairs
    }()

    func arithmetic<Lane: VisibleLane>(_ lane: Lane.Type) {
        var (sums, products, quotients, roots) = (ErrorMeter(), ErrorMeter(), ErrorMeter(), ErrorMeter())
        for (x, y) in Self.operands {
            let (a, b) = (DoubleSingle<Lane>(rounding: x), DoubleSingle<Lane>(rounding: y))
            let (s, t) = (a.exact, b.exact)
            sums.add(a + b, s + t, "\(x) + \(y)")
            sums.add(a - b, s - t, "\(x) - \(y)")
            products.add(a * b, s * t, "\(x) * \(y)")
            quotients.add(a / b, s / t, "\(x) / \(y)")
            roots.add(a.magnitude.squareRoot, s.magnitude.squareRoot(), "sqrt \(x)")
        }
        sums.check(.add, lane)
        products.check(.multiply, lane)
        quotients.check(.divide, lane)
        roots.check(.squareRoot, lane)
    }

    @Test("Sums, products, quotients and roots keep their bounds")
    func arithmeticOnTheHost() { arithmetic(HostFloat.self) }

    @Test("They keep them on a device that flushes subnormal numbers and divides badly")
    func arithmeticOnARoughDevice() { arithmetic(RoughFloat.self) }

    @Test("Conversions from and to float64")
    func float64() {
        var meter = ErrorMeter()
        for (x, y) in Self.operands {
            let pair = DoubleSingle<HostFloat>(rounding: x)
            meter.add(pair, Widest(x), "\(x)")
            #expect(pair.high.value == Float(x))
            #expect(pair.single.value == Float(x))
            let constant = pair.like(y)
            let rounded = DoubleSingle<HostFloat>(rounding: y)
            #expect(constant.high.value == Float(y) && constant.isCanonical)
            #expect((constant.exact - rounded.exact).magnitude <= Widest(y).magnitude * 0x1p-48)
            // What a pair holds in 53 bits comes back as it is; it is at most what the pair lost away from x.
            #expect(pair.double == Double(pair.exact))
            // Parts far apart are rounded to 53 bits.
            let far = DoubleSingle(
                high: HostFloat(Float(y)), low: HostFloat(Float(y) * Float(0x1p-30 * (x / x.binade - 1.5))))
            #expect(far.double == Double(far.exact), "\(far)")
        }
        meter.check(.fromFloat64, HostFloat.self)
        let ends: [(Double, Float, Float)] = [
            (0, 0, 0), (-0.0, -0.0, 0), (.infinity, .infinity, 0), (-.infinity, -.infinity, 0),
            (0x1p128, .infinity, 0), (-1e300, -.infinity, 0), (0x1p128 - 0x1p103, .infinity, 0),
            (0x1p128 - 0x1p103 - 0x1p79, .greatestFiniteMagnitude, 0x1p103 - 0x1p79),
            (1e-300, 0, 0), (-1e-300, -0.0, 0), (.leastNonzeroMagnitude, 0, 0), (0x1p-126, 0x1p-126, 0),
            (0x1.8p-127, 0, 0),
        ]
        for (x, high, low) in ends {
            for pair in [DoubleSingle<HostFloat>(rounding: x), DoubleSingle(exactly: HostFloat(1)).like(x)] {
                #expect(pair.high.value.bitPattern == high.bitPattern && pair.low.value == low, "\(x)")
            }
            let back = DoubleSingle(high: HostFloat(high), low: HostFloat(low)).double
            #expect(
                back.bitPattern
                    == (Double(high) + Double(low) == 0 ? Double(high) : Double(high) + Double(low)).bitPattern)
        }
        #expect(DoubleSingle<HostFloat>(rounding: .nan).double.isNaN)
        #expect(DoubleSingle<HostFloat>(rounding: .signalingNaN).high.value.isNaN)
        #expect(DoubleSingle<HostFloat>(rounding: .nan).like(.nan).high.value.isNaN)
    }

    @Test("Rounded to odd, a pair narrows with one rounding")
    func roundedToOdd() {
        for (x, _) in Self.operands {
            let scaled = x / x.binade
            // Next to a tie of float16.
            let tie = (scaled * 0x1p10).rounded(.down) * 0x1p-10 + 0x1p-11
            for value in [scaled, tie, tie + 0x1p-40, tie - 0x1p-40, -tie - 0x1p-30, -tie + 0x1p-30] {
                let odd = DoubleSingle<HostFloat>(rounding: value).roundedToOdd.value
                #expect(Float16(odd) == Float16(value), "\(value)")
            }
        }
    }

    @Test("Conversions from and to 64-bit integers")
    func integers() {
        var meter = ErrorMeter()
        func wide(_ value: UInt64) -> WideWord<HostWord> {
            WideWord(low: HostWord(UInt32(truncatingIfNeeded: value)), high: HostWord(UInt32(value >> 32)))
        }
        func number(_ value: WideWord<HostWord>) -> UInt64 { UInt64(value.low.value) | UInt64(value.high.value) << 32 }
        for (a, b) in WideWordTests.pairs {
            let signed = Int64(bitPattern: a)
            for (pair, value) in [
                (DoubleSingle<HostFloat>(wide(a), isSigned: false), Widest(a)),
                (DoubleSingle(wide(a), isSigned: true), Widest(signed)),
            ] {
                meter.add(pair, value, "\(value)")
                #expect(pair.high.value == Float(value))
                if value.magnitude <= 0x1p48 { #expect(pair.exact == value) }
                // Truncation gives back what the pair holds, here a whole number.
                let whole = pair.exact
                #expect(number(pair.truncated(isSigned: false)) == UInt64(exactly: whole) ?? (whole < 0 ? 0 : .max))
                #expect(
                    Int64(bitPattern: number(pair.truncated(isSigned: true)))
                        == Int64(exactly: whole) ?? (whole < 0 ? .min : .max))
            }
            let x = Double(signed) * 0x1p-13 + Double(Int64(bitPattern: b)) * 0x1p-60
            let pair = DoubleSingle<HostFloat>(rounding: x)
            let expected = pair.exact.rounded(.towardZero)
            #expect(Widest(Int64(bitPattern: number(pair.truncated(isSigned: true)))) == expected)
            #expect(number(pair.truncated(isSigned: false)) == (expected < 0 ? 0 : UInt64(expected)))
            #expect(pair.floor.exact == pair.exact.rounded(.down) && pair.floor.isCanonical)
        }
        meter.check(.fromInteger, HostFloat.self)
        for (x, signed, unsigned) in [
            (Double.nan, Int64(0), UInt64(0)), (.infinity, .max, .max), (-.infinity, .min, 0), (1e30, .max, .max),
            (-1e30, .min, 0), (0x1p63, .max, 1 << 63), (-0x1p63, .min, 0), (0x1p64 - 0x1p20, .max, 0 &- 1 << 20),
            (0x1p63 - 0x1p20, .max - 0xF_FFFF, 1 << 63 - 1 << 20), (-0.75, 0, 0), (0x1p64, .max, .max), (-0.0, 0, 0),
        ] as [(Double, Int64, UInt64)] {
            let pair = DoubleSingle<HostFloat>(rounding: x)
            #expect(Int64(bitPattern: number(pair.truncated(isSigned: true))) == signed, "\(x)")
            #expect(number(pair.truncated(isSigned: false)) == unsigned, "\(x)")
        }
    }
}
