// Heterodyne: programs with reductions, sorting and row composites on a Vulkan device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct RowProgramTests {
    /// Whole numbers, whose sums are exact in any order: the results have the definition's bits.
    @Test(arguments: [ProgramTests.Mode.plain, .addresses]) func reductionsOfViews(mode: ProgramTests.Mode) throws {
        let x = try ProgramTests.counting([6, 20, 8])
        let graph = try GraphBuilder.region([x.type]) { builder, terms throws(GraphError) in
            let turned = try terms[0].transpose([2, 0, 1])
            let part = try terms[0].slice([1, 2, 3], [5, 18, 8], strides: [2, 1, 1]).reverse([1])
            let spread = try terms[0].reduce(.sum, [0, 1]).broadcast([3, 8], dimensions: [1])
            return [
                try turned.reduce(.sum, [0]), try turned.reduce(.maximum, [1, 2]), try part.reduce(.minimum, [1]),
                try part.reduce(.sum, [0, 1, 2]), try spread.reduce(.sum, [0]),
                try terms[0].slice([0, 0, 0], [0, 20, 8], strides: [1, 1, 1]).reduce(.maximum, [0]),
                try terms[0].convert(.int8).reduce(.and, [2]),
            ]
        }
        try check(graph, [x], mode)
    }

    @Test(arguments: [ProgramTests.Mode.plain, .addresses]) func ordersOfViews(mode: ProgramTests.Mode) throws {
        let x = try ProgramTests.counting([5, 90, 4])
        let graph = try GraphBuilder.region([x.type]) { builder, terms throws(GraphError) in
            let turned = try terms[0].transpose([2, 1, 0])
            let top = try turned.topK(7, axis: 1)
            let sorted = try terms[0].convert(.float16).sortValues(axis: 1, descending: true, indexType: .int32)
            let nibbles = try terms[0].convert(.int4).topK(3, axis: 1, indexType: .int32)
            return [
                try turned.sortPermutation(dimension: 1, descending: false, indexType: .int64), top.values, top.indices,
                sorted.values, sorted.indices, try nibbles.values.convert(.int32), nibbles.indices,
            ]
        }
        try check(graph, [x], mode)
    }

    @Test(arguments: [ProgramTests.Mode.plain, .addresses]) func runningSumsOfViews(mode: ProgramTests.Mode) throws {
        let x = try ProgramTests.counting([5, 90, 4])
        let graph = try GraphBuilder.region([x.type]) { builder, terms throws(GraphError) in
            let turned = try terms[0].transpose([2, 1, 0])
            return [
                try turned.cumulativeSum(axis: 1), try turned.cumulativeSum(axis: 0, exclusive: true, reverse: true),
                try terms[0].cumulativeMax(axis: 1, reverse: true),
                try terms[0].convert(.int16).cumulativeProduct(axis: 1),
            ]
        }
        try check(graph, [x], mode)
    }

    @Test(arguments: [ProgramTests.Mode.plain, .addresses]) func normalizationsOfViews(mode: ProgramTests.Mode) throws {
        let x = try ProgramTests.counting([4, 6, 48])
        let s = try ProgramTests.counting([51])
        let graph = try GraphBuilder.region([x.type, s.type]) { builder, terms throws(GraphError) in
            let scale = try terms[1].slice([3], [51], strides: [1])
            let turned = try terms[0].transpose([0, 2, 1])
            return [
                try terms[0].softmax(axis: 2), try turned.softmax(axis: 1), try turned.logSoftmax(axis: 2),
                try terms[0].layerNormalization(axis: 2, scale: scale, bias: scale),
                try terms[0].rmsNormalization(axis: 2, scale: scale), try terms[0].layerNormalization(axis: 1),
            ]
        }
        let found = try mode.runner.run(graph, [x, s])
        let expected = try ProgramRunner.expected(graph, [x, s])
        for (index, (a, b)) in zip(found, expected).enumerated() {
            let (numbers, values) = (try a.numbers, try b.numbers)
            for position in values.indices {
                // Both are float32: up to 288 numbers are summed, and results reach 100.
                let bound = 700 * 0x1p-24 * max(1, abs(values[position]))
                #expect(abs(numbers[position] - values[position]) <= bound, "output \(index) at \(position)")
            }
        }
    }

    /// Long rows, which several workgroups share: whole numbers again, so that the bits are the definition's.
    @Test(arguments: [1_000, 4_097, 70_000]) func longRows(count: Int) throws {
        let x = try ProgramTests.counting([count])
        let wide = try ProgramTests.counting([count / 500, 2_048])
        let graph = try GraphBuilder.region([x.type, wide.type]) { builder, terms throws(GraphError) in
            let top = try terms[0].topK(100, axis: 0, largest: false)
            let whole = try terms[0].convert(.int32)
            return [
                try terms[0].reduce(.sum, [0]), try terms[0].reduce(.minimum, [0]), try terms[0].cumulativeSum(axis: 0),
                try terms[0].cumulativeMax(axis: 0, exclusive: true, reverse: true),
                try terms[0].sortPermutation(dimension: 0, descending: true, indexType: .int32), top.values,
                top.indices, try whole.reduce(.product, [0]), try whole.cumulativeProduct(axis: 0),
                try terms[1].reduce(.sum, [0]), try terms[1].reduce(.maximum, [1]), try terms[1].cumulativeSum(axis: 0),
            ]
        }
        try check(graph, [x, wide], .plain)
    }

    /// Rows that are too long for one invocation, along a dimension whose elements lie apart, and columns that repeat.
    @Test func veryLongRows() throws {
        let count = 100_000
        let x = try ProgramTests.counting([count, 3])
        let y = try ProgramTests.counting([2])
        let graph = try GraphBuilder.region([x.type, y.type]) { builder, terms throws(GraphError) in
            let spread = try terms[1].broadcast([2, 1_000_000], dimensions: [0])
            return [
                try spread.reduce(.sum, [1]), try spread.reduce(.maximum, [1]),
                try terms[0].softmax(axis: 0).reduce(.sum, [0]), try terms[0].softmax(axis: 0),
            ]
        }
        let found = try ProgramRunner().run(graph, [x, y])
        let numbers = try y.numbers
        #expect(try found[0].numbers == numbers.map { $0 * 1_000_000 })
        #expect(try found[1].numbers == numbers)
        for sum in try found[2].numbers { #expect(abs(sum - 1) <= 2 * Double(count) * 0x1p-24) }
        let values = try x.numbers
        let softmax = try found[3].numbers
        for column in 0..<3 {
            let rows = (0..<count).map { values[$0 * 3 + column] }
            let largest = rows.max() ?? 0
            var sum = 0.0
            for row in rows { sum += exponential(row - largest) }
            for row in [0, 1, 17, count / 2, count - 1] {
                let expected = exponential(rows[row] - largest) / sum
                #expect(abs(softmax[row * 3 + column] - expected) <= expected * Double(count) * 0x1p-24 + 0x1p-126)
            }
        }
    }

    /// e^x for whole numbers, by products.
    private func exponential(_ x: Double) -> Double {
        var result = 1.0
        for _ in 0..<Int(abs(x)) { result *= 2.718281828459045 }
        return x < 0 ? 1 / result : result
    }

    /// The kernels are there, not their decompositions.
    @Test func compositesAreClaimed() throws {
        let device = try DeviceRunner.shared.device
        let type = TensorType(.float32, [4, 64])
        let composites: [any Composite] = [
            Softmax(axis: 1), LogSoftmax(axis: 0), RMSNormalization(axis: 1), LayerNormalization(axis: 1),
            CumulativeSum(CumulativeAttributes(axis: 1)), TopK(k: 2, axis: 1), SortValues(axis: -1),
        ]
        for composite in composites { #expect(VulkanClaims.runs(composite, [type], device.target)) }
        #expect(!VulkanClaims.runs(LayerNormalization(axis: 1, statistics: true), [type], device.target))
        #expect(!VulkanClaims.runs(Hardmax(axis: 1), [type], device.target))
    }

    private func check(_ graph: Graph, _ inputs: [Literal], _ mode: ProgramTests.Mode) throws {
        let results = try mode.runner.run(graph, inputs)
        let expected = try ProgramRunner.expected(graph, inputs)
        for (index, (a, b)) in zip(results, expected).enumerated() { #expect(a == b, "output \(index)") }
        // The same bits on every run.
        for _ in 0..<3 {
            let again = try mode.runner.run(graph, inputs)
            #expect(again == results)
        }
    }
}
