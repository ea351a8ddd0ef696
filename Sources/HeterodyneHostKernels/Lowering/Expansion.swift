// Heterodyne: takes apart what the kernels do not run whole.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Takes apart what the kernels do not run whole.
enum Expansion {
    /// `graph` with every composite that the kernels lack replaced by its decomposition, and every fused region that
    /// they cannot run as one by its nodes.
    static func expanded(_ graph: Graph, _ options: HostProgramOptions) throws(BackendError) -> Graph {
        var current = graph
        // A decomposition may use composites itself; each round goes one level down.
        for _ in 0..<64 {
            guard current.nodes.contains(where: { mustExpand($0, in: current) }) else { return current }
            do { current = try expandedOnce(current) } catch { throw BackendError(error, device: options.device) }
        }
        throw BackendError(
            .compilationFailed, "composites decompose into each other without end", device: options.device)
    }

    private static func mustExpand(_ node: Node, in graph: Graph) -> Bool {
        guard case .composite(let composite) = node.operation else { return false }
        if let region = composite as? FusedRegion { return !Lowering.takes(region) }
        return !CompositeSupport.runs(composite, node.operands.map(graph.type(of:)))
    }

    private static func expandedOnce(_ graph: Graph) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped: [[Value]] = []
        for node in graph.nodes {
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            builder.currentLocation = node.location
            switch node.operation {
            case .parameter(_, let name, let type): mapped.append([try builder.input(name, type).value])
            case .primitive: mapped.append(try builder.add(node.operation, operands))
            case .composite(let composite):
                if mustExpand(node, in: graph) {
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
