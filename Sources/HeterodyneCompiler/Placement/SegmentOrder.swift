// Heterodyne: gathers placed nodes into as few segments as their dependencies allow.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Gathers placed nodes into segments of one device, in an order to run them in.
///
/// Each segment takes every node of its device that can run by then, and the devices take turns. Which of them begins is
/// tried: the order is kept that ends first where devices run at the same time, of those the one with fewest segments.
/// For two devices no order has fewer segments than the better of the two: a segment that takes less never lets a later
/// one take more.
struct SegmentOrder {
    /// The device of each segment.
    private(set) var targets: [Int] = []
    /// The segment of each node, nil for nodes without a place.
    private(set) var segments: [Int?]

    /// The nodes of a graph and where they run.
    struct Nodes {
        var places: [Int?]
        /// Seconds that each placed node takes there.
        var seconds: [Double]
        /// Seconds to start a segment on each device.
        var launches: [Double]
        /// The nodes that wait for each node, and how many nodes each waits for.
        private(set) var users: [[Int32]]
        private(set) var waiting: [Int32]

        /// Nodes for which `isRepeated` holds wait for nobody and make nobody wait, as do those without a place.
        init(_ graph: Graph, places: [Int?], seconds: [Double], launches: [Double], isRepeated: (Int) -> Bool) {
            self.places = places
            self.seconds = seconds
            self.launches = launches
            users = [[Int32]](repeating: [], count: graph.nodes.count)
            waiting = [Int32](repeating: 0, count: graph.nodes.count)
            for (index, node) in graph.nodes.enumerated() where places[index] != nil {
                for operand in node.operands {
                    let maker = Int(operand.node)
                    guard places[maker] != nil, !isRepeated(maker), users[maker].last != Int32(index) else { continue }
                    users[maker].append(Int32(index))
                    waiting[index] += 1
                }
            }
        }
    }

    /// The segments.
    init(_ nodes: Nodes) {
        segments = [Int?](repeating: nil, count: nodes.places.count)
        var best = (end: Double.infinity, count: Int.max)
        for start in nodes.launches.indices {
            let order = Self.order(from: start, nodes)
            let found = (end: order.end(nodes), count: order.targets.count)
            guard found < best else { continue }
            best = found
            self = order
        }
    }

    private init(targets: [Int], segments: [Int?]) {
        self.targets = targets
        self.segments = segments
    }

    private static func order(from start: Int, _ nodes: Nodes) -> SegmentOrder {
        var waiting = nodes.waiting
        var ready = [[Int]](repeating: [], count: nodes.launches.count)
        var targets: [Int] = []
        var segments = [Int?](repeating: nil, count: nodes.places.count)
        for (index, place) in nodes.places.enumerated() {
            if let place, waiting[index] == 0 { ready[place].append(index) }
        }
        var turn = start
        while ready.contains(where: { !$0.isEmpty }) {
            if !ready[turn].isEmpty {
                while let index = ready[turn].popLast() {
                    segments[index] = targets.count
                    for user in nodes.users[index] {
                        waiting[Int(user)] -= 1
                        if waiting[Int(user)] == 0, let place = nodes.places[Int(user)] {
                            ready[place].append(Int(user))
                        }
                    }
                }
                targets.append(turn)
            }
            turn = (turn + 1) % nodes.launches.count
        }
        return SegmentOrder(targets: targets, segments: segments)
    }

    /// When the last segment ends if each starts as soon as its device is free and what it needs is there.
    private func end(_ nodes: Nodes) -> Double {
        var durations = targets.map { nodes.launches[$0] }
        var needs = [Set<Int>](repeating: [], count: targets.count)
        for (index, segment) in segments.enumerated() {
            guard let segment else { continue }
            durations[segment] += nodes.seconds[index]
            for user in nodes.users[index] {
                if let other = segments[Int(user)], other != segment { needs[other].insert(segment) }
            }
        }
        var free = [Double](repeating: 0, count: nodes.launches.count)
        var ends = [Double](repeating: 0, count: targets.count)
        for (segment, target) in targets.enumerated() {
            let start = needs[segment].reduce(free[target]) { max($0, ends[$1]) }
            ends[segment] = start + durations[segment]
            free[target] = ends[segment]
        }
        return ends.max() ?? 0
    }
}
