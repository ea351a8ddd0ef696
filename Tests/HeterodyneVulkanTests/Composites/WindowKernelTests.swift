// Heterodyne: convolution and pooling in the interpreter against their decompositions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import Testing

@testable import HeterodyneVulkan

@Suite("Kernels over windows")
struct WindowKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var x: [Int]
        var weights: [Int]
        var groups = 1
        var strides: [Int]
        var dilations: [Int]
        var low: [Int]
        var high: [Int]
        var hasBias = false
        var order: [Int]?
        var testDescription: String { "\(x) by \(weights), \(groups), \(strides) \(dilations) \(low) \(high)" }

        var composite: Convolution {
            Convolution(strides: strides, dilations: dilations, low: low, high: high, groups: groups)
        }
    }

    static let cases = [
        Case(x: [2, 3, 7], weights: [5, 3, 3], strides: [1], dilations: [1], low: [1], high: [1], hasBias: true),
        Case(
            x: [1, 4, 6, 5], weights: [9, 4, 3, 3], strides: [1, 1], dilations: [1, 1], low: [1, 1], high: [1, 1]),
        Case(
            x: [2, 2, 8, 9], weights: [3, 2, 3, 2], strides: [2, 3], dilations: [1, 2], low: [2, 0], high: [0, 1]),
        Case(
            x: [1, 6, 5, 5], weights: [6, 1, 3, 3], groups: 6, strides: [1, 1], dilations: [1, 1], low: [1, 1],
            high: [1, 1]),
        Case(
            x: [3, 4, 4, 4], weights: [6, 2, 1, 1], groups: 2, strides: [1, 1], dilations: [1, 1], low: [0, 0],
            high: [0, 0],
            hasBias: true),
        Case(
            x: [1, 2, 3, 4, 3], weights: [2, 2, 2, 2, 3], strides: [1, 2, 1], dilations: [1, 1, 1], low: [0, 1, 1],
            high: [1, 0, 1]),
        Case(
            x: [1, 1, 2, 2], weights: [1, 1, 2, 2], strides: [1, 1], dilations: [2, 3], low: [1, 2], high: [1, 1]),
        Case(
            x: [2, 3, 5, 4], weights: [4, 3, 2, 2], strides: [1, 1], dilations: [1, 1], low: [0, 0], high: [0, 0],
            order: [0, 2, 3, 1]),
    ]

    private func run(_ test: Case, _ type: ScalarType, _ place: LaunchPlace, _ shape: ConvolutionPlan.Shape?) throws {
        let target = place.target
        var generator = IndexingGenerator(41)
        let x = try generator.numbers(type, test.x, -2...2)
        let weights = try generator.numbers(type, test.weights, -2...2)
        var inputs = [x, weights]
        // A bias may be wider than narrow floats.
        if test.hasBias {
            inputs.append(try generator.numbers(type == .float64 ? type : .float32, [test.weights[0]], -2...2))
        }
        func convolution(_ terms: [Term]) throws -> Term { try terms[0].builder.add(test.composite, terms) }
        let expected = try exactly(inputs, convolution)
        let size = try exactly(inputs) { terms in try convolution(terms.map { try $0.abs() }) }
        let plan = try #require(ConvolutionPlan(test.composite, inputs.map(\.type), target))
        var runner = LaunchRunner(place)
        var input = try runner.place(x, padding: 3)
        if let order = test.order {
            let permuted = try definition([x]) { _, terms in [try terms[0].transpose(order)] }[0]
            let block = runner.block(order.map { test.x[$0] }, type)
            runner.write(permuted, to: block)
            input = block.transposed(order.indices.map { d in order.firstIndex(of: d) ?? 0 })
        }
        let filter = try runner.place(weights)
        let bias = try test.hasBias ? runner.place(inputs[2], padding: 1) : nil
        let output = plan.windows.resultExtents(Array(test.x[2...]))
        let result = runner.block([test.x[0], test.weights[0]] + output, type)
        let shape =
            shape
            ?? ConvolutionPlan.Shape(
                target, channels: test.weights[0] / test.groups, positions: test.x[0] * Strides.count(output), type)
        let grouped = plan.grouped(filter)
        var operand = runner.block(plan.direct(grouped).extents, type)
        if shape.channels > 1 {
            operand = runner.block(plan.packedExtents(grouped, shape), type)
            runner.write([UInt64](repeating: 0, count: operand.count), to: operand)
            var part = operand
            part.extents = grouped.extents
            runner.copy(grouped, to: part)
        } else {
            runner.copy(plan.direct(grouped), to: operand)
        }
        try runner.run(
            plan.launch(input, weights: grouped, operand: operand, bias: bias, result, shape, target))
        let found = runner.bits(result).map(type.number(fromBits:))
        let terms = Double(Strides.count(Array(test.weights[1...])) + 1)
        let unit = type == .float64 ? 0x1p-53 : 0x1p-24
        for i in expected.indices {
            let allowed = 2 * terms * unit * size[i] + halfUnit(type, expected[i])
            #expect(abs(found[i] - expected[i]) <= allowed, "\(type) \(i): \(found[i]), expected \(expected[i])")
        }
        #expect(found.count == expected.count)
    }

    @Test(arguments: cases, LaunchPlace.all)
    func convolution(_ test: Case, _ place: LaunchPlace) throws {
        for type in place.floats {
            try run(test, type, place, nil)
        }
    }

    @Test("Every tile gives the same", arguments: [(1, 1), (1, 3), (4, 2), (8, 8), (4, 8), (8, 1)], [false, true])
    func tiles(_ tile: (channels: Int, positions: Int), _ isStrided: Bool) throws {
        for test in Self.cases {
            try run(
                test, .float32, .software,
                .init(channels: tile.channels, positions: tile.positions, isStrided: isStrided))
        }
    }

    @Test("Layers of different sizes share their kernels", arguments: [KernelTarget.gpu, .software, .least])
    func sharing(_ target: KernelTarget) throws {
        func recipes(_ x: [Int], _ outputs: Int) throws -> (ConvolutionKernel?, PoolingKernel?) {
            let composite = Convolution(strides: [1, 1], dilations: [1, 1], low: [1, 1], high: [1, 1])
            let types = [TensorType(.float32, Shape(x)), TensorType(.float32, Shape([outputs, x[1], 3, 3]))]
            let plan = try #require(ConvolutionPlan(composite, types, target))
            let input = StridedView(dense: 0, extents: x, type: .float32)
            let weights = plan.grouped(StridedView(dense: 1, extents: [outputs, x[1], 3, 3], type: .float32))
            let result = StridedView(dense: 2, extents: [x[0], outputs, x[2], x[3]], type: .float32)
            let shape = ConvolutionPlan.Shape(
                target, channels: outputs, positions: x[0] * x[2] * x[3], .float32)
            let packed = StridedView(dense: 1, extents: plan.packedExtents(weights, shape), type: .float32)
            let launch = try plan.launch(
                input, weights: weights, operand: packed, bias: nil, result, shape, target)
            let pool = MaxPool(PoolingWindows(kernel: [2, 2], strides: [2, 2]))
            let pooled = StridedView(dense: 2, extents: [x[0], x[1], x[2] / 2, x[3] / 2], type: .float32)
            let second = try #require(PoolingPlan(pool, [types[0]], target)).launch(
                input, pooled, indices: nil, target)
            return (launch.recipe as? ConvolutionKernel, second.recipe as? PoolingKernel)
        }
        let (first, second) = (try recipes([1, 64, 56, 56], 64), try recipes([4, 128, 28, 30], 256))
        #expect(first.0 != nil && first.0 == second.0)
        #expect(first.1 != nil && first.1 == second.1)
    }

    struct Pool: Sendable, CustomTestStringConvertible {
        var x: [Int]
        var kernel: [Int]
        var strides: [Int]
        var dilations: [Int]
        var low: [Int]
        var high: [Int]
        var ceilMode = false
        var testDescription: String { "\(x) by \(kernel), \(strides) \(dilations) \(low) \(high) \(ceilMode)" }

        var windows: PoolingWindows {
            PoolingWindows(
                kernel: kernel, strides: strides, dilations: dilations, low: low, high: high, ceilMode: ceilMode)
        }
    }

    static let pools = [
        Pool(x: [2, 3, 8], kernel: [3], strides: [2], dilations: [1], low: [1], high: [1]),
        Pool(
            x: [1, 2, 7, 6], kernel: [3, 2], strides: [2, 2], dilations: [1, 1], low: [1, 0], high: [1, 1],
            ceilMode: true),
        Pool(x: [2, 2, 6, 7], kernel: [2, 3], strides: [1, 2], dilations: [2, 1], low: [0, 1], high: [2, 2]),
        Pool(
            x: [1, 1, 3, 4, 5], kernel: [2, 2, 2], strides: [1, 2, 2], dilations: [1, 1, 1], low: [0, 1, 0],
            high: [1, 0, 0],
            ceilMode: true),
        Pool(x: [1, 1, 1], kernel: [2], strides: [1], dilations: [2], low: [1], high: [1]),
        Pool(x: [1, 2, 5, 5], kernel: [5, 5], strides: [1, 1], dilations: [1, 1], low: [0, 0], high: [0, 0]),
    ]

    @Test(arguments: pools, LaunchPlace.all)
    func largest(_ test: Pool, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(43)
        for type in place == .least
            ? [ScalarType.float32, .int32] : [.float32, .bfloat16, .float64, .int8, .uint16, .int64]
        {
            for hasIndices in [false, true] where !hasIndices || place != .least {
                // Few numbers, so that maxima repeat.
                let x = try generator.integers(
                    type, test.x, type.isSignedInteger || type.isFloatingPoint ? -2...1 : 0...3)
                let composite = MaxPool(test.windows, indices: hasIndices)
                let expected = try definition([x]) { builder, terms in
                    try builder.addAll(.composite(composite), terms)
                }
                let plan = try #require(PoolingPlan(composite, [x.type], place.target))
                var runner = LaunchRunner(place)
                let input = try runner.place(x, padding: 2)
                let output = plan.windows.resultExtents(Array(test.x[2...]), ceilMode: test.ceilMode)
                let result = runner.block(Array(test.x[..<2]) + output, type)
                let indices = hasIndices ? runner.block(result.extents, .int64) : nil
                try runner.run(plan.launch(input, result, indices: indices, place.target))
                #expect(runner.bits(result) == expected[0], "\(type)")
                if let indices { #expect(runner.bits(indices) == expected[1], "\(type)") }
            }
        }
    }

    @Test("NaN is the largest, and the first of several counts")
    func specials() throws {
        let values: [Float] = [1, .nan, 3, .nan, -0.0, 0, -.infinity, -.infinity]
        let x = try Literal(values, shape: [1, 1, 8])
        let composite = MaxPool(PoolingWindows(kernel: [2], strides: [2]), indices: true)
        let plan = try #require(PoolingPlan(composite, [x.type], .software))
        var runner = LaunchRunner(.software)
        let input = try runner.place(x)
        let result = runner.block([1, 1, 4], .float32)
        let indices = runner.block([1, 1, 4], .int64)
        try runner.run(plan.launch(input, result, indices: indices, .software))
        let found = runner.bits(result).map { Float(bitPattern: UInt32($0)) }
        #expect(found[0].isNaN && found[1].isNaN && found[2] == 0 && found[2].sign == .plus && found[3] == -.infinity)
        #expect(runner.bits(indices) == [1, 3, 4, 6])
    }

    @Test(arguments: pools, LaunchPlace.all)
    func mean(_ test: Pool, _ place: LaunchPlace) throws {
        var generator = IndexingGenerator(47)
        for type in place.floats {
            for countsPadding in [false, true] {
                let x = try generator.numbers(type, test.x, -2...2)
                let composite = AveragePool(test.windows, countsPadding: countsPadding)
                let expected = try exactly([x]) { terms in try terms[0].builder.add(composite, terms) }
                let plan = try #require(PoolingPlan(composite, [x.type], place.target))
                var runner = LaunchRunner(place)
                let input = try runner.place(x)
                let output = plan.windows.resultExtents(Array(test.x[2...]), ceilMode: test.ceilMode)
                let result = runner.block(Array(test.x[..<2]) + output, type)
                try runner.run(plan.launch(input, result, indices: nil, place.target))
                let found = runner.bits(result).map(type.number(fromBits:))
                let unit = type == .float64 ? 0x1p-53 : 0x1p-24
                let allowed = 4 * Double(plan.windows.tapCount + 2) * unit
                for (a, b) in zip(found, expected) {
                    let isRight = b.isNaN ? a.isNaN : abs(a - b) <= allowed + halfUnit(type, b)
                    #expect(isRight, "\(type): \(a), expected \(b)")
                }
                #expect(found.count == expected.count)
            }
        }
    }

    @Test("What the kernels do not take is decomposed")
    func claims() {
        let x = TensorType(.float32, [1, 2, 20, 20])
        let global = AveragePool(PoolingWindows(kernel: [20, 20]))
        #expect(PoolingPlan(global, [x], .gpu) == nil)
        let small = MaxPool(PoolingWindows(kernel: [2, 2]))
        #expect(PoolingPlan(small, [x], .gpu) != nil)
        #expect(PoolingPlan(small, [TensorType(.float16, [1, 2, 20, 20])], .least) == nil)
        let volume = TensorType(.float32, [1, 1, 3, 3, 3])
        let huge = 1 << 23
        let enormous = PoolingWindows(
            kernel: [huge, huge, huge], low: [huge - 1, huge - 1, huge - 1], high: [huge - 1, huge - 1, huge - 1])
        #expect(PoolingPlan(AveragePool(enormous), [volume], .gpu) == nil)
        let countless = Convolution(strides: [1, 1], dilations: [1, 1], low: [0, 0], high: [0, 0], groups: .max)
        #expect(ConvolutionPlan(countless, [x, TensorType(.float32, [4, 2, 3, 3])], .gpu) == nil)
        let convolution = Convolution(strides: [1, 1], dilations: [1, 1], low: [0, 0], high: [0, 0])
        #expect(ConvolutionPlan(convolution, [x, TensorType(.float32, [4, 2, 3, 3])], .least) != nil)
        #expect(
            ConvolutionPlan(
                convolution, [TensorType(.int32, [1, 2, 20, 20]), TensorType(.int32, [4, 2, 3, 3])], .gpu) == nil)
        let four = Convolution(
            strides: [1, 1, 1, 1], dilations: [1, 1, 1, 1], low: [0, 0, 0, 0], high: [0, 0, 0, 0])
        let large = TensorType(.float32, [1, 1, 3, 3, 3, 3])
        #expect(ConvolutionPlan(four, [large, large], .gpu) == nil)
    }
}
