// Heterodyne: places nodes on devices and cuts the graph into segments.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// A part of a graph that runs on one device.
public struct Segment: Sendable {
    /// The device, as an index into the targets.
    public var target: Int
    /// The part; its inputs and outputs name values of the whole graph.
    public var part: Subgraph
}

/// Places nodes on devices and cuts the graph into segments that run one after the other.
///
/// A node runs on the first target that supports it natively. Constants and indices are repeated where they are used.
struct Partitioner {
    let graph: Graph
    let targets: [CompilationTarget]

    /// The segments in the order to run them in, with a report entry for every node. Throws `malformedGraph` naming a
    /// node that no target runs, with every target's reason.
    func segments(_ report: inout CompilationReport) throws(GraphError) -> [Segment] {
        let places = try place(&report)
        // A node's stage is the earliest at which its operands from other devices are complete.
        var stages = [Int](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            guard let place = places[index] else { continue }
            for operand in node.operands {
                let producer = Int(operand.node)
                guard let other = places[producer] else { continue }
                stages[index] = max(stages[index], stages[producer] + (other == place ? 0 : 1))
            }
        }
        var members: [[Int]: Set<Int>] = [:]
        for index in graph.nodes.indices {
            if let place = places[index] { members[[stages[index], place], default: []].insert(index) }
        }
        let order = members.keys.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
        var segments: [Segment] = []
        for key in order {
            guard let own = members[key] else { continue }
            segments.append(Segment(target: key[1], part: try cut(own)))
        }
        return segments
    }

    /// The target of each node; nil for parameters and for sources, which go where they are used.
    private func place(_ report: inout CompilationReport) throws(GraphError) -> [Int?] {
        let isOutput = Set(graph.outputs.map { Int($0.value.node) })
        var places = [Int?](repeating: nil, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            if case .parameter = node.operation { continue }
            let isSource = node.operation.primitive?.code.group == .source
            if isSource && !isOutput.contains(index) { continue }
            let signature = NodeSignature(node, in: graph)
            var reasons: [String] = []
            for (position, target) in targets.enumerated() where places[index] == nil {
                switch target.support(for: signature) {
                case .native: places[index] = position
                case .byDecomposition: reasons.append("\(target.device): it is not claimed")
                case .afterLegalization(let reason), .unsupported(let reason):
                    reasons.append("\(target.device): \(reason)")
                }
            }
            guard let place = places[index] else {
                throw GraphError(
                    .malformedGraph,
                    "no device runs it (\(reasons.joined(separator: "; "))); allow a fallback device that does",
                    operation: graph.nodeText(index), location: node.location)
            }
            report.record(
                place == 0 ? .placement : .fallback, node, operandTypes: signature.operandTypes,
                device: targets[place].device, reason: place == 0 ? "native" : reasons.joined(separator: "; "))
        }
        return places
    }

    /// The nodes with the sources that they use.
    private func cut(_ own: Set<Int>) throws(GraphError) -> Subgraph {
        var indices = own
        for index in own {
            for operand in graph.nodes[index].operands {
                if graph.nodes[Int(operand.node)].operation.primitive?.code.group == .source {
                    indices.insert(Int(operand.node))
                }
            }
        }
        var used: Set<Value> = []
        for (index, node) in graph.nodes.enumerated() where !own.contains(index) {
            for operand in node.operands where own.contains(Int(operand.node)) { used.insert(operand) }
        }
        for output in graph.outputs where own.contains(Int(output.value.node)) { used.insert(output.value) }
        return try graph.extracting(indices, outputs: used.sorted())
    }
}
