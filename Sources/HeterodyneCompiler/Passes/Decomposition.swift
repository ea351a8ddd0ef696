// Heterodyne: replaces composites that the device does not claim by their definitions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Replaces every composite that the device does not run whole by its definition, again and again until only claimed
/// composites and primitives are left. One that the device runs whole in another type, where it lacks the type that the graph asks for
/// and the policy allows it, is computed in that type: bfloat16 in float32, say.
public struct Decomposition: Pass {
    /// `decompose`.
    public let name = "decompose"
    /// How deep definitions may nest; deeper is a composite that is defined by itself.
    static let depthLimit = 64

    /// The pass.
    public init() {}

    /// The graph of primitives and claimed composites, also inside regions. Throws `malformedGraph` for a composite
    /// whose definition needs itself or does not give the types of its inference, and what definitions throw.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        try Self.apply(graph, context, depth: 0)
    }

    private static func apply(_ graph: Graph, _ context: PassContext, depth: Int) throws(GraphError) -> Graph {
        let rewriter = GraphRewriter(regions: .none)
        return try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            switch node.operation {
            case .parameter: return nil
            case .primitive(let primitive):
                if primitive.regions.isEmpty { return nil }
                return try builder.addAll(
                    controlRegions(of: node.operation, context, depth: depth), operands, location: node.location)
            case .composite(let composite):
                let signature = NodeSignature(
                    operation: node.operation, operandTypes: operands.map(\.type), resultTypes: node.resultTypes)
                let support = context.target.support(for: signature)
                if support.isNative { return nil }
                if let whole = StandInComposite(signature, on: context.target, policy: context.options.scalarTypes) {
                    return try whole.build(operands, for: node, in: builder, context)
                }
                if depth == 0 {
                    let device = context.target.device
                    context.report.record(
                        .decomposition, node, operandTypes: operands.map(\.type), device: device,
                        reason: reason(support, device))
                }
                return try expand(composite, operands, node.resultTypes, builder, node.location, context, depth: depth)
            }
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
        _ composite: any Composite, _ operands: [Term], _ types: [TensorType], _ builder: GraphBuilder,
        _ location: SourceLocation?, _ context: PassContext, depth: Int
    ) throws(GraphError) -> [Term] {
        guard depth < depthLimit else {
            throw GraphError(
                .malformedGraph, "definitions nest deeper than \(depthLimit); is it defined by itself?",
                operation: composite.name, location: location)
        }
        let definition: Graph
        do {
            definition = try GraphBuilder.region(operands.map(\.type)) { (inner, terms) throws(GraphError) in
                inner.currentLocation = location
                return try composite.decompose(terms, in: inner)
            }
        } catch { throw error.at(operation: composite.name, location: location) }
        guard definition.outputTypes == types else {
            throw GraphError(
                .malformedGraph,
                "its definition gives \(definition.outputTypes) where its inference says \(types)",
                operation: composite.name, location: location)
        }
        let live = definition.liveNodes()
        var mapped = [[Term]](repeating: [], count: definition.nodes.count)
        for (index, inner) in definition.nodes.enumerated() {
            let arguments = inner.operands.map { mapped[Int($0.node)][Int($0.result)] }
            switch inner.operation {
            case .parameter(let parameter, _, _): mapped[index] = [operands[parameter]]
            case .primitive, .composite:
                guard live[index] else { continue }
                let signature = NodeSignature(inner, in: definition)
                if case .composite(let nested) = inner.operation, !context.target.support(for: signature).isNative {
                    let policy = context.options.scalarTypes
                    if let whole = StandInComposite(signature, on: context.target, policy: policy) {
                        mapped[index] = try whole.build(arguments, for: inner, in: builder, context)
                    } else {
                        mapped[index] = try expand(
                            nested, arguments, inner.resultTypes, builder, location, context, depth: depth + 1)
                    }
                } else {
                    let operation = try controlRegions(of: inner.operation, context, depth: depth + 1)
                    mapped[index] = try builder.addAll(operation, arguments, location: location)
                }
            }
        }
        return definition.outputs.map { mapped[Int($0.value.node)][Int($0.value.result)] }
    }

    /// The operation with its `if` and `while` regions decomposed. They count as nesting too: a definition that holds
    /// itself in a region is found out as well.
    private static func controlRegions(
        of operation: NodeOperation, _ context: PassContext, depth: Int
    ) throws(GraphError) -> NodeOperation {
        try operation.mappingControlRegions { (region) throws(GraphError) in
            try apply(region, context, depth: depth)
        }
    }
}

extension NodeOperation {
    /// The operation with the regions of `if` and `while` replaced by what `transform` gives for them.
    func mappingControlRegions(
        _ transform: (Graph) throws(GraphError) -> Graph
    ) throws(GraphError) -> NodeOperation {
        switch self {
        case .primitive(.conditional(let then, let otherwise)):
            .primitive(.conditional(then: try transform(then), otherwise: try transform(otherwise)))
        case .primitive(.loop(let condition, let body)):
            .primitive(.loop(condition: try transform(condition), body: try transform(body)))
        case .parameter, .primitive, .composite: self
        }
    }
}
