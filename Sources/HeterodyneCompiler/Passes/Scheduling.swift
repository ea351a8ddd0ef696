// Heterodyne: chooses the order in which nodes run.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Chooses the order in which nodes run so that fewer bytes are alive at once.
///
/// A list scheduler takes, among the nodes whose operands are ready, the one that frees most and allocates least; the
/// new order is kept only where its peak is lower than that of the order in which the graph was built.
public struct Scheduling: Pass {
    /// `schedule`.
    public let name = "schedule"
    /// Larger graphs keep the order in which they were built; the scheduler looks at every ready node at every step.
    private static let nodeLimit = 20_000

    /// The pass.
    public init() {}

    /// The same nodes in the better order.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        guard graph.nodes.count <= Self.nodeLimit else { return graph }
        let sizes = Self.sizes(of: graph)
        let original = Array(graph.nodes.indices)
        let greedy = Self.order(graph, sizes)
        guard Self.peak(graph, sizes, greedy) < Self.peak(graph, sizes, original) else { return graph }
        return try graph.reordered(greedy)
    }

    /// Bytes that the results of each node occupy while they are alive. Inputs and constants always are.
    static func sizes(of graph: Graph) -> [Int] {
        graph.nodes.map { node in
            switch node.operation {
            case .parameter, .primitive(.constant): 0
            case .primitive, .composite:
                node.resultTypes.reduce(0) { $0 + ((try? $1.byteCount()) ?? 0) }
            }
        }
    }

    static func order(_ graph: Graph, _ sizes: [Int]) -> [Int] {
        let count = graph.nodes.count
        var users = [[Int]](repeating: [], count: count)
        var waiting = [Int](repeating: 0, count: count)
        var pending = [Int](repeating: 0, count: count)
        for (index, node) in graph.nodes.enumerated() {
            let producers = Set(node.operands.map { Int($0.node) })
            waiting[index] = producers.count
            for producer in producers {
                users[producer].append(index)
                pending[producer] += 1
            }
        }
        for output in graph.outputs { pending[Int(output.value.node)] += 1 }
        var ready = graph.nodes.indices.filter { waiting[$0] == 0 }
        var order: [Int] = []
        order.reserveCapacity(count)
        while !ready.isEmpty {
            var best = 0
            var bestGain = Int.min
            for (position, index) in ready.enumerated() {
                let freed = Set(graph.nodes[index].operands.map { Int($0.node) }).reduce(0) {
                    $0 + (pending[$1] == 1 ? sizes[$1] : 0)
                }
                let gain = freed - sizes[index]
                if gain > bestGain || (gain == bestGain && index < ready[best]) { (best, bestGain) = (position, gain) }
            }
            let index = ready.remove(at: best)
            order.append(index)
            for producer in Set(graph.nodes[index].operands.map { Int($0.node) }) { pending[producer] -= 1 }
            for user in users[index] {
                waiting[user] -= 1
                if waiting[user] == 0 { ready.append(user) }
            }
        }
        return order
    }

    /// The most bytes alive at once when the nodes run in `order`.
    static func peak(_ graph: Graph, _ sizes: [Int], _ order: [Int]) -> Int {
        var pending = [Int](repeating: 0, count: graph.nodes.count)
        for node in graph.nodes { for producer in Set(node.operands.map { Int($0.node) }) { pending[producer] += 1 } }
        for output in graph.outputs { pending[Int(output.value.node)] += 1 }
        var (alive, peak) = (0, 0)
        for index in order {
            alive += sizes[index]
            peak = max(peak, alive)
            for producer in Set(graph.nodes[index].operands.map { Int($0.node) }) {
                pending[producer] -= 1
                if pending[producer] == 0 { alive -= sizes[producer] }
            }
            if pending[index] == 0 { alive -= sizes[index] }
        }
        return peak
    }
}

extension Graph {
    /// The graph with its nodes in another topological order, given as old indices.
    func reordered(_ order: [Int]) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped = [[Term]](repeating: [], count: nodes.count)
        // Inputs first and in their own order, since their position is their index.
        for (input, name) in zip(inputs, inputNames) {
            mapped[Int(input.node)] = [
                try builder.input(name, type(of: input), location: node(of: input).location)
            ]
        }
        for index in order {
            let node = nodes[index]
            if case .parameter = node.operation { continue }
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            mapped[index] = try builder.addAll(node.operation, operands, location: node.location)
        }
        for output in outputs {
            try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
        }
        return try builder.build()
    }
}
