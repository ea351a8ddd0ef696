// Heterodyne: follows the rows of a batch through a graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What a node demands of its operands and gives to its results: where each has its rows, nil where it has none.
struct RowRule: Sendable {
    var operands: [BatchAxis?]
    var results: [BatchAxis?]
}

/// Where every value of a graph has the rows of a batch.
///
/// A value is *batched* where it depends on the rows of the inputs, else *shared*. Where a node needs a shared value
/// with rows (a mask that is added to scores), the value must be the same for each row; then its first rows serve any
/// rows. In the definition of a composite or in a region, a shared parameter may be asked for with rows; it then counts
/// as batched, and whoever gives the parameter has to see to it.
struct RowFlow: Sendable {
    /// Where the graph's inputs have their rows, including those that turned out to need them.
    private(set) var inputs: [BatchAxis?]
    /// Where each result of each node has them.
    private(set) var values: [[BatchAxis?]] = []
    /// What each node with batched operands demands.
    private(set) var rules: [RowRule?] = []
    /// Where the outputs have them.
    private(set) var outputs: [BatchAxis?] = []

    /// How deep definitions and regions may nest.
    static let depthLimit = 64

    /// Follows rows through `graph`. With `wanted`, those outputs are made to have rows where it names them. `depth`
    /// counts the definitions and regions around the graph; at 0 its shared inputs are given and cannot have rows.
    /// Throws `unsupported` naming the first node that mixes rows.
    init(
        _ graph: Graph, rowCount: Int, inputs: [BatchAxis?], wanted: [BatchAxis?]? = nil, depth: Int = 0
    ) throws(GraphError) {
        guard depth < Self.depthLimit else {
            throw GraphError(
                .malformedGraph, "definitions nest deeper than \(Self.depthLimit); is one defined by itself?")
        }
        self.inputs = inputs
        let live = graph.liveNodes()
        // Each round adds an input with rows, so there are no more rounds than inputs.
        while try !follow(graph, live, rowCount, wanted, depth) {}
    }

    /// One walk over the nodes; false where an input turned out to need rows and the walk must be repeated.
    private mutating func follow(
        _ graph: Graph, _ live: [Bool], _ rowCount: Int, _ wanted: [BatchAxis?]?, _ depth: Int
    ) throws(GraphError) -> Bool {
        values = []
        rules = []
        var equal = EqualRows(rowCount: rowCount, depth: depth)
        var needs: Set<EqualRows.Need> = []
        for (index, node) in graph.nodes.enumerated() {
            var rule: RowRule?
            var results = [BatchAxis?](repeating: nil, count: node.resultTypes.count)
            do {
                if case .parameter(let position, _, _) = node.operation {
                    results = [inputs[position]]
                } else if live[index] {
                    let states = node.operands.map { values[Int($0.node)][Int($0.result)] }
                    if states.contains(where: { $0 != nil }) {
                        let found = try RowRules(rowCount: rowCount, depth: depth).rule(for: node, graph, states)
                        for (operand, (state, demand)) in zip(node.operands, zip(states, found.operands)) {
                            needs.formUnion(try equal.needs(of: operand, state, demand, graph))
                        }
                        results = found.results
                        rule = found
                    }
                }
                try equal.add(node, graph, isShared: live[index] && !results.contains { $0 != nil }, results)
            } catch {
                // What a definition says about its own nodes is told about the node that the user wrote.
                let inner = error.operation.map { " (\($0))" } ?? ""
                throw GraphError(
                    error.kind, error.message + inner, operation: graph.nodeText(index),
                    location: node.location ?? error.location)
            }
            values.append(results)
            rules.append(rule)
        }
        outputs = []
        for (position, output) in graph.outputs.enumerated() {
            let state = values[Int(output.value.node)][Int(output.value.result)]
            guard let wish = wanted?[position] else {
                outputs.append(state)
                continue
            }
            needs.formUnion(try equal.needs(of: output.value, state, wish, graph))
            outputs.append(wish)
        }
        for need in needs {
            if let known = inputs[need.input], known != need.rows {
                throw Self.refusal("an operand would need its rows along \(known) and along \(need.rows)")
            }
            inputs[need.input] = need.rows
        }
        return needs.isEmpty
    }

    /// The error for a graph whose rows cannot be computed apart.
    static func refusal(_ why: String) -> GraphError {
        GraphError(
            .unsupported,
            "\(why), so the rows of the batch cannot be computed apart; split only inputs whose rows do not depend on "
                + "one another")
    }
}
