// Heterodyne: which nodes become one and which do not.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Fusion")
struct FusionTests {
    private let header = "heterodyne 1\n"

    /// The names inside each region, and the names of the other nodes, in order.
    private func shape(_ text: String, _ target: CompilationTarget = Targets.fusing) throws -> [String] {
        let fused = try ElementwiseFusion().run(parse(header + text), in: context(target))
        try fused.verify()
        return try fused.droppingDeadNodes().nodes.compactMap { node in
            if case .parameter = node.operation { return nil }
            guard let region = node.operation.composite(as: FusedRegion.self) else { return node.operation.name }
            let names = region.body.nodes.compactMap { inner -> String? in
                if case .parameter = inner.operation { nil } else { inner.operation.name }
            }
            return "\(region.kind.rawValue)(\(names.joined(separator: " ")))"
        }
    }

    @Test("A chain becomes one node with its broadcasts and splats")
    func chain() throws {
        let text = """
            graph(%0 "x": float32[4, 3], %1 "b": float32[3]) {
              %2 = constant() {value = float32[4, 3] splat 2.0} : float32[4, 3]
              %3 = broadcast(%1) {shape = <4, 3>, dimensions = [1]} : float32[4, 3]
              %4 = multiply(%0, %2) : float32[4, 3]
              %5 = add(%4, %3) : float32[4, 3]
              %6 = tanh(%5) : float32[4, 3]
              return "r" = %6
            }
            """
        #expect(try shape(text) == ["elementwise(constant broadcast multiply add tanh)"])
        let fused = try ElementwiseFusion().run(parse(header + text), in: context(Targets.fusing))
        #expect(fused.nodes.last?.operands.count == 2)
    }

    @Test("A value that others need is computed once and stays outside; its users repeat only broadcasts")
    func sharedProducer() throws {
        #expect(
            try shape(
                """
                graph(%0 "x": float32[4], %1 "s": float32[]) {
                  %2 = exp(%0) : float32[4]
                  %3 = broadcast(%1) {shape = <4>, dimensions = []} : float32[4]
                  %4 = add(%2, %3) : float32[4]
                  %5 = reverse(%2) {dimensions = [0]} : float32[4]
                  %6 = multiply(%5, %3) : float32[4]
                  return "a" = %4, "b" = %6
                }
                """) == ["exp", "elementwise(broadcast add)", "reverse", "elementwise(broadcast multiply)"])
        // An output is needed outside too.
        #expect(
            try shape(
                """
                graph(%0 "x": float32[4]) {
                  %1 = exp(%0) : float32[4]
                  %2 = negate(%1) : float32[4]
                  return "a" = %1, "b" = %2
                }
                """) == ["exp", "negate"])
    }

    @Test("A diamond is one region; a detour through another operation is not waited for")
    func cycles() throws {
        #expect(
            try shape(
                """
                graph(%0 "x": float32[4]) {
                  %1 = exp(%0) : float32[4]
                  %2 = negate(%1) : float32[4]
                  %3 = abs(%1) : float32[4]
                  %4 = add(%2, %3) : float32[4]
                  return "a" = %4
                }
                """) == ["elementwise(exp negate abs add)"])
        #expect(
            try shape(
                """
                graph(%0 "x": float32[4]) {
                  %1 = exp(%0) : float32[4]
                  %2 = reverse(%1) {dimensions = [0]} : float32[4]
                  %3 = negate(%2) : float32[4]
                  %4 = add(%1, %3) : float32[4]
                  return "a" = %4
                }
                """) == ["exp", "reverse", "elementwise(negate add)"])
    }

    private let epilogue = """
        graph(%0 "x": float32[3, 3], %1 "w": float32[3, 3], %2 "b": float32[3]) {
          %3 = dot(%0, %1) {leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], accumulation = float32, result = float32} : float32[3, 3]
          %4 = broadcast(%2) {shape = <3, 3>, dimensions = [1]} : float32[3, 3]
          %5 = add(%3, %4) : float32[3, 3]
          %6 = tanh(%5) : float32[3, 3]
          return "r" = %6
        }
        """

    @Test("A dot takes what follows it along")
    func dotEpilogue() throws {
        #expect(try shape(epilogue) == ["dotEpilogue(dot broadcast add tanh)"])
        #expect(try shape(epilogue, Targets.fusing(epilogues: false)) == ["dot", "elementwise(broadcast add tanh)"])
        #expect(try shape(epilogue, Targets.fusing(elementwise: false)) == ["dotEpilogue(dot broadcast add tanh)"])
        #expect(try shape(epilogue, Targets.plain) == ["dot", "broadcast", "add", "tanh"])
    }

    @Test("A region has one dot, and nothing comes before it")
    func oneDot() throws {
        let dot =
            "{leftBatch = [], rightBatch = [], leftContracting = [1], rightContracting = [0], accumulation = float32, result = float32} : float32[3, 3]"
        #expect(
            try shape(
                """
                graph(%0 "x": float32[3, 3], %1 "w": float32[3, 3]) {
                  %2 = dot(%0, %1) \(dot)
                  %3 = dot(%1, %0) \(dot)
                  %4 = add(%2, %3) : float32[3, 3]
                  return "r" = %4
                }
                """) == ["dot", "dotEpilogue(dot add)"])
        // A residual: the dot's own operands are used in the epilogue.
        let residual = try shape(
            """
            graph(%0 "x": float32[3, 3], %1 "w": float32[3, 3], %2 "s": float32[]) {
              %3 = exp(%0) : float32[3, 3]
              %4 = broadcast(%2) {shape = <3, 3>, dimensions = []} : float32[3, 3]
              %5 = dot(%3, %4) \(dot)
              %6 = add(%5, %3) : float32[3, 3]
              %7 = multiply(%6, %4) : float32[3, 3]
              return "r" = %7
            }
            """)
        #expect(residual == ["exp", "broadcast", "dotEpilogue(dot add multiply)"])
    }

    @Test("A dot with other users, or of another shape, stays outside")
    func dotStays() throws {
        let shared = epilogue.split(separator: "return").joined(separator: "return \"dot\" = %3,")
        #expect(try shape(String(shared)) == ["dot", "elementwise(broadcast add tanh)"])
    }

    @Test("Limits of nodes, operands, types and composites are kept")
    func limits() throws {
        let builder = GraphBuilder()
        var sum = try builder.input("x0", TensorType(.float32, [8]))
        for index in 1..<40 { sum = try sum + builder.input("x\(index)", TensorType(.float32, [8])) }
        try builder.output("r", sum)
        let graph = try builder.build()
        for (operands, nodes) in [(16, 64), (4, 64), (2, 64), (16, 5), (16, 1), (1, 64)] {
            let target = Targets.fusing(maximumOperands: operands, maximumNodes: nodes)
            let fused = try ElementwiseFusion().run(graph, in: context(target))
            let regions = fused.nodes.compactMap { node in
                node.operation.composite(as: FusedRegion.self).map { ($0, node.operands.count) }
            }
            for (region, operandCount) in regions {
                #expect(operandCount <= operands)
                #expect(region.body.nodes.count - region.body.inputs.count <= nodes)
            }
            #expect(regions.isEmpty == (operands < 3 || nodes < 2))
        }
        let mixed = """
            graph(%0 "x": float32[4]) {
              %1 = convert(%0) {to = float64} : float64[4]
              %2 = exp(%1) : float64[4]
              %3 = convert(%2) {to = float32} : float32[4]
              %4 = erf(%3) : float32[4]
              %5 = negate(%4) : float32[4]
              return "r" = %5
            }
            """
        #expect(try shape(mixed, Targets.fusing(types: [.float32])).count == 5)
        #expect(
            try shape(mixed, Targets.fusing(types: [.float32], composites: ["erf"])).last == "elementwise(erf negate)"
        )
    }

    @Test("Regions of if and while are fused too, and the report says what was")
    func controlAndReport() throws {
        let graph = try parse(
            """
            heterodyne 1
            graph(%0 "p": bool[], %1 "x": float32[4]) {
              %2 = if(%0, %1) {then = graph(%0 "a": float32[4]) {
                %1 = exp(%0) : float32[4]
                %2 = negate(%1) : float32[4]
                return "b" = %2
              }, else = graph(%0 "a": float32[4]) {
                return "b" = %0
              }} : float32[4]
              return "r" = %2
            }
            """)
        let context = context(Targets.fusing)
        let fused = try ElementwiseFusion().run(graph, in: context)
        let region = try #require(fused.nodes.last?.operation.regions.first)
        #expect(region.nodes.last?.operation.composite(as: FusedRegion.self) != nil)
        #expect(context.report.entries.map(\.kind) == [.fusion])
        #expect(context.report.entries[0].operation == "fused(exp negate)")
    }
}
