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
        try graph.expanded(device: device) { mustExpand($0, in: $1, target) }
    }

    private static func mustExpand(_ node: Node, in graph: Graph, _ target: KernelTarget) -> Bool {
        guard case .composite(let composite) = node.operation else { return false }
        if let region = composite as? FusedRegion { return !Lowering.takes(region, target) }
        return !VulkanClaims.runs(composite, node.operands.map(graph.type(of:)), target)
    }
}
