// Heterodyne: placements by cuts against every placement there is.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HeterodyneCompiler

/// Whole numbers that look random and are the same everywhere (SplitMix64).
struct Numbers {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(max(bound, 1)))
    }
}

@Suite("Placement by cuts")
struct PlacementProblemTests {
    /// A random problem: items in an order, each using values of earlier ones, some of which a device refuses.
    func problem(_ devices: Int, _ items: Int, seed: Int) -> PlacementProblem {
        var numbers = Numbers(state: UInt64(seed) &* 7919 &+ UInt64(devices))
        var problem = PlacementProblem(deviceCount: devices)
        let scale = 1 + numbers.next(below: 40)
        func table() -> [Int] {
            // Over the host: reading from one, writing to the other.
            let reading = (0..<devices).map { _ in numbers.next(below: scale) }
            let writing = (0..<devices).map { _ in numbers.next(below: scale) }
            return (0..<devices * devices).map { index in
                let (from, to) = (index / devices, index % devices)
                return from == to ? 0 : reading[from] + writing[to]
            }
        }
        for item in 0..<items {
            var costs = (0..<devices).map { _ in numbers.next(below: 20) }
            let refused = numbers.next(below: 4 * devices)
            if refused < devices, devices > 1 { costs[refused] = PlacementProblem.impossible }
            #expect(problem.addItem(costs) == item)
        }
        for maker in -1..<items - 1 {
            let users = Set(
                (0..<numbers.next(below: 4)).map { _ in
                    maker + 1 + numbers.next(below: items - maker - 1)
                }
            ).sorted()
            problem.add(
                .init(
                    maker: maker < 0 ? nil : maker, users: users, fixedUser: numbers.next(below: 5) == 0 ? 0 : nil,
                    costs: table()))
        }
        return problem
    }

    /// The least cost of all placements, by trying them.
    func least(_ problem: PlacementProblem) -> Int? {
        var best: Int?
        var places = [Int](repeating: 0, count: problem.itemCount)
        while true {
            if let cost = problem.cost(places) { best = min(best ?? cost, cost) }
            guard let item = places.lastIndex(where: { $0 < problem.deviceCount - 1 }) else { return best }
            places[item] += 1
            for later in item + 1..<places.count { places[later] = 0 }
        }
    }

    func start(_ problem: PlacementProblem) -> [Int] {
        (0..<problem.itemCount).map { item in
            (0..<problem.deviceCount).first { problem.isPossible(item, on: $0) } ?? 0
        }
    }

    @Test("Two devices: the cut is the best of all placements", arguments: 0..<120)
    func optimal(seed: Int) {
        var problem = problem(2, 3 + seed % 8, seed: seed)
        let places = problem.solve(from: start(problem))
        #expect(problem.cost(places) != nil && problem.cost(places) == least(problem))
        // Where it starts does not matter, nor does asking again.
        let other = start(problem).indices.map { problem.isPossible($0, on: 1) ? 1 : 0 }
        #expect(problem.cost(problem.solve(from: other)) == problem.cost(places))
        var again = problem
        #expect(again.solve(from: start(problem)) == places)
    }

    @Test("Three devices: never worse than the start, and the best of all placements nearly always")
    func nearlyOptimal() throws {
        var (best, count, excess) = (0, 0, 0.0)
        for seed in 0..<60 {
            var problem = problem(3, 3 + seed % 5, seed: seed)
            let begin = start(problem)
            let before = try #require(problem.cost(begin))
            let places = problem.solve(from: begin)
            let found = try #require(problem.cost(places))
            #expect(found <= before)
            let lowest = try #require(least(problem))
            #expect(found >= lowest)
            count += 1
            if found == lowest { best += 1 }
            excess += Double(found - lowest) / Double(max(lowest, 1))
        }
        #expect(best * 10 >= count * 9, "only \(best) of \(count) are optimal")
        #expect(excess / Double(count) < 0.02)
    }

    @Test("A value is paid once for a device, however many use it there")
    func exchangedOnce() {
        var problem = PlacementProblem(deviceCount: 2)
        let maker = problem.addItem([0, PlacementProblem.impossible])
        // Each user saves 4 by going; all four together save 16, and the transfer costs 10.
        let users = (0..<4).map { _ in problem.addItem([5, 1]) }
        problem.add(.init(maker: maker, users: users, fixedUser: nil, costs: [0, 10, 10, 0]))
        #expect(problem.solve(from: [0, 0, 0, 0, 0]) == [0, 1, 1, 1, 1])
        #expect(problem.cost([0, 1, 1, 1, 1]) == 14)
        // Paid for each user it would not be worth it.
        var apart = PlacementProblem(deviceCount: 2)
        let single = apart.addItem([0, PlacementProblem.impossible])
        let user = apart.addItem([5, 1])
        apart.add(.init(maker: single, users: [user], fixedUser: nil, costs: [0, 10, 10, 0]))
        #expect(apart.solve(from: [0, 0]) == [0, 0])
    }

    @Test("Items go where they are possible, and neighbours with them where that is cheaper")
    func refused() {
        var problem = PlacementProblem(deviceCount: 2)
        let items = (0..<5).map { index in
            problem.addItem(index == 1 || index == 3 ? [PlacementProblem.impossible, 9] : [1, 3])
        }
        for (from, to) in zip(items, items.dropFirst()) {
            problem.add(.init(maker: from, users: [to], fixedUser: nil, costs: [0, 5, 5, 0]))
        }
        problem.add(.init(maker: nil, users: [0], fixedUser: nil, costs: [0, 2, 2, 0]))
        problem.add(.init(maker: 4, users: [], fixedUser: 0, costs: [0, 6, 6, 0]))
        // The middle one would pay two transfers for staying; the ends pay none.
        let places = problem.solve(from: start(problem))
        #expect(places == [1, 1, 1, 1, 0] || places == [0, 1, 1, 1, 0])
        #expect(problem.cost(places) == least(problem))
        #expect(places[2] == 1)
    }

    @Test("No cut is below what an independent search by augmenting paths finds", arguments: 0..<40)
    func cutsAgainstPaths(seed: Int) {
        var numbers = Numbers(state: UInt64(seed) + 99)
        let count = 4 + seed % 9
        var network = FlowNetwork()
        // capacities[a][b]; `count` is the source, `count + 1` the sink.
        var capacities = [[Int]](repeating: [Int](repeating: 0, count: count + 2), count: count + 2)
        for _ in 0..<count { _ = network.addNode() }
        for _ in 0..<4 * count {
            let (a, b, c) = (numbers.next(below: count), numbers.next(below: count), 1 + numbers.next(below: 15))
            guard a != b else { continue }
            network.addArc(from: a, to: b, capacity: c)
            capacities[a][b] += c
        }
        for node in 0..<count {
            let (a, b) = (numbers.next(below: 12), numbers.next(below: 12))
            network.addFromSource(node, capacity: a)
            network.addToSink(node, capacity: b)
            capacities[count][node] = a
            capacities[node][count + 1] = b
        }
        let goes = network.minimumCut()
        func cut(_ side: [Bool]) -> Int {
            let all = side + [false, true]
            return (0..<count + 2).reduce(0) { sum, a in
                (0..<count + 2).reduce(sum) { $0 + (!all[a] && all[$1] ? capacities[a][$1] : 0) }
            }
        }
        #expect(cut(goes) == maximumFlow(capacities, from: count, to: count + 1))
    }

    /// The largest flow, by the shortest augmenting path each time (Edmonds and Karp).
    func maximumFlow(_ capacities: [[Int]], from source: Int, to sink: Int) -> Int {
        var left = capacities
        var flow = 0
        while true {
            var parents = [Int?](repeating: nil, count: left.count)
            var queue = [source]
            parents[source] = source
            while !queue.isEmpty, parents[sink] == nil {
                let node = queue.removeFirst()
                for end in left.indices where left[node][end] > 0 && parents[end] == nil {
                    parents[end] = node
                    queue.append(end)
                }
            }
            guard parents[sink] != nil else { return flow }
            var (amount, node) = (Int.max, sink)
            while let parent = parents[node], node != source {
                amount = min(amount, left[parent][node])
                node = parent
            }
            node = sink
            while let parent = parents[node], node != source {
                left[parent][node] -= amount
                left[node][parent] += amount
                node = parent
            }
            flow += amount
        }
    }

    @Test("A long chain and a wide graph need few steps for each node", arguments: [true, false])
    func large(isChain: Bool) throws {
        let count = 20_000
        var numbers = Numbers(state: 5)
        var problem = PlacementProblem(deviceCount: 2)
        for item in 0..<count {
            // The chain's halves want to be apart; the wide graph's items have wishes of their own.
            let wish =
                isChain ? (item < count / 2 ? [1, 3] : [3, 1]) : [numbers.next(below: 50), numbers.next(below: 50)]
            _ = problem.addItem(wish)
        }
        for item in 0..<count - 1 {
            let far = min(count - 1, item + 1 + numbers.next(below: isChain ? 1 : 300))
            let users = isChain ? [item + 1] : Set([item + 1, far]).sorted()
            problem.add(.init(maker: item, users: users, fixedUser: nil, costs: [0, 900, 900, 0]))
        }
        let start = [Int](repeating: 0, count: count)
        let places = problem.solve(from: start)
        let (before, after) = (try #require(problem.cost(start)), try #require(problem.cost(places)))
        #expect(after <= before)
        if isChain { #expect(places == start.indices.map { $0 < count / 2 ? 0 : 1 }) }
        #expect(problem.operationCount < 1000 * count, "\(problem.operationCount / count) steps for each node")
    }
}
