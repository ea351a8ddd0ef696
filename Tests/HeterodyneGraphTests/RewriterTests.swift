// Heterodyne: rewriting and cutting graphs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct RewriterTests {
    static let type = TensorType(.float32, [3])

    static func sample() throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        builder.currentLocation = SourceLocation(file: "M/F.swift", line: 3)
        let e = try x.exp()
        _ = try x.sin()
        let y = try builder.input("unused", .scalar(.int32))
        _ = y
        let s = try e + x
        try builder.output("s", s)
        try builder.output("e", e)
        return try builder.build()
    }

    @Test func deadNodesGoAndInputsStay() throws {
        let graph = try Self.sample()
        let small = try graph.droppingDeadNodes()
        #expect(small.nodes.count == graph.nodes.count - 1)
        #expect(small.inputNames == ["x", "unused"])
        #expect(small.outputs.map(\.name) == ["s", "e"])
        #expect(small.nodes.compactMap(\.location).map(\.line) == [3, 3, 3])
        try small.verify()
        let whole = try GraphRewriter(dropsDeadNodes: false).rewrite(graph) { (_, _, _, _) throws(GraphError) in nil }
        #expect(whole == graph)
    }

    @Test func replacementsGetTheLocationAndAreChecked() throws {
        let graph = try Self.sample()
        let doubled = try graph.rewriting { (node, operands, _) throws(GraphError) in
            node.operation.primitive == .unary(.exp) ? [try operands[0] * operands[0]] : nil
        }
        #expect(doubled.nodes.contains { $0.operation.primitive == .binary(.multiply) && $0.location?.line == 3 })
        #expect(!doubled.nodes.contains { $0.operation.primitive == .unary(.exp) })

        let wrongCount = error { () throws(GraphError) in
            _ = try graph.rewriting { (_, operands, _) throws(GraphError) in operands + operands }
        }
        #expect(wrongCount?.kind == .malformedGraph)
        #expect(wrongCount?.operation == "%1 = exp(%0) : float32[3]")
        let wrongType = error { () throws(GraphError) in
            _ = try graph.rewriting { (_, operands, _) throws(GraphError) in [try operands[0].convert(.float64)] }
        }
        #expect(wrongType?.message.contains("float64[3]") == true)
        let other = GraphBuilder()
        let foreign = error { () throws(GraphError) in
            let stranger = try other.input("x", Self.type)
            _ = try graph.rewriting { (_, _, _) throws(GraphError) in [stranger] }
        }
        #expect(foreign?.message.contains("another graph") == true)
    }

    @Test func typesMayChangeWhereAsked() throws {
        let rewriter = GraphRewriter(preservesTypes: false)
        let wide = try rewriter.rewrite(Self.sample()) { (_, node, operands, _) throws(GraphError) in
            let wide = try operands.map { (term) throws(GraphError) in try term.convert(.float64) }
            return node.operation.primitive == .unary(.exp) ? [try wide[0].exp()] : [try wide[0] + wide[1]]
        }
        #expect(wide.outputTypes == [TensorType(.float64, [3]), TensorType(.float64, [3])])
    }

    @Test(arguments: GraphRewriter.Regions.allCases) func regionsAreRewrittenAsAsked(
        _ regions: GraphRewriter.Regions
    ) throws {
        let region = try GraphBuilder.region([Self.type]) { (_, x) throws(GraphError) in [try x[0].exp()] }
        let builder = GraphBuilder()
        let x = try builder.input("x", Self.type)
        let chosen = try builder.conditional(builder.constant(Literal(true)), [x], then: region, otherwise: region)
        try builder.output("y", builder.add(FusedRegion(kind: .elementwise, body: region), chosen))
        let result = try GraphRewriter(regions: regions).rewrite(builder.build()) {
            (_, node, operands, _) throws(GraphError) in
            node.operation.primitive == .unary(.exp) ? [try operands[0].sin()] : nil
        }
        try result.verify()
        let sines = result.nodes.map { node in
            node.operation.regions.filter { $0.nodes.contains { $0.operation.primitive == .unary(.sin) } }.count
        }
        #expect(sines.reduce(0, +) == [.none: 0, .control: 2, .all: 3][regions])
    }

    @Test func cutsOutASubgraph() throws {
        let builder = GraphBuilder()
        let (x, w) = (try builder.input("x", Self.type), try builder.input("w", Self.type))
        let a = try w + x  // node 2
        let b = try a.exp()  // node 3
        let c = try b * x  // node 4
        let d = try c - b  // node 5
        try builder.output("d", d)
        let graph = try builder.build()
        let cut = try graph.extracting([0, 2, 3, 4])
        #expect(cut.inputs == [w.value, x.value])
        #expect(cut.outputs == [b.value, c.value])
        #expect(cut.graph.inputNames == ["arg0", "arg1"])
        #expect(cut.graph.outputs.map(\.name) == ["result0", "result1"])
        try cut.graph.verify()

        // Put back in place of the nodes, the pieces make the graph again.
        let back = GraphBuilder()
        let (x2, w2) = (try back.input("x", Self.type), try back.input("w", Self.type))
        let pieces = try back.inline(cut.graph, [w2, x2])
        try back.output("d", pieces[1] - pieces[0])
        #expect(try back.build() == graph)

        #expect(error { () throws(GraphError) in _ = try graph.extracting([]) }?.kind == .malformedGraph)
        #expect(error { () throws(GraphError) in _ = try graph.extracting([6]) }?.kind == .malformedGraph)
        #expect(error { () throws(GraphError) in _ = try graph.extracting([-1, 2]) }?.kind == .malformedGraph)
    }
}
