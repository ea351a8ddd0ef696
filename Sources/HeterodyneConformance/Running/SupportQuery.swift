// Heterodyne: whether a device says that it runs a graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneRuntime

/// Whether a device says that it runs a graph.
struct SupportQuery {
    let device: Device
    /// What is allowed where the device lacks a type: kernels emulate only what the owner wants emulated.
    var policy = ScalarTypePolicy()

    /// The reason that the device gives for a node which it does not run, or nil where it runs them all. Composites
    /// that it wants decomposed are asked about by their decompositions. Throws what decompositions throw.
    func refusal(_ graph: Graph, depth: Int = 0) throws(GraphError) -> String? {
        guard depth <= ErrorPropagation.maximumDepth else {
            throw GraphError(.malformedGraph, "decompositions are nested too deeply")
        }
        for node in graph.nodes {
            let signature = NodeSignature(node, in: graph)
            switch device.backend.support(for: signature, on: device.id) {
            case .unsupported(let reason): return "\(node.operation.name): \(reason)"
            case .native: break
            case .afterLegalization(let reason):
                if isForbidden(signature) { return "\(node.operation.name): \(reason)" }
            case .byDecomposition:
                guard case .composite(let composite) = node.operation else {
                    return "\(node.operation.name): a primitive has no decomposition"
                }
                let definition = try GraphBuilder.region(signature.operandTypes) { builder, terms throws(GraphError) in
                    try composite.decompose(terms, in: builder)
                }
                if let reason = try refusal(definition, depth: depth + 1) { return "\(composite.name): \(reason)" }
            }
            for region in node.operation.regions {
                if let reason = try refusal(region, depth: depth + 1) { return reason }
            }
        }
        return nil
    }

    /// Whether a type that the device lacks and its kernels could emulate is not to be emulated.
    private func isForbidden(_ node: NodeSignature) -> Bool {
        guard let capabilities = try? device.backend.capabilities(of: device.id) else { return true }
        return node.scalarTypes.contains { type in
            capabilities.emulations[type] != nil && capabilities.usages(of: type).isEmpty && policy[type] != .emulate
        }
    }

    /// Whether the device runs a composite by itself.
    func isClaimed(_ signature: NodeSignature) -> Bool {
        device.backend.support(for: signature, on: device.id).isNative
    }
}
