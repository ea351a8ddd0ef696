// Heterodyne: which steps of a run may go on at the same time, and where each runs.
// SPDX-License-Identifier: Apache-2.0

/// The steps of a run, distributed over lanes: one lane per device, each of which takes its steps in order and waits,
/// before a step, for what the step needs from other lanes. Made once per session.
///
/// Steps are numbered in program order: run one after the other in that order they compute the same. Every lane's order
/// agrees with one order of all steps in which each step follows what it depends on (the order in which they were
/// scheduled), so lanes cannot wait for each other in a circle.
struct StepSchedule: Sendable {
    /// A step before it is scheduled.
    struct Node: Sendable {
        /// The lanes that may run it, the preferred first; at least one.
        var lanes: [Int]
        /// Nanoseconds that it is thought to take. It decides about order and lanes only, never about results.
        var cost: UInt64
        /// Numbers of the steps, all smaller than its own, that must be over before it starts.
        var dependencies: [Int]
    }

    /// What a step waits for: that a lane has finished so many of its steps.
    struct Wait: Sendable, Hashable {
        let lane: Int
        let count: Int
    }

    /// A step in its lane.
    struct Item: Sendable {
        /// Its number in program order.
        let step: Int
        /// What other lanes must have done before.
        let waits: [Wait]
        /// Whether a step of another lane waits for this one.
        var isAwaited = false
    }

    /// The steps of each lane, in order.
    private(set) var lanes: [[Item]]
    /// Nanoseconds that all lanes together are thought to need.
    let makespan: UInt64
    /// Nanoseconds that the steps are thought to need one after the other.
    let total: UInt64

    /// Schedules each step as early as it can start, earlier numbers first where several can, on the first of its lanes
    /// on which that is possible. Takes time proportional to the number of steps times the number of those that are
    /// ready at once.
    init(_ nodes: [Node], laneCount: Int) {
        var lanes = [[Item]](repeating: [], count: laneCount)
        var users = [[Int]](repeating: [], count: nodes.count)
        var missing = nodes.map(\.dependencies.count)
        for (step, node) in nodes.enumerated() {
            for dependency in node.dependencies { users[dependency].append(step) }
        }
        var clocks = [UInt64](repeating: 0, count: laneCount)
        // Where and when each scheduled step ends.
        var places = [(lane: Int, position: Int, end: UInt64)?](repeating: nil, count: nodes.count)
        // For each lane, how many steps of each other lane its steps have waited for already.
        var waited = [[Int]](repeating: [Int](repeating: 0, count: laneCount), count: laneCount)
        var ready = nodes.indices.filter { missing[$0] == 0 }
        while !ready.isEmpty {
            var best: (index: Int, lane: Int, start: UInt64)?
            for (index, step) in ready.enumerated() {
                let complete = nodes[step].dependencies.reduce(UInt64(0)) { max($0, places[$1]?.end ?? 0) }
                for lane in nodes[step].lanes {
                    let start = max(clocks[lane], complete)
                    if let best, (best.start, ready[best.index]) <= (start, step) { continue }
                    best = (index, lane, start)
                }
            }
            guard let best else { break }
            let step = ready.remove(at: best.index)
            var needs = [Int](repeating: 0, count: laneCount)
            for dependency in nodes[step].dependencies {
                guard let place = places[dependency], place.lane != best.lane else { continue }
                needs[place.lane] = max(needs[place.lane], place.position + 1)
            }
            var waits: [Wait] = []
            for (lane, need) in needs.enumerated() where need > waited[best.lane][lane] {
                waits.append(Wait(lane: lane, count: need))
                waited[best.lane][lane] = need
                lanes[lane][need - 1].isAwaited = true
            }
            let end = best.start.addingSaturating(nodes[step].cost)
            places[step] = (best.lane, lanes[best.lane].count, end)
            lanes[best.lane].append(Item(step: step, waits: waits))
            clocks[best.lane] = end
            for user in users[step] {
                missing[user] -= 1
                if missing[user] == 0 { ready.append(user) }
            }
        }
        self.lanes = lanes
        makespan = clocks.max() ?? 0
        total = nodes.reduce(0) { $0.addingSaturating($1.cost) }
    }

    /// Nanoseconds that running in lanes is thought to save.
    var gain: UInt64 { total - min(total, makespan) }
}

extension UInt64 {
    /// The sum, or the largest number where it is out of range.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
