// Heterodyne: computes at compile time what depends on constants only.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Computes nodes whose operands are all constants, through the evaluator, so that there is one semantics.
///
/// Operations on splats are computed on one element. Results over the folding limit stay operations, so that no
/// weights are copied and no large tables are made. Indices and broadcasts of constants count as constants for the
/// nodes that use them and stay what they are, since devices generate them for less than reading a table costs.
public struct ConstantFolding: Pass {
    /// `fold`.
    public let name = "fold"

    /// The pass.
    public init() {}

    /// The graph with foldable nodes replaced by constants, also inside regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        guard let evaluator = context.evaluator else { return graph }
        let folder = Folder(evaluator: evaluator, limit: context.options.foldingLimit)
        let rewriter = GraphRewriter(regions: .control)
        let folded = try rewriter.rewrite(graph) { (_, node, operands, builder) throws(GraphError) -> [Term]? in
            guard let results = try folder.fold(node, operands) else { return nil }
            var terms: [Term] = []
            for result in results { terms.append(try builder.constant(result)) }
            return terms
        }
        return try folded.droppingDeadNodesEverywhere()
    }
}

/// Computes single nodes.
private struct Folder {
    let evaluator: any Evaluator
    let limit: Int

    /// The results of `node` where its operands are constants and the work is within the limit, else nil.
    func fold(_ node: Node, _ operands: [Term]) throws(GraphError) -> [Literal]? {
        // Looks at all operands before it computes any: most nodes have one that is no constant.
        guard Self.isFoldable(node), !operands.isEmpty, operands.allSatisfy(Self.isConstant) else { return nil }
        var literals: [Literal] = []
        for operand in operands {
            guard let literal = try literal(of: operand) else { return nil }
            literals.append(literal)
        }
        var splatType: TensorType?
        if case .primitive(let primitive) = node.operation, primitive.code.group == .elementwise,
            literals.allSatisfy(\.isSplat)
        {
            // One element stands for all.
            splatType = node.resultTypes[0]
            literals = literals.map { Literal(splatBits: $0.splatBits ?? 0, type: $0.type.with(Shape.scalar)) }
        } else {
            guard try isWithinLimit(node.resultTypes + literals.map(\.type)) else { return nil }
        }
        guard let results = try evaluate(node.operation, literals, node.location) else { return nil }
        guard let splatType else { return results.map(\.normalized) }
        return results.map { Literal(splatBits: $0.splatBits ?? 0, type: splatType) }
    }

    private static func isFoldable(_ node: Node) -> Bool {
        switch node.operation {
        case .parameter: return false
        case .primitive(.broadcast): return false
        case .primitive(let primitive):
            switch primitive.code.group {
            case .source, .control: return false
            case .elementwise, .movement, .contraction, .reduction, .sorting: return true
            }
        case .composite: return true
        }
    }

    private static func isConstant(_ term: Term) -> Bool {
        switch term.definition.operation {
        case .primitive(.constant), .primitive(.iota): true
        case .primitive(.broadcast): isConstant(term.source)
        case .parameter, .primitive, .composite: false
        }
    }

    /// The value of a term that is a constant, or indices or a broadcast constant within the limit.
    private func literal(of term: Term) throws(GraphError) -> Literal? {
        switch term.definition.operation {
        case .primitive(.constant(let literal)): return literal
        case .primitive(.iota):
            guard try isWithinLimit([term.type]) else { return nil }
            return try evaluate(term.definition.operation, [], nil)?.first?.normalized
        case .primitive(.broadcast):
            guard try isWithinLimit([term.type]), let source = try literal(of: term.source) else { return nil }
            return try evaluate(term.definition.operation, [source], nil)?.first?.normalized
        case .parameter, .primitive, .composite: return nil
        }
    }

    private func isWithinLimit(_ types: [TensorType]) throws(GraphError) -> Bool {
        var remaining = limit
        for type in types {
            remaining -= try type.byteCount()
            if remaining < 0 { return false }
        }
        return true
    }

    /// The results, or nil: what cannot be evaluated here is left for the device, which reports it with the node's own
    /// name.
    private func evaluate(
        _ operation: NodeOperation, _ literals: [Literal], _ location: SourceLocation?
    ) throws(GraphError) -> [Literal]? {
        let graph = try GraphBuilder.region(literals.map(\.type)) { (builder, terms) throws(GraphError) in
            try builder.addAll(operation, terms, location: location)
        }
        return try? evaluator.evaluate(graph, literals)
    }
}
