// Heterodyne: properties that every pass has on every graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Passes on random graphs")
struct PassPropertyTests {
    static let seeds = 0..<60

    /// A pass and the device that it works for.
    struct Subject: Sendable, CustomTestStringConvertible {
        let name: String
        let pass: any Pass
        let target: CompilationTarget
        var testDescription: String { name }
    }

    static let subjects: [Subject] = [
        Subject(name: "canonicalize", pass: Canonicalization(), target: Targets.plain),
        Subject(name: "fold", pass: ConstantFolding(), target: Targets.plain),
        Subject(name: "dead code", pass: DeadCodeElimination(), target: Targets.plain),
        Subject(name: "decompose for a device that claims nothing", pass: Decomposition(), target: Targets.plain),
        Subject(name: "decompose for a device that claims all", pass: Decomposition(), target: Targets.claiming),
        Subject(name: "narrow", pass: Narrowing(), target: NarrowingTests.target),
        Subject(name: "fuse", pass: ElementwiseFusion(), target: Targets.fusing),
        Subject(
            name: "fuse small", pass: ElementwiseFusion(), target: Targets.fusing(maximumOperands: 2, maximumNodes: 3)),
        Subject(name: "schedule", pass: Scheduling(), target: Targets.plain),
    ]

    @Test("keep signature and bits, verify, and do nothing when run again", arguments: subjects, seeds)
    func pass(subject: Subject, seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed))
        let graph = try random.graph(nodes: 30)
        let inputs = try random.inputs(for: graph)
        let once = try subject.pass.run(graph, in: context(subject.target))
        try expectEquivalent(graph, once, inputs, "\(subject.name), seed \(seed)")
        let twice = try subject.pass.run(once, in: context(subject.target))
        #expect(once == twice, "\(subject.name), seed \(seed) is not idempotent:\n\(once)\nthen \(twice)")
    }

    @Test("Before placement everything is exact", arguments: seeds)
    func beforePlacement(seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed) + 1000)
        let graph = try random.graph(nodes: 40)
        let inputs = try random.inputs(for: graph)
        let lowered = try Pipeline.beforePlacement.run(graph, in: context())
        try expectEquivalent(graph, lowered, inputs, "seed \(seed)")
        func checkPrimitives(_ graph: Graph) {
            for node in graph.nodes {
                if case .composite(let composite) = node.operation { Issue.record("\(composite.name) is left") }
                for region in node.operation.regions { checkPrimitives(region) }
            }
        }
        checkPrimitives(lowered)
        #expect(try lowered.droppingDeadNodes() == lowered)
    }

    @Test("Fused regions are undone by decomposing them", arguments: seeds)
    func fusionIsReversible(seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed) + 2000, usesComposites: false)
        let graph = try random.graph(nodes: 40)
        let inputs = try random.inputs(for: graph)
        let fused = try ElementwiseFusion().run(graph, in: context(Targets.fusing))
        let undone = try Decomposition().run(fused, in: context(Targets.plain))
        try expectEquivalent(graph, undone, inputs, "seed \(seed)")
        #expect(!undone.nodes.contains { $0.operation.composite(as: FusedRegion.self) != nil })
    }

    @Test("Scheduling never raises the peak", arguments: seeds)
    func peak(seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed) + 3000)
        let graph = try random.graph(nodes: 60)
        let scheduled = try Scheduling().run(graph, in: context())
        func peak(_ graph: Graph) -> Int { Schedule(graph).peak(Array(graph.nodes.indices)) }
        #expect(peak(scheduled) <= peak(graph))
        #expect(scheduled.nodes.count == graph.nodes.count)
    }

    @Test("Parts on two devices give what the whole gives", arguments: seeds)
    func parts(seed: Int) throws {
        var random = RandomGraphs(seed: UInt64(seed) + 4000)
        let graph = try random.graph(nodes: 40)
        let inputs = try random.inputs(for: graph)
        let compiler = Compiler(targets: [Targets.narrow, Targets.fusing], evaluator: ReferenceEvaluator())
        let compiled = try compiler.compile(graph)
        var values: [Value: Literal] = [:]
        for (value, literal) in zip(compiled.placed.inputs, inputs) { values[value] = literal }
        for part in compiled.parts {
            try part.graph.verify()
            if part.target == 0 {
                for node in part.graph.nodes {
                    #expect(!node.resultTypes.contains { $0.scalarType == .float64 })
                }
            }
            var arguments: [Literal] = []
            for (value, type) in zip(part.inputs, part.graph.inputTypes) {
                let argument = try #require(values[value], "a part runs before what it needs")
                arguments.append(try reinterpreted(argument, type))
            }
            for (value, result) in zip(part.outputs, try evaluate(part.graph, arguments)) {
                values[value] = try reinterpreted(result, compiled.placed.type(of: value))
            }
        }
        let expected = try evaluate(graph, inputs)
        for (output, x) in zip(compiled.placed.outputs, expected) {
            let y = try #require(values[output.value])
            if let difference = try difference(x, y) {
                Issue.record("seed \(seed): \(output.name): \(difference)\n\(graph)")
            }
        }
    }

    @Test("The generator reaches every primitive")
    func coverage() throws {
        var codes = Set<PrimitiveCode>()
        func note(_ graph: Graph) {
            for node in graph.nodes {
                if let primitive = node.operation.primitive { codes.insert(primitive.code) }
                if case .primitive = node.operation { for region in node.operation.regions { note(region) } }
            }
        }
        for seed in Self.seeds {
            var random = RandomGraphs(seed: UInt64(seed))
            note(try random.graph(nodes: 30))
        }
        #expect(codes == Set(PrimitiveCode.allCases), "missing: \(Set(PrimitiveCode.allCases).subtracting(codes))")
        #expect(PrimitiveCode.allCases.count == 44)
    }
}
