// Heterodyne: dot in whole programs on the device: dimensions in any order, batches, work fused behind it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

@Suite("Programs with dot", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct DotProgramTests {
    /// A graph of inputs of the types, made by `body`.
    static func graph(
        _ types: [TensorType], _ body: (GraphBuilder, [Term]) throws -> [Term]
    ) throws -> Graph {
        let builder = GraphBuilder()
        let inputs = try types.enumerated().map { try builder.input("in\($0)", $1) }
        for (index, term) in try body(builder, inputs).enumerated() { try builder.output("out\(index)", term) }
        return try builder.build()
    }

    /// Sums of products of whole numbers are exact, so results are equal to the definition's.
    static func check(_ graph: Graph, _ inputs: [Literal]) throws {
        let results = try ProgramRunner().run(graph, inputs)
        let expected = try ProgramRunner.expected(graph, inputs)
        #expect(results.count == expected.count)
        for (index, (a, b)) in zip(results, expected).enumerated() {
            #expect(a == b, "output \(index) of \(graph)")
        }
    }

    static func check(
        _ left: [Int], _ right: [Int], _ dimensions: DotDimensions, _ type: ScalarType = .float32,
        views: (Term, Term) throws -> (Term, Term) = { ($0, $1) }
    ) throws {
        let (x, y) = (try ProgramTests.counting(left, type), try ProgramTests.counting(right, type, from: 7))
        let graph = try graph([x.type, y.type]) { _, t in
            let (a, b) = try views(t[0], t[1])
            return [try a.dot(b, dimensions)]
        }
        try check(graph, [x, y])
    }

    @Test("Nothing along a dimension", arguments: [[0, 3, 2], [2, 0, 3], [3, 2, 0], [0, 0, 0]])
    func empty(extents: [Int]) throws {
        let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])
        try Self.check([extents[0], extents[1]], [extents[1], extents[2]], dimensions)
    }

    @Test("Dimensions in any order")
    func orders() throws {
        try Self.check([12], [12], DotDimensions(leftContracting: [0], rightContracting: [0]))
        try Self.check([5], [7], DotDimensions(leftContracting: [], rightContracting: []))
        try Self.check([3, 4, 5], [5, 3, 6], DotDimensions(leftContracting: [0, 2], rightContracting: [1, 0]))
        try Self.check([2, 8, 5], [6, 8, 2], DotDimensions(leftContracting: [0, 1], rightContracting: [2, 1]))
        // Heads between rows and depth, as attention has them.
        let heads = DotDimensions(leftBatch: [0, 2], rightBatch: [0, 2], leftContracting: [3], rightContracting: [3])
        try Self.check([2, 9, 3, 8], [2, 17, 3, 8], heads)
        let mixed = DotDimensions(leftBatch: [0, 2], rightBatch: [2, 0], leftContracting: [3], rightContracting: [1])
        try Self.check([2, 9, 3, 8], [3, 8, 2, 5], mixed)
    }

    @Test("A batch with three strides of its own is copied")
    func longBatch() throws {
        let d = DotDimensions(
            leftBatch: [0, 1, 2], rightBatch: [0, 1, 2], leftContracting: [4], rightContracting: [3])
        try Self.check([2, 3, 4, 5, 6], [2, 3, 4, 6, 7], d) { a, b in
            (
                try a.slice([0, 0, 1, 0, 0], [2, 2, 3, 5, 6], strides: [1, 1, 1, 1, 1]),
                try b.slice([0, 1, 0, 0, 0], [2, 3, 2, 6, 7], strides: [1, 1, 1, 1, 1])
            )
        }
    }

    @Test("Views as factors: broadcast, reversed, sliced, transposed")
    func views() throws {
        let d = DotDimensions(leftBatch: [0], rightBatch: [0], leftContracting: [2], rightContracting: [1])
        try Self.check([6, 8], [4, 8, 12], d) { a, b in
            (try a.broadcast([4, 6, 8], dimensions: [1, 2]), try b.reverse([0, 1]))
        }
        try Self.check([4, 6, 8], [8, 12], d) { a, b in (a, try b.broadcast([4, 8, 12], dimensions: [1, 2])) }
        try Self.check([4, 8, 6], [4, 24, 16], d) { a, b in
            (try a.transpose([0, 2, 1]), try b.slice([0, 1, 2], [4, 17, 14], strides: [1, 2, 3]))
        }
    }

    @Test("Every type", arguments: [ScalarType.int8, .uint8, .int32, .int64, .uint16, .float64])
    func types(type: ScalarType) throws {
        let target = try DeviceRunner.shared.target
        guard target.stores(type), ScalarCode.supports(type, target) else { return }
        try Self.check([9, 20], [20, 12], DotDimensions(leftContracting: [1], rightContracting: [0]), type)
    }

    /// A region of one dot and elementwise work behind it.
    static func region(
        _ types: [TensorType], _ body: (GraphBuilder, [Term]) throws -> [Term]
    ) throws -> FusedRegion { FusedRegion(kind: .dotEpilogue, body: try graph(types, body)) }

    static func check(_ region: FusedRegion, _ inputs: [Literal]) throws {
        let graph = try graph(inputs.map(\.type)) { builder, terms in
            try builder.addAll(.composite(region), terms)
        }
        try check(graph, inputs)
    }

    @Test("Work behind a dot", arguments: [[9, 8, 12], [1, 40, 5], [33, 12, 1], [16, 20_000, 2], [5, 0, 4]])
    func epilogue(extents: [Int]) throws {
        let (m, k, n) = (extents[0], extents[1], extents[2])
        let inputs = [
            try ProgramTests.counting([m, k]), try ProgramTests.counting([k, n], from: 3),
            try ProgramTests.counting([n], from: 5), try ProgramTests.counting([n, m], from: 11),
        ]
        let region = try Self.region(inputs.map(\.type)) { builder, t in
            let product = try t[0].dot(t[1], DotDimensions(leftContracting: [1], rightContracting: [0]))
            let biased = try product + t[2].broadcast(Shape([m, n]), dimensions: [1])
            let result = try biased.maximum(t[3].transpose([1, 0]))
            return [result, try result.compare(.greater, product), try result.convert(.int32)]
        }
        try Self.check(region, inputs)
    }

    @Test("Long work behind a dot", arguments: [[33, 12, 40], [17, 60, 21], [130, 16, 72]])
    func longEpilogue(extents: [Int]) throws {
        let (m, k, n) = (extents[0], extents[1], extents[2])
        let inputs = [
            try ProgramTests.counting([m, k]), try ProgramTests.counting([k, n], from: 3),
            try ProgramTests.counting([m, n], from: 5),
        ]
        let region = try Self.region(inputs.map(\.type)) { builder, t in
            var x = try t[0].dot(t[1], DotDimensions(leftContracting: [1], rightContracting: [0]))
            for step in 0..<12 {
                let other = try x.like(Double(step)) - x
                x = try (x - t[2]).maximum(other).minimum(x.like(1e6))
            }
            return [x]
        }
        try Self.check(region, inputs)
    }

    @Test("Work behind a dot of batches, with an operand for every head")
    func batchEpilogue() throws {
        let inputs = [
            try ProgramTests.counting([2, 9, 3, 8]), try ProgramTests.counting([2, 12, 3, 8], from: 3),
            try ProgramTests.counting([2, 12], from: 5), try ProgramTests.counting([3], from: 9),
        ]
        let region = try Self.region(inputs.map(\.type)) { builder, t in
            let d = DotDimensions(leftBatch: [0, 2], rightBatch: [0, 2], leftContracting: [3], rightContracting: [3])
            let product = try t[0].dot(t[1], d)
            let shape: [Int] = [2, 3, 9, 12]
            return [
                try product * t[3].broadcast(Shape(shape), dimensions: [1])
                    + t[2].broadcast(Shape(shape), dimensions: [0, 3])
            ]
        }
        try Self.check(region, inputs)
    }
}
