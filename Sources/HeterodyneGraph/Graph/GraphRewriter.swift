// Heterodyne: rebuilds graphs node by node, the tool that passes are made with.
// SPDX-License-Identifier: Apache-2.0

/// Rebuilds a graph node by node into a new builder.
///
/// Inputs and outputs keep names and order, nodes that no output needs are dropped, and nodes keep their source
/// locations; nodes that a replacement adds get the location of the node that they replace.
public struct GraphRewriter: Sendable {
    /// Which regions are rewritten before the node that holds them.
    public enum Regions: Sendable, Hashable, CaseIterable {
        /// None: they are copied as they are.
        case none
        /// Those of `if` and `while`.
        case control
        /// Also those among the attributes of composites.
        case all
    }

    /// What to do with one node: `index` in the graph that holds it, the node, the operands' terms in the new graph
    /// and its builder. The result replaces the node's results; nil copies the node onto the new operands.
    public typealias Transform = (
        _ index: Int, _ node: Node, _ operands: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> [Term]?

    /// Whether nodes that no output needs are left out. Inputs always stay.
    public var dropsDeadNodes: Bool
    /// Whether a replacement with other types than the node's is an error.
    public var preservesTypes: Bool
    /// Which regions are rewritten too, innermost first.
    public var regions: Regions

    /// A rewriter; the defaults drop dead nodes, insist on types and leave regions alone.
    public init(dropsDeadNodes: Bool = true, preservesTypes: Bool = true, regions: Regions = .none) {
        self.dropsDeadNodes = dropsDeadNodes
        self.preservesTypes = preservesTypes
        self.regions = regions
    }

    /// `graph` with every node but the inputs given to `transform` in order of definition.
    ///
    /// - Throws: what `transform` or inference throws, and `malformedGraph` where a replacement has the wrong number
    ///   of results or, with `preservesTypes`, other types; the error names the node.
    public func rewrite(_ graph: Graph, _ transform: Transform) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        let live = dropsDeadNodes ? graph.liveNodes() : nil
        var mapped = [[Term]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            do {
                if case .parameter(_, let name, let type) = node.operation {
                    mapped[index] = [try builder.input(name, type, location: node.location)]
                } else if live?[index] ?? true {
                    mapped[index] = try rewrite(index, node, mapped, builder, transform)
                }
            } catch {
                throw error.at(operation: graph.nodeText(index), location: node.location)
            }
        }
        for output in graph.outputs {
            try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
        }
        return try builder.build()
    }

    private func rewrite(
        _ index: Int, _ original: Node, _ mapped: [[Term]], _ builder: GraphBuilder, _ transform: Transform
    ) throws(GraphError) -> [Term] {
        let operands = original.operands.map { mapped[Int($0.node)][Int($0.result)] }
        let operation = try rewriteRegions(of: original.operation, transform)
        let node = Node(
            operation: operation, operands: original.operands, resultTypes: original.resultTypes,
            location: original.location)
        builder.currentLocation = node.location
        defer { builder.currentLocation = nil }
        guard let replacement = try transform(index, node, operands, builder) else {
            return try builder.addAll(operation, operands, location: node.location)
        }
        guard replacement.count == node.resultTypes.count else {
            throw GraphError(
                .malformedGraph, "is replaced by \(replacement.count) values and has \(node.resultTypes.count)")
        }
        for (term, type) in zip(replacement, node.resultTypes) {
            guard term.builder === builder else {
                throw GraphError(.malformedGraph, "is replaced by a value of another graph")
            }
            guard !preservesTypes || term.type == type else {
                throw GraphError(.malformedGraph, "is replaced by a value of type \(term.type), not \(type)")
            }
        }
        return replacement
    }

    private func rewriteRegions(
        of operation: NodeOperation, _ transform: Transform
    ) throws(GraphError) -> NodeOperation {
        switch (regions, operation) {
        case (.none, _), (.control, .composite), (_, .parameter): return operation
        case (.control, .primitive(let primitive)), (.all, .primitive(let primitive)):
            if primitive.regions.isEmpty { return operation }
        case (.all, .composite(let composite)):
            if composite.attributes.regions.isEmpty { return operation }
        }
        return try operation.mappingAttributes { (value) throws(GraphError) in
            guard case .graph(let region) = value else { return nil }
            return .graph(try rewrite(region, transform))
        }
    }
}

extension Graph {
    /// The graph with every node but the inputs given to `transform`, which returns what replaces its results, or nil
    /// to keep the node. Dead nodes are dropped and types preserved; `GraphRewriter` has more choices.
    public func rewriting(
        _ transform: (_ node: Node, _ operands: [Term], _ builder: GraphBuilder) throws(GraphError) -> [Term]?
    ) throws(GraphError) -> Graph {
        try GraphRewriter().rewrite(self) { (_, node, operands, builder) throws(GraphError) in
            try transform(node, operands, builder)
        }
    }

    /// The graph without nodes that no output needs. Inputs stay.
    public func droppingDeadNodes() throws(GraphError) -> Graph {
        try GraphRewriter().rewrite(self) { (_, _, _, _) throws(GraphError) in nil }
    }

    /// For every node, whether an output depends on it.
    public func liveNodes() -> [Bool] {
        var live = [Bool](repeating: false, count: nodes.count)
        for output in outputs { live[Int(output.value.node)] = true }
        for index in nodes.indices.reversed() where live[index] {
            for operand in nodes[index].operands { live[Int(operand.node)] = true }
        }
        return live
    }
}

extension NodeOperation {
    /// The operation with every attribute for which `transform` gives a value replaced by it; the operation itself
    /// where it gives none. Throws what `transform` and the operation's initializer throw.
    public func mappingAttributes(
        _ transform: (AttributeValue) throws(GraphError) -> AttributeValue?
    ) throws(GraphError) -> NodeOperation {
        if case .parameter = self { return self }
        var changed = Attributes()
        var isChanged = false
        for entry in attributes.entries {
            let value = try transform(entry.value)
            if value != nil { isChanged = true }
            try changed.append(entry.name, value ?? entry.value)
        }
        guard isChanged else { return self }
        switch self {
        case .parameter: return self
        case .primitive(let primitive):
            return .primitive(try Primitive(code: primitive.code, attributes: changed))
        case .composite(let composite):
            return .composite(try type(of: composite).init(attributes: changed))
        }
    }
}
