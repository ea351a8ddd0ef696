// Heterodyne: takes apart what the kernels do not run whole.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Takes apart what the kernels do not run whole.
enum Expansion {
    /// `graph` with every composite that the kernels lack replaced by its decomposition, and every fused region that
    /// they cannot run as one by its nodes.
    static func expanded(_ graph: Graph, _ options: HostProgramOptions) throws(BackendError) -> Graph {
        try graph.expanded(device: options.device) { mustExpand($0, in: $1) }
    }

    private static func mustExpand(_ node: Node, in graph: Graph) -> Bool {
        guard case .composite(let composite) = node.operation else { return false }
        if let region = composite as? FusedRegion { return !Lowering.takes(region) }
        return !CompositeSupport.runs(composite, node.operands.map(graph.type(of:)))
    }
}
