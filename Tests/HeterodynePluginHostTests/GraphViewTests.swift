// Heterodyne: graphs as C structs say the same as the graphs.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import Testing

@testable import HeterodynePluginHost

@Suite("Graphs as C structs")
struct GraphViewTests {
    /// Reads `graph` back from its structs.
    private func roundTrip(_ graph: Graph, _ reader: GraphViewReader = GraphViewReader()) throws -> Graph {
        let view = try GraphView(graph)
        defer { withExtendedLifetime(view) {} }
        return try reader.graph(view.graph)
    }

    @Test("Random graphs come back as they were, locations included", arguments: 0..<60)
    func random(seed: UInt64) throws {
        var random = RandomViewGraph(seed: seed)
        let graph = try random.graph(nodes: 60)
        var definitions = 0
        var reader = GraphViewReader()
        reader.checksDefinition = { _, _ in definitions += 1 }
        #expect(try roundTrip(graph, reader).text() == graph.text())
        #expect((definitions > 0) == graph.hasComposite)
    }

    @Test("Random graphs that are generated are of every kind")
    func variety() throws {
        var seen: Set<String> = []
        for seed in 0..<60 {
            var random = RandomViewGraph(seed: UInt64(seed))
            for node in try random.graph(nodes: 60).nodes { seen.insert(node.operation.name) }
        }
        let missing = Set(PrimitiveCode.allCases.map(\.name)).union(["fused", "everyKind", "relu"]).subtracting(seen)
        #expect(missing.isEmpty)
    }

    @Test("A definition is what the composite decomposes to, and that of a region its body")
    func definitions() throws {
        let type = TensorType(.float32, [2, 3])
        let body = try GraphBuilder.region([type]) { (_, x) throws(GraphError) in [try x[0] * x[0]] }
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        let softmax = try builder.addAll(.composite(Softmax(axis: 1)), [x])[0]
        try builder.output(
            "y", builder.addAll(.composite(FusedRegion(kind: .elementwise, body: body)), [softmax])[0])
        var reader = GraphViewReader()
        var seen: [String: Graph] = [:]
        reader.checksDefinition = { seen[$0.name] = $1 }
        _ = try roundTrip(builder.build(), reader)
        let definition = try GraphBuilder.region([type]) { (builder, x) throws(GraphError) in
            try Softmax(axis: 1).decompose(x, in: builder)
        }
        #expect(seen["softmax"] == definition)
        #expect(seen["fused"] == body)
    }

    @Test("Constants are not copied, and live as long as the view")
    func literals() throws {
        weak var kept: LiteralStorage?
        var view: GraphView?
        do {
            let storage = LiteralStorage(count: 4 << 20) { $0.initializeMemory(as: UInt8.self, repeating: 3) }
            kept = storage
            let builder = GraphBuilder()
            let literal = try Literal(type: TensorType(.float32, [1 << 20]), storage: storage)
            let empty = try Literal(type: TensorType(.float32, [0]), storage: LiteralStorage(count: 0) { _ in })
            try builder.output("a", builder.constant(literal))
            try builder.output("b", builder.constant(empty))
            view = try GraphView(builder.build())
            let first = view?.graph.pointee.nodes[0]?.pointee.attributes[0]?.pointee.literal.pointee.bytes
            #expect(first == storage.bytes.baseAddress)
            #expect(view?.graph.pointee.nodes[1]?.pointee.attributes[0]?.pointee.literal.pointee.bytes != nil)
        }
        #expect(kept != nil && view?.literals.count == 2)
        view = nil
        #expect(kept == nil)
    }

    @Test("Regions as deep as they may be; what occurs often is written once")
    func deep() throws {
        let type = TensorType(.float32, [2])
        var region = try GraphBuilder.region([type]) { (_, x) throws(GraphError) in [try x[0] + x[0]] }
        for _ in 0..<Graph.maximumRegionDepth {
            let inner = region
            region = try GraphBuilder.region([type]) { (builder, x) throws(GraphError) in
                let yes = try builder.constant(Literal(true))
                // Written twice at every level this would be 2^64 graphs.
                return try builder.conditional(yes, [x[0]], then: inner, otherwise: inner)
            }
        }
        let view = try GraphView(region)
        var graph = view.graph
        for _ in 0..<Graph.maximumRegionDepth {
            let node = try #require(graph.pointee.nodes[Int(graph.pointee.node_count) - 1])
            #expect(node.pointee.attributes[0]?.pointee.graph == node.pointee.attributes[1]?.pointee.graph)
            graph = try #require(node.pointee.attributes[0]?.pointee.graph)
        }
        #expect(graph.pointee.node_count == 2)
    }

    @Test("What cannot be carried is a typed error")
    func refused() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, Shape([.symbol("n")])))
        try builder.output("y", x + x)
        let symbolic = try builder.build()
        #expect(throws: GraphError.self) { try GraphView(symbolic) }
        let other = GraphBuilder()
        let y = try other.input("x", TensorType(.float32, [2]))
        try other.output("y", other.addAll(.composite(Endless(depth: 0)), [y])[0])
        let endless = try other.build()
        do {
            _ = try GraphView(endless)
            Issue.record("an endless definition was written")
        } catch {
            #expect(error.kind == .malformedGraph && error.message.contains("is one defined by itself?"))
        }
    }

    @Test("A question is a graph of parameters and the node, without definitions")
    func question() throws {
        let type = TensorType(.float32, [2, 3])
        let signature = NodeSignature(
            operation: .composite(Softmax(axis: 1)), operandTypes: [type], resultTypes: [type])
        let view = try GraphView(asking: signature)
        #expect(view.graph.pointee.node_count == 2 && view.graph.pointee.input_count == 1)
        let node = try #require(view.graph.pointee.nodes[1])
        #expect(GraphViewReader.text(node.pointee.name) == "softmax" && node.pointee.decomposition == nil)
        let sort = NodeOperation.primitive(.sort(dimension: 1, descending: true, indexType: .int64))
        let asked = try GraphView(
            asking: NodeSignature(operation: sort, operandTypes: [type], resultTypes: [TensorType(.int64, [2, 3])]))
        let read = try GraphViewReader().graph(asked.graph)
        #expect(read.nodes[1].operation == sort && read.inputTypes == [type])
        #expect(read.outputTypes == [TensorType(.int64, [2, 3])])
    }
}

extension Graph {
    /// Whether there is a composite in the graph or in its regions.
    fileprivate var hasComposite: Bool {
        nodes.contains { node in
            if case .composite = node.operation { return true }
            return node.operation.regions.contains(where: \.hasComposite)
        }
    }
}
