// Heterodyne: which level of memory the steps of a program read and write.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// The bytes that steps exchange with memory and how long that takes.
///
/// Without caches every byte crosses the roof of the memory. With caches, a value is read from the smallest one that holds
/// all bytes touched since the value was touched last (its reuse distance under least-recently-used replacement; Mattson and
/// others, "Evaluation techniques for storage hierarchies", 1970), this step's included. Programs run again and again, so what
/// is used in every run, such as weights, was last touched in the run before. Results are written to the level that holds
/// what the step touches.
struct MemoryTrace {
    /// What one step exchanges.
    struct Traffic {
        /// Bytes that cross the roof of the memory.
        var byteCount: Double
        /// Seconds for these and those that caches give; nil where the memory's bandwidth matters and is not known.
        var seconds: Double?
    }

    private let graph: Graph
    private let work: [NodeWork]
    private let bandwidth: Double?
    private let caches: [DeviceDetail.Cache]
    private let efficiency: Double
    /// How many bytes had been touched when a value was touched last.
    private var touched: [Value: Double] = [:]
    private var total = 0.0

    init(_ graph: Graph, work: [NodeWork], figures: ChipFigures) {
        self.graph = graph
        self.work = work
        bandwidth = figures.bandwidth
        caches = figures.options.detail?.caches ?? []
        efficiency = figures.options.efficiency.memory
        guard !caches.isEmpty else { return }
        // The run before.
        for index in graph.nodes.indices where !work[index].isView { _ = traffic(of: index) }
    }

    /// What the node exchanges; nodes are asked for in their order.
    mutating func traffic(of index: Int) -> Traffic {
        let work = work[index]
        guard !caches.isEmpty else {
            let bytes = work.byteCount
            return Traffic(byteCount: bytes, seconds: bytes == 0 ? 0 : bandwidth.map { bytes / $0 })
        }
        let node = graph.nodes[index]
        var traffic = Traffic(byteCount: 0, seconds: 0)
        let own = work.operandByteCounts.reduce(0, +) + Self.resultBytes(node)
        var operandBytes = 0.0
        for (operand, bytes) in zip(node.operands, work.operandByteCounts) where bytes > 0 {
            let value = NodeWork.source(of: operand, in: graph)
            let distance = touched[value].map { total - $0 + own } ?? .infinity
            add(bytes, within: distance, to: &traffic)
            operandBytes += bytes
        }
        // What is written, and what regions move between the nodes that they run one by one.
        add(max(work.byteCount - operandBytes, 0), within: own, to: &traffic)
        total += own
        for operand in node.operands { touched[NodeWork.source(of: operand, in: graph)] = total }
        for result in node.resultTypes.indices { touched[Value(node: index, result: result)] = total }
        return traffic
    }

    private static func resultBytes(_ node: Node) -> Double { node.resultTypes.reduce(0) { $0 + NodeWork.bytes($1) } }

    private func add(_ bytes: Double, within distance: Double, to traffic: inout Traffic) {
        guard bytes > 0 else { return }
        if let cache = caches.first(where: { $0.byteCount >= distance && $0.bandwidth > 0 }) {
            traffic.seconds = traffic.seconds.map { $0 + bytes / (cache.bandwidth * efficiency) }
        } else {
            traffic.byteCount += bytes
            traffic.seconds = traffic.seconds.flatMap { seconds in bandwidth.map { seconds + bytes / $0 } }
        }
    }
}
