// Heterodyne: places nodes on devices and cuts the graph into segments.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// A part of a graph that runs on one device.
public struct Segment: Sendable {
    /// The device, as an index into the targets.
    public var target: Int
    /// Types that the device's kernels emulate in this part.
    public var emulatedTypes: Set<ScalarType> = []
    /// The part; its inputs and outputs name values of the whole graph.
    public var part: Subgraph
}

/// Places nodes on devices and cuts the graph into segments that run one after the other.
///
/// A node runs on the first target that supports it natively. Constants and indices are repeated where they are used.
struct Partitioner {
    let graph: Graph
    let targets: [CompilationTarget]
    let policy: ScalarTypePolicy

    /// A group of nodes: everything on one device that can run once the groups before it have run.
    private struct Group: Hashable, Comparable {
        let stage: Int
        let target: Int

        static func < (a: Group, b: Group) -> Bool { (a.stage, a.target) < (b.stage, b.target) }
    }

    /// The segments in the order to run them in, with a report entry for every node. Throws `unsupported` naming a
    /// node that no target runs, with every target's reason.
    func segments(_ report: inout CompilationReport) throws(GraphError) -> [Segment] {
        var emulated: [Int: Set<ScalarType>] = [:]
        let groups = grouped(try place(&report, &emulated))
        var members: [Group: Set<Int>] = [:]
        var used: [Group: Set<Value>] = [:]
        for (index, node) in graph.nodes.enumerated() {
            guard let group = groups[index] else { continue }
            members[group, default: []].insert(index)
            for operand in node.operands {
                if isSource(Int(operand.node)) {
                    members[group, default: []].insert(Int(operand.node))
                } else if let maker = groups[Int(operand.node)], maker != group {
                    used[maker, default: []].insert(operand)
                }
            }
        }
        for output in graph.outputs {
            if let maker = groups[Int(output.value.node)] { used[maker, default: []].insert(output.value) }
        }
        var segments: [Segment] = []
        for group in members.keys.sorted() {
            // A group whose results nobody uses has nothing to run for.
            guard let indices = members[group], let outputs = used[group] else { continue }
            segments.append(
                Segment(
                    target: group.target,
                    emulatedTypes: indices.reduce(into: []) { $0.formUnion(emulated[$1] ?? []) },
                    part: try graph.extracting(indices, outputs: outputs.sorted())))
        }
        return segments
    }

    /// The group of each placed node. Its stage is the earliest at which its operands from other devices are complete.
    private func grouped(_ places: [Int?]) -> [Group?] {
        var groups = [Group?](repeating: nil, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            guard let place = places[index] else { continue }
            var stage = 0
            for operand in node.operands where !isSource(Int(operand.node)) {
                guard let other = groups[Int(operand.node)] else { continue }
                stage = max(stage, other.stage + (other.target == place ? 0 : 1))
            }
            groups[index] = Group(stage: stage, target: place)
        }
        return groups
    }

    private func isSource(_ index: Int) -> Bool { graph.nodes[index].operation.primitive?.code.group == .source }

    /// The target of each node; nil for parameters, for sources, which go where they are used (those that are outputs
    /// too are placed), and for nodes that no output needs.
    private func place(
        _ report: inout CompilationReport, _ emulated: inout [Int: Set<ScalarType>]
    ) throws(GraphError) -> [Int?] {
        let isOutput = Set(graph.outputs.map { Int($0.value.node) })
        let live = graph.liveNodes()
        let legalizers = targets.map { Legalizer(target: $0, policy: policy) }
        var places = [Int?](repeating: nil, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where live[index] {
            if case .parameter = node.operation { continue }
            if isSource(index) && !isOutput.contains(index) { continue }
            let signature = NodeSignature(node, in: graph)
            var reasons: [String] = []
            var legalizations: [TypeLegalization] = []
            for (position, legalizer) in legalizers.enumerated() where places[index] == nil {
                switch legalizer.answer(for: signature) {
                case .native: places[index] = position
                case .legalized(let changes): (places[index], legalizations) = (position, changes)
                case .refused(let reason): reasons.append("\(legalizer.target.device): \(reason)")
                }
            }
            guard let place = places[index] else {
                throw GraphError(
                    .unsupported,
                    "no device runs it (\(reasons.joined(separator: "; "))); allow a fallback device that does",
                    operation: graph.nodeText(index), location: node.location)
            }
            report.record(
                place == 0 ? .placement : .fallback, node, operandTypes: signature.operandTypes,
                device: targets[place].device, reason: place == 0 ? "native" : reasons.joined(separator: "; "))
            for change in legalizations {
                if change.form == .kernels { emulated[index, default: []].insert(change.type) }
                report.record(
                    .legalization, node, operandTypes: signature.operandTypes, device: targets[place].device,
                    rule: "\(change.type)=\(change.rule.rawValue)", reason: change.reason, isFree: change.isFree)
            }
        }
        return places
    }
}
