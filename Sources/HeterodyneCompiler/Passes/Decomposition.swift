// Heterodyne: replaces composites that the device does not claim by their definitions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Replaces every composite that the device does not run whole by its definition, again and again until only claimed
/// composites and primitives are left.
public struct Decomposition: Pass {
    /// `decompose`.
    public let name = "decompose"
    /// How deep definitions may nest; deeper is a composite that is defined by itself.
    private static let depthLimit = 64

    /// The pass.
    public init() {}

    /// The graph of primitives and claimed composites, also inside regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        try Self.apply(graph, context)
    }

    private static func apply(_ graph: Graph, _ context: PassContext) throws(GraphError) -> Graph {
        let rewriter = GraphRewriter(regions: .control)
        return try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            guard case .composite(let composite) = node.operation else { return nil }
            let support = context.target.support(
                for: NodeSignature(
                    operation: node.operation, operandTypes: operands.map(\.type), resultTypes: node.resultTypes))
            if support.isNative { return nil }
            let device = context.target.device
            context.report.record(
                .decomposition, node, operandTypes: operands.map(\.type), device: device,
                reason: reason(support, device))
            return try expand(composite, operands, builder, node, context, depth: 0)
        }
    }

    private static func reason(_ support: Support, _ device: String) -> String {
        switch support {
        case .native: "native"
        case .byDecomposition: "\(device) does not claim it for these types"
        case .afterLegalization(let reason), .unsupported(let reason): reason
        }
    }

    /// Builds the definition in a graph of its own first, so that composites inside it can be asked about one by one.
    private static func expand(
        _ composite: any Composite, _ operands: [Term], _ builder: GraphBuilder, _ node: Node,
        _ context: PassContext, depth: Int
    ) throws(GraphError) -> [Term] {
        guard depth < depthLimit else {
            throw GraphError(
                .malformedGraph, "definitions nest deeper than \(depthLimit)", operation: composite.name,
                location: node.location)
        }
        let definition: Graph
        do {
            definition = try GraphBuilder.region(operands.map(\.type)) { (inner, terms) throws(GraphError) in
                inner.currentLocation = node.location
                return try composite.decompose(terms, in: inner)
            }
        } catch { throw error.at(operation: composite.name, location: node.location) }
        guard definition.outputTypes == node.resultTypes || depth > 0 else {
            throw GraphError(
                .malformedGraph,
                "its definition gives \(definition.outputTypes) where its inference says \(node.resultTypes)",
                operation: composite.name, location: node.location)
        }
        var mapped: [[Term]] = []
        mapped.reserveCapacity(definition.nodes.count)
        for inner in definition.nodes {
            let arguments = inner.operands.map { mapped[Int($0.node)][Int($0.result)] }
            switch inner.operation {
            case .parameter(let index, _, _): mapped.append([operands[index]])
            case .composite(let nested) where !context.target.support(for: .init(inner, in: definition)).isNative:
                mapped.append(try expand(nested, arguments, builder, node, context, depth: depth + 1))
            case .primitive, .composite:
                let operation = try controlRegions(of: inner.operation, context)
                mapped.append(try builder.addAll(operation, arguments, location: node.location))
            }
        }
        return definition.outputs.map { mapped[Int($0.value.node)][Int($0.value.result)] }
    }

    private static func controlRegions(
        of operation: NodeOperation, _ context: PassContext
    ) throws(GraphError) -> NodeOperation {
        guard case .primitive(let primitive) = operation, !primitive.regions.isEmpty else { return operation }
        return try operation.mappingAttributes { (value) throws(GraphError) -> AttributeValue? in
            guard case .graph(let region) = value else { return nil }
            return .graph(try apply(region, context))
        }
    }
}
