// Heterodyne: which item goes to which device, so that work and transfers together cost least.
// SPDX-License-Identifier: Apache-2.0

/// Items to place on devices: what each costs on each device, and what it costs to bring a value to a device.
///
/// The cost of a placement is the sum of the items' costs on their devices and, for each value and each device that
/// uses it and did not make it, of one transfer, however many users it has there. Costs are whole numbers, so that a
/// placement does not depend on rounding.
struct PlacementProblem {
    /// The cost of an item on a device that cannot take it.
    static let impossible = FlowNetwork.unlimited

    /// A value that may have to be moved.
    struct Exchange {
        /// The item that makes it; nil for what is given on `home`.
        var maker: Int?
        /// The items that use it, each once.
        var users: [Int]
        /// A device that uses it whatever the placement is, such as the one that outputs live on.
        var fixedUser: Int?
        /// What moving it costs, at `from * deviceCount + to`; zero on the diagonal.
        var costs: [Int]
    }

    /// The number of devices.
    let deviceCount: Int
    /// The device that inputs and outputs live on.
    let home: Int
    /// The cost of each item on each device, at `item * deviceCount + device`.
    private(set) var costs: [Int] = []
    private(set) var exchanges: [Exchange] = []
    /// Arcs that the cuts looked at so far.
    private(set) var operationCount = 0

    init(deviceCount: Int, home: Int = 0) {
        self.deviceCount = deviceCount
        self.home = home
    }

    /// The number of items.
    var itemCount: Int { costs.count / max(deviceCount, 1) }

    /// Adds an item with its cost on each device.
    mutating func addItem(_ costs: [Int]) -> Int {
        self.costs += costs
        return itemCount - 1
    }

    /// Adds a value.
    mutating func add(_ exchange: Exchange) { exchanges.append(exchange) }

    func cost(of item: Int, on device: Int) -> Int { costs[item * deviceCount + device] }

    /// Whether the device can take the item.
    func isPossible(_ item: Int, on device: Int) -> Bool { cost(of: item, on: device) < Self.impossible }

    /// The cost of a placement, where it is possible at all.
    func cost(_ places: [Int]) -> Int? {
        var sum = 0
        for (item, place) in places.enumerated() {
            guard isPossible(item, on: place) else { return nil }
            sum += cost(of: item, on: place)
        }
        for exchange in exchanges {
            for (_, cost) in transfers(of: exchange, places) { sum += cost }
        }
        return sum
    }

    /// Where a value goes, and what each of these transfers costs.
    func transfers(of exchange: Exchange, _ places: [Int]) -> [(device: Int, cost: Int)] {
        let from = exchange.maker.map { places[$0] } ?? home
        var goals = exchange.users.map { places[$0] }
        if let fixed = exchange.fixedUser { goals.append(fixed) }
        var seen: [(device: Int, cost: Int)] = []
        for goal in goals where goal != from && !seen.contains(where: { $0.device == goal }) {
            seen.append((goal, exchange.costs[from * deviceCount + goal]))
        }
        return seen
    }

    /// The placement that costs least: exactly for two devices; for more, none that is left by moving any set of items
    /// to one device or exchanging any between two costs less, as far as those moves can be searched by cuts.
    /// `start` must be possible, and is given back where nothing costs less.
    ///
    /// For two devices the optimum is a minimum cut (Stone, "Multiprocessor Scheduling with the Aid of Network Flow
    /// Algorithms", 1977), for more the moves are swaps and expansions (Boykov, Veksler and Zabih, "Fast Approximate
    /// Energy Minimization via Graph Cuts", 2001), each of which is one cut.
    mutating func solve(from start: [Int]) -> [Int] {
        guard deviceCount > 1, itemCount > 0, var best = cost(start) else { return start }
        var places = start
        func isImproved(by candidate: [Int]) -> Bool {
            guard let cost = cost(candidate), cost < best else { return false }
            (best, places) = (cost, candidate)
            return true
        }
        if deviceCount == 2 {
            _ = isImproved(by: moved(places) { _ in (0, 1) })
            return places
        }
        let moves = Self.moves(deviceCount)
        // Every accepted move costs strictly less, so this ends; the limit bounds the time on large graphs.
        var (position, failures) = (0, 0)
        while failures < moves.count, operationCount < Self.operationLimit {
            let now = places
            let isBetter =
                switch moves[position] {
                case .expansion(let device): isImproved(by: moved(now) { (now[$0], device) })
                case .swap(let a, let b):
                    isImproved(by: moved(now) { now[$0] == a || now[$0] == b ? (a, b) : (now[$0], now[$0]) })
                }
            failures = isBetter ? 0 : failures + 1
            position = (position + 1) % moves.count
        }
        return places
    }

    /// Arcs to look at after which no further move is tried where there are more than two devices.
    private static let operationLimit = 50_000_000

    private enum Move {
        /// Items may go to this device.
        case expansion(Int)
        /// Items of these two devices may change places.
        case swap(Int, Int)
    }

    private static func moves(_ deviceCount: Int) -> [Move] {
        let pairs = (0..<deviceCount).flatMap { a in (a + 1..<deviceCount).map { Move.swap(a, $0) } }
        return (0..<deviceCount).map { .expansion($0) } + pairs
    }

    // MARK: - One cut

    /// The two devices between which an item chooses; both the same where it does not.
    private struct Choice {
        var stays: Int
        var goes: Int
        /// The node of the network; nil where there is no choice.
        var node: Int?
    }

    /// The best of the placements in which each item takes one of two devices.
    private mutating func moved(_ places: [Int], _ alternatives: (Int) -> (Int, Int)) -> [Int] {
        var network = FlowNetwork()
        var choices: [Choice] = []
        choices.reserveCapacity(itemCount)
        for item in 0..<itemCount {
            let (stays, goes) = alternatives(item)
            switch (isPossible(item, on: stays), isPossible(item, on: goes)) {
            case (true, true) where stays != goes:
                let node = network.addNode()
                network.addToSink(node, capacity: cost(of: item, on: stays))
                network.addFromSource(node, capacity: cost(of: item, on: goes))
                choices.append(Choice(stays: stays, goes: goes, node: node))
            case (true, _): choices.append(Choice(stays: stays, goes: stays))
            case (false, true): choices.append(Choice(stays: goes, goes: goes))
            // An item of a third device: it keeps its place.
            case (false, false): choices.append(Choice(stays: places[item], goes: places[item]))
            }
        }
        for exchange in exchanges { add(exchange, choices, to: &network) }
        let goes = network.minimumCut()
        operationCount += network.operationCount
        return choices.map { choice in choice.node.map { goes[$0] } ?? false ? choice.goes : choice.stays }
    }

    /// Puts what moving a value costs into the network. Nodes on the source's side stay, those on the sink's go.
    private func add(_ exchange: Exchange, _ choices: [Choice], to network: inout FlowNetwork) {
        let maker = exchange.maker.map { choices[$0] } ?? Choice(stays: home, goes: home)
        for device in 0..<deviceCount {
            let kept = exchange.costs[maker.stays * deviceCount + device]
            let gone = exchange.costs[maker.goes * deviceCount + device]
            guard kept > 0 || gone > 0 else { continue }
            var isUsed = exchange.fixedUser == device
            var comers: [Int] = []
            var leavers: [Int] = []
            for user in exchange.users {
                let choice = choices[user]
                guard let node = choice.node else {
                    if choice.stays == device { isUsed = true }
                    continue
                }
                if choice.goes == device { comers.append(node) }
                if choice.stays == device { leavers.append(node) }
            }
            if isUsed {
                // Paid wherever the maker is, unless it is there.
                if let node = maker.node {
                    network.addToSink(node, capacity: kept)
                    network.addFromSource(node, capacity: gone)
                }
            } else if !comers.isEmpty {
                pay(kept, whileKept: maker, ifAnyGoes: comers, &network)
            } else if !leavers.isEmpty {
                // Where the maker may go, `kept` has no arc of its own if it exceeds `gone`: it is then charged as long
                // as any user stays, which is what the placement as it is pays and no less than the new one will.
                if maker.node == nil || maker.stays == device {
                    pay(maker.node == nil ? kept : gone, whileGone: maker, ifAnyStays: leavers, &network)
                } else {
                    pay(kept, whileGone: Choice(stays: 0, goes: 0), ifAnyStays: leavers, &network)
                    pay(max(gone - kept, 0), whileGone: maker, ifAnyStays: leavers, &network)
                }
            }
        }
    }

    /// The arcs that are cut where the maker stays, or has no choice, and any of the users goes.
    private func pay(_ cost: Int, whileKept maker: Choice, ifAnyGoes users: [Int], _ network: inout FlowNetwork) {
        guard cost > 0 else { return }
        if users.count == 1 {
            guard let node = maker.node else { return network.addFromSource(users[0], capacity: cost) }
            return network.addArc(from: node, to: users[0], capacity: cost)
        }
        let any = network.addNode()
        if let node = maker.node {
            network.addArc(from: node, to: any, capacity: cost)
        } else {
            network.addFromSource(any, capacity: cost)
        }
        for user in users { network.addArc(from: any, to: user, capacity: FlowNetwork.unlimited) }
    }

    /// The arcs that are cut where the maker goes, or has no choice, and any of the users stays.
    private func pay(_ cost: Int, whileGone maker: Choice, ifAnyStays users: [Int], _ network: inout FlowNetwork) {
        guard cost > 0 else { return }
        if users.count == 1 {
            guard let node = maker.node else { return network.addToSink(users[0], capacity: cost) }
            return network.addArc(from: users[0], to: node, capacity: cost)
        }
        let any = network.addNode()
        if let node = maker.node {
            network.addArc(from: any, to: node, capacity: cost)
        } else {
            network.addToSink(any, capacity: cost)
        }
        for user in users { network.addArc(from: user, to: any, capacity: FlowNetwork.unlimited) }
    }
}
