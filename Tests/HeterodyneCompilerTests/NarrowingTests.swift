// Heterodyne: conversions that nobody can observe, as graphs before and after, and on random graphs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Narrowing")
struct NarrowingTests {
    typealias Rule = CanonicalizationTests.Rule

    static let wide: Set<ScalarType> = [.float64, .int64, .uint64]
    static let target = CompilationTarget(device: "short", capabilities: Targets.capabilities(without: wide))

    /// Patterns of exporters and of mixed-type programs. What is left wide afterwards is needed so.
    static let floats: [Rule] = [
        Rule(
            "an epsilon that survives, added between casts", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.5} : float64[2]; "
                + "%3 = add(%1, %2) : float64[2]; %4 = convert(%3) {to = float32} : float32[2]; %4",
            "%1 = constant() {value = float32[2] splat 0.5} : float32[2]; %2 = add(%0, %1) : float32[2]; %2"),
        Rule(
            "a quotient of two casts", "float32[2]; float16[2]",
            "%2 = convert(%0) {to = float64} : float64[2]; %3 = convert(%1) {to = float64} : float64[2]; "
                + "%4 = divide(%2, %3) : float64[2]; %5 = convert(%4) {to = float32} : float32[2]; %5",
            "%2 = convert(%1) {to = float32} : float32[2]; %3 = divide(%0, %2) : float32[2]; %3"),
        Rule(
            "a square root, moved and then rounded", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = sqrt(%1) : float64[2]; "
                + "%3 = reshape(%2) {shape = <1, 2>} : float64[1, 2]; %4 = convert(%3) {to = float32} : float32[1, 2]; %4",
            "%1 = sqrt(%0) : float32[2]; %2 = reshape(%1) {shape = <1, 2>} : float32[1, 2]; %2"),
        Rule(
            "a clamp to numbers that do not survive, rounded", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.1} : float64[2]; "
                + "%3 = maximum(%1, %2) : float64[2]; %4 = convert(%3) {to = float32} : float32[2]; %4",
            "%1 = constant() {value = float32[2] splat 0.1} : float32[2]; %2 = maximum(%0, %1) : float32[2]; %2"),
        Rule(
            "a mask by comparison with a scalar", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 1.5} : float64[2]; "
                + "%3 = compare(%1, %2) {direction = \"less\"} : bool[2]; %3",
            "%1 = constant() {value = float32[2] splat 1.5} : float32[2]; "
                + "%2 = compare(%0, %1) {direction = \"less\"} : bool[2]; %2"),
        Rule(
            "a range in float64, scaled by a power of two", "float32[2]",
            "%1 = iota() {type = float64[6], dimension = 0} : float64[6]; "
                + "%2 = constant() {value = float64[6] splat 0.5} : float64[6]; %3 = multiply(%1, %2) : float64[6]; "
                + "%4 = add(%3, %2) : float64[6]; %5 = convert(%4) {to = float32} : float32[6]; %5",
            "%1 = iota() {type = float32[6], dimension = 0} : float32[6]; "
                + "%2 = constant() {value = float32[6] splat 0.5} : float32[6]; %3 = multiply(%1, %2) : float32[6]; "
                + "%4 = add(%3, %2) : float32[6]; %4"),
        Rule(
            "a count of a mask in float64", "bool[2, 300]",
            "%1 = convert(%0) {to = float64} : float64[2, 300]; "
                + "%2 = reduce(%1) {kind = \"sum\", dimensions = [1]} : float64[2]; "
                + "%3 = convert(%2) {to = int32} : int32[2]; %3",
            "%1 = convert(%0) {to = float32} : float32[2, 300]; "
                + "%2 = reduce(%1) {kind = \"sum\", dimensions = [1]} : float32[2]; "
                + "%3 = convert(%2) {to = int32} : int32[2]; %3"),
        Rule(
            "widened only for what needs it", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = negate(%1) : float64[2]; "
                + "%3 = exp(%2) : float64[2]; %3",
            "%1 = negate(%0) : float32[2]; %2 = convert(%1) {to = float64} : float64[2]; %3 = exp(%2) : float64[2]; %3"),
        Rule(
            "an input that is float64 stays", "float64[2]",
            "%1 = constant() {value = float64[2] splat 0.5} : float64[2]; %2 = add(%0, %1) : float64[2]; "
                + "%3 = convert(%2) {to = float32} : float32[2]; %3",
            "%1 = constant() {value = float64[2] splat 0.5} : float64[2]; %2 = add(%0, %1) : float64[2]; "
                + "%3 = convert(%2) {to = float32} : float32[2]; %3"),
        Rule(
            "two rounded operations in a row stay", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.5} : float64[2]; "
                + "%3 = add(%1, %2) : float64[2]; %4 = sqrt(%3) : float64[2]; %5 = convert(%4) {to = float32} : float32[2]; %5",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.5} : float64[2]; "
                + "%3 = add(%1, %2) : float64[2]; %4 = sqrt(%3) : float64[2]; %5 = convert(%4) {to = float32} : float32[2]; %5"
        ),
        Rule(
            "an epsilon that does not survive stays", "float32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.1} : float64[2]; "
                + "%3 = add(%1, %2) : float64[2]; %4 = convert(%3) {to = float32} : float32[2]; %4",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = constant() {value = float64[2] splat 0.1} : float64[2]; "
                + "%3 = add(%1, %2) : float64[2]; %4 = convert(%3) {to = float32} : float32[2]; %4"),
    ]

    static let integers: [Rule] = [
        Rule(
            "positions, gathered", "float32[9, 2]",
            "%1 = iota() {type = int64[4, 1], dimension = 0} : int64[4, 1]; "
                + "%2 = constant() {value = int64[4, 1] splat 2} : int64[4, 1]; %3 = multiply(%1, %2) : int64[4, 1]; "
                + "%4 = add(%3, %2) : int64[4, 1]; %5 = gather(%0, %4) {dimensions = [0]} : float32[4, 2]; %5",
            "%1 = iota() {type = int32[4, 1], dimension = 0} : int32[4, 1]; "
                + "%2 = constant() {value = int32[4, 1] splat 2} : int32[4, 1]; %3 = multiply(%1, %2) : int32[4, 1]; "
                + "%4 = add(%3, %2) : int32[4, 1]; %5 = gather(%0, %4) {dimensions = [0]} : float32[4, 2]; %5"),
        Rule(
            "a sum of ids, counted", "uint8[3, 40]",
            "%1 = convert(%0) {to = int64} : int64[3, 40]; "
                + "%2 = reduce(%1) {kind = \"sum\", dimensions = [1]} : int64[3]; "
                + "%3 = convert(%2) {to = float32} : float32[3]; %3",
            "%1 = convert(%0) {to = int32} : int32[3, 40]; "
                + "%2 = reduce(%1) {kind = \"sum\", dimensions = [1]} : int32[3]; "
                + "%3 = convert(%2) {to = float32} : float32[3]; %3"),
        Rule(
            "an order, as int64", "float32[5]",
            "%1 = sort(%0) {dimension = 0, descending = true, indexType = int64} : int64[5]; %1",
            "%1 = sort(%0) {dimension = 0, descending = true, indexType = int32} : int32[5]; "
                + "%2 = convert(%1) {to = int64} : int64[5]; %2"),
        Rule(
            "a cast to int32 of arithmetic on an input", "int64[2]",
            "%1 = constant() {value = int64[2] splat 4294967299} : int64[2]; %2 = multiply(%0, %1) : int64[2]; "
                + "%3 = convert(%2) {to = int32} : int32[2]; %3",
            "%1 = convert(%0) {to = int32} : int32[2]; %2 = constant() {value = int32[2] splat 3} : int32[2]; "
                + "%3 = multiply(%1, %2) : int32[2]; %3"),
        Rule(
            "a remainder of an input proves what follows", "int64[2]",
            "%1 = constant() {value = int64[2] splat 10} : int64[2]; %2 = remainder(%0, %1) : int64[2]; "
                + "%3 = add(%2, %1) : int64[2]; %4 = compare(%3, %1) {direction = \"less\"} : bool[2]; %4",
            "%1 = constant() {value = int64[2] splat 10} : int64[2]; %2 = remainder(%0, %1) : int64[2]; "
                + "%3 = convert(%2) {to = int32} : int32[2]; %4 = constant() {value = int32[2] splat 10} : int32[2]; "
                + "%5 = add(%3, %4) : int32[2]; %6 = compare(%5, %4) {direction = \"less\"} : bool[2]; %6"),
        Rule(
            "an input that is int64 stays", "int64[2]",
            "%1 = constant() {value = int64[2] splat 10} : int64[2]; "
                + "%2 = compare(%0, %1) {direction = \"less\"} : bool[2]; %2",
            "%1 = constant() {value = int64[2] splat 10} : int64[2]; "
                + "%2 = compare(%0, %1) {direction = \"less\"} : bool[2]; %2"),
        Rule(
            "a product that may leave int32 stays", "int32[2]",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = multiply(%1, %1) : int64[2]; %2",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = multiply(%1, %1) : int64[2]; %2"),
        Rule(
            "a quotient by what may be zero stays without a sign", "uint8[2]",
            "%1 = convert(%0) {to = uint64} : uint64[2]; %2 = divide(%1, %1) : uint64[2]; %2",
            "%1 = convert(%0) {to = uint64} : uint64[2]; %2 = divide(%1, %1) : uint64[2]; %2"),
        Rule(
            "a quotient by what may be zero, with a sign", "int8[2]",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = divide(%1, %1) : int64[2]; "
                + "%3 = convert(%2) {to = float32} : float32[2]; %3",
            "%1 = convert(%0) {to = int32} : int32[2]; %2 = divide(%1, %1) : int32[2]; "
                + "%3 = convert(%2) {to = float32} : float32[2]; %3"),
        Rule(
            "the least of none stays", "int8[0]",
            "%1 = convert(%0) {to = int64} : int64[0]; %2 = reduce(%1) {kind = \"minimum\", dimensions = [0]} : int64[]; "
                + "%3 = convert(%2) {to = int32} : int32[]; %3",
            "%1 = convert(%0) {to = int64} : int64[0]; %2 = reduce(%1) {kind = \"minimum\", dimensions = [0]} : int64[]; "
                + "%3 = convert(%2) {to = int32} : int32[]; %3"),
    ]

    @Test("What survives is computed in 32 bits, what does not stays", arguments: floats + integers)
    func rule(rule: Rule) throws {
        let (before, expected) = (try rule.graph(rule.before), try rule.graph(rule.after))
        let context = context(Self.target)
        let after = try Narrowing().run(before, in: context)
        try after.verify()
        #expect(after == expected, "\(after)")
        #expect(try Narrowing().run(after, in: context) == after)
        #expect(context.report.entries.isEmpty == (before == expected))
        for entry in context.report.entries { #expect(entry.kind == .legalization && entry.isFree) }
        // Where the device has the types, nothing happens.
        let plain = HeterodyneCompilerTests.context()
        #expect(try Narrowing().run(before, in: plain) == before)
        #expect(plain.report.entries.isEmpty)
        var random = RandomGraphs(seed: 11)
        for round in 0..<8 {
            try expectEquivalent(before, after, random.inputs(for: before), "\(rule.name), round \(round)")
        }
    }

    /// A normalization with its epsilon in float64 and an embedding by int64 positions, as exporters write them.
    @Test("A float32 model with a float64 epsilon and int64 positions compiles strictly without these types")
    func strict() throws {
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "table": float32[16, 4], %1 "mask": bool[3]) {
            %2 = iota() {type = int64[3], dimension = 0} : int64[3]
            %3 = convert(%1) {to = int64} : int64[3]
            %4 = multiply(%2, %3) : int64[3]
            %5 = constant() {value = int64[3] splat 1} : int64[3]
            %6 = add(%4, %5) : int64[3]
            %7 = reshape(%6) {shape = <3, 1>} : int64[3, 1]
            %8 = gather(%0, %7) {dimensions = [0]} : float32[3, 4]
            %9 = multiply(%8, %8) : float32[3, 4]
            %10 = reduce(%9) {kind = "sum", dimensions = [1]} : float32[3]
            %11 = constant() {value = float64[] splat 1e-05} : float64[]
            %12 = convert(%11) {to = float32} : float32[]
            %13 = broadcast(%12) {shape = <3>, dimensions = []} : float32[3]
            %14 = add(%10, %13) : float32[3]
            %15 = sqrt(%14) : float32[3]
            return "r" = %15
            }
            """)
        var options = CompilerOptions()
        options.isStrict = true
        options.scalarTypes = .uniform(.error)
        let compiled = try Compiler(targets: [Self.target], options: options, evaluator: ReferenceEvaluator())
            .compile(graph)
        #expect(compiled.placed.scalarTypes.isDisjoint(with: Self.wide), "\(compiled.placed)")
        #expect(compiled.report.costlyEntries.isEmpty)
        #expect(compiled.report.entries.contains { $0.kind == .legalization && $0.rule == "int64 proved in int32" })
        var random = RandomGraphs(seed: 12)
        for _ in 0..<4 {
            try expectEquivalent(graph, compiled.placed, random.inputs(for: graph), "a model with an epsilon")
        }
    }

    @Test("Lines name the node, its place, the rule and the reason")
    func lines() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2]))
        builder.currentLocation = SourceLocation(file: "Model/Norm.swift", line: 7)
        let shifted = try x.convert(.float64) + 0.5
        try builder.output("y", shifted.sqrt().convert(.float32))
        try builder.output("z", x.convert(.float64).abs())
        let graph = try builder.build()
        let context = context(Self.target)
        _ = try Narrowing().run(graph, in: context)
        let entries = context.report.entries
        #expect(entries.map(\.operation) == ["abs"])
        #expect(entries.first?.rule == "float64 exactly in float32")
        #expect(entries.first?.location == "Model/Norm.swift:7")
        #expect(entries.first?.device == "short")
        #expect(entries.first?.reason == "every value is one of float32")
        #expect(context.report.costlyEntries.isEmpty)
    }

    @Test("Rounding once takes a device that rounds to nearest even")
    func rounding() throws {
        var capabilities = Targets.capabilities(without: Self.wide)
        capabilities.numerics.roundsToNearestEven = false
        let coarse = CompilationTarget(device: "coarse", capabilities: capabilities)
        for name in ["an epsilon that survives, added between casts", "a count of a mask in float64"] {
            let rule = try #require(Self.floats.first { $0.name == name })
            let before = try rule.graph(rule.before)
            let after = try Narrowing().run(before, in: context(coarse))
            #expect(after.scalarTypes.contains(.float64), "\(after)")
        }
    }

    @Test("A constant of subnormal numbers needs a device that keeps them")
    func subnormals() throws {
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "x": float32[]) {
            %1 = convert(%0) {to = float64} : float64[]
            %2 = constant() {value = float64[] splat 1.401298464324817e-45} : float64[]
            %3 = compare(%1, %2) {direction = "less"} : bool[]
            return "r" = %3
            }
            """)
        #expect(!(try Narrowing().run(graph, in: context(Self.target)).scalarTypes.contains(.float64)))
        var capabilities = Targets.capabilities(without: Self.wide)
        capabilities.numerics.denormals = .flushed
        let flushing = CompilationTarget(device: "flushing", capabilities: capabilities)
        #expect(try Narrowing().run(graph, in: context(flushing)) == graph)
    }

    @Test("Positions that composites give are short, and what is computed with them")
    func positions() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4, 7]))
        let best = try builder.add(ArgMax(ArgExtremeAttributes(axis: 1)), [x])
        let ranked = try builder.addAll(.composite(TopK(k: 2, axis: 1)), [x])
        try builder.output("row", best.reshape([4, 1]).compare(.equal, ranked[1].slice([0, 0], [4, 1])))
        try builder.output("best", best)
        try builder.output("values", ranked[0])
        let graph = try builder.build()
        let context = context(Self.target)
        let after = try Narrowing().run(graph, in: context)
        #expect(Self.wideNodes(after) == 0, "\(after)")
        #expect(context.report.entries.map(\.operation).sorted() == ["argMax", "compare", "reshape", "slice", "topK"])
        var random = RandomGraphs(seed: 8)
        for _ in 0..<4 { try expectEquivalent(graph, after, random.inputs(for: graph), "positions") }
    }

    @Test("Branches know what they are given, and their results are known")
    func branches() throws {
        let type = TensorType(.int64, [3])
        let double = try GraphBuilder.region([type]) { (_, x) throws(GraphError) in [try x[0] + x[0]] }
        let builder = GraphBuilder()
        let predicate = try builder.input("p", .scalar(.bool))
        let x = try builder.input("x", TensorType(.uint8, [3])).convert(.int64)
        let triple = try GraphBuilder.region([type]) { (_, x) throws(GraphError) in [try x[0] * 3] }
        let result = try builder.conditional(predicate, [x], then: double, otherwise: triple)[0]
        try builder.output("y", (result + 1).convert(.float32))
        let graph = try builder.build()
        let after = try Narrowing().run(graph, in: context(Self.target))
        #expect(adds(after, .int64) == 0 && adds(after, .int32) == 3, "\(after)")
        var random = RandomGraphs(seed: 5)
        for _ in 0..<4 { try expectEquivalent(graph, after, random.inputs(for: graph), "branches") }
    }

    @Test("Counters of loops are bounded by their conditions, and what loops hand on keeps its range")
    func loops() throws {
        for direction in [ComparisonDirection.less, .greater] {
            let builder = GraphBuilder()
            let x = try builder.input("x", TensorType(.float32, [8, 2]))
            let types: [TensorType] = [
                .scalar(.int64), .scalar(.int64), TensorType(.float32, [8, 2]), TensorType(.float32, [1, 2]),
            ]
            let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
                [
                    try direction == .less
                        ? state[0].compare(.less, state[1]) : state[1].compare(.greater, state[0])
                ]
            }
            let body = try GraphBuilder.region(types) { (builder, state) throws(GraphError) in
                let row = try state[2].dynamicSlice([state[0], builder.constant(0, .scalar(.int64))], sizes: [1, 2])
                return [try state[0] + 1, state[1], state[2], try state[3] + row]
            }
            let state = try builder.loop(
                [
                    builder.constant(0, types[0]), builder.constant(6, types[1]), x,
                    builder.constant(0, types[3]),
                ], condition: condition, body: body)
            try builder.output("sum", state[3])
            try builder.output("steps", state[0].convert(.int32))
            let graph = try builder.build()
            let after = try Narrowing().run(graph, in: context(Self.target))
            #expect(adds(after, .int64) == 0 && adds(after, .int32) == 1, "\(after)")
            var random = RandomGraphs(seed: 6)
            try expectEquivalent(graph, after, random.inputs(for: graph), "loops")
        }
    }

    @Test("A counter without a bound is not narrowed")
    func unboundedLoop() throws {
        let types: [TensorType] = [.scalar(.int64), .scalar(.int64)]
        let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [try state[0].compare(.notEqual, state[1])]
        }
        let body = try GraphBuilder.region(types) { (_, state) throws(GraphError) in [try state[0] + 1, state[1]] }
        let builder = GraphBuilder()
        let limit = try builder.input("n", .scalar(.int64))
        let state = try builder.loop([builder.constant(0, types[0]), limit], condition: condition, body: body)
        try builder.output("n", state[0])
        let graph = try builder.build()
        #expect(adds(try Narrowing().run(graph, in: context(Self.target)), .int64) == 1)
    }

    private func adds(_ graph: Graph, _ type: ScalarType) -> Int {
        graph.nodes.reduce(0) { count, node in
            var count = count + node.operation.regions.reduce(0) { $0 + adds($1, type) }
            switch node.operation.primitive {
            case .binary(.add), .binary(.multiply): if node.resultTypes[0].scalarType == type { count += 1 }
            default: break
            }
            return count
        }
    }

    @Test("Random graphs keep their bits, and no node changes without a line", arguments: 0..<300)
    func random(seed: Int) throws {
        var random = RandomGraphs(
            seed: UInt64(seed) + 9000, usesComposites: false,
            scalarTypes: seed % 2 == 0
                ? [.float32, .float64, .int32, .bfloat16, .bool] : [.int64, .int32, .uint64, .uint8, .float64, .bool])
        // In simple form, so that what vanishes does so by this pass.
        let graph = try Canonicalization().run(random.graph(nodes: 40), in: HeterodyneCompilerTests.context())
        let context = context(Self.target)
        let after = try Narrowing().run(graph, in: context)
        for round in 0..<2 {
            try expectEquivalent(graph, after, random.inputs(for: graph), "seed \(seed), round \(round)")
        }
        let again = try Narrowing().run(after, in: context)
        #expect(again == after, "seed \(seed) is not idempotent:\n\(graph)\nonce \(after)\nthen \(again)")
        let lines = context.report.entries.reduce(0) { $0 + $1.count }
        let lost = Self.wideNodes(graph) - Self.wideNodes(after)
        #expect(lines >= lost, "seed \(seed): \(lost) nodes changed, \(lines) lines\n\(graph)\n\(after)")
    }

    /// Nodes that compute or move numbers of a wide type.
    static func wideNodes(_ graph: Graph) -> Int {
        graph.nodes.reduce(0) { count, node in
            var count = count + node.operation.regions.reduce(0) { $0 + wideNodes($1) }
            if let primitive = node.operation.primitive, primitive.code.group != .source, primitive.code != .convert,
                node.resultTypes.contains(where: { wide.contains($0.scalarType) })
            {
                count += 1
            }
            return count
        }
    }

    @Test("Time is linear in the number of nodes", arguments: [2000, 20000])
    func size(count: Int) throws {
        let builder = GraphBuilder()
        var x = try builder.input("x", TensorType(.float32, [2])).convert(.float64)
        for index in 0..<count { x = try index % 2 == 0 ? x.negate() : x.abs().maximum(x) }
        try builder.output("y", x.convert(.float32))
        let clock = ContinuousClock()
        let context = context(Self.target)
        let duration = try clock.measure {
            let after = try Narrowing().run(builder.build(), in: context)
            #expect(!after.scalarTypes.contains(.float64))
        }
        // In a debug build some 20 microseconds a node; a quadratic pass takes minutes for the larger graph.
        #expect(duration < .seconds(30))
    }
}
