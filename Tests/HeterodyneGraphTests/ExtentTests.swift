// Heterodyne: extents obey the laws of integer arithmetic.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct ExtentTests {
    /// A random extent and, computed beside it, its value for given numbers.
    static func random(
        _ random: inout SplitMix64, _ numbers: [String: Int], depth: Int
    ) throws(GraphError) -> (Extent, Int) {
        switch Int.random(in: 0..<(depth == 0 ? 2 : 6), using: &random) {
        case 0:
            let value = Int.random(in: -5...5, using: &random)
            return (.fixed(value), value)
        case 1:
            let name = ["a", "b", "c d"][Int.random(in: 0..<3, using: &random)]
            return (.symbol(name), numbers[name] ?? 0)
        case 2:
            let (x, y) = (
                try self.random(&random, numbers, depth: depth - 1), try self.random(&random, numbers, depth: depth - 1)
            )
            return (try x.0.adding(y.0), x.1 + y.1)
        case 3:
            let (x, y) = (
                try self.random(&random, numbers, depth: depth - 1), try self.random(&random, numbers, depth: depth - 1)
            )
            return (try x.0.subtracting(y.0), x.1 - y.1)
        case 4:
            let (x, y) = (
                try self.random(&random, numbers, depth: depth - 1), try self.random(&random, numbers, depth: depth - 1)
            )
            return (try x.0.multiplied(by: y.0), x.1 * y.1)
        default:
            let x = try self.random(&random, numbers, depth: depth - 1)
            let divisor = Int.random(in: 1...4, using: &random)
            return (try x.0.floorDivided(by: divisor), Int((Double(x.1) / Double(divisor)).rounded(.down)))
        }
    }

    @Test func bindingGivesWhatNumbersGive() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<1500 {
            var numbers: [String: Int] = [:]
            for name in ["a", "b", "c d"] { numbers[name] = Int.random(in: 0...6, using: &random) }
            let (extent, value) = try Self.random(&random, numbers, depth: 3)
            #expect(try extent.bound(numbers) == .fixed(value), "\(extent) at \(numbers)")
            // In two steps, the same.
            #expect(try extent.bound(["a": numbers["a"] ?? 0]).bound(numbers) == .fixed(value))
        }
    }

    @Test func ringLawsHoldStructurally() throws {
        var random = SplitMix64(seed: 2)
        for _ in 0..<300 {
            let x = try Self.random(&random, [:], depth: 2).0
            let y = try Self.random(&random, [:], depth: 2).0
            let z = try Self.random(&random, [:], depth: 2).0
            #expect(try x.adding(y) == y.adding(x))
            #expect(try x.multiplied(by: y) == y.multiplied(by: x))
            #expect(try x.adding(y).adding(z) == x.adding(y.adding(z)))
            #expect(try x.multiplied(by: y).multiplied(by: z) == x.multiplied(by: y.multiplied(by: z)))
            #expect(try x.multiplied(by: y.adding(z)) == x.multiplied(by: y).adding(x.multiplied(by: z)))
            #expect(try x.subtracting(x) == 0)
            #expect(try x.multiplied(by: 6).floorDivided(by: 3) == x.multiplied(by: 2))
        }
    }

    @Test func overflowAndBadDivisorsAreErrors() {
        let big = Extent.fixed(.max)
        #expect(error { () throws(GraphError) in _ = try big.adding(1) }?.kind == .overflow)
        #expect(error { () throws(GraphError) in _ = try big.multiplied(by: 2) }?.kind == .overflow)
        #expect(error { () throws(GraphError) in _ = try Extent.fixed(.min).subtracting(1) }?.kind == .overflow)
        #expect(error { () throws(GraphError) in _ = try Extent.fixed(1).subtracting(.fixed(.min)) }?.kind == .overflow)
        #expect(error { () throws(GraphError) in _ = try big.floorDivided(by: 0) }?.kind == .invalidAttribute)
        #expect(
            error { () throws(GraphError) in
                _ = try Extent.symbol("n").multiplied(by: big).adding(Extent.symbol("n").multiplied(by: big))
            }?.kind == .overflow)
    }
}
