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
/// `Placer` decides where nodes run, `SegmentOrder` what runs together. Constants and indices are repeated where they are
/// used.
struct Partitioner {
    let graph: Graph
    let targets: [CompilationTarget]
    let policy: ScalarTypePolicy
    var goal = PlacementGoal.asked

    /// The segments in the order to run them in, with a report entry for every node. Throws `unsupported` naming a
    /// node that no target runs, with every target's reason.
    func segments(_ report: inout CompilationReport) throws(GraphError) -> [Segment] {
        let placement = try Placer(graph: graph, targets: targets, policy: policy, goal: goal).place()
        placement.record(graph, targets, &report)
        let order = SegmentOrder(placement.nodes(of: graph))
        var members = [Set<Int>](repeating: [], count: order.targets.count)
        var used = [Set<Value>](repeating: [], count: order.targets.count)
        for (index, node) in graph.nodes.enumerated() {
            guard let segment = order.segments[index] else { continue }
            members[segment].insert(index)
            for operand in node.operands {
                if graph.isSource(Int(operand.node)) {
                    members[segment].insert(Int(operand.node))
                } else if let maker = order.segments[Int(operand.node)], maker != segment {
                    used[maker].insert(operand)
                }
            }
        }
        for output in graph.outputs {
            if let maker = order.segments[Int(output.value.node)] { used[maker].insert(output.value) }
        }
        var segments: [Segment] = []
        for (position, target) in order.targets.enumerated() {
            // A segment whose results nobody uses has nothing to run for.
            let outputs = used[position]
            guard !outputs.isEmpty else { continue }
            segments.append(
                Segment(
                    target: target,
                    emulatedTypes: members[position].reduce(into: []) { $0.formUnion(placement.emulatedTypes(of: $1)) },
                    part: try graph.extracting(members[position], outputs: outputs.sorted())))
        }
        return segments
    }
}

extension Graph {
    /// Whether a node is a constant or an index, which segments repeat instead of exchanging.
    func isSource(_ index: Int) -> Bool { nodes[index].operation.primitive?.code.group == .source }
}
