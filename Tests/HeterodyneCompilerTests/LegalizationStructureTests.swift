// Heterodyne: reductions, products, order, indexing and control of scalar types that a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Legalization of structure")
struct LegalizationStructureTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Double] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in Double(Int64(bitPattern: random.next()) >> 10) * 0x1p-53 }
    }

    private func integers(_ count: Int, seed: UInt64) -> [Int64] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { index in
            index % 3 == 0 ? Int64(bitPattern: random.next()) : Int64(bitPattern: random.next()) >> 40
        }
    }

    /// The error against a sum of magnitudes, for sums that cancel.
    private func near(_ limit: Double, _ scale: Double) -> (Literal, Literal) throws -> String? {
        { (a, b) in
            guard a.type == b.type, a.type.scalarType == .float64 else { return try difference(a, b) }
            for (x, y) in zip(try a.scalars(as: Double.self), try b.scalars(as: Double.self)) where x != y {
                if x.isNaN && y.isNaN { continue }
                if !(abs(x - y) <= limit * max(scale, abs(x))) { return "\(x) and \(y)" }
            }
            return nil
        }
    }

    // MARK: Reductions

    @Test(
        "Reductions of every extent and over any dimensions",
        arguments: [[7, 5, 4], [1, 1, 3], [0, 2, 3], [3, 0, 2], [16, 1, 2]],
        [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], []])
    func reductions(extents: [Int], dimensions: [Int]) throws {
        let count = extents.reduce(1, *)
        let x = try Literal(numbers(count, seed: 3), shape: Shape(extents))
        let n = try Literal(integers(count, seed: 4), shape: Shape(extents))
        let small = try Literal(integers(count, seed: 5).map { Int8(truncatingIfNeeded: $0) }, shape: Shape(extents))
        let builder = GraphBuilder()
        let (a, i) = (try builder.input("a", x.type), try builder.input("i", n.type))
        let s = try builder.input("s", small.type)
        for kind in ReductionKind.allCases {
            func reduce(_ term: Term) throws -> Term {
                try builder.add(.reduce(kind, dimensions: dimensions), [term])
            }
            if kind.takes(.float64) { try builder.output("float \(kind)", reduce(a)) }
            try builder.output("integer \(kind)", reduce(i))
            try builder.output("small \(kind)", reduce(s))
        }
        let graph = try builder.build()
        for lack in [Lack(.float64, .int64, .int8), Lack(.float64, .int64, .int8, kept: [.storage, .convert])] {
            try expectLegalized(
                graph, [x, n, small], lack, .uniform(.emulate), "\(extents) \(dimensions)",
                compare: near(0x1p-45, Double(max(1, count))))
        }
    }

    @Test("A long sum keeps its bits")
    func longSum() throws {
        let count = 10_007
        let x = Literal(numbers(count, seed: 11))
        let builder = GraphBuilder()
        try builder.output("sum", builder.input("a", x.type).reduce(.sum, [0]))
        let scale = try x.scalars(as: Double.self).reduce(0) { $0 + abs($1) }
        try expectLegalized(
            builder.build(), [x], Lack(.float64), .uniform(.emulate), compare: near(0x1p-46, scale))
    }

    // MARK: Products

    static let dots: [(left: [Int], right: [Int], DotDimensions)] = [
        ([3, 4], [4, 2], DotDimensions(leftContracting: [1], rightContracting: [0])),
        ([5], [5], DotDimensions(leftContracting: [0], rightContracting: [0])),
        ([2, 3], [4], DotDimensions(leftContracting: [], rightContracting: [])),
        (
            [2, 3, 4, 5], [4, 2, 6, 3],
            DotDimensions(
                leftBatch: [0], rightBatch: [1], leftContracting: [2, 1], rightContracting: [0, 3])
        ),
        ([2, 0], [0, 3], DotDimensions(leftContracting: [1], rightContracting: [0])),
        ([0, 4], [4, 3], DotDimensions(leftContracting: [1], rightContracting: [0])),
    ]

    @Test("Products of matrices", arguments: dots.indices)
    func dot(index: Int) throws {
        let (left, right, dimensions) = Self.dots[index]
        func literals(_ extents: [Int], _ seed: UInt64) throws -> [Literal] {
            let count = extents.reduce(1, *)
            let (x, n) = (numbers(count, seed: seed), integers(count, seed: seed))
            let shape = Shape(extents)
            return [
                try Literal(x, shape: shape), try Literal(x.map { Float($0) }, shape: shape),
                try Literal(n, shape: shape), try Literal(n.map { Int8(truncatingIfNeeded: $0) }, shape: shape),
                try Literal(x.map { BFloat16(Float($0)) }, shape: shape),
            ]
        }
        let (a, b) = (try literals(left, 21), try literals(right, 22))
        let builder = GraphBuilder()
        var inputs: [Literal] = []
        for (index, (x, y)) in zip(a, b).enumerated() {
            let (p, q) = (try builder.input("a\(index)", x.type), try builder.input("b\(index)", y.type))
            inputs += [x, y]
            let type = x.type.scalarType
            try builder.output("own \(type)", p.dot(q, dimensions, accumulation: type == .bfloat16 ? .float32 : type))
            if type == .float32 {
                try builder.output("wide", p.dot(q, dimensions, accumulation: .float64, result: .float64))
                try builder.output("round", p.dot(q, dimensions, accumulation: .float64))
            }
            if type == .int8 {
                try builder.output("long", p.dot(q, dimensions, accumulation: .int64, result: .int64))
                try builder.output("usual", p.dot(q, dimensions, accumulation: .int32, result: .int32))
            }
        }
        let graph = try builder.build()
        for lack in [
            Lack(.float64, .int64), Lack(.int8, .bfloat16), Lack(.float64, .int64, .int8, .bfloat16),
            Lack(.float64, .int64, .int8, .bfloat16, kept: [.storage, .convert]),
        ] {
            try expectLegalized(graph, inputs, lack, .uniform(.emulate), compare: near(0x1p-44, 40))
        }
    }

    @Test("A product that is too large to hold at once is made in chunks, in a loop where there are many")
    func chunks() throws {
        // 2^10 results: chunks of 2^12 of the contracted extent. Checked on the graph that is made, for its size.
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [32, 50_000]))
        let b = try builder.input("b", TensorType(.float64, [50_000, 32]))
        try builder.output("c", a.dot(b, DotDimensions(leftContracting: [1], rightContracting: [0])))
        let compiled = try compile(builder.build(), Lack(.float64).target, policy("float64=emulate"))
        var largest = 0
        var loops = 0
        func look(_ graph: Graph) throws {
            for node in graph.nodes {
                for type in node.resultTypes { largest = max(largest, try type.elementCount()) }
                if case .primitive(.loop) = node.operation { loops += 1 }
                for region in node.operation.regions { try look(region) }
            }
        }
        for part in compiled.parts { try look(part.graph) }
        #expect(loops == 1)
        // The inputs themselves have 2 * 1.6 million words.
        #expect(largest <= RegionLegalizer.productLimit, "\(largest)")
        #expect(compiled.parts[0].graph.totalNodeCount < 3000)
    }

    @Test("The loop over chunks computes what one go does")
    func loopOfChunks() throws {
        // 2^20 results leave 4 of the contracted extent to a chunk: 5 whole ones and a rest. In the reference this is slow for
        // more, so the results are one row.
        let (columns, contracted) = (1 << 20, 22)
        let ones = try Literal(numbers(contracted, seed: 31).map { $0 * 100 }, shape: [1, .fixed(contracted)])
        let builder = GraphBuilder()
        let a = try builder.input("a", ones.type)
        let row = try builder.iota(TensorType(.int32, [contracted, columns]), dimension: 0).convert(.int64)
        let product = try a.convert(.int64).dot(row, DotDimensions(leftContracting: [1], rightContracting: [0]))
        try builder.output("c", product.slice([0, 0], [1, 5]))
        let graph = try builder.build()
        var expected: Int64 = 0
        for (k, x) in try ones.scalars(as: Double.self).enumerated() { expected += Int64(x) * Int64(k) }
        let target = Lack(.int64).target
        let compiled = try compile(graph, target, .standard)
        #expect(compiled.parts.contains { $0.graph.nodes.contains { $0.operation.primitive?.code == .loop } })
        let result = try execute(compiled, target, [ones])
        #expect(try result[0].scalars(as: Int64.self) == [Int64](repeating: expected, count: 5))
    }

    @Test("Extents whose product overflows beside one of 0 trap nowhere")
    func hugeExtents() throws {
        let huge = 1 << 40
        let builder = GraphBuilder()
        let a = try builder.input("a", TensorType(.float64, [huge, huge, 0, 3]))
        try builder.output("sum", a.reduce(.sum, [0, 1, 2]))
        try builder.output("none", a.reduce(.maximum, [0, 1]))
        let b = try builder.input("b", TensorType(.float64, [3, 0]))
        try builder.output("product", a.dot(b, DotDimensions(leftContracting: [3], rightContracting: [0])))
        _ = try compile(builder.build(), Lack(.float64).target, policy("float64=emulate"))
        // A node that no graph holds is refused, not taken apart.
        let legalizer = Legalizer(target: Lack(.float64).target, policy: .uniform(.emulate))
        let answer = legalizer.answer(
            for: NodeSignature(
                operation: .primitive(.binary(.add)), operandTypes: [.scalar(.float64)],
                resultTypes: [.scalar(.float64)]))
        guard case .refused = answer else {
            Issue.record("\(answer)")
            return
        }
    }

    // MARK: Order and indices

    @Test("Order is stable in both directions, with NaN above and zeros equal", arguments: [false, true])
    func sort(descending: Bool) throws {
        let special: [Double] = [
            3, -1, .nan, 0, -0.0, .infinity, -.infinity, 1e300, -1e300, 1e-300, 0x1p-1070, -0x1p-1070, 1, 1, -1, 0,
            -0.0,
            -.nan, 1 + 0x1p-52, 1, 1 - 0x1p-53, 2, 2, 0.1, 0.1,
        ]
        let x = try Literal(special + numbers(25, seed: 41).map { ($0 * 32).rounded() }, shape: [5, 10])
        let n = try Literal(integers(46, seed: 42) + [.max, .min, 0, 0], shape: [5, 10])
        let u = try n.reinterpreted(as: .uint64)
        let h = try literal(numbers(50, seed: 43).map { ($0 * 64).rounded() }, .float16, [5, 10])
        let builder = GraphBuilder()
        for literal in [x, n, u, h] {
            let term = try builder.input("in \(literal.type.scalarType)", literal.type)
            for dimension in 0..<2 {
                for index in [ScalarType.int32, .int64] {
                    try builder.output(
                        "\(literal.type.scalarType) \(dimension) \(index)",
                        term.sortPermutation(dimension: dimension, descending: descending, indexType: index))
                }
            }
        }
        // Pairs that were computed.
        let doubled = try builder.input("z", x.type) * 2
        try builder.output("pairs", doubled.sortPermutation(dimension: 1, descending: descending))
        let z = try Literal(numbers(50, seed: 44).map { ($0 * 16).rounded() / 4 }, shape: [5, 10])
        let graph = try builder.build()
        for lack in [
            Lack(.float64), Lack(.int64), Lack(.float64, .int64, .uint64, .float16),
            Lack(.float64, .int64, .uint64, .float16, kept: [.storage, .convert], exceptions: []),
        ] {
            try expectLegalized(graph, [x, n, u, h, z], lack, .uniform(.emulate))
        }
    }

    @Test("Indices of 64 bits clamp and drop as the primitives say")
    func indices() throws {
        let x = try Literal(numbers(12, seed: 51), shape: [3, 4])
        let rows = try Literal(
            [0, 2, -1, 7, 1 << 32, -(1 << 32), .max, .min, 1 << 31, -(1 << 31) - 1] as [Int64], shape: [10, 1])
        let updates = try Literal(numbers(40, seed: 52), shape: [10, 4])
        let builder = GraphBuilder()
        let a = try builder.input("a", x.type)
        let i = try builder.input("i", rows.type)
        let u = try builder.input("u", updates.type)
        try builder.output("gather", a.gather(i, dimensions: [0]))
        try builder.output("constant", a.gather(builder.constant(rows), dimensions: [0]))
        try builder.output("set", a.scatter(.set, i, u, dimensions: [0]))
        for mode in [ScatterMode.add, .multiply, .maximum, .minimum] {
            try builder.output(mode.rawValue, a.scatter(mode, i, u, dimensions: [0]))
        }
        for position in 0..<10 {
            let start = try i.slice([position, 0], [position + 1, 1]).reshape(Shape.scalar)
            try builder.output("slice \(position)", a.dynamicSlice([start, start], sizes: [2, 3]))
            try builder.output(
                "update \(position)", a.dynamicUpdateSlice(u.slice([0, 0], [2, 3]), [start, start]))
        }
        let graph = try builder.build()
        for lack in [Lack(.int64), Lack(.float64), Lack(.float64, .int64), Lack(.int64, kept: .storage)] {
            try expectLegalized(
                graph, [x, rows, updates], lack, .uniform(.emulate), compare: near(0x1p-45, 64))
        }
    }

    @Test("Scatter combines several updates of one element, and windows of any dimension")
    func scatters() throws {
        let builder = GraphBuilder()
        let n = try Literal(integers(24, seed: 61), shape: [2, 3, 4])
        let positions = try Literal([1, 0, 1, 2, 1, 1, 9, 1] as [Int32], shape: [4, 2])
        let m = try Literal(integers(8, seed: 62), shape: [4, 2])
        let small = try Literal(n.scalars(as: Int64.self).map { Int16(truncatingIfNeeded: $0) }, shape: [2, 3, 4])
        let few = try Literal(m.scalars(as: Int64.self).map { Int16(truncatingIfNeeded: $0) }, shape: [4, 2])
        let (a, i, u) = (
            try builder.input("a", n.type), try builder.input("i", positions.type), try builder.input("u", m.type)
        )
        let (s, t) = (try builder.input("s", small.type), try builder.input("t", few.type))
        for mode in [ScatterMode.set, .add, .multiply, .maximum, .minimum] {
            try builder.output("long \(mode)", a.scatter(mode, i, u, dimensions: [1, 2]))
            try builder.output("short \(mode)", s.scatter(mode, i, t, dimensions: [1, 2]))
        }
        let graph = try builder.build()
        for lack in [Lack(.int64), Lack(.int16), Lack(.int64, .int16, kept: [.storage, .convert])] {
            try expectLegalized(graph, [n, positions, m, small, few], lack, .uniform(.emulate))
        }
        let line = try compile(graph, Lack(.int64).target, .standard).report.entries.first {
            $0.reason.contains("one update after the other")
        }
        #expect(line != nil)
    }

    @Test("Counting in any type")
    func counting() throws {
        let builder = GraphBuilder()
        let types: [ScalarType] = [.float64, .int64, .uint64, .bfloat16, .float16, .int8, .uint16]
        for type in types {
            try builder.output("\(type)", builder.iota(TensorType(type, [3, 700]), dimension: 1))
        }
        let x = try builder.input("x", .scalar(.float32))
        try builder.output("x", x * x)
        let graph = try builder.build()
        for type in types { try expectLegalized(graph, [Literal(Float(3))], Lack(type), .uniform(.emulate)) }
    }

    // MARK: Control

    @Test("Branches and loops carry values of missing types")
    func control() throws {
        let types: [TensorType] = [.scalar(.int64), TensorType(.float64, [3]), TensorType(.bfloat16, [3])]
        let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [try state[0].compare(.less, 10)]
        }
        let body = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [try state[0] + 1, try state[1] * 1.25, try state[2] + state[2]]
        }
        let move = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [state[0], try state[1].reverse([0]), try state[2].reverse([0])]
        }
        let builder = GraphBuilder()
        let n = try builder.input("n", types[0])
        let x = try builder.input("x", types[1])
        let h = try builder.input("h", types[2])
        let p = try builder.input("p", .scalar(.bool))
        for (index, term) in try builder.loop([n, x, h], condition: condition, body: body).enumerated() {
            try builder.output("loop \(index)", term)
        }
        for (index, term) in try builder.conditional(p, [n, x, h], then: body, otherwise: move).enumerated() {
            try builder.output("if \(index)", term)
        }
        // Nothing is computed with: every bit comes through.
        for (index, term) in try builder.conditional(p, [n, x, h], then: move, otherwise: move.identity()).enumerated()
        {
            try builder.output("moved \(index)", term)
        }
        let graph = try builder.build()
        let inputs = [
            Literal(Int64(3)), Literal([0.1, 1e-30, -7.0] as [Double]),
            try literal([1, -3, 0.5], .bfloat16),
        ]
        for lack in [
            Lack(.float64), Lack(.int64), Lack(.bfloat16), Lack(.float64, .int64, .bfloat16),
            Lack(.float64, .int64, .bfloat16, kept: [.storage, .convert]),
            Lack(.float64, .bfloat16, exceptions: [.add, .multiply]),
        ] {
            for p in [true, false] {
                try expectLegalized(graph, inputs + [Literal(p)], lack, .uniform(.emulate), "\(p)") {
                    try farther(than: 0x1p-44, $0, $1)
                }
            }
        }
        let report = try compile(graph, Lack(.float64).target, .uniform(.emulate)).report
        let lines = report.entries.filter { $0.kind == .legalization }
        #expect(lines.contains { $0.operation == "while" && $0.reason.contains("in its regions") && !$0.isFree })
        #expect(lines.contains { $0.operation == "if" && $0.isFree })
    }
}

extension Graph {
    /// A graph of the same signature that hands its inputs through.
    fileprivate func identity() throws -> Graph {
        try GraphBuilder.region(inputTypes) { (_, inputs) throws(GraphError) in inputs }
    }
}
