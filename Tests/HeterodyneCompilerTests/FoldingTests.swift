// Heterodyne: what constant folding computes and what it leaves alone.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Constant folding")
struct FoldingTests {
    private func fold(_ body: String, limit: Int = 1 << 16) throws -> Graph {
        var options = CompilerOptions()
        options.foldingLimit = limit
        let graph = try parse("heterodyne 1\ngraph(%0 \"x\": float32[2]) {\n\(body)\n}")
        let result = try ConstantFolding().run(graph, in: context(Targets.plain, options))
        try result.verify()
        return result
    }

    private func constants(_ graph: Graph) -> [Literal] {
        graph.nodes.compactMap {
            if case .primitive(.constant(let literal)) = $0.operation { literal } else { nil }
        }
    }

    @Test("Small constants are computed")
    func dense() throws {
        let result = try fold(
            """
            %1 = constant() {value = float32[2] (1.0, 2.0)} : float32[2]
            %2 = constant() {value = float32[2] (3.0, -0.0)} : float32[2]
            %3 = multiply(%1, %2) : float32[2]
            %4 = transpose(%3) {permutation = [0]} : float32[2]
            return "r" = %4
            """)
        #expect(constants(result) == [try Literal([Float(3), -0.0], shape: [2])])
    }

    @Test("Splats of any size are computed on one element")
    func splats() throws {
        let result = try fold(
            """
            %1 = constant() {value = float32[1000000, 1000000] splat 2.0} : float32[1000000, 1000000]
            %2 = exp(%1) : float32[1000000, 1000000]
            %3 = add(%2, %1) : float32[1000000, 1000000]
            return "r" = %3
            """)
        #expect(constants(result).count == 1)
        #expect(constants(result)[0].isSplat)
        let one = try evaluate(
            parse(
                "heterodyne 1\ngraph(%0 \"a\": float32[]) {\n%1 = exp(%0) : float32[]\n%2 = add(%1, %0) : float32[]\nreturn \"r\" = %2\n}"
            ),
            [Literal(Float(2))])
        #expect(constants(result)[0].splatBits == one[0].splatBits)
    }

    @Test("Nothing over the limit is computed or made")
    func limit() throws {
        let body = """
            %1 = constant() {value = float32[2] (1.0, 2.0)} : float32[2]
            %2 = reverse(%1) {dimensions = [0]} : float32[2]
            return "r" = %2
            """
        #expect(try fold(body, limit: 16).nodes.count == 2)
        #expect(try fold(body, limit: 15).nodes.count == 3)
        let large = try fold(
            """
            %1 = constant() {value = float32[1048576] splat 1.0} : float32[1048576]
            %2 = reduce(%1) {kind = "sum", dimensions = [0]} : float32[]
            %3 = iota() {type = int32[1048576], dimension = 0} : int32[1048576]
            %4 = negate(%3) : int32[1048576]
            return "r" = %2, "s" = %4
            """)
        #expect(large.nodes.count == 5)
    }

    @Test("Indices and broadcasts count as constants and stay where devices make them")
    func indices() throws {
        let mask = try fold(
            """
            %1 = iota() {type = int32[3, 3], dimension = 0} : int32[3, 3]
            %2 = iota() {type = int32[3, 3], dimension = 1} : int32[3, 3]
            %3 = compare(%1, %2) {direction = "greaterOrEqual"} : bool[3, 3]
            return "r" = %3
            """)
        #expect(mask.nodes.count == 2)
        #expect(constants(mask).first?.bits(at: 1) == 0)
        let broadcast = try fold(
            """
            %1 = constant() {value = float32[2] (1.0, 2.0)} : float32[2]
            %2 = broadcast(%1) {shape = <3, 2>, dimensions = [1]} : float32[3, 2]
            %3 = iota() {type = float32[4], dimension = 0} : float32[4]
            return "r" = %2, "s" = %3
            """)
        #expect(broadcast.nodes.count == 4)
    }

    @Test("Composites of constants are computed, values that depend on inputs are not")
    func others() throws {
        let result = try fold(
            """
            %1 = constant() {value = float32[3] (-1.0, 0.0, 2.0)} : float32[3]
            %2 = relu(%1) : float32[3]
            %3 = negate(%0) : float32[2]
            return "r" = %2, "s" = %3
            """)
        #expect(constants(result) == [try Literal([Float(0), 0, 2], shape: [3])])
        #expect(
            result.nodes.last?.operation.name == "negate" || result.nodes.contains { $0.operation.name == "negate" })
    }

    @Test("Without an evaluator nothing happens; an evaluator that fails leaves the node")
    func evaluators() throws {
        struct Failing: Evaluator {
            func evaluate(
                _ graph: Graph, _ inputs: [Literal], limits: EvaluationLimits
            ) throws(BackendError) -> [Literal] {
                throw BackendError(.unsupported, "not this one")
            }
        }
        let graph = try parse(
            "heterodyne 1\ngraph() {\n%0 = constant() {value = float32[2] (1.0, 2.0)} : float32[2]\n%1 = negate(%0) : float32[2]\nreturn \"r\" = %1\n}"
        )
        for evaluator in [nil, Failing()] as [(any Evaluator)?] {
            let context = PassContext(target: Targets.plain, evaluator: evaluator)
            #expect(try ConstantFolding().run(graph, in: context) == graph)
        }
    }
}
