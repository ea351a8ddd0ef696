// Heterodyne: tests of the self-test: devices that keep float32 arithmetic pass it, others fail.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import Testing

@Suite("Self-test of lanes")
struct LaneSelfTestTests {
    /// A device that contracts: a product that goes into a sum is not rounded.
    enum Fusing: DeviceModel {
        static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            let isProduct = a.exact != Double(a.value)
            return DeviceFloat(Float(isProduct ? a.exact + Double(b.value) : Double(a.value) + b.exact))
        }
        static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            DeviceFloat(a.value * b.value, exact: Double(a.value) * Double(b.value))
        }
    }

    /// A device that contracts differences whose second term is a product, and nothing else.
    enum FusingSecond: DeviceModel {
        static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            DeviceFloat(Float(Double(a.value) + b.exact))
        }
        static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            DeviceFloat(a.value * b.value, exact: Double(a.value) * Double(b.value))
        }
    }

    /// A device, or a compiler that reassociates: sums of sums are as if nothing had been rounded between.
    enum Excess: DeviceModel {
        static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            let exact = a.exact + b.exact
            return DeviceFloat(Float(exact), exact: exact)
        }
    }

    /// A device that rounds toward zero.
    enum Truncating: DeviceModel {
        static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            truncated(Double(a.value) + Double(b.value))
        }
        static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            truncated(Double(a.value) * Double(b.value))
        }
        private static func truncated(_ x: Double) -> DeviceFloat<Self> {
            let nearest = Float(x)
            return DeviceFloat(
                Double(nearest).magnitude > x.magnitude ? nearest.magnitude.nextDown * (x < 0 ? -1 : 1) : nearest)
        }
    }

    /// A device that flushes numbers below 2^-100.
    enum Shallow: DeviceModel {
        static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            let product = a.value * b.value
            return DeviceFloat(product.magnitude < 0x1p-100 ? 0 : product)
        }
    }

    /// A device that divides in 8 bits, from which one correction does not reach 48. (From 16 it does.)
    enum Dividing: DeviceModel {
        static func quotient(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            let quotient = a.value / b.value
            return DeviceFloat(quotient.isNormal ? Float(bitPattern: quotient.bitPattern & 0xFFFF_0000) : quotient)
        }
    }

    /// A device that takes NaN and infinities for the largest number.
    enum Finite: DeviceModel {
        static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
            let sum = a.value + b.value
            return DeviceFloat(sum.isFinite ? sum : .greatestFiniteMagnitude)
        }
    }

    /// The formulas that a device fails.
    func failures<Lane: VisibleLane>(_ lane: Lane.Type) -> Set<LaneSelfTest.Formula> {
        var failed: Set<LaneSelfTest.Formula> = []
        for formula in LaneSelfTest.Formula.allCases {
            let inputs = LaneSelfTest.inputs(of: formula)
            var results: [[Float]] = []
            for i in inputs.a.indices {
                let found = LaneSelfTest.evaluate(
                    formula, Lane(inputs.a[i]), Lane(inputs.b[i]), Lane(inputs.c[i]), Lane(inputs.d[i]))
                if results.isEmpty { results = found.map { _ in [] } }
                for (k, lane) in found.enumerated() { results[k].append(lane.value) }
            }
            if LaneSelfTest.verify(formula, results) != nil { failed.insert(formula) }
        }
        return failed
    }

    @Test("Devices that keep float32 arithmetic pass, flushing and rough quotients included")
    func passing() {
        #expect(failures(HostFloat.self) == [])
        #expect(failures(RoughFloat.self) == [])
    }

    @Test("Devices that do not keep it fail where they do not")
    func failing() {
        #expect(failures(DeviceFloat<Fusing>.self).isSuperset(of: [.separateProduct, .product, .split]))
        #expect(failures(DeviceFloat<FusingSecond>.self).isSuperset(of: [.separateProduct, .product]))
        #expect(
            failures(DeviceFloat<Excess>.self).isSuperset(of: [.sum, .orderedSum, .keptOrder, .rounded, .constants]))
        #expect(failures(DeviceFloat<Truncating>.self).isSuperset(of: [.sum, .rounded, .pairSum]))
        #expect(failures(DeviceFloat<Shallow>.self).contains(.product))
        #expect(failures(DeviceFloat<Dividing>.self).contains(.pairQuotient))
        #expect(failures(DeviceFloat<Finite>.self).contains(.special))
    }

    @Test("The errors it expects are the exact ones, and nothing in it is subnormal")
    func expectations() {
        for formula in LaneSelfTest.Formula.allCases where formula != .special {
            let inputs = LaneSelfTest.inputs(of: formula)
            #expect(inputs.a.count == LaneSelfTest.count)
            var nonzero = 0
            for i in inputs.a.indices {
                let (a, b) = (inputs.a[i], inputs.b[i])
                let lanes = [a, b, inputs.c[i], inputs.d[i]].map { HostFloat($0) }
                let found = LaneSelfTest.evaluate(formula, lanes[0], lanes[1], lanes[2], lanes[3]).map(\.value)
                #expect((lanes.map(\.value) + found).allSatisfy { $0.isNormal || $0 == 0 }, "\(formula) \(i)")
                switch formula {
                case .sum, .orderedSum: #expect(Widest(found[0]) + Widest(found[1]) == Widest(a) + Widest(b))
                case .product: #expect(Double(found[0]) + Double(found[1]) == Double(a) * Double(b))
                case .separateProduct: #expect(found == [0, 0, 0])
                case .split: #expect(found[0] + found[1] == a)
                case .rounded: #expect(found[0] == a.rounded(.toNearestOrEven))
                case .constants: #expect(found[0] == a && found[1] == a)
                case .integers: #expect(found[0] == a.magnitude.rounded(.down))
                default: break
                }
                if let last = found.last, last != 0 { nonzero += 1 }
            }
            // Errors that are nearly all 0 would show nothing.
            if formula != .separateProduct { #expect(nonzero > inputs.a.count / 3, "\(formula)") }
        }
    }

    @Test("Results that are missing fail, with a line that says what they should be")
    func shapes() throws {
        #expect(LaneSelfTest.verify(.sum, []) != nil)
        let failure = try #require(LaneSelfTest.verify(.sum, [[], []]))
        #expect(failure.description.contains("self-test sum"))
        #expect(failure.expected.count == 2 && failure.lane == 0)
    }
}
