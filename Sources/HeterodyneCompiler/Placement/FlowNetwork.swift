// Heterodyne: minimum cuts of networks, by pushing and relabelling.
// SPDX-License-Identifier: Apache-2.0

/// A network with whole capacities, and its minimum cut between a source and a sink.
///
/// The source and the sink are no nodes: each node has the capacity of its arc from the source and of its arc to the
/// sink. Method: push-relabel (Goldberg and Tarjan, "A New Approach to the Maximum-Flow Problem", 1988), the highest
/// label first, with exact labels by breadth-first search from time to time (Cherkassky and Goldberg, "On Implementing
/// the Push-Relabel Method for the Maximum Flow Problem", 1997). Only its first phase runs, which finds the cut; the
/// flow itself is not needed. Deterministic: whole numbers and a fixed order.
struct FlowNetwork {
    /// A capacity that no cut pays. The sum of all others must stay below it.
    static let unlimited = 1 << 58

    private var first: [Int32] = []
    /// What the source's arc to a node carries minus what the node's arc to the sink can take.
    private var balance: [Int] = []
    // Arc 2k and arc 2k+1 are each other's reverse.
    private var next: [Int32] = []
    private var head: [Int32] = []
    private var capacity: [Int] = []
    /// Arcs looked at while the cut was sought; what the time is proportional to.
    private(set) var operationCount = 0

    /// The number of nodes.
    var nodeCount: Int { first.count }

    /// Adds a node and gives its number.
    mutating func addNode() -> Int {
        first.append(-1)
        balance.append(0)
        return first.count - 1
    }

    /// Adds an arc, and one back.
    mutating func addArc(from: Int, to: Int, capacity forward: Int, back: Int = 0) {
        guard from != to, forward > 0 || back > 0 else { return }
        for (tail, end, amount) in [(from, to, forward), (to, from, back)] {
            next.append(first[tail])
            first[tail] = Int32(head.count)
            head.append(Int32(end))
            capacity.append(amount)
        }
    }

    /// Adds an arc from the source: what a cut pays where the node is on the sink's side.
    mutating func addFromSource(_ node: Int, capacity: Int) {
        balance[node] = min(balance[node] + capacity, Self.unlimited)
    }

    /// Adds an arc to the sink: what a cut pays where the node is on the source's side.
    mutating func addToSink(_ node: Int, capacity: Int) {
        balance[node] = max(balance[node] - capacity, -Self.unlimited)
    }

    /// Whether each node is on the sink's side of the minimum cut. Of several minimum cuts the one with the fewest nodes
    /// on the sink's side.
    mutating func minimumCut() -> [Bool] {
        var search = Search(self)
        search.run(&capacity)
        operationCount = search.operationCount
        return search.reachesSink(capacity)
    }

    /// The state of one search.
    private struct Search {
        let first: [Int32]
        let next: [Int32]
        let head: [Int32]
        var excess: [Int]
        /// What each node can still give to the sink.
        var room: [Int]
        /// A lower bound of the arcs between a node and the sink; the number of nodes for those that do not reach it.
        var label: [Int]
        /// How many nodes have each label.
        var population: [Int]
        var current: [Int32]
        /// The nodes with excess, in lists by label.
        var bucket: [Int32]
        var nextActive: [Int32]
        var highest = 0
        var operationCount = 0
        var workSinceSweep = 0

        init(_ network: FlowNetwork) {
            let count = network.first.count
            first = network.first
            next = network.next
            head = network.head
            excess = network.balance.map { max($0, 0) }
            room = network.balance.map { max(-$0, 0) }
            label = [Int](repeating: count + 1, count: count)
            population = [Int](repeating: 0, count: count + 2)
            current = network.first
            bucket = [Int32](repeating: -1, count: count + 2)
            nextActive = [Int32](repeating: -1, count: count)
        }

        /// The label of nodes from which the sink cannot be reached.
        var unreachable: Int { first.count + 1 }

        mutating func run(_ capacity: inout [Int]) {
            sweep(capacity)
            while highest > 0 {
                let node = Int(bucket[highest])
                guard node >= 0 else {
                    highest -= 1
                    continue
                }
                bucket[highest] = nextActive[node]
                discharge(node, &capacity)
                // Exact labels again once about as much was done as finding them costs.
                if workSinceSweep > 4 * first.count + head.count { sweep(capacity) }
            }
        }

        /// Pushes a node's excess on until none is left or the sink cannot be reached.
        private mutating func discharge(_ node: Int, _ capacity: inout [Int]) {
            while label[node] < unreachable {
                if room[node] > 0 {
                    let amount = min(room[node], excess[node])
                    room[node] -= amount
                    excess[node] -= amount
                    if excess[node] == 0 { return }
                }
                var arc = current[node]
                while arc >= 0 {
                    let position = Int(arc)
                    operationCount += 1
                    workSinceSweep += 1
                    let end = Int(head[position])
                    if capacity[position] > 0, label[end] + 1 == label[node] {
                        let amount = min(capacity[position], excess[node])
                        capacity[position] -= amount
                        capacity[position ^ 1] += amount
                        if excess[end] == 0 { activate(end) }
                        excess[end] += amount
                        excess[node] -= amount
                        if excess[node] == 0 {
                            current[node] = arc
                            return
                        }
                    }
                    arc = next[position]
                }
                relabel(node, capacity)
            }
        }

        private mutating func activate(_ node: Int) {
            nextActive[node] = bucket[label[node]]
            bucket[label[node]] = Int32(node)
            highest = max(highest, label[node])
        }

        private mutating func relabel(_ node: Int, _ capacity: [Int]) {
            let old = label[node]
            var lowest = room[node] > 0 ? 1 : unreachable
            var arc = first[node]
            while arc >= 0 {
                let position = Int(arc)
                operationCount += 1
                workSinceSweep += 1
                if capacity[position] > 0 { lowest = min(lowest, label[Int(head[position])] + 1) }
                arc = next[position]
            }
            population[old] -= 1
            current[node] = first[node]
            if population[old] == 0 {
                // Nobody is left at this distance, so nobody farther away reaches the sink.
                label[node] = unreachable
                var above = old + 1
                while above <= highest {
                    var member = bucket[above]
                    while member >= 0 {
                        population[label[Int(member)]] -= 1
                        label[Int(member)] = unreachable
                        member = nextActive[Int(member)]
                    }
                    bucket[above] = -1
                    above += 1
                }
                highest = min(highest, old)
            } else {
                label[node] = min(lowest, unreachable)
                if label[node] < unreachable { population[label[node]] += 1 }
            }
        }

        /// Gives every node its exact distance from the sink and lists the nodes with excess anew.
        private mutating func sweep(_ capacity: [Int]) {
            workSinceSweep = 0
            let reached = distances(capacity)
            for index in bucket.indices { bucket[index] = -1 }
            for index in population.indices { population[index] = 0 }
            highest = 0
            for node in reached {
                population[label[node]] += 1
                if excess[node] > 0 { activate(node) }
            }
            current = first
        }

        /// Sets labels to exact distances and gives the nodes from which the sink can be reached, nearest first.
        private mutating func distances(_ capacity: [Int]) -> [Int] {
            for node in label.indices { label[node] = unreachable }
            var queue: [Int] = []
            queue.reserveCapacity(label.count)
            for node in room.indices where room[node] > 0 {
                label[node] = 1
                queue.append(node)
            }
            var position = 0
            while position < queue.count {
                let node = queue[position]
                position += 1
                var arc = first[node]
                while arc >= 0 {
                    operationCount += 1
                    let tail = Int(head[Int(arc)])
                    if label[tail] == unreachable, capacity[Int(arc) ^ 1] > 0 {
                        label[tail] = label[node] + 1
                        queue.append(tail)
                    }
                    arc = next[Int(arc)]
                }
            }
            return queue
        }

        mutating func reachesSink(_ capacity: [Int]) -> [Bool] {
            _ = distances(capacity)
            return label.map { $0 < unreachable }
        }
    }
}
