// Heterodyne: tests that programs and questions arrive behind the plugin interface exactly as they left.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneConformance
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneOps
import HeterodynePluginHost
import HeterodyneReference
import Synchronization
import Testing

@Suite("Graphs across the plugin interface")
struct CrossingTests {
    /// Every graph of the quick conformance cases, each once.
    private static let graphs: [(id: String, graph: Graph)] = {
        var known: Set<Graph> = []
        return ConformanceSuite.standard.quick.cases.compactMap { test in
            guard let graph = (try? test.program())??.graph, known.insert(graph).inserted else { return nil }
            return (test.id, graph)
        }
    }()

    /// What `body` makes of what arrives where `unit` is compiled, while the program lives: its constants are the host's.
    private func arrived<R>(_ unit: CompilationUnit, _ body: (CompilationUnit) throws -> R) throws -> R {
        let backend = RecordingBackend()
        let program = try crossing(backend, name: "acme").compile(unit, for: "acme:a.0")
        defer { withExtendedLifetime(program) {} }
        return try body(#require(backend.record.withLock { $0.units.last }))
    }

    @Test("Every graph of the conformance cases arrives as it left, literals at the same place")
    func conformance() throws {
        #expect(Self.graphs.count > 1000)
        for (id, graph) in Self.graphs {
            let found = try arrived(CompilationUnit(graph: graph)) { difference(graph, $0.graph) }
            #expect(found == nil, "\(id)")
        }
    }

    @Test("Random graphs arrive as they left", arguments: 0..<40)
    func random(seed: UInt64) throws {
        var programs = RandomPrograms(seed: seed)
        let graph = try programs.program(steps: 40)
        try arrived(CompilationUnit(graph: graph)) { unit in
            #expect(difference(graph, unit.graph) == nil)
            #expect(unit.graph.text() == graph.text())
        }
    }

    @Test("Fused regions arrive as fused regions")
    func fused() throws {
        let body = try GraphBuilder.region([TensorType(.float32, [4])]) { (builder, terms) throws(GraphError) in
            [try builder.add(Sigmoid(), [terms[0]]) * 2]
        }
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4]))
        try builder.output("y", builder.add(FusedRegion(kind: .elementwise, body: body), [x]))
        let graph = try builder.build()
        try arrived(CompilationUnit(graph: graph)) { unit in
            #expect(difference(graph, unit.graph) == nil)
            #expect(unit.graph.nodes[1].operation.composite(as: FusedRegion.self)?.kind == .elementwise)
        }
    }

    @Test("What is asked beside the graph arrives")
    func options() throws {
        var programs = RandomPrograms(seed: 1)
        let graph = try programs.program(steps: 5)
        let sent = CompilationUnit(
            graph: graph, donatedInputs: [0], emulatedTypes: [.float64, .int4], arithmetic: .uncontracted, threads: 3,
            label: "an ünusual label")
        let found = try arrived(sent, \.self)
        #expect(found.donatedInputs == sent.donatedInputs && found.emulatedTypes == sent.emulatedTypes)
        #expect(found.arithmetic == sent.arithmetic && found.threads == sent.threads && found.label == sent.label)
        let plain = try arrived(CompilationUnit(graph: graph), \.self)
        #expect(plain.donatedInputs.isEmpty && plain.emulatedTypes.isEmpty)
        #expect(plain.arithmetic == .fast && plain.threads == nil && plain.label == "program")
    }

    @Test("Questions arrive as they were asked, and the answers come back")
    func questions() throws {
        let backend = RecordingBackend()
        let plugin = crossing(backend, name: "acme")
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2, 3]))
        try builder.output("y", builder.add(Softmax(axis: 1), [x]))
        try builder.output("z", x.reduce(.sum, [1]))
        let graph = try builder.build()
        let answers: [Support] = [
            .native, .afterLegalization(reason: "as pairs"), .unsupported(reason: "no – “thanks”"), .byDecomposition,
        ]
        for node in graph.nodes.dropFirst() {
            let signature = NodeSignature(node, in: graph)
            for answer in answers where answer != .byDecomposition || node.operation.primitive == nil {
                backend.record.withLock { $0.answer = answer }
                #expect(plugin.support(for: signature, on: "acme:a.0") == answer)
                let asked = try #require(backend.record.withLock { $0.questions.last })
                #expect(asked.operandTypes == signature.operandTypes && asked.resultTypes == signature.resultTypes)
                #expect(difference(signature.operation, asked.operation, nil, "") == nil)
            }
        }
    }

    @Test("OpenBLAS gives the same answers built in and as a plugin, to every node of the conformance cases")
    func answers() {
        let (backend, plugin) = (OpenBLASBackend(), crossing(OpenBLASBackend(), name: "blas"))
        for (id, graph) in Self.graphs {
            for node in graph.nodes {
                let signature = NodeSignature(node, in: graph)
                let (expected, found) = (
                    backend.support(for: signature, on: "openblas"), plugin.support(for: signature, on: "blas")
                )
                #expect(found == expected, "\(id): \(node.operation.name)")
            }
        }
    }
}
