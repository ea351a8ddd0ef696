// Heterodyne: scatter in the interpreter against the definition.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite("Scatter kernels")
struct ScatterKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var shape: [Int]
        var batch: [Int]
        var dimensions: [Int]
        var range: ClosedRange<Int>
        var testDescription: String { "\(shape) by \(batch) along \(dimensions) in \(range)" }
    }

    static let cases = [
        Case(shape: [9, 7], batch: [12], dimensions: [0], range: 0...2),
        Case(shape: [9, 16], batch: [2, 3], dimensions: [0], range: -9...9),
        Case(shape: [5, 9], batch: [4], dimensions: [1], range: -3...12),
        Case(shape: [5, 7], batch: [40], dimensions: [0, 1], range: -1...6),
        Case(shape: [4, 5, 3], batch: [3, 2], dimensions: [2, 0], range: 0...3),
        Case(shape: [3, 5], batch: [2], dimensions: [], range: 0...0),
        Case(shape: [6], batch: [5], dimensions: [0], range: 7...9),
        Case(shape: [6], batch: [30], dimensions: [0], range: 3...3),
        Case(shape: [2, 2, 3, 2, 2], batch: [7], dimensions: [3, 1], range: 0...1),
    ]

    /// Operands, and what the definition makes of them.
    private func operands(
        _ test: Case, _ type: ScalarType, _ indexType: ScalarType, _ mode: ScatterMode,
        _ generator: inout IndexingGenerator
    ) throws -> (x: Literal, indices: Literal, updates: Literal, expected: [UInt64]) {
        let window = test.shape.indices.filter { !test.dimensions.contains($0) }.map { test.shape[$0] }
        func values(_ extents: [Int]) throws -> Literal {
            mode == .set || !type.isFloatingPoint
                ? try generator.bits(type, extents) : try generator.numbers(type, extents, -4...4)
        }
        let x = try values(test.shape)
        let indices = try generator.integers(indexType, test.batch + [test.dimensions.count], test.range)
        let updates = try values(test.batch + window)
        let expected = try definition([x, indices, updates]) { _, terms in
            [try terms[0].scatter(mode, terms[1], terms[2], dimensions: test.dimensions)]
        }[0]
        return (x, indices, updates, expected)
    }

    @Test("Ordered scatter is the definition, bit by bit", arguments: cases, LaunchPlace.all)
    func ordered(_ test: Case, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(17)
        for mode in ScatterMode.allCases {
            for type in place.types + [.float32, .int8, .uint64, .float16].filter(place.target.stores) {
                let operands = try operands(test, type, .int64, mode, &generator)
                var runner = LaunchRunner(place)
                let x = try runner.place(operands.x, padding: 4)
                let plan = ScatterPlan(
                    mode, x, try runner.place(operands.indices), try runner.place(operands.updates), test.dimensions)
                for launch in try plan.orderedLaunches(place.target) { try runner.run(launch) }
                #expect(runner.bits(x) == operands.expected, "\(mode) \(type)")
            }
        }
    }

    @Test("Atomics give what the order gives", arguments: cases, LaunchPlace.all)
    func atomics(_ test: Case, _ place: LaunchPlace) throws {
        guard !test.dimensions.isEmpty else { return }
        var generator = IndexingGenerator(19)
        for mode in [ScatterMode.add, .maximum, .minimum] {
            for type in [ScalarType.int32, .uint32, .int64, .uint64] {
                guard AtomicScatterKernel.takes(mode, type, place.target) else {
                    #expect(place == .least && type.bitWidth == 64)
                    continue
                }
                let operands = try operands(test, type, .int32, mode, &generator)
                var runner = LaunchRunner(place)
                let x = try runner.place(operands.x, padding: 1)
                let plan = ScatterPlan(
                    mode, x, try runner.place(operands.indices), try runner.place(operands.updates), test.dimensions)
                try runner.run(plan.atomicLaunch(place.target))
                #expect(runner.bits(x) == operands.expected, "\(mode) \(type)")
            }
        }
    }

    @Test("The last of several updates to a slice stays", arguments: cases, LaunchPlace.all)
    func winners(_ test: Case, _ place: LaunchPlace) throws {
        guard !test.dimensions.isEmpty else { return }
        var generator = IndexingGenerator(23)
        for (type, indexType) in place.types.flatMap({ type in [ScalarType.int32, .int64].map { (type, $0) } }) {
            let operands = try operands(test, type, indexType, .set, &generator)
            var runner = LaunchRunner(place)
            let x = try runner.place(operands.x)
            let plan = ScatterPlan(
                .set, x, try runner.place(operands.indices, padding: 3), try runner.place(operands.updates),
                test.dimensions)
            let winners = runner.block([plan.sliceCount], .uint32)
            runner.write([UInt64](repeating: 0, count: plan.sliceCount), to: winners)
            for launch in try plan.winnerLaunches(winners, place.target) { try runner.run(launch) }
            #expect(runner.bits(x) == operands.expected, "\(type) \(indexType)")
        }
    }

    @Test("By the order of slices the result is the definition's, bit by bit", arguments: cases, LaunchPlace.all)
    func sorted(_ test: Case, _ place: LaunchPlace) throws {
        guard !test.dimensions.isEmpty else { return }
        var generator = IndexingGenerator(29)
        for mode in [ScatterMode.add, .multiply, .maximum, .minimum] {
            for type in [ScalarType.float32, .float16, .int8].filter(place.target.stores) {
                let operands = try operands(test, type, .int64, mode, &generator)
                var runner = LaunchRunner(place)
                let x = try runner.place(operands.x, padding: 2)
                let plan = ScatterPlan(
                    mode, x, try runner.place(operands.indices), try runner.place(operands.updates), test.dimensions)
                let numbers = runner.block([plan.count], .uint32)
                try runner.run(plan.numberLaunch(numbers, place.target))
                let order = runner.block([plan.count], .int32)
                let keys = runner.bits(numbers)
                runner.write(
                    keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { UInt64($0) }, to: order)
                try runner.run(plan.sortedLaunch(numbers: numbers, order: order, place.target))
                #expect(runner.bits(x) == operands.expected, "\(mode) \(type)")
            }
        }
    }

    @Test("Long scatters are split")
    func split() throws {
        let x = StridedView(dense: 0, extents: [10], type: .float32)
        let count = ScatterPlan.largestRun * 2 + 3
        let plan = ScatterPlan(
            .add, x, StridedView(dense: 1, extents: [count, 1], type: .int32),
            StridedView(dense: 2, extents: [count], type: .float32), [0])
        let launches = try plan.orderedLaunches(.software)
        #expect(launches.count == 3)
        #expect(launches.map { $0.constants[1] } == [.u32(0), .u32(32_768), .u32(65_536)])
        #expect(launches.map { $0.constants[2] } == [.u32(32_768), .u32(65_536), .u32(65_539)])
    }

    @Test("The strategy follows mode, type and shape")
    func strategies() {
        func strategy(
            _ mode: ScatterMode, _ type: ScalarType, _ shape: [Int], _ count: Int, _ target: KernelTarget
        ) -> ScatterPlan.Strategy {
            let x = StridedView(dense: 0, extents: shape, type: type)
            let updates = StridedView(dense: 2, extents: [count] + shape[1...], type: type)
            let indices = StridedView(dense: 1, extents: [count, 1], type: .int64)
            return ScatterPlan(mode, x, indices, updates, [0]).strategy(target)
        }
        #expect(strategy(.add, .int32, [100], 100_000, .gpu) == .atomic)
        #expect(strategy(.multiply, .int32, [100], 100_000, .gpu) == .sorted)
        #expect(strategy(.multiply, .int32, [100], 100_000, .software) == .ordered)
        #expect(strategy(.add, .int64, [100], 100_000, .least) == .sorted)
        #expect(strategy(.add, .float32, [100], 100_000, .gpu) == .sorted)
        #expect(strategy(.set, .float32, [100, 8], 100_000, .gpu) == .winners)
        #expect(strategy(.set, .float32, [100, 8], 10, .gpu) == .ordered)
        #expect(strategy(.set, .float32, [100, 1024], 100_000, .software) == .ordered)
    }
}
