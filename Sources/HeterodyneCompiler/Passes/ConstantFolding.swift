// Heterodyne: computes at compile time what depends on constants only.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Computes nodes whose operands are all constants, through the evaluator, so that there is one semantics.
///
/// Operations on splats are computed on one element. Results over the folding limit stay operations, so that no
/// weights are copied and no large tables are made.
public struct ConstantFolding: Pass {
    /// `fold`.
    public let name = "fold"

    /// The pass.
    public init() {}

    /// The graph with foldable nodes replaced by constants, also inside regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        guard let evaluator = context.evaluator else { return graph }
        return try Self.apply(graph, evaluator, context.options.foldingLimit)
    }

    private static func apply(
        _ graph: Graph, _ evaluator: any Evaluator, _ limit: Int
    ) throws(GraphError) -> Graph {
        let rewriter = GraphRewriter(regions: .control)
        return try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            guard isFoldable(node) else { return nil }
            var literals: [Literal] = []
            for operand in operands {
                guard case .primitive(.constant(let literal)) = builder.nodes[Int(operand.value.node)].operation else {
                    return nil
                }
                literals.append(literal)
            }
            guard let results = try fold(node, literals, evaluator, limit) else { return nil }
            var terms: [Term] = []
            for result in results { terms.append(try builder.constant(result)) }
            return terms
        }
    }

    private static func isFoldable(_ node: Node) -> Bool {
        switch node.operation {
        case .parameter: return false
        case .primitive(let primitive):
            switch primitive.code.group {
            case .source, .control: return false
            case .elementwise, .movement, .contraction, .reduction, .sorting: return true
            }
        case .composite: return !node.operands.isEmpty
        }
    }

    private static func fold(
        _ node: Node, _ operands: [Literal], _ evaluator: any Evaluator, _ limit: Int
    ) throws(GraphError) -> [Literal]? {
        var operands = operands
        var splatType: TensorType?
        if case .primitive(let primitive) = node.operation, primitive.code.group == .elementwise,
            operands.allSatisfy(\.isSplat)
        {
            // One element stands for all.
            splatType = node.resultTypes[0]
            operands = operands.map {
                Literal(splatBits: $0.splatBits ?? 0, type: $0.type.with(Shape.scalar))
            }
        } else {
            var bytes = 0
            for type in node.resultTypes + operands.map(\.type) { bytes += try type.byteCount() }
            guard bytes <= limit else { return nil }
        }
        let graph = try GraphBuilder.region(operands.map(\.type)) { (builder, terms) throws(GraphError) in
            try builder.addAll(node.operation, terms, location: node.location)
        }
        // What cannot be evaluated here is left for the device, which reports it with the node's own name.
        guard let results = try? evaluator.evaluate(graph, operands) else { return nil }
        guard let splatType else { return results }
        return results.map { Literal(splatBits: $0.splatBits ?? 0, type: splatType) }
    }
}
