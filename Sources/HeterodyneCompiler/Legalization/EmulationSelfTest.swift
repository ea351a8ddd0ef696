// Heterodyne: a small graph with which a device shows that emulated float64 can rest on its float32.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
public import HeterodyneGraph

/// A small graph with which a device shows that it carries emulated float64: the formulas of `LaneSelfTest` as they stand in
/// rewritten graphs. A compiler that contracts or reassociates, or a device that rounds otherwise, gives other bits.
///
/// Compile the graph with `ArithmeticMode.uncontracted`, run it on `inputs`, and ask `firstFailure`.
public struct EmulationSelfTest: Sendable {
    /// The graph; what it computes on are inputs and not constants, so that nothing can be computed in advance.
    public let graph: Graph
    /// The inputs.
    public let inputs: [Literal]
    /// How many outputs each formula has.
    private let outputCounts: [(formula: LaneSelfTest.Formula, count: Int)]

    /// The test. Throws where the graph cannot be built.
    public init() throws(GraphError) {
        let builder = GraphBuilder()
        let errors = LaneErrors()
        var literals: [Literal] = []
        var outputCounts: [(formula: LaneSelfTest.Formula, count: Int)] = []
        for formula in LaneSelfTest.Formula.allCases {
            let numbers = LaneSelfTest.inputs(of: formula)
            var lanes: [TermFloat] = []
            for (name, plane) in [("a", numbers.a), ("b", numbers.b), ("c", numbers.c), ("d", numbers.d)] {
                let literal = Literal(plane)
                literals.append(literal)
                lanes.append(TermFloat(try builder.input("\(formula.rawValue) \(name)", literal.type), errors))
            }
            let results = LaneSelfTest.evaluate(formula, lanes[0], lanes[1], lanes[2], lanes[3])
            try errors.rethrow()
            for (index, result) in results.enumerated() {
                try builder.output("\(formula.rawValue) \(index)", result.term)
            }
            outputCounts.append((formula, results.count))
        }
        graph = try builder.build()
        inputs = literals
        self.outputCounts = outputCounts
    }

    /// The first result that is wrong in the outputs of the graph, for people; nil where all are right. Throws where the
    /// outputs are not this graph's.
    public func firstFailure(in outputs: [Literal]) throws(GraphError) -> String? {
        guard outputs.map(\.type) == graph.outputTypes else {
            throw GraphError(
                .invalidLiteral, "the self-test gives \(graph.outputTypes.count) float32 outputs, not these")
        }
        var position = 0
        for (formula, count) in outputCounts {
            var results: [[Float]] = []
            for output in outputs[position..<position + count] { results.append(try output.scalars()) }
            position += count
            if let failure = LaneSelfTest.verify(formula, results) { return failure.description }
        }
        return nil
    }
}
