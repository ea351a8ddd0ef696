// Heterodyne: symbols become numbers, and input shapes give the numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct BindingTests {
    static let n = Extent.symbol("n")

    @Test func everyPrimitiveBinds() throws {
        for entry in try PrimitiveCase.all() {
            let graph = try entry.graph()
            let bound = try graph.binding(graph.symbols.isEmpty ? [:] : ["n": 5])
            #expect(bound.symbols.isEmpty)
            try bound.verify()
            var expected: [TensorType] = []
            for type in entry.results { expected.append(type.with(try type.shape.bound(["n": 5]))) }
            #expect(bound.outputTypes == expected, "\(entry)")
            #expect(bound.inputNames == graph.inputNames)
            #expect(bound.outputs.map(\.name) == graph.outputs.map(\.name))
        }
    }

    @Test func compositesAndRegionsBind() throws {
        let type = TensorType(.float32, [Self.n])
        let region = try GraphBuilder.region([type]) { (builder, x) throws(GraphError) in
            [try x[0] + builder.constant(Literal(Float(2), shape: [Self.n]))]
        }
        var composite = try EveryAttribute()
        composite.graph = region
        composite.extents = [Self.n, try Self.n.multiplied(by: 2)]
        composite.type = type
        composite.literal = Literal(Float(1), shape: [Self.n])
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        builder.currentLocation = SourceLocation(file: "M/F.swift", line: 9)
        let y = try builder.add(composite, [x])
        let z = try builder.conditional(builder.constant(Literal(true)), [y], then: region, otherwise: region)
        try builder.output("z", z[0])
        let bound = try builder.build().binding(["n": 7])
        #expect(bound.symbols.isEmpty)
        #expect(bound.outputTypes == [TensorType(.float32, [7])])
        let found = bound.nodes.compactMap { $0.operation.composite(as: EveryAttribute.self) }.first
        #expect(found?.extents == [7, 14])
        #expect(found?.type == TensorType(.float32, [7]))
        #expect(found?.literal == Literal(Float(1), shape: [7]))
        #expect(found?.graph.inputTypes == [TensorType(.float32, [7])])
        #expect(bound.nodes.last?.location?.line == 9)
    }

    @Test func symbolsInAttributesCount() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [10]))
        try builder.output("y", x.slice([Self.n], [Self.n.adding(2)]))
        let graph = try builder.build()
        #expect(graph.symbols == ["n"])
        #expect(graph.outputTypes == [TensorType(.float32, [2])])
        #expect(try graph.binding(["n": 8]).symbols.isEmpty)
        let found = error { () throws(GraphError) in _ = try graph.binding(["n": 9]) }
        #expect(found?.kind == .invalidAttribute)
        #expect(found?.operation?.hasPrefix("%1 = slice(%0)") == true)
    }

    @Test func wrongBindingsAreNamed() throws {
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float32, [Self.n, .symbol("m")])).exp())
        let graph = try builder.build()
        let wrong: [([String: Int], GraphError.Kind, String)] = [
            (["n": 1], .unboundSymbol, "m"), ([:], .unboundSymbol, "m, n"),
            (["n": 1, "m": -1], .invalidAttribute, "-1"),
            (["n": 1, "m": 2, "k": 3], .invalidAttribute, "no symbol 'k'; its symbols: m, n"),
            (["n": .max, "m": 2], .invalidType, "extent"),
        ]
        for (bindings, kind, text) in wrong {
            let found = error { () throws(GraphError) in _ = try graph.binding(bindings) }
            #expect(found?.kind == kind)
            #expect(found?.message.contains(text) == true, "\(found?.description ?? "none")")
        }
        let partly = try graph.binding(["n": 4], allowsUnbound: true)
        #expect(partly.outputTypes == [TensorType(.float32, [4, .symbol("m")])])
        #expect(try partly.binding(["m": 0]) == graph.binding(["m": 0, "n": 4]))
    }

    @Test func bindingRandomGraphsEqualsBuildingThemBound() throws {
        for seed in 0..<60 {
            var symbolic = RandomGraph(seed: UInt64(seed))
            var fixed = RandomGraph(seed: UInt64(seed), extents: [1, 2, 3, 4, 5])
            let graph = try symbolic.graph(nodes: 12)
            var bindings: [String: Int] = [:]
            for name in graph.symbols { bindings[name] = name == "n" ? 4 : 5 }
            let bound = try graph.binding(bindings)
            try bound.verify()
            #expect(bound.symbols.isEmpty)
            let inputs = try fixed.graph(nodes: 12).inputTypes
            // The first input is drawn before anything depends on types.
            #expect(bound.inputTypes.first == inputs.first)
        }
    }

    @Test func inputShapesGiveTheNumbers() throws {
        let builder = GraphBuilder()
        let m = Extent.symbol("m")
        let odd = try Self.n.multiplied(by: 2).adding(1)
        let mixed = try Self.n.multiplied(by: m).floorDivided(by: 2)
        _ = try builder.input("a", TensorType(.float32, [mixed, odd]))
        let b = try builder.input("b", TensorType(.float32, [m, 3]))
        try builder.output("b", b)
        let graph = try builder.build()
        #expect(try graph.solveBindings(inputShapes: [[7, 7], [5, 3]]) == ["n": 3, "m": 5])
        let wrong: [([[Int]], String)] = [
            ([[7, 7], [5, 4]], "input 'b', dimension 1: extent 4 is given where 3 is needed"),
            (
                [[8, 7], [5, 3]],
                "input 'a', dimension 0: extent 8 is given where floor(m*n, 2) is 7, from m = 5, n = 3"
            ),
            ([[7, 6], [5, 3]], "input 'a', dimension 1: no number 'n' gives 1+2*n = 6"),
            ([[7, 7], [-5, 3]], "input 'b', dimension 0: extent -5 is negative"),
            ([[7, 7], [5]], "input 'b' is float32[m, 3] and is given rank 1: [5]"),
            ([[7, 7]], "1 shapes are given for 2 inputs"),
        ]
        for (shapes, message) in wrong {
            let found = error { () throws(GraphError) in _ = try graph.solveBindings(inputShapes: shapes) }
            #expect(found?.kind == .shapeMismatch)
            #expect(found?.message == message)
        }
        let unknown = GraphBuilder()
        try unknown.output("x", unknown.input("x", TensorType(.int8, [Self.n.multiplied(by: m)])))
        let stuck = error { () throws(GraphError) in _ = try unknown.build().solveBindings(inputShapes: [[6]]) }
        #expect(stuck?.kind == .unboundSymbol)
        #expect(stuck?.message.contains("input 'x', dimension 0") == true)
    }
}
