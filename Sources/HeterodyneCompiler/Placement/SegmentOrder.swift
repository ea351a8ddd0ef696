// Heterodyne: gathers placed nodes into as few segments as their dependencies allow.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Gathers placed nodes into segments of one device that run one after the other.
///
/// Each segment takes every node of its device that can run by then, and the devices take turns; which of them begins is
/// tried. For two devices no order has fewer segments: a segment that takes less never lets a later one take more.
struct SegmentOrder {
    /// The device of each segment.
    private(set) var targets: [Int] = []
    /// The segment of each node, nil for nodes without a place.
    private(set) var segments: [Int?]

    /// The segments for nodes at `places`; nodes without a place and those for which `isRepeated` holds wait for nobody
    /// and make nobody wait.
    init(_ graph: Graph, places: [Int?], targetCount: Int, isRepeated: (Int) -> Bool) {
        segments = [Int?](repeating: nil, count: graph.nodes.count)
        var users = [[Int32]](repeating: [], count: graph.nodes.count)
        var waiting = [Int32](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where places[index] != nil {
            for operand in node.operands {
                let maker = Int(operand.node)
                guard places[maker] != nil, !isRepeated(maker), users[maker].last != Int32(index) else { continue }
                users[maker].append(Int32(index))
                waiting[index] += 1
            }
        }
        for start in 0..<targetCount {
            let order = Self.order(from: start, places, targetCount, users, waiting)
            guard start == 0 || order.targets.count < targets.count else { continue }
            (targets, segments) = order
        }
    }

    private static func order(
        from start: Int, _ places: [Int?], _ targetCount: Int, _ users: [[Int32]], _ waiting: [Int32]
    ) -> (targets: [Int], segments: [Int?]) {
        var waiting = waiting
        var ready = [[Int]](repeating: [], count: targetCount)
        var targets: [Int] = []
        var segments = [Int?](repeating: nil, count: places.count)
        for (index, place) in places.enumerated() {
            if let place, waiting[index] == 0 { ready[place].append(index) }
        }
        var turn = start
        while ready.contains(where: { !$0.isEmpty }) {
            if !ready[turn].isEmpty {
                while let index = ready[turn].popLast() {
                    segments[index] = targets.count
                    for user in users[index] {
                        waiting[Int(user)] -= 1
                        if waiting[Int(user)] == 0, let place = places[Int(user)] { ready[place].append(Int(user)) }
                    }
                }
                targets.append(turn)
            }
            turn = (turn + 1) % targetCount
        }
        return (targets, segments)
    }
}
