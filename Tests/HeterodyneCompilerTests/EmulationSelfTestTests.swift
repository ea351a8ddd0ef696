// Heterodyne: the self-test of emulated float64 in graphs finds devices that break it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Self-test of emulated float64")
struct EmulationSelfTestTests {
    /// The graph as a device would compute it that does to it what `change` does.
    private func broken(
        _ graph: Graph, _ change: (Node, [Term], GraphBuilder) throws(GraphError) -> [Term]?
    ) throws -> Graph {
        try graph.rewriting(change)
    }

    @Test("The reference passes, before and after the passes")
    func passes() throws {
        let test = try EmulationSelfTest()
        #expect(try test.firstFailure(in: evaluate(test.graph, test.inputs)) == nil)
        var options = CompilerOptions()
        options.arithmetic = .uncontracted
        let compiled = try Compiler(targets: [Targets.fusing], options: options, evaluator: ReferenceEvaluator())
            .compile(test.graph)
        #expect(try test.firstFailure(in: execute(compiled, Targets.fusing, test.inputs)) == nil)
    }

    @Test("Contraction, double rounding, coarse rounding and reassociation are found")
    func failures() throws {
        let test = try EmulationSelfTest()
        /// a b + c with the product in float64: a fused multiply-add, but for its second rounding.
        let contracted = try broken(test.graph) { (node, operands, _) throws(GraphError) in
            guard case .primitive(.binary(.add)) = node.operation, operands[0].scalarType == .float32 else {
                return nil
            }
            for (x, y) in [(operands[0], operands[1]), (operands[1], operands[0])] {
                let definition = x.builder.nodes[Int(x.value.node)]
                guard case .primitive(.binary(.multiply)) = definition.operation else { continue }
                let factors = definition.operands.map { Term(x.builder, $0) }
                let product = try factors[0].convert(.float64) * factors[1].convert(.float64)
                return [try (product + y.convert(.float64)).convert(.float32)]
            }
            return nil
        }
        let reassociated = try broken(test.graph) { (node, operands, _) throws(GraphError) in
            guard case .primitive(.binary(.subtract)) = node.operation, operands[0].scalarType == .float32 else {
                return nil
            }
            // (a + b) - a is b.
            let definition = operands[0].builder.nodes[Int(operands[0].value.node)]
            guard case .primitive(.binary(.add)) = definition.operation, definition.operands[0] == operands[1].value
            else { return nil }
            return [Term(operands[0].builder, definition.operands[1])]
        }
        let coarse = try broken(test.graph) { (node, operands, _) throws(GraphError) in
            guard case .primitive(.binary(.multiply)) = node.operation, operands[0].scalarType == .float32 else {
                return nil
            }
            // Cuts the last bit of products.
            let bits = try (operands[0] * operands[1]).bitcast(.uint32)
            return [
                try bits.and(bits.builder.constant(Literal(splatBits: 0xFFFF_FFFE, type: bits.type))).bitcast(.float32)
            ]
        }
        for (name, graph) in [("contracted", contracted), ("reassociated", reassociated), ("coarse", coarse)] {
            let failure = try test.firstFailure(in: evaluate(graph, test.inputs))
            #expect(failure?.contains("self-test") == true, "\(name): \(failure ?? "passed")")
        }
        #expect(graphError { _ = try test.firstFailure(in: []) }?.kind == .invalidLiteral)
    }

    @Test("A device that failed does not emulate, and says why")
    func refusal() throws {
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float64, [3])).exp())
        let graph = try builder.build()
        var target = Lack(.float64).target
        target.emulationRefusal = "masked breaks pairs"
        let error = graphError { _ = try compile(graph, target, policy("float64=emulate")) }
        #expect(error?.kind == .unsupported && error?.message.contains("masked breaks pairs") == true)
        // Demotion rests on nothing of the kind.
        #expect(try compile(graph, target, policy("float64=demote")).parts.count == 1)
    }
}
