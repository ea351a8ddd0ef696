// Heterodyne: every primitive in every scalar type against the reference.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneReference
import Testing

private let computing = ScalarType.allCases.filter(\.isArithmetic)
private let shapes: [[Int]] = [[], [0], [1], [7], [3, 5], [33, 65], [2, 0, 3], [2, 3, 4, 5]]

@Suite(.enabled(if: DeviceRunner.isAvailable, "OpenBLAS is not installed"))
struct PrimitiveTests {
    @Test(arguments: computing) func unary(type: ScalarType) throws {
        var generator = SeededGenerator(1)
        let numerics = try DeviceRunner.backend.capabilities(of: DeviceRunner.device).numerics
        for op in UnaryOperator.allCases where type.isFloatingPoint || op.takesIntegers {
            for shape in shapes {
                let range: ClosedRange<Double> = op == .log || op == .sqrt ? 0.001...50 : -20...20
                let x = try DeviceRunner.random(TensorType(type, shape), &generator, range)
                let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].unary(op)] }
                // The reference itself is within 0.51 units; narrow types round once more on top of float32.
                let limit = numerics.maximumULP[op.code].map { Closeness.ulp($0 + 0.51) } ?? .exact
                try DeviceRunner.check(graph, [x], limit, "\(op.rawValue) \(x.type)")
            }
        }
    }

    @Test(arguments: [ScalarType.bool] + computing) func binary(type: ScalarType) throws {
        var generator = SeededGenerator(2)
        let numerics = try DeviceRunner.backend.capabilities(of: DeviceRunner.device).numerics
        for op in BinaryOperator.allCases where op.takes(type) {
            for shape in shapes {
                let range: ClosedRange<Double> = op == .power ? 0.1...6 : -20...20
                let x = try DeviceRunner.random(TensorType(type, shape), &generator, range)
                let y = try DeviceRunner.random(TensorType(type, shape), &generator, range)
                let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in [try t[0].binary(op, t[1])] }
                let limit =
                    type.isFloatingPoint
                    ? numerics.maximumULP[op.code].map { Closeness.ulp($0 + 0.51) } ?? .exact : .exact
                try DeviceRunner.check(graph, [x, y], limit, "\(op.rawValue) \(x.type)")
            }
        }
    }

    @Test func specialValues() throws {
        let values: [Float] = [
            0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.5, -2.5,
        ]
        var (a, b): ([Float], [Float]) = ([], [])
        for x in values {
            for y in values {
                a.append(x)
                b.append(y)
            }
        }
        let x = Literal(a)
        let y = Literal(b)
        for op in [BinaryOperator.add, .subtract, .multiply, .divide, .remainder, .maximum, .minimum] {
            let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in [try t[0].binary(op, t[1])] }
            try DeviceRunner.check(graph, [x, y], .exact, op.rawValue)
        }
        for op in [UnaryOperator.negate, .abs, .floor, .sqrt] {
            let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].unary(op)] }
            try DeviceRunner.check(graph, [x], .exact, op.rawValue)
        }
        for direction in ComparisonDirection.allCases {
            let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in [try t[0].compare(direction, t[1])] }
            try DeviceRunner.check(graph, [x, y], .exact, direction.rawValue)
        }
        for kind in [ReductionKind.maximum, .minimum] {
            let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].reduce(kind, [0])] }
            try DeviceRunner.check(graph, [x], .exact, kind.rawValue)
        }
    }

    @Test func integerEdges() throws {
        let values: [Int32] = [0, 1, -1, .min, .max, 31, 32, 33, -5]
        var (a, b): ([Int32], [Int32]) = ([], [])
        for x in values {
            for y in values {
                a.append(x)
                b.append(y)
            }
        }
        let x = Literal(a)
        let y = Literal(b)
        for op in BinaryOperator.allCases where op.takes(.int32) {
            let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in [try t[0].binary(op, t[1])] }
            try DeviceRunner.check(graph, [x, y], .exact, op.rawValue)
        }
    }

    @Test(arguments: ScalarType.allCases) func compareAndSelect(type: ScalarType) throws {
        var generator = SeededGenerator(3)
        for shape in shapes {
            let x = try DeviceRunner.random(TensorType(type, shape), &generator)
            let y = try DeviceRunner.random(TensorType(type, shape), &generator)
            let condition = try DeviceRunner.random(TensorType(.bool, shape), &generator)
            let select = try GraphBuilder.graph([condition.type, x.type, y.type]) { _, t in
                [try t[0].select(t[1], t[2])]
            }
            try DeviceRunner.check(select, [condition, x, y], .exact, "select \(x.type)")
            guard !type.isStorageOnly else { continue }
            for direction in ComparisonDirection.allCases {
                let graph = try GraphBuilder.graph([x.type, y.type]) { _, t in [try t[0].compare(direction, t[1])] }
                try DeviceRunner.check(graph, [x, y], .exact, "compare \(direction.rawValue) \(x.type)")
            }
        }
    }

    @Test(arguments: ScalarType.allCases) func convert(from: ScalarType) throws {
        var generator = SeededGenerator(4)
        for to in ScalarType.allCases {
            for shape in [[], [0], [17], [5, 3]] {
                let x = try DeviceRunner.random(TensorType(from, shape), &generator, -300...300)
                let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].convert(to), t[0]] }
                try DeviceRunner.check(graph, [x], .exact, "convert \(x.type) to \(to)")
                if from.bitWidth == to.bitWidth, (from == .bool) == (to == .bool) {
                    let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].bitcast(to)] }
                    try DeviceRunner.check(graph, [x], .exact, "bitcast \(x.type) to \(to)")
                }
            }
        }
    }

    @Test(arguments: ScalarType.allCases) func movement(type: ScalarType) throws {
        var generator = SeededGenerator(5)
        let x = try DeviceRunner.random(TensorType(type, [3, 4, 5]), &generator)
        let scalar = try DeviceRunner.random(TensorType(type, [Int]()), &generator)
        let graph = try GraphBuilder.graph([x.type, scalar.type]) { builder, t in
            [
                try t[0].reshape([5, 12]),
                try t[0].transpose([2, 0, 1]),
                try t[0].transpose([2, 1, 0]).reshape([60]),
                try t[0].broadcast([2, 3, 4, 5], dimensions: [1, 2, 3]),
                try t[1].broadcast([3, 7], dimensions: []),
                try t[0].slice([1, 0, 1], [3, 4, 5], strides: [1, 2, 3]),
                try t[0].applying(.reverse(dimensions: [0, 2])),
                try t[0].applying(.pad(low: [1, -1, 0], high: [0, 2, -2], interior: [0, 1, 2]), t[1]),
                try builder.concatenate([t[0], t[0].applying(.reverse(dimensions: [1])), t[0]], dimension: 1),
                t[0], t[0],
            ]
        }
        try DeviceRunner.check(graph, [x, scalar], .exact, "movement \(type)")
    }

    @Test(arguments: ScalarType.allCases) func indexing(type: ScalarType) throws {
        var generator = SeededGenerator(6)
        let x = try DeviceRunner.random(TensorType(type, [4, 5, 6]), &generator)
        let update = try DeviceRunner.random(TensorType(type, [2, 3, 2]), &generator)
        let indices = try Literal([Int32]([0, 3, 9, -2, 1, 2, 3, 1]), shape: [4, 2])
        let one = Literal(Int64(2), shape: .scalar)
        let two = Literal(Int32(-3), shape: .scalar)
        let graph = try GraphBuilder.graph([x.type, update.type, indices.type, one.type, two.type]) { _, t in
            [
                try t[0].applying(.gather(dimensions: [0, 1]), t[2]),
                try t[0].transpose([2, 0, 1]).applying(.gather(dimensions: [2, 0]), t[2]),
                try t[0].applying(.dynamicSlice(sizes: [2, 3, 2]), t[3], t[4], t[3]),
                try t[0].applying(.dynamicUpdateSlice, t[1], t[3], t[4], t[3]),
            ]
        }
        try DeviceRunner.check(graph, [x, update, indices, one, two], .exact, "indexing \(type)")
        let updates = try DeviceRunner.random(TensorType(type, [4, 6]), &generator)
        for mode in ScatterMode.allCases where mode == .set || type.isArithmetic {
            let graph = try GraphBuilder.graph([x.type, indices.type, updates.type]) { _, t in
                [try t[0].applying(.scatter(mode, dimensions: [0, 1]), t[1], t[2])]
            }
            try DeviceRunner.check(graph, [x, indices, updates], .exact, "scatter \(mode.rawValue) \(type)")
        }
    }

    @Test(arguments: ScalarType.allCases) func reduceAndSort(type: ScalarType) throws {
        var generator = SeededGenerator(7)
        for kind in ReductionKind.allCases where kind.takes(type) {
            for (shape, dimensions) in [
                ([7], [0]), ([33, 65], [0]), ([33, 65], [1]), ([3, 4, 5], [0, 2]), ([3, 4, 5], [1]), ([2, 0, 3], [1]),
                ([0], [0]), ([1, 5], [0]),
            ] {
                let range: ClosedRange<Double> = kind == .product ? 0.9...1.1 : -4...4
                let x = try DeviceRunner.random(TensorType(type, shape), &generator, range)
                let graph = try GraphBuilder.graph([x.type]) { _, t in [try t[0].reduce(kind, dimensions)] }
                var closeness = Closeness.exact
                if type.isFloatingPoint, kind == .sum || kind == .product {
                    closeness = .absolute([try Self.bound(type, x, kind)])
                }
                try DeviceRunner.check(graph, [x], closeness, "reduce \(kind.rawValue) \(x.type) \(dimensions)")
            }
        }
        guard !type.isStorageOnly else { return }
        let x = try DeviceRunner.random(TensorType(type, [5, 9, 3]), &generator)
        for dimension in 0..<3 {
            for descending in [false, true] {
                let graph = try GraphBuilder.graph([x.type]) { _, t in
                    [
                        try t[0].sortPermutation(dimension: dimension, descending: descending),
                        try t[0].transpose([2, 1, 0]).sortPermutation(
                            dimension: dimension, descending: descending, indexType: .int32),
                    ]
                }
                try DeviceRunner.check(graph, [x], .exact, "sort \(x.type) \(dimension)")
            }
        }
    }

    /// `2 n u Σ|x|` with the unit roundoff of the accumulation type, plus one rounding to the type.
    private static func bound(_ type: ScalarType, _ x: Literal, _ kind: ReductionKind) throws -> Double {
        let count = try x.type.elementCount()
        var sum = 0.0
        var product = 1.0
        for index in 0..<count {
            let value = type.number(fromBits: x.bits(at: index)).magnitude
            sum += value
            product *= max(value, 1)
        }
        let unit = type == .float64 ? 0x1p-53 : 0x1p-24
        let rounding = type == .float16 ? 0x1p-10 : type == .bfloat16 ? 0x1p-7 : 0
        let scale = kind == .sum ? sum : product
        return (2 * Double(count) * unit + rounding) * scale
    }

    @Test(arguments: computing) func iota(type: ScalarType) throws {
        for (shape, dimension) in [([7], 0), ([3, 5], 0), ([3, 5], 1), ([2, 3, 4], 1), ([0, 2], 0)] {
            let graph = try GraphBuilder.graph([]) { builder, _ in
                [try builder.iota(TensorType(type, shape), dimension: dimension)]
            }
            try DeviceRunner.check(graph, [], .exact, "iota \(type)\(shape)")
        }
    }

    @Test(arguments: ScalarType.allCases) func constants(type: ScalarType) throws {
        var generator = SeededGenerator(8)
        let dense = try DeviceRunner.random(TensorType(type, [3, 5]), &generator)
        let graph = try GraphBuilder.graph([]) { builder, _ in
            let constant = try builder.constant(dense)
            return [constant, try constant.transpose([1, 0]), try builder.constant(1, TensorType(type, [4]))]
        }
        try DeviceRunner.check(graph, [], .exact, "constant \(type)")
    }

    @Test(arguments: [ScalarType.float32, .int4, .bool]) func control(type: ScalarType) throws {
        var generator = SeededGenerator(9)
        let x = try DeviceRunner.random(TensorType(type, [3, 5]), &generator)
        for flag in [true, false] {
            let condition = Literal(flag)
            let graph = try GraphBuilder.graph([condition.type, x.type]) { builder, t in
                let then = try GraphBuilder.region([x.type]) { _, r throws(GraphError) in
                    [r[0], try r[0].transpose([1, 0])]
                }
                let otherwise = try GraphBuilder.region([x.type]) { _, r throws(GraphError) in
                    [try r[0].applying(.reverse(dimensions: [0])), try r[0].transpose([1, 0])]
                }
                return try builder.conditional(
                    t[0], [t[1].applying(.reverse(dimensions: [1]))], then: then, otherwise: otherwise)
            }
            try DeviceRunner.check(graph, [condition, x], .exact, "if \(flag) \(type)")
        }
        for limit in [0, 1, 2, 5] {
            let count = Literal(Int32(0))
            let graph = try GraphBuilder.graph([count.type, x.type]) { builder, t in
                let condition = try GraphBuilder.region([count.type, x.type]) { _, r throws(GraphError) in
                    [try r[0].compare(.less, Double(limit))]
                }
                let body = try GraphBuilder.region([count.type, x.type]) { _, r throws(GraphError) in
                    [try r[0] + 1, try r[1].transpose([1, 0]).reshape([3, 5])]
                }
                return try builder.loop([t[0], t[1]], condition: condition, body: body)
            }
            try DeviceRunner.check(graph, [count, x], .exact, "while \(limit) \(type)")
        }
    }
}

extension Term {
    /// Applies a primitive to this term and others.
    func applying(_ primitive: Primitive, _ others: Term...) throws(GraphError) -> Term {
        try builder.add(primitive, [self] + others)
    }
}
