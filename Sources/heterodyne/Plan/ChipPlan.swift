// Heterodyne: what is planned for one chip: whether the model runs there, how, and what that takes.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneRoofline

/// Nodes of which the compiler decided the same, for the same reason.
struct NodeGroup: Sendable, Hashable, Codable {
    /// What they do.
    var operation: String
    /// How many there are.
    var count: Int
    /// The owner's rule that decided, for instance `float64=emulate`; empty where none did.
    var rule: String
    /// Why.
    var reason: String
}

/// What the compiler decided about the nodes of a model.
struct NodeSupport: Sendable, Hashable {
    /// Nodes that the chip runs as they are.
    private(set) var nativeCount = 0
    /// Nodes that the chip computes with other scalar types, by a rule of the owner's.
    private(set) var emulatedCount = 0
    /// Nodes that the chip runs with other types at no cost: bits that are moved as words, say.
    private(set) var movedCount = 0
    /// Nodes that leave the chip for the host.
    private(set) var hostCount = 0
    /// Composites that are replaced by their definitions.
    private(set) var decomposedCount = 0
    /// Bytes that move between chip and host in a run because nodes leave the chip.
    private(set) var transferredByteCount = 0.0
    /// Operations of the nodes on the chip and of all, estimated from types alone.
    private(set) var chipOperationCount = 0.0
    private(set) var operationCount = 0.0

    private(set) var native: [NodeGroup] = []
    private(set) var emulated: [NodeGroup] = []
    private(set) var onHost: [NodeGroup] = []
    private(set) var decomposed: [NodeGroup] = []

    /// Nodes that are placed.
    var nodeCount: Int { nativeCount + emulatedCount + movedCount + hostCount }

    /// Nothing yet.
    init() {}

    /// Adds what was decided for a graph.
    mutating func add(_ report: CompilationReport, chip: String) {
        var changed = 0
        var emulations = 0
        for entry in report.entries {
            // There is one chip only, which every line names already.
            let prefix = "refused on \(chip): "
            let group = NodeGroup(
                operation: entry.operation, count: entry.count, rule: entry.rule,
                reason: entry.reason.hasPrefix(prefix)
                    ? String(entry.reason.dropFirst(prefix.count)) : entry.reason)
            switch entry.kind {
            case .placement:
                // The placer's word for nodes that need no other types.
                if entry.reason == "native" {
                    nativeCount += entry.count
                    Self.merge(group, into: &native)
                } else {
                    changed += entry.count
                }
                operationCount += entry.operationCount
                chipOperationCount += entry.operationCount
            case .fallback:
                hostCount += entry.count
                operationCount += entry.operationCount
                Self.merge(group, into: &onHost)
            case .legalization where entry.device == chip && !entry.isFree:
                emulations += entry.count
                Self.merge(group, into: &emulated)
            case .decomposition where entry.device == chip:
                decomposedCount += entry.count
                Self.merge(group, into: &decomposed)
            case .transfer: transferredByteCount += entry.byteCount
            case .legalization, .decomposition, .recognition, .fusion, .shard: break
            }
        }
        // A node with two types that are missing has two entries.
        let computed = min(changed, emulations)
        emulatedCount += computed
        movedCount += changed - computed
    }

    /// Adds a group to the one of the same words, or appends it.
    private static func merge(_ group: NodeGroup, into groups: inout [NodeGroup]) {
        let known = groups.firstIndex {
            $0.operation == group.operation && $0.rule == group.rule && $0.reason == group.reason
        }
        if let known { groups[known].count += group.count } else { groups.append(group) }
    }
}

/// Whether a model runs on a chip.
enum PlanOutcome: Sendable, Hashable {
    /// All of it.
    case runs
    /// All but some nodes, which the host computes.
    case runsWithHost
    /// It does not fit into the memory.
    case tooLarge
    /// The chip cannot run it, with the reason.
    case refused(String)

    /// Whether the chip runs it, with the host's help or without.
    var isRunning: Bool {
        switch self {
        case .runs, .runsWithHost: true
        case .tooLarge, .refused: false
        }
    }

    /// For the table.
    var text: String {
        switch self {
        case .runs: "yes"
        case .runsWithHost: "with host"
        case .tooLarge: "too large"
        case .refused: "no"
        }
    }

    /// For programs.
    var name: String {
        switch self {
        case .runs: "runs"
        case .runsWithHost: "runsWithHost"
        case .tooLarge: "tooLarge"
        case .refused: "refused"
        }
    }
}

/// A model on several chips.
struct PlanSplit: Sendable, Hashable {
    /// How they share the work.
    var kind: Distribution.Kind
    /// How many chips or systems of the profile.
    var units: Int
    /// The inputs of the model that are weights; constants are anyway.
    var weights: Set<String> = []
}

/// What is planned for one chip.
struct ChipPlan: Sendable {
    /// The chip.
    let profile: ChipProfile
    /// How many chips take part, those inside systems counted.
    let chipCount: Int
    /// Whether the model runs there.
    var outcome: PlanOutcome
    /// What the compiler decided.
    var support = NodeSupport()
    /// What the model needs of the memory, of each chip where several share the work; nil where it does not compile.
    var memory: MemoryFootprint?
    /// The memory that there is for it, of each chip where several share the work; nil where unknown.
    var capacity: Double?
    /// What a run takes; nil where the model does not run there.
    var estimate: RooflineEstimate?
    /// The steps of the estimate by what they do.
    var steps: [PlanStep] = []
    /// What the reader must know besides.
    var notes: [String] = []

    /// Whether the model fits; nil where the size of the memory is unknown or the model does not compile.
    var fits: Bool? {
        guard let memory, let capacity else { return nil }
        return memory.total <= capacity
    }

    /// Seconds of a run, where the estimate has any.
    var seconds: Double? { estimate?.seconds.flatMap { $0.isFinite && $0 > 0 ? $0 : nil } }

    /// `count` of anything that a run has, by second.
    func perSecond(_ count: Double?) -> Double? {
        guard let count, let seconds else { return nil }
        return count / seconds
    }

    /// `count` of anything that a run has, by joule at full power.
    func perJoule(_ count: Double?) -> Double? {
        guard let count, let joules = estimate?.joules, joules > 0 else { return nil }
        return count / joules
    }

    /// The steps that take longest, equal ones together, at most `count` of them.
    func costliestSteps(_ count: Int) -> [PlanStep] {
        let sorted = steps.enumerated().sorted { a, b in
            let (x, y) = (a.element.seconds ?? 0, b.element.seconds ?? 0)
            return x == y ? a.offset < b.offset : x > y
        }
        return sorted.lazy.map(\.element).filter { $0.seconds ?? 0 > 0 }.prefix(count).map(\.self)
    }
}

/// Steps of a program that do the same and take equally long.
struct PlanStep: Sendable, Hashable {
    /// What they do, for instance `dot add multiply` of a fused region.
    let name: String
    /// The types of their results.
    let resultTypes: String
    /// How many there are.
    var count: Int
    /// One of them.
    let one: StepEstimate

    /// Seconds of all of them.
    var seconds: Double? { one.seconds.map { $0 * Double(count) } }

    /// The steps of an estimate of `graph`, equal ones together, in the order of the graph.
    static func steps(_ estimate: RooflineEstimate, of graph: Graph) -> [PlanStep] {
        struct Key: Hashable {
            let name: String
            let types: String
            let bytes: Double
            let seconds: Double?
        }
        var steps: [PlanStep] = []
        var positions: [Key: Int] = [:]
        for step in estimate.steps where graph.nodes.indices.contains(step.node) {
            let node = graph.nodes[step.node]
            let types = node.resultTypes.map(\.description).joined(separator: ", ")
            let key = Key(name: title(of: node.operation), types: types, bytes: step.byteCount, seconds: step.seconds)
            if let known = positions[key] {
                steps[known].count += 1
            } else {
                positions[key] = steps.count
                steps.append(PlanStep(name: key.name, resultTypes: types, count: 1, one: step))
            }
        }
        return steps
    }

    /// The operation's name; for a fused region the names of what it computes, a product of matrices first.
    private static func title(of operation: NodeOperation) -> String {
        guard let region = operation.composite(as: FusedRegion.self) else { return operation.name }
        var names: [String] = []
        for node in region.body.nodes {
            switch node.operation {
            case .parameter, .primitive(.constant), .primitive(.broadcast), .primitive(.reshape): continue
            case .primitive, .composite:
                if !names.contains(node.operation.name) { names.append(node.operation.name) }
            }
        }
        let shown = names.prefix(4).joined(separator: " ")
        return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
    }
}

/// A figure of a chip that a plan rests on.
struct PlanFigure: Sendable, Hashable {
    let name: String
    let unit: String
    let fact: Fact
}

extension ChipPlan {
    /// The figures that the plan rests on: sizes, bandwidths, power, starting times, and the rates of what is computed.
    var figures: [PlanFigure] {
        var figures = [
            PlanFigure(name: "memory size", unit: "B", fact: profile.memoryByteCount),
            PlanFigure(name: "memory bandwidth", unit: "B/s", fact: profile.memoryBandwidth),
        ]
        if let link = profile.interconnect, chipCount > 1 {
            figures.append(PlanFigure(name: "\(link.name) bandwidth", unit: "B/s", fact: link.bandwidth))
        }
        for load in estimate?.loads ?? [] {
            let type = profile.type(load.type)
            figures.append(
                PlanFigure(
                    name: "\(load.type) \(load.unit.rawValue) rate", unit: "op/s",
                    fact: load.unit == .matrix ? type.matrix : type.vector))
        }
        return figures + [
            PlanFigure(name: "power", unit: "W", fact: profile.power),
            PlanFigure(name: "start of a program", unit: "s", fact: profile.launch),
            PlanFigure(name: "start of a kernel", unit: "s", fact: profile.step),
        ]
    }
}
