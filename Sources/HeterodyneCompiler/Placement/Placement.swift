// Heterodyne: where nodes run and why.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What decides where nodes run.
public enum PlacementGoal: String, Sendable, Hashable, Codable, CaseIterable {
    /// The first device runs all that it can; the others take what it refuses, and neighbours where that saves
    /// transfers.
    case asked
    /// Every node runs where the whole costs least.
    case cheapest
}

/// Where the nodes of a graph run and why.
struct Placement {
    /// The target of each node; nil for parameters, for sources, which go where they are used (those that are outputs
    /// too are placed), and for nodes that no output needs.
    var places: [Int?]
    /// The type changes that each node needs where it runs, for nodes that need any.
    var legalizations: [Int: [TypeLegalization]] = [:]
    /// Why each placed node runs where it does.
    var reasons: [String]
    /// Seconds that each placed node takes, estimated.
    var seconds: [Double]
    var profiles: [DeviceProfile]
    /// The owner's rule that sent a node to another device, for nodes that one did.
    var rules: [Int: String] = [:]
    var goal: PlacementGoal

    /// The nodes as segments are made of them.
    func nodes(of graph: Graph) -> SegmentOrder.Nodes {
        SegmentOrder.Nodes(
            graph, places: places, seconds: seconds, launches: profiles.map(\.launch.value), isRepeated: graph.isSource)
    }

    /// Types that kernels emulate for a node.
    func emulatedTypes(of node: Int) -> Set<ScalarType> {
        guard let changes = legalizations[node] else { return [] }
        return Set(changes.lazy.filter { $0.form == .kernels }.map(\.type))
    }

    /// One line for every placed node, and one for each type that it gets in place of another.
    func record(_ graph: Graph, _ targets: [CompilationTarget], _ report: inout CompilationReport) {
        for (index, node) in graph.nodes.enumerated() {
            guard let place = places[index] else { continue }
            let types = node.operands.map(graph.type(of:))
            let device = targets[place].device
            // Whoever asks for several devices did not ask for the first.
            report.record(
                place == 0 || goal == .cheapest ? .placement : .fallback, node, operandTypes: types, device: device,
                rule: rules[index] ?? "", reason: reasons[index],
                seconds: targets[place].profile?.isMeasured == true ? seconds[index] : nil)
            for change in legalizations[index] ?? [] {
                report.record(
                    .legalization, node, operandTypes: types, device: device,
                    rule: "\(change.type)=\(change.rule.rawValue)", reason: change.reason, isFree: change.isFree)
            }
        }
    }
}

/// What moving values between devices costs.
struct TransferCosts {
    let targets: [CompilationTarget]
    let profiles: [DeviceProfile]

    init(_ targets: [CompilationTarget]) {
        self.targets = targets
        profiles = targets.map {
            $0.profile ?? .assumed(kind: .cpu, hasUnifiedMemory: $0.capabilities.hasUnifiedMemory)
        }
    }

    /// Whether one device reads what the other wrote.
    func sharesMemory(_ a: Int, _ b: Int) -> Bool {
        a == b || (targets[a].capabilities.hasUnifiedMemory && targets[b].capabilities.hasUnifiedMemory)
    }

    /// Seconds to copy so many bytes from one device to another, over the host.
    func seconds(_ bytes: Double, from: Int, to: Int) -> Double {
        if sharesMemory(from, to) { return 0 }
        let reading = targets[from].capabilities.hasUnifiedMemory ? 0 : profiles[from].download.seconds(bytes)
        return reading + (targets[to].capabilities.hasUnifiedMemory ? 0 : profiles[to].upload.seconds(bytes))
    }

    /// As `seconds`, nil where a device that takes part was not measured.
    func measuredSeconds(_ bytes: Double, from: Int, to: Int) -> Double? {
        profiles[from].isMeasured && profiles[to].isMeasured ? seconds(bytes, from: from, to: to) : nil
    }
}
