// Heterodyne: chooses the order in which nodes run.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Chooses the order in which nodes run so that fewer bytes are alive at once.
///
/// A list scheduler takes, among the nodes whose operands are ready, the one that frees most and allocates least; the
/// new order is kept only where its peak is lower than that of the order before.
public struct Scheduling: Pass {
    /// `schedule`.
    public let name = "schedule"
    /// How often the scheduler improves on its own order; each time takes a lower peak.
    private static let roundLimit = 16

    /// The pass.
    public init() {}

    /// The same nodes in the better order, also inside control regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph { try Self.apply(graph) }

    private static func apply(_ graph: Graph) throws(GraphError) -> Graph {
        var current = graph
        if graph.nodes.contains(where: { $0.operation.primitive?.regions.isEmpty == false }) {
            current = try GraphRewriter(dropsDeadNodes: false).rewrite(graph) {
                (_, node, operands, builder) throws(GraphError) -> [Term]? in
                let operation = try node.operation.mappingControlRegions { (region) throws(GraphError) in
                    try apply(region)
                }
                return try builder.addAll(operation, operands, location: node.location)
            }
        }
        for _ in 0..<roundLimit {
            let schedule = Schedule(current)
            let greedy = schedule.greedyOrder()
            guard schedule.peak(greedy) < schedule.peak(Array(current.nodes.indices)) else { break }
            current = try current.reordered(greedy)
        }
        return current
    }
}

/// What is alive when, for one graph.
struct Schedule {
    private let graph: Graph
    /// Bytes that the results of each node occupy while they are alive. Inputs and constants always are.
    private let sizes: [Int]
    /// The nodes that each node reads, each once.
    private let producers: [[Int]]
    private let users: [[Int]]
    /// How many nodes read each node's results; outputs count as a reader that never comes.
    private let readers: [Int]

    init(_ graph: Graph) {
        self.graph = graph
        sizes = graph.nodes.map { node in
            switch node.operation {
            case .parameter, .primitive(.constant): 0
            case .primitive, .composite:
                // Sizes are checked when a graph is built; a sum of many that does not fit is as large as it gets.
                node.resultTypes.reduce(0) { Self.sum($0, (try? $1.byteCount()) ?? 0) }
            }
        }
        var producers: [[Int]] = []
        producers.reserveCapacity(graph.nodes.count)
        var users = [[Int]](repeating: [], count: graph.nodes.count)
        var readers = [Int](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            var distinct: [Int] = []
            for operand in node.operands where users[Int(operand.node)].last != index {
                users[Int(operand.node)].append(index)
                readers[Int(operand.node)] += 1
                distinct.append(Int(operand.node))
            }
            producers.append(distinct)
        }
        for output in graph.outputs { readers[Int(output.value.node)] += 1 }
        self.producers = producers
        self.users = users
        self.readers = readers
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? Int.max / 4 : min(sum, Int.max / 4)
    }

    /// A node that can run, and how many bytes running it frees.
    private struct Candidate {
        let gain: Int
        let index: Int

        func precedes(_ other: Candidate) -> Bool { (gain, other.index) > (other.gain, index) }
    }

    /// The order that takes the best ready node at every step; of equal ones the first.
    func greedyOrder() -> [Int] {
        var waiting = producers.map(\.count)
        var pending = readers
        var isDone = [Bool](repeating: false, count: sizes.count)
        func candidate(_ index: Int) -> Candidate {
            let freed = producers[index].reduce(0) { Self.sum($0, pending[$1] == 1 ? sizes[$1] : 0) }
            return Candidate(gain: freed - sizes[index], index: index)
        }
        var ready = Heap<Candidate> { $0.precedes($1) }
        for index in sizes.indices where waiting[index] == 0 { ready.insert(candidate(index)) }
        var order: [Int] = []
        order.reserveCapacity(sizes.count)
        while let best = ready.popFirst() {
            // A node's gain only grows, and a better entry was added when it did; this one is old.
            if isDone[best.index] { continue }
            isDone[best.index] = true
            order.append(best.index)
            for producer in producers[best.index] {
                pending[producer] -= 1
                guard pending[producer] == 1, sizes[producer] > 0 else { continue }
                for user in users[producer] where !isDone[user] && waiting[user] == 0 { ready.insert(candidate(user)) }
            }
            for user in users[best.index] {
                waiting[user] -= 1
                if waiting[user] == 0 { ready.insert(candidate(user)) }
            }
        }
        return order
    }

    /// The most bytes alive at once when the nodes run in `order`.
    func peak(_ order: [Int]) -> Int {
        var pending = readers
        var (alive, peak) = (0, 0)
        for index in order {
            alive = Self.sum(alive, sizes[index])
            peak = max(peak, alive)
            for producer in producers[index] {
                pending[producer] -= 1
                if pending[producer] == 0 { alive -= sizes[producer] }
            }
            if pending[index] == 0 { alive -= sizes[index] }
        }
        return peak
    }
}

/// A binary heap whose first element precedes all others.
private struct Heap<Element> {
    private var elements: [Element] = []
    private let precedes: (Element, Element) -> Bool

    init(_ precedes: @escaping (Element, Element) -> Bool) { self.precedes = precedes }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, precedes(elements[child], elements[(child - 1) / 2]) {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst() -> Element? {
        guard let first = elements.first, let last = elements.popLast() else { return nil }
        if elements.isEmpty { return first }
        elements[0] = last
        var parent = 0
        while true {
            var best = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < elements.count {
                if precedes(elements[child], elements[best]) { best = child }
            }
            if best == parent { return first }
            elements.swapAt(parent, best)
            parent = best
        }
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
