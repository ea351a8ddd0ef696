// Heterodyne: decomposition, placement, strict mode, stages and errors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

/// Is defined by itself, directly or in a branch.
private struct Endless: Composite {
    static let name = "test.endless"
    var inRegion = false
    var attributes: Attributes { ["inRegion": .bool(inRegion)] }

    init(inRegion: Bool) { self.inRegion = inRegion }

    init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        inRegion = try reader.bool("inRegion")
        try reader.finish()
    }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { operands }

    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let composite = self
        guard inRegion else { return [try builder.add(composite, [operands[0].negate()])] }
        let region = try GraphBuilder.region([operands[0].type]) { (builder, terms) throws(GraphError) in
            [try builder.add(composite, terms)]
        }
        let predicate = try operands[0].reduce(.sum, Array(0..<operands[0].rank)).compare(.less, 0)
        return try builder.conditional(predicate, operands, then: region, otherwise: region)
    }
}

/// Says one type and gives another.
private struct Liar: Composite {
    static let name = "test.liar"
    var attributes: Attributes { [:] }
    init() {}
    init(attributes: Attributes) throws(GraphError) {}
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { [operands[0].with(.int32)] }
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] { operands }
}

@Suite("Compiler")
struct CompilerTests {
    private let place = SourceLocation(file: "Model/Encoder.swift", line: 42)

    private func graph(of composite: some Composite, _ type: TensorType = TensorType(.float32, [3])) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        try builder.output("y", builder.add(composite, [x], location: place))
        return try builder.build()
    }

    @Test("What is claimed stays, what is not is replaced and recorded with its place")
    func decomposition() throws {
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "x": float32[3]) {
              %1 = erf(%0) : float32[3]
              %2 = relu(%1) : float32[3]
              return "y" = %2
            }
            """)
        let target = CompilationTarget(device: "d", capabilities: Targets.capabilities(claims: ["relu"]))
        let context = context(target)
        let result = try Decomposition().run(graph, in: context)
        let composites = result.nodes.compactMap {
            if case .composite(let composite) = $0.operation { composite.name } else { nil }
        }
        #expect(composites == ["relu"])
        #expect(context.report.entries.map(\.operation) == ["erf"])
        #expect(context.report.entries[0].reason == "d does not claim it for these types")
    }

    @Test("A composite that is defined by itself is an error that says so", arguments: [false, true])
    func endless(inRegion: Bool) throws {
        let graph = try graph(of: Endless(inRegion: inRegion))
        let error = graphError { _ = try Decomposition().run(graph, in: context()) }
        #expect(error?.kind == .malformedGraph)
        #expect(error?.message.contains("defined by itself") == true)
        #expect(error?.location == place)
    }

    @Test("A definition of other types than inference says is an error")
    func liar() throws {
        let error = graphError { _ = try Decomposition().run(graph(of: Liar()), in: context()) }
        #expect(error?.kind == .malformedGraph && error?.message.contains("inference says") == true)
    }

    private func wideGraph() throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float64, [3]))
        try builder.output("y", builder.add(.unary(.exp), [x], location: place))
        return try builder.build()
    }

    @Test("A node that nothing runs is named with its place and every device's reason")
    func unsupported() throws {
        var exceptional = Targets.capabilities()
        exceptional.exceptions = [
            SupportException(primitive: .exp, scalarType: .float64, reason: "exp is float32 only")
        ]
        let second = CompilationTarget(device: "second", capabilities: exceptional)
        let error = graphError { _ = try Compiler(targets: [Targets.narrow, second]).compile(wideGraph()) }
        #expect(error?.kind == .unsupported)
        #expect(error?.operation == "%1 = exp(%0) : float64[3]")
        #expect(error?.location == place)
        #expect(error?.message.contains("narrow: the device has no float64") == true)
        #expect(error?.message.contains("second: exp is float32 only") == true)
        #expect(error?.message.contains("allow a fallback device") == true)
        #expect(graphError { _ = try Compiler(targets: []).compile(wideGraph()) }?.kind == .unsupported)
    }

    @Test("A type that is an error is one also where another device has it; every operation is named")
    func forbidden() throws {
        var compiler = Compiler(targets: [Targets.narrow, Targets.plain])
        compiler.options.scalarTypes[.float64] = .error
        let error = graphError { _ = try compiler.compile(wideGraph()) }
        #expect(error?.kind == .unsupported)
        #expect(error?.operation == "%1 = exp(%0) : float64[3]")
        #expect(error?.location == place)
        #expect(
            error?.message.contains("narrow does not run 1 x exp (\(place))") == true, "\(String(describing: error))")
        #expect(error?.message.contains("float64=error") == true)
        // The device that has the type is not concerned.
        compiler.targets.reverse()
        #expect(try compiler.compile(wideGraph()).parts.map(\.target) == [0])
    }

    @Test("A fallback and its transfers are in the report; strict compilation refuses them")
    func fallback() throws {
        var compiler = Compiler(targets: [Targets.narrow, Targets.plain], evaluator: ReferenceEvaluator())
        let report = try compiler.compile(wideGraph()).report
        #expect(report.entries.map(\.kind) == [.fallback, .transfer, .transfer])
        #expect(report.entries.map(\.device) == ["plain", "plain", "narrow"])
        #expect(report.entries[0].location == place.description)
        #expect(report.entries[1].byteCount == 24)
        compiler.options.isStrict = true
        let error = graphError { _ = try compiler.compile(wideGraph()) }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.contains("strict compilation refuses the fallback of 1 x exp") == true)
        #expect(error?.message.contains(place.description) == true)
        // Nothing costly: strict compiles.
        compiler.targets = [Targets.plain]
        #expect(try compiler.compile(wideGraph()).parts.count == 1)
    }

    @Test("Symbolic graphs are refused with the names to bind")
    func symbolic() throws {
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float32, Shape([.symbol("batch")]))).negate())
        let error = graphError { _ = try Compiler(targets: [Targets.plain]).compile(builder.build()) }
        #expect(error?.kind == .unboundSymbol && error?.message.contains("batch") == true)
    }

    @Test("A pass that breaks the graph or throws is named")
    func brokenPass() throws {
        struct Breaker: Pass {
            let name = "break"
            func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
                try GraphRewriter(preservesTypes: false).rewrite(graph) {
                    (_, node, operands, builder) throws(GraphError) in
                    throw GraphError(.invalidType, "no")
                }
            }
        }
        let error = graphError { _ = try Pipeline([Breaker()]).run(wideGraph(), in: context()) }
        #expect(error?.kind == .invalidType && error?.location == place)
    }

    @Test("Stages parse where constants are small, and passes are listed with their node counts")
    func stages() throws {
        var options = CompilerOptions()
        options.recordsStages = true
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "x": float32[3], %1 "w": float32[3, 3]) {
              %2 = softmax(%0) {axis = 0} : float32[3]
              %3 = erf(%2) : float32[3]
              return "y" = %3
            }
            """)
        let compiled = try Compiler(targets: [Targets.fusing], options: options, evaluator: ReferenceEvaluator())
            .compile(graph)
        #expect(compiled.stages.first?.pass == "input" && compiled.stages.first?.text == graph.text())
        let names = compiled.stages.map(\.pass)
        for name in ["canonicalize", "fold", "decompose", "dead-code", "fuse", "schedule"] {
            #expect(names.contains(name), "\(name) is not among \(names)")
        }
        for stage in compiled.stages { try parse(stage.text).verify() }
        #expect(try parse(compiled.stages[compiled.stages.count - 1].text) == compiled.parts[0].graph)
        #expect(compiled.report.passes.allSatisfy { $0.nodeCount > 0 && $0.seconds >= 0 })
    }

    @Test("Dead nodes are dropped, inputs stay")
    func deadCode() throws {
        let result = try run(
            DeadCodeElimination(),
            """
            heterodyne 1
            graph(%0 "x": float32[3], %1 "unused": int8[2]) {
              %2 = exp(%0) : float32[3]
              %3 = negate(%0) : float32[3]
              return "y" = %3
            }
            """)
        #expect(result.inputNames == ["x", "unused"])
        #expect(result.nodes.map(\.operation.name) == ["parameter", "parameter", "negate"])
    }

    @Test("Scheduling puts what frees memory first")
    func scheduling() throws {
        // Two wide branches that each end in one element: one after the other needs half of both at once.
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [64]))
        let wide = try [x.exp(), x.sin(), x.cos(), x.tanh()]
        var sum = try wide[0].reduce(.maximum, [0])
        for term in wide.dropFirst() { sum = try sum + term.reduce(.maximum, [0]) }
        try builder.output("y", sum)
        let graph = try builder.build()
        func peak(_ graph: Graph) -> Int { Schedule(graph).peak(Array(graph.nodes.indices)) }
        let scheduled = try Scheduling().run(graph, in: context())
        #expect(peak(graph) >= 4 * 256)
        #expect(peak(scheduled) <= 256 + 16)
    }
}
