// Heterodyne: dot over layouts, types and views against the reference.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneReference
import Testing

@Suite(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed"))
struct DotTests {
    /// `2 K u Σ|x||y|` for each element, with the unit roundoff of the accumulation and one rounding of the result.
    static func bound(
        _ x: Literal, _ y: Literal, _ dimensions: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType
    ) throws -> Closeness {
        guard result.isFloatingPoint else { return .exact }
        let magnitude = try ReferenceEvaluator().magnitude(
            of: .dot(dimensions, accumulation: accumulation, result: result), operands: [x, y])
        let k = dimensions.leftContracting.reduce(1.0) { $0 * Double(x.type.shape[$1].fixedValue ?? 1) }
        func unit(_ type: ScalarType) -> Double {
            switch type {
            case .float64: 0x1p-53
            case .float32: 0x1p-24
            case .float16: 0x1p-11
            default: 0x1p-8
            }
        }
        let factor = 2 * max(k, 1) * unit(accumulation) + 2 * unit(result)
        let values: [Double] = try magnitude.scalars()
        return .absolute(values.map { $0 * factor })
    }

    private func check(
        _ x: Literal, _ y: Literal, _ dimensions: DotDimensions, accumulation: ScalarType? = nil,
        result: ScalarType? = nil, location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in
            [try t[0].dot(t[1], dimensions, accumulation: accumulation, result: result)]
        }
        let type = x.type.scalarType
        let closeness = try Self.bound(x, y, dimensions, accumulation ?? type.accumulationType, result ?? type)
        try DeviceRunner.check(
            graph, [x, y], closeness, "dot \(x.type) \(y.type) \(dimensions)", location: location)
    }

    /// Every way to place one batch, one free and one contracted dimension in both operands.
    @Test(arguments: [ScalarType.float32, .float64, .int32]) func placements(type: ScalarType) throws {
        var generator = SeededGenerator(11)
        let extents = [2, 5, 3]
        let permutations = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        for left in permutations {
            for right in permutations {
                // Position p of the operand holds role left[p]: 0 batch, 1 free, 2 contracted.
                let x = try DeviceRunner.random(TensorType(type, left.map { extents[$0] }), &generator)
                let y = try DeviceRunner.random(TensorType(type, right.map { [2, 4, 3][$0] }), &generator)
                func position(_ role: Int, _ order: [Int]) -> [Int] { [order.firstIndex(of: role) ?? 0] }
                try check(
                    x, y,
                    DotDimensions(
                        leftBatch: position(0, left), rightBatch: position(0, right),
                        leftContracting: position(2, left), rightContracting: position(2, right)))
            }
        }
    }

    @Test(arguments: ScalarType.allCases.filter(\.isArithmetic)) func types(type: ScalarType) throws {
        var generator = SeededGenerator(12)
        let matrix = DotDimensions(leftContracting: [1], rightContracting: [0])
        for (m, n, k) in [(1, 1, 1), (1, 33, 17), (33, 1, 17), (7, 9, 0), (0, 3, 4), (17, 19, 23), (65, 31, 129)] {
            let x = try DeviceRunner.random(TensorType(type, [m, k]), &generator, -1...1)
            let y = try DeviceRunner.random(TensorType(type, [k, n]), &generator, -1...1)
            try check(x, y, matrix)
            let wide: ScalarType =
                type.isFloatingPoint ? .float64 : type.isSignedInteger ? .int64 : .uint64
            try check(x, y, matrix, accumulation: wide, result: wide)
            try check(x, y, matrix, accumulation: wide, result: type)
        }
    }

    @Test func mixedBytes() throws {
        var generator = SeededGenerator(13)
        let x = try DeviceRunner.random(TensorType(.int8, [5, 40]), &generator)
        let y = try DeviceRunner.random(TensorType(.uint8, [40, 6]), &generator)
        let matrix = DotDimensions(leftContracting: [1], rightContracting: [0])
        try check(x, y, matrix, accumulation: .int32, result: .int32)
        try check(x, y, matrix, accumulation: .int64, result: .int16)
        try check(x, y, matrix, accumulation: .int8, result: .int32)
    }

    @Test func severalDimensionsAndViews() throws {
        var generator = SeededGenerator(14)
        let x = try DeviceRunner.random(TensorType(.float32, [2, 3, 4, 5]), &generator)
        let y = try DeviceRunner.random(TensorType(.float32, [5, 4, 3, 6]), &generator)
        try check(x, y, DotDimensions(leftContracting: [3, 2], rightContracting: [0, 1]))
        try check(x, y, DotDimensions(leftContracting: [2, 3], rightContracting: [1, 0]))
        try check(x, y, DotDimensions(leftContracting: [], rightContracting: []))
        try check(
            x, y, DotDimensions(leftBatch: [1], rightBatch: [2], leftContracting: [3, 2], rightContracting: [0, 1]))
        let a = try DeviceRunner.random(TensorType(.float32, [9, 10]), &generator)
        let b = try DeviceRunner.random(TensorType(.float32, [10, 12]), &generator)
        let matrix = DotDimensions(leftContracting: [1], rightContracting: [0])
        let graph = try GraphBuilder.graph([a.type, b.type]) { builder, t in
            let tall = try t[1].slice([0, 2], [10, 11])
            let reversed = try t[0].applying(.reverse(dimensions: [1]))
            let repeated = try t[0].slice([3, 0], [4, 10]).reshape([10]).broadcast([4, 10], dimensions: [1])
            let splat = try builder.constant(0.5, TensorType(.float32, [10, 3]))
            let strided = try t[0].slice([0, 0], [9, 10], strides: [2, 2])
            return [
                try t[0].dot(tall, matrix),
                try reversed.dot(tall, matrix),
                try repeated.dot(tall, matrix),
                try t[0].dot(splat, matrix),
                try strided.dot(tall.slice([1, 0], [6, 9]), matrix),
                try t[0].slice([2, 0], [3, 10]).dot(t[1], matrix),
                try t[0].dot(t[1].slice([0, 5], [10, 6]), matrix),
                try tall.transpose([1, 0]).dot(t[0].transpose([1, 0]), matrix),
            ]
        }
        try DeviceRunner.check(graph, [a, b], .absolute([2 * 10 * 0x1p-24 * 10 * 16]), "views of dot")
    }

    /// Sizes that are cut into tiles, also with more threads than the machine has.
    @Test func tilesAndBatches() throws {
        var generator = SeededGenerator(15)
        for (b, m, n, k) in [(1, 130, 300, 70), (12, 64, 40, 32), (3, 100, 90, 50), (40, 3, 5, 7), (1, 400, 33, 64)] {
            let x = try DeviceRunner.random(TensorType(.float32, [b, m, k]), &generator)
            let y = try DeviceRunner.random(TensorType(.float32, [b, k, n]), &generator)
            try check(
                x, y, DotDimensions(leftBatch: [0], rightBatch: [0], leftContracting: [2], rightContracting: [1]))
            let shared = try DeviceRunner.random(TensorType(.float32, [k, n]), &generator)
            let batched = DotDimensions(leftBatch: [0], rightBatch: [0], leftContracting: [2], rightContracting: [1])
            let graph = try GraphBuilder.graph([x.type, shared.type]) { _, t in
                [try t[0].dot(t[1].broadcast([.fixed(b), .fixed(k), .fixed(n)], dimensions: [1, 2]), batched)]
            }
            let spread = try ReferenceEvaluator.evaluate(
                GraphBuilder.graph([shared.type]) { _, t in
                    [try t[0].broadcast([.fixed(b), .fixed(k), .fixed(n)], dimensions: [1, 2])]
                }, inputs: [shared])[0]
            try DeviceRunner.check(
                graph, [x, shared], Self.bound(x, spread, batched, .float32, .float32), "shared right operand")
        }
    }

    /// One dot with bias, activation and residual in one step, over tiles and with narrow types.
    @Test(arguments: [ScalarType.float32, .float64, .float16]) func epilogues(type: ScalarType) throws {
        var generator = SeededGenerator(16)
        for (shape, n) in [([130, 64], 300), ([2, 65, 32], 48), ([1, 40], 70), ([3, 0], 5), ([0, 4], 5)] {
            let k = shape[shape.count - 1]
            let x = try DeviceRunner.random(TensorType(type, shape), &generator, -1...1)
            let w = try DeviceRunner.random(TensorType(type, [k, n]), &generator, -1...1)
            let bias = try DeviceRunner.random(TensorType(type, [n]), &generator)
            var resultShape = shape
            resultShape[shape.count - 1] = n
            let residual = try DeviceRunner.random(TensorType(type, resultShape), &generator)
            let dimensions = DotDimensions(leftContracting: [shape.count - 1], rightContracting: [0])
            let zero = try GraphBuilder.graph([x.type, w.type, bias.type, residual.type]) { builder, t in
                let types = t.map(\.type)
                let body = try GraphBuilder.region(types) { builder, r throws(GraphError) in
                    let product = try r[0].dot(r[1], dimensions)
                    let biased = try product + r[2].broadcast(to: product.shape)
                    let activated = try biased.maximum(biased.like(0))
                    return [try activated + r[3], try product.compare(.greater, 0), activated]
                }
                return try builder.addAll(.composite(FusedRegion(kind: .dotEpilogue, body: body)), t)
            }
            let inputs = [x, w, bias, residual]
            guard case .absolute(let limits) = try DotTests.bound(x, w, dimensions, .float32, type) else { return }
            let unit = type == .float64 ? 0x1p-50 : type == .float32 ? 0x1p-21 : 0x1p-8
            let expected = try ReferenceEvaluator.evaluate(zero, inputs: inputs)
            let actual = try DeviceRunner.run(zero, inputs, arithmetic: .uncontracted)
            for output in [0, 2] {
                let difference = try DeviceRunner.firstDifference(
                    actual[output], expected[output], .absolute(limits.map { $0 + unit * 8 } + [0]))
                #expect(difference == nil, "\(shape) output \(output)")
            }
        }
    }
}

/// Constant matrices, which are packed at compile time.
@Suite(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed"))
struct ConstantMatrixTests {
    @Test(arguments: [ScalarType.float32, .float16, .bfloat16, .float64]) func constants(type: ScalarType) throws {
        var generator = SeededGenerator(17)
        for (shape, n) in [([5, 64], 48), ([2, 33, 40], 130), ([128, 96], 257), ([1, 50], 30), ([600, 20], 17)] {
            let k = shape[shape.count - 1]
            let x = try DeviceRunner.random(TensorType(type, shape), &generator, -1...1)
            let w = try DeviceRunner.random(TensorType(type, [k, n]), &generator, -1...1)
            let transposed = try DeviceRunner.random(TensorType(type, [n, k]), &generator, -1...1)
            let dimensions = DotDimensions(leftContracting: [shape.count - 1], rightContracting: [0])
            let flipped = DotDimensions(leftContracting: [shape.count - 1], rightContracting: [1])
            let graph = try GraphBuilder.graph([x.type]) { builder, t in
                [try t[0].dot(builder.constant(w), dimensions)]
            }
            try DeviceRunner.check(
                graph, [x], DotTests.bound(x, w, dimensions, type.accumulationType, type), "constant \(shape)")
            let other = try GraphBuilder.graph([x.type]) { builder, t in
                [try t[0].dot(builder.constant(transposed), flipped)]
            }
            try DeviceRunner.check(
                other, [x], DotTests.bound(x, transposed, flipped, type.accumulationType, type), "constant, transposed")
        }
    }

    /// Weights that are stored in 16 bits and multiplied in float32: in every form that a product takes.
    @Test(arguments: [ScalarType.float16, .bfloat16]) func widenedConstants(type: ScalarType) throws {
        var generator = SeededGenerator(23)
        for (shape, n) in [([5, 64], 48), ([2, 33, 40], 130), ([700, 20], 17), ([1, 50], 30), ([6, 31], 1)] {
            let k = shape[shape.count - 1]
            let x = try DeviceRunner.random(TensorType(.float32, shape), &generator, -1...1)
            let w = try DeviceRunner.random(TensorType(type, [k, n]), &generator, -1...1)
            let widened = try Literal(
                (0..<k * n).map { Float(type.number(fromBits: w.bits(at: $0))) }, shape: Shape([k, n]))
            let dimensions = DotDimensions(leftContracting: [shape.count - 1], rightContracting: [0])
            let bound = try DotTests.bound(x, widened, dimensions, .float32, .float32)
            let graph = try GraphBuilder.graph([x.type]) { builder, t in
                [try t[0].dot(builder.constant(w).convert(.float32), dimensions)]
            }
            #expect(graph.widenedFactors.count == 1)
            try DeviceRunner.check(graph, [x], bound, "widened \(shape)")
            // Rows that lie apart, which make no tall product, and a factor that something else reads too.
            let apart = try GraphBuilder.graph([x.type]) { builder, t in
                let other = try t[0].reverse([0]).slice(
                    [Int](repeating: 0, count: shape.count), shape, strides: shape.map { _ in 1 })
                return [try other.dot(builder.constant(w).convert(.float32), dimensions)]
            }
            try DeviceRunner.check(apart, [x], bound, "widened, reversed \(shape)")
            let shared = try GraphBuilder.graph([x.type]) { builder, t in
                let factor = try builder.constant(w).convert(.float32)
                return [try t[0].dot(factor, dimensions), try factor.negate()]
            }
            #expect(shared.widenedFactors.isEmpty)
            try DeviceRunner.check(shared, [x], bound, "widened, shared \(shape)")
        }
    }

    @Test func leftOperandsInAnyLayout() throws {
        var generator = SeededGenerator(18)
        let x = try DeviceRunner.random(TensorType(.float32, [40, 33]), &generator, -1...1)
        let w = try DeviceRunner.random(TensorType(.float32, [40, 50]), &generator, -1...1)
        let dimensions = DotDimensions(leftContracting: [0], rightContracting: [0])
        let graph = try GraphBuilder.graph([x.type]) { builder, t in [try t[0].dot(builder.constant(w), dimensions)] }
        try DeviceRunner.check(graph, [x], DotTests.bound(x, w, dimensions, .float32, .float32), "transposed left")
        let constantLeft = try GraphBuilder.graph([w.type]) { builder, t in
            [try builder.constant(x).dot(t[0], dimensions)]
        }
        try DeviceRunner.check(
            constantLeft, [w], DotTests.bound(x, w, dimensions, .float32, .float32), "constant left")
    }
}
