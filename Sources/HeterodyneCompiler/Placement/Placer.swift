// Heterodyne: decides which device runs which node.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Decides which device runs which node.
///
/// Under `asked` a node that a later device takes never counts as cheaper there than on any earlier one that takes it
/// too, so that only refusals and saved transfers move nodes away; what the first device emulates stays there. Where
/// nothing is refused, nothing is cut at all. Under `cheapest` costs alone decide.
struct Placer {
    let graph: Graph
    let targets: [CompilationTarget]
    let policy: ScalarTypePolicy
    let goal: PlacementGoal

    /// What each device says to a node.
    private typealias Answers = [NodeAnswer]

    /// The placement. Throws `unsupported` naming a node that no target runs, with every target's reason.
    func place() throws(GraphError) -> Placement {
        let isOutput = Set(graph.outputs.map { Int($0.value.node) })
        let live = graph.liveNodes()
        let members = graph.nodes.indices.filter { index in
            if case .parameter = graph.nodes[index].operation { return false }
            return live[index] && (!graph.isSource(index) || isOutput.contains(index))
        }
        var answers = try ask(members)
        let start = answers.map { $0.firstIndex { $0.isAccepted } ?? 0 }
        var places = start
        var reasons = answers.map { $0[0].isNative ? "native" : "with other scalar types" }
        let isCut = targets.count > 1 && (goal == .cheapest || answers.contains { !$0[0].isAccepted })
        let costs = ItemCosts(graph, members, targets)
        if isCut {
            if goal == .asked { try askRest(members, &answers) }
            let model = PlacementModel(
                graph, members: members, answers: answers, costs: costs, goal: goal)
            places = model.solve(from: start)
            reasons = model.reasons(places)
        }
        return placement(members, answers, places, reasons, costs)
    }

    private func placement(
        _ members: [Int], _ answers: [[NodeAnswer]], _ places: [Int], _ reasons: [String], _ costs: ItemCosts
    ) -> Placement {
        let count = graph.nodes.count
        var placement = Placement(
            places: [Int?](repeating: nil, count: count), reasons: [String](repeating: "", count: count),
            seconds: [Double](repeating: 0, count: count), profiles: costs.profiles, goal: goal)
        let needsSeconds = Set(places).count > 1 || targets.contains { $0.profile?.isMeasured == true }
        for (item, node) in members.enumerated() {
            let place = places[item]
            placement.places[node] = place
            placement.reasons[node] = reasons[item]
            var changes: [TypeLegalization] = []
            if case .legalized(let list) = answers[item][place] { changes = list }
            if !changes.isEmpty { placement.legalizations[node] = changes }
            if goal == .asked, place != 0, answers[item][0].refusal != nil, let rule = fallbackRule(of: node) {
                placement.rules[node] = rule
            }
            if needsSeconds { placement.seconds[node] = costs.seconds(item, on: place, changes) }
        }
        return placement
    }

    /// The owner's rule for a type that the first device cannot compute in, where the rule says that others do.
    private func fallbackRule(of index: Int) -> String? {
        let types = NodeSignature(graph.nodes[index], in: graph).scalarTypes.filter { type in
            policy[type] == .fallback && !targets[0].capabilities.usages(of: type).contains(.arithmetic)
        }
        if types.isEmpty { return nil }
        return types.map { "\($0)=\(ScalarTypePolicy.Rule.fallback.rawValue)" }.sorted().joined(separator: ",")
    }

    /// The answers of the first device and, where it refuses or the goal is the cheapest, of the others.
    private func ask(_ members: [Int]) throws(GraphError) -> [[NodeAnswer]] {
        let legalizers = targets.map { Legalizer(target: $0, policy: policy) }
        var answers: [[NodeAnswer]] = []
        answers.reserveCapacity(members.count)
        var forbidden: [(node: Int, type: ScalarType, reason: String)] = []
        for index in members {
            let node = graph.nodes[index]
            let signature = NodeSignature(node, in: graph)
            var own: [NodeAnswer] = []
            for legalizer in legalizers {
                own.append(legalizer.answer(for: signature))
                if goal == .asked, own[0].isAccepted { break }
                if goal == .asked, own.count == 1, let type = legalizer.forbidden(signature) {
                    forbidden.append((index, type, own[0].refusal ?? ""))
                    break
                }
            }
            // Every forbidden node is named in one error; what others say to the rest does not matter any more.
            if !forbidden.isEmpty { continue }
            guard own.contains(where: \.isAccepted) else {
                throw GraphError(
                    .unsupported,
                    "no device runs it (\(refusals(own).joined(separator: "; "))); allow a fallback device that does",
                    operation: graph.nodeText(index), location: node.location)
            }
            answers.append(own)
        }
        if let first = forbidden.first { throw refusal(first.type, first.reason, of: forbidden.map(\.node)) }
        return answers
    }

    /// The error for nodes of a type that the first device lacks, whose owner says that this is an error.
    private func refusal(_ type: ScalarType, _ reason: String, of nodes: [Int]) -> GraphError {
        var counts: [(name: String, count: Int, place: SourceLocation?)] = []
        for index in nodes {
            let node = graph.nodes[index]
            if let known = counts.firstIndex(where: { $0.name == node.operation.name }) {
                counts[known].count += 1
                counts[known].place = counts[known].place ?? node.location
            } else {
                counts.append((node.operation.name, 1, node.location))
            }
        }
        let names = counts.map { entry in "\(entry.count) x \(entry.name)\(entry.place.map { " (\($0))" } ?? "")" }
        return GraphError(
            .unsupported,
            "\(targets[0].device) does not run \(names.joined(separator: ", ")), and by the policy \(type)=error no other "
                + "device may: \(reason). Allow \(type)=fallback"
                + (ScalarTypePolicy.demotion(of: type) == nil ? " or emulate" : ", emulate or demote")
                + ", or compile for a device that has \(type)",
            operation: graph.nodeText(nodes[0]), location: graph.nodes[nodes[0]].location)
    }

    /// Asks the other devices about nodes that the first one takes, which may go along with their neighbours.
    private func askRest(_ members: [Int], _ answers: inout [[NodeAnswer]]) throws(GraphError) {
        let legalizers = targets.map { Legalizer(target: $0, policy: policy) }
        for (item, index) in members.enumerated() where answers[item].count < targets.count {
            guard answers[item][0].isFree else {
                // The owner wants it there with other types; it does not go along.
                answers[item] += [NodeAnswer](
                    repeating: .refused(reason: "\(targets[0].device) runs it"), count: targets.count - 1)
                continue
            }
            let signature = NodeSignature(graph.nodes[index], in: graph)
            for legalizer in legalizers.dropFirst(answers[item].count) {
                answers[item].append(legalizer.answer(for: signature))
            }
        }
    }

    private func refusals(_ answers: [NodeAnswer]) -> [String] {
        zip(targets, answers).compactMap { target, answer in
            answer.refusal.map { "\(target.device): \($0)" }
        }
    }
}

extension NodeAnswer {
    var isNative: Bool { self == .native }

    /// Whether the device runs the node as it stands, or moves its bits.
    var isFree: Bool { isAccepted && legalizations.allSatisfy(\.isFree) }

    /// Whether the device runs the node in any way.
    var isAccepted: Bool { refusal == nil }

    /// Why the device does not run the node, nil where it does.
    var refusal: String? {
        switch self {
        case .native, .legalized: nil
        case .refused(let reason): reason
        }
    }

    var legalizations: [TypeLegalization] {
        switch self {
        case .native, .refused: []
        case .legalized(let changes): changes
        }
    }
}

/// Seconds that nodes take, with what fusion saves.
struct ItemCosts {
    let members: [Int]
    let profiles: [DeviceProfile]
    let transfers: TransferCosts
    let graph: Graph
    private let fuses: [Bool]
    /// Whether the nodes that use a node's result can each take it in the same pass over memory.
    private let isFusible: [Bool]

    init(_ graph: Graph, _ members: [Int], _ targets: [CompilationTarget]) {
        self.graph = graph
        self.members = members
        transfers = TransferCosts(targets)
        profiles = transfers.profiles
        fuses = targets.map(\.capabilities.fusion.elementwiseRegions)
        isFusible = Self.fusible(graph)
    }

    /// A chain of elementwise nodes of one shape makes one pass: what lies between them is neither written nor read.
    private static func fusible(_ graph: Graph) -> [Bool] {
        func isElementwise(_ index: Int) -> Bool {
            graph.nodes[index].operation.primitive?.code.group == .elementwise
        }
        var fusible = graph.nodes.indices.map { isElementwise($0) && !graph.nodes[$0].resultTypes.isEmpty }
        var isUsed = [Bool](repeating: false, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            for operand in node.operands where fusible[Int(operand.node)] {
                isUsed[Int(operand.node)] = true
                let isKept = isElementwise(index) && node.resultTypes.first?.shape == graph.type(of: operand).shape
                if !isKept { fusible[Int(operand.node)] = false }
            }
        }
        for output in graph.outputs { fusible[Int(output.value.node)] = false }
        return zip(fusible, isUsed).map { $0 && $1 }
    }

    /// Seconds that an item takes on a device, its neighbours being there too.
    func seconds(_ item: Int, on device: Int, _ legalizations: [TypeLegalization], _ work: NodeWork? = nil) -> Double {
        let node = graph.nodes[members[item]]
        let work = work ?? NodeWork(node, in: graph)
        var saved = 0.0
        let endsChain = !(fuses[device] && isFusible[members[item]])
        if fuses[device] {
            for operand in node.operands where isFusible[Int(operand.node)] {
                saved += NodeWork.bytes(graph.type(of: operand))
            }
            if !endsChain, let type = node.resultTypes.first { saved += NodeWork.bytes(type) }
        }
        return work.seconds(
            on: profiles[device], legalizations: legalizations, savedBytes: saved, hasStep: endsChain)
    }

    /// Seconds that parting a value from its users adds besides the transfer: it is written and read after all.
    func partingSeconds(_ value: Value, from: Int, to: Int) -> Double {
        guard isFusible[Int(value.node)] else { return 0 }
        let bytes = NodeWork.bytes(graph.type(of: value))
        return (fuses[from] ? bytes / profiles[from].memory.value + profiles[from].step.value : 0)
            + (fuses[to] ? bytes / profiles[to].memory.value : 0)
    }
}
