// Heterodyne: indexing, windows, attention and random bits as programs on a Vulkan device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct IndexingProgramTests {
    typealias Content = (GraphBuilder, [Term]) throws -> [Term]

    /// A graph whose inputs have the types of the literals.
    private func graph(_ inputs: [Literal], _ content: Content) throws -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (i, input) in inputs.enumerated() { terms.append(try builder.input("x\(i)", input.type)) }
        for (i, output) in try content(builder, terms).enumerated() { try builder.output("y\(i)", output) }
        return try builder.build()
    }

    /// Options that give the same results: as the device wants it, memory by addresses, and the forms that GPUs run.
    private static var variants: [(name: String, options: VulkanOptions)] {
        var (addresses, workgroups) = (VulkanOptions.fromEnvironment(), VulkanOptions.fromEnvironment())
        addresses.forcesAddresses = true
        workgroups.tileMemory = .workgroup
        return [("plain", .fromEnvironment()), ("addresses", addresses), ("workgroups", workgroups)]
    }

    /// Expects the device to give the definition's bits.
    private func expectExact(
        _ inputs: [Literal], donated: Set<Int> = [], _ content: Content,
        location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let graph = try graph(inputs, content)
        let expected = try ReferenceEvaluator.evaluate(graph, inputs: inputs)
        for (name, options) in Self.variants {
            let found = try ProgramRunner(options).run(graph, inputs, donated: donated)
            for (a, b) in zip(found, expected) {
                let (left, right) = try (elements(a), elements(b))
                #expect(left == right, "\(name)", sourceLocation: location)
            }
        }
    }

    private func elements(_ literal: Literal) throws -> [UInt64] {
        try (0..<literal.type.elementCount()).map { literal.bits(at: $0) }
    }

    @Test func gathers() throws {
        var generator = IndexingGenerator(51)
        let x = try generator.bits(.float32, [6, 5, 4])
        let indices = try generator.integers(.int64, [7, 1], -3...9)
        try expectExact([x, indices]) { builder, terms in
            [
                try terms[0].gather(terms[1], dimensions: [0]),
                // Through views: transposed, reversed, sliced, repeated.
                try terms[0].transpose([2, 0, 1]).reverse([0]).gather(terms[1].reverse([0]), dimensions: [1]),
                try terms[0].slice([1, 0, 1], [6, 5, 4], strides: [2, 1, 1]).gather(terms[1], dimensions: [2]),
                try builder.constant(3, TensorType(.float32, [4, 2])).gather(terms[1], dimensions: [0]),
                try terms[0].gather(builder.constant(2, TensorType(.int32, [3, 2])), dimensions: [2, 0]),
                try terms[0].gather(builder.constant(0, TensorType(.int32, [3, 0])), dimensions: []),
                try terms[0].gather(builder.constant(0, TensorType(.int64, [0, 1])), dimensions: [1]),
            ]
        }
    }

    @Test("4-bit integers and 8-bit floats move too")
    func narrowTypes() throws {
        for type in [ScalarType.int4, .uint4, .float8e5m2, .bool, .int16, .uint64] {
            let x = try ProgramTests.counting([5, 3], type == .bool ? .int8 : type)
            let indices = try Literal([4, 0, 9, 2] as [Int64], shape: [4, 1])
            let start = Literal(1 as Int32)
            try expectExact([x, indices, start]) { builder, terms in
                let x = type == .bool ? try terms[0].convert(.bool) : terms[0]
                let zero = try builder.constant(0, .scalar(.int32))
                let update = try x.gather(terms[1], dimensions: [0])
                return [
                    update, try x.dynamicSlice([terms[2], zero], sizes: [2, 3]),
                    try x.scatter(.set, terms[1], update.reverse([0]), dimensions: [0]),
                    try x.pad(builder.constant(1, .scalar(type)), low: [1, -1], high: [0, 2], interior: [1, 0]),
                    try builder.concatenate([x, update], dimension: 0),
                ]
            }
        }
    }

    @Test("Scatter leaves its operand alone, unless it may write over it", arguments: [Set<Int>(), [0]])
    func scatters(_ donated: Set<Int>) throws {
        var generator = IndexingGenerator(53)
        for mode in ScatterMode.allCases {
            for type in [ScalarType.int32, .float32] {
                let x = try generator.integers(type, [8, 4], -5...5)
                let indices = try generator.integers(.int32, [20, 1], -1...8)
                let updates = try generator.integers(type, [20, 4], -2...2)
                try expectExact([x, indices, updates], donated: donated) { _, terms in
                    [try terms[0].scatter(mode, terms[1], terms[2], dimensions: [0])]
                }
                try expectExact([x, indices, updates]) { _, terms in
                    // The operand is used again, so that it has to be copied first.
                    [try terms[0].scatter(mode, terms[1], terms[2], dimensions: [0]), try terms[0] + terms[0]]
                }
            }
        }
    }

    @Test("Long scatters: atomics, winners, and one after the other", arguments: ScatterMode.allCases)
    func longScatters(_ mode: ScatterMode) throws {
        var generator = IndexingGenerator(57)
        let count = 6000
        for type in [ScalarType.int32, .float32] where mode != .multiply || type == .int32 {
            let x = try generator.integers(type, [50, 3], -5...5)
            let indices = try generator.integers(.int64, [count, 1], -1...55)
            // Whole numbers, whose float sums are exact.
            let updates = try generator.integers(type, [count, 3], -3...3)
            try expectExact([x, indices, updates]) { _, terms in
                [try terms[0].scatter(mode, terms[1], terms[2], dimensions: [0])]
            }
        }
    }

    @Test("Sums of many updates are the same bits each time, and those of the order")
    func determinism() throws {
        var generator = IndexingGenerator(58)
        let x = try generator.numbers(.float32, [40, 2], -1...1)
        let indices = try generator.integers(.int32, [5000, 1], 0...39)
        let updates = try generator.numbers(.float32, [5000, 2], -1...1)
        let inputs = [x, indices, updates]
        let graph = try graph(inputs) { _, terms in
            [try terms[0].scatter(.add, terms[1], terms[2], dimensions: [0])]
        }
        let expected = try elements(ReferenceEvaluator.evaluate(graph, inputs: inputs)[0])
        for (name, options) in Self.variants {
            let runner = ProgramRunner(options)
            let program = try runner.backend.compile(CompilationUnit(graph: graph), for: ProgramRunner.device)
            for _ in 0..<20 {
                let found = try elements(runner.run(program, graph, inputs)[0])
                #expect(found == expected, "\(name)")
            }
        }
    }

    @Test func scatterOfEverythingAndNothing() throws {
        var generator = IndexingGenerator(59)
        let x = try generator.integers(.float32, [3, 2], -5...5)
        let whole = try generator.integers(.float32, [4, 3, 2], -5...5)
        let none = try generator.integers(.float32, [0, 2], 0...1)
        try expectExact([x, whole, none]) { builder, terms in
            let empty = try builder.constant(0, TensorType(.int32, [4, 0]))
            return [
                try terms[0].scatter(.add, empty, terms[1], dimensions: []),
                try terms[0].scatter(.set, empty, terms[1], dimensions: []),
                try terms[0].scatter(.add, builder.constant(0, TensorType(.int32, [0, 1])), terms[2], dimensions: [0]),
            ]
        }
    }

    @Test("Blocks: starts that are known, stored, mixed in type, and more than there are buffers")
    func blocks() throws {
        var generator = IndexingGenerator(61)
        let x = try generator.bits(.float32, [4, 5, 6])
        let update = try generator.bits(.float32, [2, 5, 3])
        let a = Literal(1 as Int32)
        let b = Literal(-7 as Int64)
        let all = Literal([9, 0, 2] as [Int32])
        try expectExact([x, update, a, b, all], donated: [0]) { builder, terms in
            let one = try builder.constant(1, .scalar(.int64))
            let sizes: [Extent] = [2, 5, 3]
            let parts = try (0..<3).map { try terms[4].slice([$0], [$0 + 1]).reshape([]) }
            return [
                try terms[0].dynamicSlice([terms[2], terms[3], terms[2]], sizes: sizes),
                try terms[0].dynamicSlice([one, one, one], sizes: sizes),
                try terms[0].dynamicSlice(parts, sizes: sizes),
                try terms[0].dynamicUpdateSlice(terms[1], [terms[2], one, terms[3]]),
                try terms[0].dynamicUpdateSlice(terms[1], [one, one, one]),
                try terms[0].dynamicSlice(parts, sizes: [0, 5, 3]),
            ]
        }
        let start = Literal(2 as Int32)
        let row = try generator.bits(.float32, [1, 5, 6])
        try expectExact([x, row, start], donated: [0]) { builder, terms in
            let zero = try builder.constant(0, .scalar(.int32))
            return [try terms[0].dynamicUpdateSlice(terms[1], [terms[2], zero, zero])]
        }
    }

    @Test func manyStarts() throws {
        let rank = 16
        let shape = [Int](repeating: 1, count: rank - 3) + [3, 4, 5]
        let x = try ProgramTests.counting(shape)
        let starts = (0..<rank).map { Literal(Int32($0 % 3)) }
        try expectExact([x] + starts) { _, terms in
            let sizes = (0..<rank).map { Extent.fixed($0 < rank - 3 ? 1 : 2) }
            return [try terms[0].dynamicSlice(Array(terms[1...]), sizes: sizes)]
        }
    }

    @Test func paddingConcatenationIota() throws {
        var generator = IndexingGenerator(67)
        let x = try generator.bits(.float32, [3, 4])
        let y = try generator.bits(.float32, [2, 4])
        let none = try generator.bits(.float32, [0, 4])
        let value = Literal(2.5 as Float)
        try expectExact([x, y, none, value]) { builder, terms in
            [
                try terms[0].pad(terms[3], low: [2, 0], high: [0, 1], interior: [0, 2]),
                try terms[0].pad(0, low: [-1, 1], high: [1, -2]), try terms[0].pad(0, low: [-3, 0], high: [0, 0]),
                try terms[2].pad(terms[3], low: [1, 1], high: [1, 0]), try terms[0].pad(0, low: [0, 0], high: [0, 0]),
                try terms[0].pad(7, low: [0, -4], high: [0, 1]),
                try builder.concatenate([terms[0], terms[2], terms[1]], dimension: 0),
                try builder.concatenate([terms[0].transpose([1, 0]), terms[1].transpose([1, 0])], dimension: 1),
            ]
        }
        for type in ScalarType.allCases where type.isArithmetic {
            try expectExact([]) { builder, _ in
                [
                    try builder.iota(TensorType(type, [3, 300]), dimension: 1),
                    try builder.iota(TensorType(type, [1]), dimension: 0),
                ]
            }
        }
        // Too long to be made while compiling; its end shows rounding and wrapping.
        for type in [ScalarType.float16, .bfloat16, .float32, .uint8, .int64] {
            try expectExact([]) { builder, _ in
                [try builder.iota(TensorType(type, [70_000]), dimension: 0).slice([69_000], [70_000])]
            }
        }
    }

    @Test func randomBits() throws {
        let key = Literal([77, 12] as [UInt32])
        try expectExact([key]) { builder, terms in
            let high = try builder.iota(TensorType(.uint32, [5, 7]), dimension: 1)
            let low = try builder.iota(TensorType(.uint32, [5, 7]), dimension: 0)
            return [
                try builder.add(ThreefryBits(shape: [5, 7]), terms),
                try builder.add(ThreefryBits(shape: [0]), terms),
            ] + (try builder.addAll(.composite(Threefry2x32()), [terms[0].reverse([0]), high, low]))
        }
    }

    @Test("Maxima and their positions")
    func maximumPooling() throws {
        var generator = IndexingGenerator(71)
        let x = try generator.integers(.float32, [2, 3, 6, 7], -4...4)
        try expectExact([x]) { builder, terms in
            let windows = PoolingWindows(kernel: [3, 2], strides: [2, 1], low: [1, 0], ceilMode: true)
            // Channels last in memory.
            let last = try terms[0].transpose([0, 2, 3, 1]).reverse([1])
            return try builder.addAll(.composite(MaxPool(windows, indices: true)), terms)
                + [try builder.add(MaxPool(PoolingWindows(kernel: [2, 2])), [last])]
        }
    }

    /// Expects results within a bound of those in float64.
    private func expectNear(_ inputs: [Literal], _ bound: Double, _ content: ([Term]) throws -> Term) throws {
        let graph = try graph(inputs) { _, terms in [try content(terms)] }
        let expected = try exactly(inputs, content)
        let type = graph.outputTypes[0].scalarType
        for (name, options) in Self.variants {
            let found = try numbers(ProgramRunner(options).run(graph, inputs)[0])
            #expect(found.count == expected.count)
            for (a, b) in zip(found, expected) {
                #expect(abs(a - b) <= bound + halfUnit(type, b), "\(name): \(a), expected \(b)")
            }
        }
    }

    @Test("Convolution with weights that are constants, inputs, and one channel each")
    func convolution() throws {
        var generator = IndexingGenerator(73)
        for type in [ScalarType.float32, .bfloat16] {
            let x = try generator.numbers(type, [2, 6, 7, 8], -1...1)
            let weights = try generator.numbers(type, [10, 3, 3, 2], -1...1)
            let bias = try generator.numbers(.float32, [10], -1...1)
            let depthwise = try generator.numbers(type, [6, 1, 3, 3], -1...1)
            // 18 products and a bias of magnitudes up to 1.
            let bound = 2 * 19 * 19 * 0x1p-24
            try expectNear([x, weights, bias], bound) {
                try $0[0].convolution(
                    $0[1], bias: $0[2], strides: [1, 2], padding: .explicit(low: [1, 0], high: [1, 1]), groups: 2)
            }
            try expectNear([x, bias], bound) { terms in
                let constant = try terms[0].builder.constant(weights).convert(terms[0].scalarType)
                return try terms[0].convolution(constant, bias: terms[1], dilations: [2, 1], groups: 2)
            }
            try expectNear([x, depthwise], bound) {
                try $0[0].convolution($0[1], padding: .explicit(low: [1, 1], high: [1, 1]), groups: 6)
            }
        }
    }

    @Test("Transposed convolution: strides, dilations, groups, cropping, one channel each")
    func transposedConvolution() throws {
        var generator = IndexingGenerator(77)
        for type in [ScalarType.float32, .float16] {
            let x = try generator.numbers(type, [2, 4, 5, 4], -1...1)
            let weights = try generator.numbers(type, [4, 3, 3, 2], -1...1)
            let bias = try generator.numbers(.float32, [6], -1...1)
            let depthwise = try generator.numbers(type, [4, 1, 3, 3], -1...1)
            // At most 4 channels of 6 products, and a bias, of magnitudes up to 1.
            let bound = 2 * 25 * 25 * 0x1p-24
            try expectNear([x, weights, bias], bound) {
                try $0[0].convolutionTranspose(
                    $0[1], bias: $0[2], strides: [2, 3], low: [1, 0], high: [0, 2], outputPadding: [1, 0], groups: 2)
            }
            try expectNear([x], bound) { terms in
                let constant = try terms[0].builder.constant(weights).convert(terms[0].scalarType)
                return try terms[0].convolutionTranspose(constant, dilations: [2, 1], low: [4, 3], high: [0, 0])
            }
            try expectNear([x, depthwise], bound) {
                try $0[0].convolutionTranspose($0[1], strides: [2, 2], low: [1, 1], groups: 4)
            }
        }
    }

    @Test("Attention over heads that are views of one projection, joined again")
    func attention() throws {
        var generator = IndexingGenerator(79)
        for type in [ScalarType.float32, .float16] {
            // [batch, length, 3 heads of q, k and v of depth 8 each]
            let x = try generator.numbers(type, [2, 9, 3 * 24], -1...1)
            let mask = try generator.bits(.bool, [2, 1, 1, 9])
            // Scores of up to sqrt(8) and values up to 1.
            let bound = 4 * (12 * 4 + 2 * 9 + 48) * 0x1p-24
            try expectNear([x, mask], bound) { terms in
                let heads = try terms[0].reshape([2, 9, 3, 3, 8]).transpose([2, 0, 3, 1, 4])
                let parts = try (0..<3).map {
                    try heads.slice([$0, 0, 0, 0, 0], [$0 + 1, 2, 3, 9, 8]).reshape([2, 3, 9, 8])
                }
                return try parts[0].attention(keys: parts[1], values: parts[2], mask: terms[1]).transpose([0, 2, 1, 3])
                    .reshape([2, 9, 24])
            }
        }
    }
}
