// Heterodyne: tests of the functions of pairs of float32 against the C library's.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("Functions of pairs of float32")
struct DoubleSingleFunctionTests {
    static let count = Samples.count(6_000, optimized: 1_000_000)

    func functions<Lane: VisibleLane>(_ lane: Lane.Type) {
        typealias Pair = DoubleSingle<Lane>
        var samples = Samples(seed: 11)
        var (exponentials, logarithms) = (ErrorMeter(), ErrorMeter())
        var (sines, cosines, tangents) = (ErrorMeter(), ErrorMeter(), ErrorMeter())
        for index in 0..<Self.count {
            let spread = Double.random(in: -1...1, using: &samples)
            // Everywhere in the range, in every binade, and next to where an argument is reduced otherwise.
            let multiple = Double(Int.random(in: -120...120, using: &samples)) / 2 * 0.6931471805599453
            let x = Pair(
                rounding: index % 3 == 0
                    ? 17 + 71 * spread : index % 3 == 1 ? samples.double(-60...5) : multiple + spread * 0x1p-20)
            exponentials.add(x.exponential, exp(x.exact), "exp \(x.double)")

            let near = 1 + samples.double(-40 ... -2)
            let positive = Pair(
                rounding: index % 2 == 0 ? samples.double(-78...127).magnitude : near * 2.squareRoot().squareRoot())
            logarithms.add(positive.logarithm, log(positive.exact), "log \(positive.double)")
            let one = Pair(rounding: near)
            logarithms.add(one.logarithm, log(one.exact), "log \(one.double)")

            let quarter = Double(Int.random(in: -10_680_000...10_680_000, using: &samples))
            let small = Double(Int.random(in: -1000...1000, using: &samples))
            let angle =
                switch index % 5 {
                case 0: spread * 0x1p24
                case 1: samples.double(-60...23)
                case 2: spread * 100
                case 3: quarter * (.pi / 4) + samples.double(-40 ... -1)
                default: small * (.pi / 4) + samples.double(-25 ... -1)
                }
            let turned = Pair(rounding: angle)
            sines.add(turned.sine, sin(turned.exact), of: turned, "sin \(turned.double)")
            cosines.add(turned.cosine, cos(turned.exact), of: turned, "cos \(turned.double)")

            let slope = Pair(rounding: index % 2 == 0 ? 22 * spread : samples.double(-60...5))
            tangents.add(slope.hyperbolicTangent, tanh(slope.exact), "tanh \(slope.double)")
        }
        exponentials.check(.exponential, lane)
        logarithms.check(.logarithm, lane)
        sines.check(.sine, lane)
        cosines.check(.cosine, lane)
        tangents.check(.hyperbolicTangent, lane)
    }

    @Test("Exponentials, logarithms, sines, cosines and tangents keep their bounds")
    func functionsOnTheHost() { functions(HostFloat.self) }

    @Test("They keep them on a device that flushes subnormal numbers and divides badly")
    func functionsOnARoughDevice() { functions(RoughFloat.self) }

    func powers<Lane: VisibleLane>(_ lane: Lane.Type) {
        typealias Pair = DoubleSingle<Lane>
        var samples = Samples(seed: 13)
        var meter = ErrorMeter()
        for index in 0..<Self.count {
            let base: Double =
                switch index % 4 {
                case 0: samples.double(-78...127).magnitude
                case 1: 1 + samples.double(-30 ... -2)
                case 2: Double(Int.random(in: -20...20, using: &samples))
                default: samples.double(-4...4).magnitude
                }
            let x = Pair(rounding: base)
            let reach = 88 / max(Double(log(x.exact.magnitude)).magnitude, 1e-3)
            var exponent = Double.random(in: -1...1, using: &samples) * reach
            if index % 4 >= 2 { exponent = (exponent * 2).rounded() / (index % 8 < 4 ? 1 : 2) }
            if base < 0 { exponent = exponent.rounded() }
            let y = Pair(rounding: exponent)
            let exact = pow(x.exact, y.exact)
            guard exact.isFinite, exact != 0, base != 0 else { continue }
            // The bound is per 1 + |y log x|.
            let scale = 1 + (y.exact * log(x.exact.magnitude)).magnitude
            meter.add(x.power(y), exact, per: scale, "\(x.double) ^ \(y.double)")
        }
        meter.check(.power, lane)
    }

    @Test("Powers keep their bound")
    func powersOnTheHost() { powers(HostFloat.self) }

    @Test("They keep it on a device that flushes subnormal numbers and divides badly")
    func powersOnARoughDevice() { powers(RoughFloat.self) }

    func remainders<Lane: VisibleLane>(_ lane: Lane.Type) {
        typealias Pair = DoubleSingle<Lane>
        var samples = Samples(seed: 17)
        var meter = ErrorMeter()
        for index in 0..<Self.count {
            // Whole numbers of up to 40 bits times a power of two: every remainder is exact.
            let unit = Double(sign: .plus, exponent: Int(samples.next() % 60) - 30, significand: 1)
            func whole() -> Double { Double(Int64(bitPattern: samples.integer()) >> 24) }
            let (a, b) = (whole() * unit, whole() * (index % 2 == 0 ? unit : unit * 0x1p-18))
            let exact = a.truncatingRemainder(dividingBy: b)
            let result = Pair(rounding: a).remainder(dividingBy: Pair(rounding: b)).double
            #expect(exact.isNaN ? result.isNaN : result.bitPattern == exact.bitPattern, "\(a) % \(b)")

            let (x, y) = (Pair(rounding: samples.double(-10...30)), Pair(rounding: samples.double(-20...12)))
            let rest = x.exact.truncatingRemainder(dividingBy: y.exact)
            var error = (x.remainder(dividingBy: y).exact - rest).magnitude
            // Near a multiple of the divisor the rounded result may be on its other side.
            error = min(error, (y.exact.magnitude - error).magnitude)
            let scale = max(y.exact.magnitude, x.exact.magnitude * 0x1p-16)
            meter.add(error: Double(error / scale) / DoubleSingleFormat.unit, "\(x.double) % \(y.double)")
        }
        meter.check(.remainder, lane)
    }

    @Test("Remainders are exact for operands of few bits, and keep their bound for others")
    func remaindersOnTheHost() { remainders(HostFloat.self) }

    @Test("They are that on a device that flushes subnormal numbers and divides badly")
    func remaindersOnARoughDevice() { remainders(RoughFloat.self) }
}
