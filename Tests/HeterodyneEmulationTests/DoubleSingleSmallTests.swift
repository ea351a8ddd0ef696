// Heterodyne: tests of pairs of float32 whose low parts leave the normal numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("Small pairs of float32")
struct DoubleSingleSmallTests {
    /// The largest absolute error in units of 2^-123 where it is more than the relative bound.
    struct SmallMeter {
        var worst = 0.0
        var worstCase = ""

        mutating func add<Lane: VisibleLane>(
            _ result: DoubleSingle<Lane>, _ exact: Widest, _ operation: DoubleSingleFormat.Operation,
            per change: Widest = 0, _ name: @autoclosure () -> String
        ) {
            guard exact.magnitude < Widest(DoubleSingleFormat.smallestAccurate) else { return }
            let error = (result.exact - exact).magnitude
            let relative = exact.magnitude * Widest(DoubleSingleFormat.bound(operation) * DoubleSingleFormat.unit)
            guard error > relative else { return }
            // A small operand counts as changed as well, which changes the result by so much.
            let size = Double(error / (1 + change)) / DoubleSingleFormat.absoluteError
            if !(size <= worst) {
                worst = size.isNaN ? .infinity : size
                worstCase = "\(operation) \(name())"
            }
        }
    }

    func small<Lane: VisibleLane>(_ lane: Lane.Type, read: (Float) -> Float) {
        typealias Pair = DoubleSingle<Lane>
        var samples = Samples(seed: 19)
        var meter = SmallMeter()
        for _ in 0..<Samples.count(10_000, optimized: 500_000) {
            // The operands are what the device reads: parts that it flushes are 0.
            func pair(_ exponents: ClosedRange<Int>) -> (Pair, Widest) {
                let pair = Pair(rounding: samples.double(exponents))
                return (pair, Widest(read(pair.high.value)) + Widest(read(pair.low.value)))
            }
            let (a, s) = pair(-126 ... -70)
            let (b, t) = pair(-126 ... -70)
            meter.add(a + b, s + t, .add, "\(a.double) + \(b.double)")
            let size = Int(a.high.value.exponent)
            let (c, u) = pair(-40...40)
            meter.add(a * c, s * u, .multiply, per: u.magnitude, "\(a.double) * \(c.double)")
            meter.add(a / c, s / u, .divide, per: 1 / u.magnitude, "\(a.double) / \(c.double)")
            let (d, v) = pair(-130 - size / 2 ... -70 - size / 2)
            let (e, w) = pair(size / 2 - 5...size / 2 + 5)
            meter.add(d * e, v * w, .multiply, per: max(v.magnitude, w.magnitude), "\(d.double) * \(e.double)")
            let (f, x) = pair(60...120)
            meter.add(c / f, u / x, .divide, "\(c.double) / \(f.double)")
            let exponent = Pair(rounding: Double.random(in: -103 ... -54, using: &samples))
            meter.add(exponent.exponential, exp(exponent.exact), .exponential, "exp \(exponent.double)")
        }
        #expect(meter.worst <= 1, "\(meter.worstCase)")
        #if !DEBUG
        print("absolute error on \(lane): \(meter.worst) times 2^-123 at \(meter.worstCase)")
        #endif
    }

    @Test("Small results are off by no more than the absolute bound")
    func smallOnTheHost() { small(HostFloat.self) { $0 } }

    @Test("They are that on a device that flushes subnormal numbers and divides badly")
    func smallOnARoughDevice() { small(RoughFloat.self, read: RoughModel.read) }
}
