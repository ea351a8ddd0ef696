// Heterodyne: the placement of a graph's nodes as a problem of whole numbers, and its solution in words.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// The placement of a graph's nodes as a problem of whole numbers, and its solution in words.
struct PlacementModel {
    private let graph: Graph
    private let members: [Int]
    private let answers: [[NodeAnswer]]
    private let costs: ItemCosts
    private let goal: PlacementGoal
    private let deviceCount: Int
    /// Seconds of each item on each device that takes it, at `item * deviceCount + device`.
    private var seconds: [Double] = []
    /// The item of each node.
    private var items: [Int?]
    /// The values that may have to be moved: maker, users and bytes.
    private var values: [(value: Value, exchange: PlacementProblem.Exchange, bytes: Double)] = []
    /// Under `cheapest` with a launch for every value that crosses over, since a cut cannot count segments. Under `asked`
    /// launches do not count: a small program would leave the device that was asked for to save a few microseconds.
    private var problem: PlacementProblem
    /// Without launches.
    private var bare: PlacementProblem
    /// Seconds of one unit of cost.
    private var unit = 1e-12

    init(_ graph: Graph, members: [Int], answers: [[NodeAnswer]], costs: ItemCosts, goal: PlacementGoal) {
        self.graph = graph
        self.members = members
        self.answers = answers
        self.costs = costs
        self.goal = goal
        deviceCount = costs.profiles.count
        problem = PlacementProblem(deviceCount: deviceCount)
        bare = problem
        items = [Int?](repeating: nil, count: graph.nodes.count)
        for (item, node) in members.enumerated() { items[node] = item }
        seconds = itemSeconds()
        values = exchangedValues()
        fill()
    }

    private func itemSeconds() -> [Double] {
        var seconds: [Double] = []
        seconds.reserveCapacity(members.count * deviceCount)
        for (item, node) in members.enumerated() {
            let work = NodeWork(graph.nodes[node], in: graph)
            var longest = 0.0
            for device in 0..<deviceCount {
                guard answers[item][device].isAccepted else {
                    seconds.append(.infinity)
                    continue
                }
                let own = costs.seconds(item, on: device, answers[item][device].legalizations, work)
                longest = max(longest, own)
                // The order of the devices is the user's wish; being faster is no reason to go to a later one.
                seconds.append(goal == .asked ? longest : own)
            }
        }
        return seconds
    }

    private func exchangedValues() -> [(Value, PlacementProblem.Exchange, Double)] {
        var users: [Value: [Int]] = [:]
        var order: [Value] = []
        for (item, node) in members.enumerated() {
            for operand in graph.nodes[node].operands where !graph.isSource(Int(operand.node)) {
                if users[operand] == nil { order.append(operand) }
                if users[operand]?.last != item { users[operand, default: []].append(item) }
            }
        }
        var results = Set<Value>()
        for output in graph.outputs where items[Int(output.value.node)] != nil && results.insert(output.value).inserted
        {
            if users[output.value] == nil { order.append(output.value) }
        }
        return order.map { value in
            let maker = items[Int(value.node)]
            let exchange = PlacementProblem.Exchange(
                maker: maker, users: users[value] ?? [],
                fixedUser: results.contains(value) ? problem.home : nil, costs: [])
            return (value, exchange, NodeWork.bytes(graph.type(of: value)))
        }
    }

    /// Makes the two problems, in units so small that nothing matters that is lost and so large that sums fit.
    private mutating func fill() {
        var total = 0.0
        for item in members.indices {
            let own = (0..<deviceCount).map { seconds[item * deviceCount + $0] }.filter(\.isFinite)
            total += own.max() ?? 0
        }
        var tables: [(bare: [Double], full: [Double])] = []
        tables.reserveCapacity(values.count)
        for (value, exchange, bytes) in values {
            var table: (bare: [Double], full: [Double]) = ([], [])
            for from in 0..<deviceCount {
                for to in 0..<deviceCount {
                    var cost = 0.0
                    if from != to {
                        cost = costs.transfers.seconds(bytes, from: from, to: to)
                        if exchange.maker != nil { cost += costs.partingSeconds(value, from: from, to: to) }
                    }
                    table.bare.append(cost)
                    let starts =
                        goal == .cheapest && from != to && exchange.maker != nil && !exchange.users.isEmpty
                    table.full.append(cost + (starts ? costs.profiles[to].launch.value : 0))
                }
            }
            total += (table.full.max() ?? 0) * Double(deviceCount)
            tables.append(table)
        }
        unit = max(1e-12, total / Double(1 << 55))
        func whole(_ seconds: Double) -> Int { Int((seconds / unit).rounded()) }
        for item in members.indices {
            let row = (0..<deviceCount).map { device in
                let own = seconds[item * deviceCount + device]
                return own.isFinite ? whole(own) : PlacementProblem.impossible
            }
            _ = problem.addItem(row)
            _ = bare.addItem(row)
        }
        for (index, table) in tables.enumerated() {
            var exchange = values[index].exchange
            exchange.costs = table.full.map(whole)
            problem.add(exchange)
            exchange.costs = table.bare.map(whole)
            values[index].exchange = exchange
            bare.add(exchange)
        }
    }

    /// The best placement that was found: the start, every device alone, and what cuts make of these, compared by the
    /// time of running all segments one after the other.
    func solve(from start: [Int]) -> [Int] {
        var candidates = [start]
        if goal == .cheapest {
            for device in 0..<deviceCount {
                candidates.append(
                    start.indices.map { problem.isPossible($0, on: device) ? device : start[$0] })
            }
        }
        // For two devices the cut is the same from wherever it starts.
        var begins = [start]
        if deviceCount > 2, let cheapest = candidates.min(by: { (problem.cost($0) ?? 0) < (problem.cost($1) ?? 0) }),
            cheapest != start
        {
            begins.append(cheapest)
        }
        for begin in begins {
            var search = problem
            candidates.append(search.solve(from: begin))
        }
        var best = (places: start, seconds: Double.infinity)
        for candidate in candidates {
            let seconds = scheduleSeconds(candidate)
            if seconds < best.seconds { best = (candidate, seconds) }
        }
        return best.places
    }

    /// Seconds of running everything in sequence: work, transfers and, under `cheapest`, a launch for every segment.
    private func scheduleSeconds(_ places: [Int]) -> Double {
        guard let cost = bare.cost(places) else { return .infinity }
        if goal == .asked { return Double(cost) * unit }
        var nodePlaces = [Int?](repeating: nil, count: graph.nodes.count)
        for (item, node) in members.enumerated() { nodePlaces[node] = places[item] }
        let order = SegmentOrder(
            SegmentOrder.Nodes(
                graph, places: nodePlaces, seconds: [Double](repeating: 0, count: graph.nodes.count),
                launches: costs.profiles.map(\.launch.value), isRepeated: graph.isSource))
        return order.targets.reduce(Double(cost) * unit) { $0 + costs.profiles[$1].launch.value }
    }

    // MARK: - In words

    /// Why each item runs where it does.
    func reasons(_ places: [Int]) -> [String] {
        var reasons = [String](repeating: "", count: places.count)
        let regions = regions(places)
        for (item, place) in places.enumerated() {
            if place == 0 {
                reasons[item] = answers[item][0].isNative ? "native" : "with other scalar types"
            } else if answers[item][0].refusal != nil {
                reasons[item] = answers[item].prefix(place).enumerated().compactMap { device, answer in
                    answer.refusal.map { "refused on \(name(device)): \($0)" }
                }.joined(separator: "; ")
            }
        }
        let touching = values.indices.reduce(into: [[Int]](repeating: [], count: places.count)) { lists, index in
            let exchange = values[index].exchange
            for item in exchange.users + [exchange.maker].compactMap(\.self) { lists[item].append(index) }
        }
        for region in regions {
            let text = reason(of: region, places, touching)
            for item in region { reasons[item] = text }
        }
        return reasons
    }

    /// Items that the first device would have taken but another one runs, gathered by what exchanges values.
    private func regions(_ places: [Int]) -> [[Int]] {
        var parents = Array(places.indices)
        func root(_ item: Int) -> Int {
            var item = item
            while parents[item] != item {
                parents[item] = parents[parents[item]]
                item = parents[item]
            }
            return item
        }
        let moves = places.indices.map { places[$0] != 0 && answers[$0][0].isAccepted }
        for (_, exchange, _) in values {
            guard let maker = exchange.maker, moves[maker] else { continue }
            for user in exchange.users where moves[user] && places[user] == places[maker] {
                parents[root(user)] = root(maker)
            }
        }
        var regions: [Int: [Int]] = [:]
        for item in places.indices where moves[item] { regions[root(item), default: []].append(item) }
        return regions.values.sorted { $0[0] < $1[0] }
    }

    /// Compares the placement with one in which the region runs on the first device.
    private func reason(of region: [Int], _ places: [Int], _ touching: [[Int]]) -> String {
        var back = places
        var gain = 0.0
        for item in region {
            back[item] = 0
            gain += seconds[item * deviceCount] - seconds[item * deviceCount + places[item]]
        }
        var (bytes, transfer) = (0.0, 0.0)
        for index in Set(region.flatMap { touching[$0] }).sorted() {
            let (_, exchange, size) = values[index]
            for (sign, placement) in [(1.0, back), (-1.0, places)] {
                let source = exchange.maker.map { placement[$0] } ?? problem.home
                for (device, cost) in problem.transfers(of: exchange, placement) {
                    transfer += sign * Double(cost) * unit
                    if !costs.transfers.sharesMemory(source, device) { bytes += sign * size }
                }
            }
        }
        if goal == .cheapest, gain > 0 {
            return "cheaper here by \(Self.time(gain + transfer)): compute \(Self.time(gain)), transfer "
                + (transfer > 0 ? "saves \(Self.time(transfer))" : Self.time(-transfer))
        }
        return bytes > 0
            ? "goes along with its neighbours (saves a transfer of \(CompilationReport.quantity(bytes))B)"
            : "goes along with its neighbours (saves \(Self.time(gain + transfer)))"
    }

    /// Seconds as text, in microseconds.
    private static func time(_ seconds: Double) -> String {
        let tenths = (seconds * 1e7).rounded()
        return "\(abs(tenths) < 1e15 ? tenths / 10 : seconds * 1e6) us"
    }

    private func name(_ device: Int) -> String { costs.transfers.targets[device].device }
}
