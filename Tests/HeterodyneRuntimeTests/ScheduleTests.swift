// Heterodyne: schedules of steps keep what steps depend on, whatever the graph of steps.
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import HeterodyneRuntime

/// A small generator of numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Schedules of steps")
struct ScheduleTests {
    static func randomNodes(_ count: Int, lanes: Int, _ random: inout SplitMix) -> [StepSchedule.Node] {
        (0..<count).map { step in
            var dependencies: Set<Int> = []
            for _ in 0..<Int.random(in: 0...3, using: &random) where step > 0 {
                dependencies.insert(Int.random(in: 0..<step, using: &random))
            }
            let first = Int.random(in: 0..<lanes, using: &random)
            let second = Int.random(in: 0..<lanes, using: &random)
            return .init(
                lanes: first == second ? [first] : [first, second], cost: .random(in: 0...100, using: &random),
                dependencies: dependencies.sorted())
        }
    }

    /// Runs the lanes of a schedule as slowly or quickly as chance wants; a step may start once its waits are met.
    /// Returns the order of steps, shorter than the schedule where the lanes wait for each other in a circle.
    static func simulate(_ schedule: StepSchedule, _ random: inout SplitMix) -> [Int] {
        var positions = [Int](repeating: 0, count: schedule.lanes.count)
        // What other lanes know: only steps that are marked as awaited tell.
        var told = positions
        var order: [Int] = []
        while true {
            let able = schedule.lanes.indices.filter { lane in
                positions[lane] < schedule.lanes[lane].count
                    && schedule.lanes[lane][positions[lane]].waits.allSatisfy { told[$0.lane] >= $0.count }
            }
            guard let lane = able.randomElement(using: &random) else { return order }
            let item = schedule.lanes[lane][positions[lane]]
            order.append(item.step)
            positions[lane] += 1
            if item.isAwaited { told[lane] = positions[lane] }
        }
    }

    @Test("Every step runs once, on a lane that may run it, after what it depends on", arguments: 0..<60)
    func soundness(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let laneCount = Int.random(in: 1...4, using: &random)
        let nodes = Self.randomNodes(Int.random(in: 0...60, using: &random), lanes: laneCount, &random)
        let schedule = StepSchedule(nodes, laneCount: laneCount)
        for (lane, items) in schedule.lanes.enumerated() {
            for item in items { #expect(nodes[item.step].lanes.contains(lane)) }
        }
        for _ in 0..<20 {
            let order = Self.simulate(schedule, &random)
            #expect(order.sorted() == Array(nodes.indices))
            var position = [Int](repeating: 0, count: nodes.count)
            for (index, step) in order.enumerated() { position[step] = index }
            for (step, node) in nodes.enumerated() {
                for dependency in node.dependencies { #expect(position[dependency] < position[step]) }
            }
        }
        #expect(schedule.makespan <= schedule.total)
        #expect(schedule.gain == schedule.total - schedule.makespan)
    }

    @Test("Independent steps overlap, chains do not, a transfer goes where it is done first")
    func examples() {
        let pair = StepSchedule(
            [.init(lanes: [0], cost: 10, dependencies: []), .init(lanes: [1], cost: 10, dependencies: [])], laneCount: 2
        )
        #expect(pair.makespan == 10 && pair.gain == 10)
        let chain = StepSchedule(
            [
                .init(lanes: [0], cost: 10, dependencies: []), .init(lanes: [1], cost: 1, dependencies: [0]),
                .init(lanes: [1], cost: 10, dependencies: [1]),
            ], laneCount: 2)
        #expect(chain.gain == 0)
        #expect(chain.lanes[1].map(\.waits) == [[.init(lane: 0, count: 1)], []])
        // Lane 1 is busy until 50; lane 0 makes the value at 10 and has nothing else to do, so it copies.
        let busy = StepSchedule(
            [
                .init(lanes: [0], cost: 10, dependencies: []), .init(lanes: [1], cost: 50, dependencies: []),
                .init(lanes: [1, 0], cost: 5, dependencies: [0]),
                .init(lanes: [1], cost: 10, dependencies: [1, 2]),
            ], laneCount: 2)
        #expect(busy.lanes.map { $0.map(\.step) } == [[0, 2], [1, 3]])
        #expect(busy.makespan == 60)
        let huge = StepSchedule(
            [.init(lanes: [0], cost: .max, dependencies: []), .init(lanes: [0], cost: .max, dependencies: [0])],
            laneCount: 1)
        #expect(huge.total == .max && huge.gain == 0)
        #expect(StepSchedule([], laneCount: 2).lanes.map(\.count) == [0, 0])
    }

    @Test("Threads of lanes run every lane, again and again, and end with their owner", arguments: [1, 2, 5])
    func threads(lanes: Int) throws {
        let counts = (0..<lanes).map { _ in Counter() }
        do {
            let threads = try #require(LaneThreads(lanes: lanes) { lane in counts[lane].value.withLock { $0 += 1 } })
            for run in 1...200 {
                threads.run()
                #expect(counts.allSatisfy { $0.value.withLock { $0 } == run })
            }
        }
        for _ in 0..<50 { _ = LaneThreads(lanes: lanes) { _ in } }
    }

    final class Counter: Sendable { let value = Mutex(0) }
}
