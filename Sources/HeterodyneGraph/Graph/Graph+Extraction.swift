// Heterodyne: cuts a set of nodes out of a graph, for partition and fusion.
// SPDX-License-Identifier: Apache-2.0

/// Some nodes of a graph as a graph of their own, and how it connects to the rest.
public struct Subgraph: Sendable, Hashable {
    /// The nodes. Its inputs `arg0`, `arg1` … stand for `inputs`, its outputs `result0`, `result1` … for `outputs`.
    public let graph: Graph
    /// The values of the original graph that the nodes take from outside, each once, in order of first use.
    public let inputs: [Value]
    /// The values of the original graph that nodes outside or outputs use, in order of definition.
    public let outputs: [Value]
}

extension Graph {
    /// The nodes with the given indices as a graph of their own. Source locations are kept. Parameters stay outside
    /// also where their indices are given.
    ///
    /// `outputs` chooses the values to give, which must be members'; by default those that are used outside. A caller
    /// that repeats cheap nodes inside and keeps them outside too, as fusion does, needs to choose.
    ///
    /// Inputs and outputs are named by position, so equal parts of different graphs give equal subgraphs. The set
    /// need not be convex; a caller that puts one node in its place must make sure that it is.
    ///
    /// - Throws: `malformedGraph` where an index does not exist or nothing outside uses any of the nodes.
    public func extracting(_ indices: Set<Int>, outputs chosen: [Value]? = nil) throws(GraphError) -> Subgraph {
        let order = indices.sorted()
        if let first = order.first, let last = order.last, first < 0 || last >= nodes.count {
            throw GraphError(.malformedGraph, "cannot cut nodes \(first) to \(last) out of \(nodes.count) nodes")
        }
        let members = order.filter { if case .parameter = nodes[$0].operation { false } else { true } }
        var isMember = [Bool](repeating: false, count: nodes.count)
        for index in members { isMember[index] = true }

        let builder = GraphBuilder()
        var inputs: [Value] = []
        var mapped: [Value: Term] = [:]
        for index in members {
            for operand in nodes[index].operands where !isMember[Int(operand.node)] && mapped[operand] == nil {
                mapped[operand] = try builder.input("arg\(inputs.count)", type(of: operand))
                inputs.append(operand)
            }
        }
        for index in members {
            let node = nodes[index]
            // Operands are members, thus mapped already, or inputs.
            let operands = node.operands.compactMap { mapped[$0] }
            let results = try builder.addAll(node.operation, operands, location: node.location)
            for (result, term) in results.enumerated() { mapped[Value(node: index, result: result)] = term }
        }
        let outputs = chosen ?? valuesUsedOutside(isMember)
        for (index, value) in outputs.enumerated() {
            guard let term = mapped[value] else { continue }
            try builder.output("result\(index)", term)
        }
        guard !outputs.isEmpty else {
            throw GraphError(.malformedGraph, "nothing outside uses any of the \(members.count) nodes to cut out")
        }
        return Subgraph(graph: try builder.build(), inputs: inputs, outputs: outputs)
    }

    private func valuesUsedOutside(_ isMember: [Bool]) -> [Value] {
        var used: Set<Value> = []
        for (index, node) in nodes.enumerated() where !isMember[index] {
            for operand in node.operands where isMember[Int(operand.node)] { used.insert(operand) }
        }
        for output in outputs where isMember[Int(output.value.node)] { used.insert(output.value) }
        return used.sorted()
    }
}
