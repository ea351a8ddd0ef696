// Heterodyne: takes apart what the kernels do not run whole.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Takes apart what the kernels do not run whole. The compiler has done so for the composites that the device does not
/// claim; what is left are regions that cannot be read as one, and the bodies of control flow.
enum Expansion {
    /// `graph` with every composite that the kernels lack replaced by its decomposition, and every fused region that
    /// they cannot run as one by its nodes.
    static func expanded(_ graph: Graph, _ target: KernelTarget, device: String) throws(BackendError) -> Graph {
        var current = graph
        // A decomposition may use composites itself; each round goes one level down.
        for _ in 0..<64 {
            guard current.nodes.contains(where: { mustExpand($0, in: current, target) }) else { return current }
            do { current = try expandedOnce(current, target) } catch { throw BackendError(error, device: device) }
        }
        throw BackendError(.compilationFailed, "composites decompose into each other without end", device: device)
    }

    private static func mustExpand(_ node: Node, in graph: Graph, _ target: KernelTarget) -> Bool {
        guard case .composite(let composite) = node.operation else { return false }
        if let region = composite as? FusedRegion { return !Lowering.takes(region, target) }
        return !VulkanClaims.runs(composite, node.operands.map(graph.type(of:)), target)
    }

    private static func expandedOnce(_ graph: Graph, _ target: KernelTarget) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped: [[Value]] = []
        for node in graph.nodes {
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            builder.currentLocation = node.location
            switch node.operation {
            case .parameter(_, let name, let type): mapped.append([try builder.input(name, type).value])
            case .primitive: mapped.append(try builder.add(node.operation, operands))
            case .composite(let composite):
                if mustExpand(node, in: graph, target) {
                    let terms = operands.map { Term(builder, $0) }
                    mapped.append(try composite.decompose(terms, in: builder).map(\.value))
                } else {
                    mapped.append(try builder.add(node.operation, operands))
                }
            }
        }
        for output in graph.outputs {
            try builder.output(
                output.name, Term(builder, mapped[Int(output.value.node)][Int(output.value.result)]))
        }
        return try builder.build()
    }
}
