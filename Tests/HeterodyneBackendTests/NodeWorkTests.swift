// Heterodyne: what nodes compute and move.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@Suite("Work of nodes")
struct NodeWorkTests {
    private let matrices = DotDimensions(leftContracting: [1], rightContracting: [0])

    /// The work of the node that makes a graph's first output.
    private func work(
        _ body: (GraphBuilder) throws(GraphError) -> Term
    ) throws -> NodeWork {
        let builder = GraphBuilder()
        try builder.output("y", body(builder))
        let graph = try builder.build()
        return NodeWork(graph.node(of: graph.outputs[0].value), in: graph)
    }

    private func share(_ kind: NodeWork.Kind, _ type: ScalarType, _ count: Double) -> NodeWork.Share {
        NodeWork.Share(kind: kind, type: type, count: count)
    }

    @Test("A product counts two operations for each term and reads its factors once")
    func product() throws {
        let work = try work { (b) throws(GraphError) in
            try b.input("a", TensorType(.bfloat16, [3, 5])).dot(b.input("b", TensorType(.bfloat16, [5, 7])), matrices)
        }
        #expect(work.shares == [share(.contraction, .bfloat16, 2 * 3 * 5 * 7)])
        #expect(work.readByteCount == 2 * (15 + 35))
        #expect(work.writtenByteCount == 2 * 21)
    }

    @Test("A value that is read twice is read once")
    func sameOperand() throws {
        let work = try work { (b) throws(GraphError) in
            let x = try b.input("x", TensorType(.float32, [100]))
            return try x * x
        }
        #expect(work.byteCount == 800)
        #expect(work.shares == [share(.elementwise, .float32, 100)])
    }

    @Test("Views cost nothing, and what reads them reads what they are views of")
    func views() throws {
        let view = try work { (b) throws(GraphError) in
            try b.input("x", TensorType(.float32, [10])).broadcast([100, 10], dimensions: [1])
        }
        #expect(view.isView && view.byteCount == 0 && view.shares.isEmpty)
        let sum = try work { (b) throws(GraphError) in
            let bias = try b.input("b", TensorType(.float32, [2, 5])).reshape([10])
            return try b.input("x", TensorType(.float32, [100, 10])) + bias.broadcast([100, 10], dimensions: [1])
        }
        #expect(sum.readByteCount == 4000 + 40)
        #expect(sum.writtenByteCount == 4000)
        let constant = try work { (b) throws(GraphError) in try b.input("x", TensorType(.float64, [64])) + 1.5 }
        #expect(constant.readByteCount == 64 * 8 + 8)
    }

    @Test("Functions, conversions, comparisons and sums are told apart by kind and type")
    func kinds() throws {
        let type = TensorType(.float16, [8, 4])
        #expect(
            try work { (b) throws(GraphError) in try b.input("x", type).exp() }.shares == [
                share(.transcendental, .float16, 32)
            ])
        #expect(
            try work { (b) throws(GraphError) in try b.input("x", type).reduce(.sum, [1]) }.shares == [
                share(.reduction, .float16, 32)
            ])
        #expect(
            try work { (b) throws(GraphError) in try b.input("x", type).convert(.float32) }.shares == [
                share(.elementwise, .float32, 32)
            ])
        #expect(
            try work { (b) throws(GraphError) in try b.input("x", type).compare(.less, 0) }.shares == [
                share(.elementwise, .float16, 32)
            ])
        #expect(
            try work { (b) throws(GraphError) in
                let x = try b.input("x", type)
                return try b.input("c", type.with(.bool)).select(x, x)
            }.shares == [share(.elementwise, .float16, 32)])
    }

    @Test("A region computes what its nodes do and moves only what enters and leaves")
    func region() throws {
        let type = TensorType(.float32, [1000])
        let body = try GraphBuilder.region([type, type]) { (_, t) throws(GraphError) in
            [try (t[0] + t[1]).exp() * t[1] + 1]
        }
        let work = try work { (b) throws(GraphError) in
            try b.add(FusedRegion(kind: .elementwise, body: body), [b.input("x", type), b.input("y", type)])
        }
        #expect(work.shares == [share(.elementwise, .float32, 3000), share(.transcendental, .float32, 1000)])
        #expect(work.byteCount == 12000)
    }

    @Test("What is taken from a table is read, not the table")
    func gather() throws {
        let work = try work { (b) throws(GraphError) in
            try b.input("table", TensorType(.float32, [30000, 384]))
                .gather(b.input("ids", TensorType(.int32, [128, 1])), dimensions: [0])
        }
        #expect(work.readByteCount == 128 * 384 * 4 + 128 * 4)
        #expect(work.writtenByteCount == 128 * 384 * 4)
        #expect(work.shares.isEmpty)
    }

    @Test("A replaced block is written alone where nobody else uses the value", arguments: [false, true])
    func replacing(isShared: Bool) throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [1000]))
        let position = try builder.input("i", .scalar(.int32))
        let y = try x.dynamicUpdateSlice(builder.input("u", TensorType(.float32, [10])), [position])
        try builder.output("y", y)
        if isShared { try builder.output("z", x.negate()) }
        let graph = try builder.build()
        let work = NodeWork(graph.node(of: graph.outputs[0].value), in: graph)
        #expect(work.readByteCount == (isShared ? 4000 : 0) + 44)
        #expect(work.writtenByteCount == (isShared ? 4000 : 40))
    }

    // MARK: - Loops

    /// A loop that doubles a vector until a counter reaches its limit.
    private func loop(
        from start: Int, to limit: Int?, by step: Int, _ direction: ComparisonDirection = .less
    ) throws -> Graph {
        let builder = GraphBuilder()
        let counter = TensorType.scalar(.int64)
        let types = [counter, TensorType(.float32, [100]), counter]
        let x = try builder.input("x", types[1])
        let end =
            try limit.map { (limit) throws(GraphError) in try builder.constant(Double(limit), counter) }
            ?? builder.input("limit", counter)
        let condition = try GraphBuilder.region(types) { (_, s) throws(GraphError) in
            [direction == .greater ? try s[2].compare(.greater, s[0]) : try s[0].compare(direction, s[2])]
        }
        let body = try GraphBuilder.region(types) { (_, s) throws(GraphError) in
            [try s[0] + Double(step), try s[1] + s[1], s[2]]
        }
        let results = try builder.loop(
            [builder.constant(Double(start), counter), x, end], condition: condition, body: body)
        try builder.output("y", results[1])
        return try builder.build()
    }

    @Test(
        "A loop runs as often as its counter says",
        arguments: [
            (0, 10, 1, .less, 10), (0, 10, 3, .less, 4), (4, 10, 1, .lessOrEqual, 7), (0, 10, 1, .greater, 10),
            (11, 10, 1, .less, 0),
        ] as [(Int, Int, Int, ComparisonDirection, Double)])
    func counted(start: Int, limit: Int, step: Int, direction: ComparisonDirection, times: Double) throws {
        let graph = try loop(from: start, to: limit, by: step, direction)
        let node = graph.node(of: graph.outputs[0].value)
        #expect(graph.tripCount(of: node) == times)
        let work = NodeWork(node, in: graph)
        #expect(work.assumedLoopCount == 0)
        #expect(work.shares.filter { $0.type == .float32 }.reduce(0) { $0 + $1.count } == 100 * times)
        // In each round the vector is read and written, and the counter; before and after, the states.
        #expect(work.byteCount == 2 * (8 + 400 + 8) + times * (800 + 8 + 8 + 8))
    }

    @Test("A loop whose end nobody knows is taken to run a stated number of times")
    func uncounted() throws {
        let graph = try loop(from: 0, to: nil, by: 1)
        let node = graph.node(of: graph.outputs[0].value)
        #expect(graph.tripCount(of: node) == nil)
        let work = NodeWork(node, in: graph)
        #expect(work.assumedLoopCount == 1)
        #expect(
            work.shares.filter { $0.type == .float32 }.reduce(0) { $0 + $1.count }
                == 100 * NodeWork.assumedIterations)
    }

    @Test("Of two branches the longer counts")
    func branches() throws {
        let type = TensorType(.float32, [100])
        let short = try GraphBuilder.region([type]) { (_, t) throws(GraphError) in [t[0]] }
        let long = try GraphBuilder.region([type]) { (_, t) throws(GraphError) in [try t[0].exp().exp()] }
        let work = try work { (b) throws(GraphError) in
            try b.add(
                .conditional(then: short, otherwise: long), [b.input("c", .scalar(.bool)), b.input("x", type)])
        }
        #expect(work.shares == [share(.transcendental, .float32, 200)])
        #expect(work.byteCount == 1 + 800 + 1600)
    }
}
