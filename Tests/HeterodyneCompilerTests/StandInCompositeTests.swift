// Heterodyne: composites in types that the device lacks, computed whole in types that it has.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import Testing

@testable import HeterodyneCompiler

@Suite("Composites in types that are missing")
struct StandInCompositeTests {
    static func target(without missing: Set<ScalarType>) -> CompilationTarget {
        CompilationTarget(
            device: "partial",
            capabilities: Targets.capabilities(
                without: missing, claims: Set(CompositeRegistry.standard.names)))
    }

    private func graph(_ composite: any Composite, _ types: [TensorType]) throws -> Graph {
        let builder = GraphBuilder()
        builder.currentLocation = SourceLocation(file: "Model/Head.swift", line: 3)
        var operands: [Term] = []
        for (index, type) in types.enumerated() { operands.append(try builder.input("x\(index)", type)) }
        for (index, result) in try builder.addAll(.composite(composite), operands).enumerated() {
            try builder.output("y\(index)", result)
        }
        return try builder.build()
    }

    private func lower(_ graph: Graph, _ target: CompilationTarget, _ policy: String = "") throws -> (
        graph: Graph, report: CompilationReport
    ) {
        var options = CompilerOptions()
        options.scalarTypes = try ScalarTypePolicy(parsing: policy)
        let context = context(target, options)
        return (try Pipeline.beforePlacement.run(graph, in: context), context.report)
    }

    /// The composites of a graph, with their operands' scalar types.
    private func composites(_ graph: Graph) -> [String] {
        graph.nodes.compactMap { node in
            guard case .composite(let composite) = node.operation else { return nil }
            return
                "\(composite.name) \(node.operands.map { graph.type(of: $0).scalarType.name }.joined(separator: " "))"
        }
    }

    @Test("Narrow floats are computed in float32", arguments: [ScalarType.bfloat16, .float16])
    func narrow(type: ScalarType) throws {
        let graph = try graph(Softmax(axis: 1), [TensorType(type, [2, 3])])
        let (lowered, report) = try lower(graph, Self.target(without: [type]))
        let expected = try parse(
            """
            heterodyne 1
            graph(%0 "x0": \(type)[2, 3]) {
            %1 = convert(%0) {to = float32} : float32[2, 3]
            %2 = softmax(%1) {axis = 1} : float32[2, 3]
            %3 = convert(%2) {to = \(type)} : \(type)[2, 3]
            return "y0" = %3
            }
            """)
        #expect(lowered == expected, "\(lowered)")
        let line = try #require(report.entries.first)
        #expect(report.entries.count == 1 && line.kind == .legalization && !line.isFree && line.count == 1)
        #expect(line.operation == "softmax" && line.rule == "\(type)=emulate")
        #expect(line.location == "Model/Head.swift:3")
        #expect(line.reason == "computed whole in float32: partial does not compute \(type)")
    }

    @Test(
        "The policy decides", arguments: [("bfloat16=fallback", false), ("bfloat16=error", false), ("emulate", true)])
    func policy(text: String, isWhole: Bool) throws {
        let graph = try graph(Softmax(axis: 1), [TensorType(.bfloat16, [2, 3])])
        let (lowered, _) = try lower(graph, Self.target(without: [.bfloat16]), text)
        #expect(composites(lowered) == (isWhole ? ["softmax float32"] : []))
    }

    @Test("float64 is computed in float32 where it is demoted, in no other case")
    func demotion() throws {
        let graph = try graph(LayerNormalization(axis: 1), [TensorType(.float64, [2, 8]), TensorType(.float64, [8])])
        let target = Self.target(without: [.float64])
        let (lowered, report) = try lower(graph, target, "float64=demote")
        #expect(composites(lowered) == ["layerNormalization float32 float32"])
        #expect(report.entries.contains { $0.rule == "float64=demote" && !$0.isFree })
        for policy in ["float64=fallback", "float64=emulate", "float64=error"] {
            #expect(composites(try lower(graph, target, policy).graph) == [], "\(policy)")
        }
    }

    @Test("Operands of other types stay as they are")
    func mixed() throws {
        let types = [TensorType(.bfloat16, [5, 4]), TensorType(.int32, [3])]
        let (lowered, _) = try lower(try graph(Take(axis: 0), types), Self.target(without: [.bfloat16]))
        #expect(composites(lowered) == ["take float32 int32"])
    }

    @Test("A device that has the type runs the composite as it is")
    func present() throws {
        let graph = try graph(Softmax(axis: 1), [TensorType(.bfloat16, [2, 3])])
        let (lowered, report) = try lower(graph, Self.target(without: [.float64]))
        #expect(composites(lowered) == ["softmax bfloat16"] && report.entries.isEmpty)
    }

    @Test("What decides the result's grid is not replaced")
    func resultTypes() throws {
        // A key gives bfloat16 numbers: in float32 they would be others.
        let key = TensorType(.uint32, [2])
        let uniform = try graph(RandomUniform(TensorType(.bfloat16, [8])), [key])
        #expect(
            !composites(try lower(uniform, Self.target(without: [.bfloat16])).graph).contains { $0.hasPrefix("random") }
        )
        let quantize = Quantize(to: .float8e4m3fn)
        let graph = try graph(quantize, [TensorType(.float32, [4]), TensorType(.float32, [])])
        let lowered = try lower(graph, Self.target(without: [.float8e4m3fn])).graph
        #expect(!composites(lowered).contains { $0.hasPrefix("quantize") })
    }

    @Test("Composites inside definitions and regions are found too")
    func nested() throws {
        let type = TensorType(.bfloat16, [2, 8])
        let region = try GraphBuilder.region([type]) { (builder, x) throws(GraphError) in
            [try builder.add(Softmax(axis: 1), x)]
        }
        let identity = try GraphBuilder.region([type]) { (_, x) throws(GraphError) in x }
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        let predicate = try builder.input("p", .scalar(.bool))
        try builder.output("y", builder.conditional(predicate, [x], then: region, otherwise: identity)[0])
        let (lowered, report) = try lower(try builder.build(), Self.target(without: [.bfloat16]))
        let inner = lowered.nodes.flatMap { $0.operation.regions }.flatMap(composites) + composites(lowered)
        #expect(inner.contains("softmax float32"), "\(lowered)")
        #expect(report.entries.contains { $0.operation == "softmax" && $0.rule == "bfloat16=emulate" })
    }

    @Test("What a graph writes out in bfloat16 is recognized all the same")
    func recognized() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.bfloat16, [2, 8]))
        let shifted = try x - x.reduceKeeping(.maximum, [1]).broadcast(to: x.shape)
        let exponential = try shifted.exp()
        try builder.output("y", exponential / exponential.reduceKeeping(.sum, [1]).broadcast(to: x.shape))
        let (lowered, _) = try lower(try builder.build(), Self.target(without: [.bfloat16]))
        #expect(composites(lowered) == ["softmax float32"], "\(lowered)")
    }
}
