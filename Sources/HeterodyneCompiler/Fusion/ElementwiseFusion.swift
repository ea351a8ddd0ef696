// Heterodyne: gathers elementwise nodes into regions that make one pass over memory.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Gathers elementwise nodes into regions that make one pass over memory, together with the broadcasts and splat
/// constants that feed them, and a `dot` whose result nothing else needs (an epilogue).
///
/// A producer joins a region only where all its users are in it, so a region never waits for itself and nothing is
/// computed twice but broadcasts and splats, which cost nothing inside a region.
public struct ElementwiseFusion: Pass {
    /// `fuse`.
    public let name = "fuse"

    /// The pass.
    public init() {}

    /// The graph with regions, also inside control regions.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        let capabilities = context.target.capabilities.fusion
        guard capabilities.elementwiseRegions || capabilities.dotEpilogues else { return graph }
        return try Self.apply(graph, capabilities, context)
    }

    /// Rebuilds the graph with each region's root replaced by the fused node.
    private static func apply(
        _ graph: Graph, _ capabilities: FusionCapabilities, _ context: PassContext
    ) throws(GraphError) -> Graph {
        let regions = RegionFinder(graph: graph, capabilities: capabilities).regions()
        var isAbsorbed = [Bool](repeating: false, count: graph.nodes.count)
        for region in regions.values { for member in region.owned { isAbsorbed[member] = member != region.root } }
        let builder = GraphBuilder()
        var mapped = [[Term]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where !isAbsorbed[index] {
            if case .parameter(_, let name, let type) = node.operation {
                mapped[index] = [try builder.input(name, type, location: node.location)]
            } else if let region = regions[index] {
                let body = try self.body(of: region, in: graph)
                let operands = body.inputs.map { mapped[Int($0.node)][Int($0.result)] }
                let operation = NodeOperation.composite(FusedRegion(kind: region.kind, body: body.graph))
                mapped[index] = try builder.addAll(operation, operands, location: node.location)
                let fused = Node(
                    operation: operation, operands: [], resultTypes: node.resultTypes, location: node.location)
                context.report.record(
                    .fusion, fused, operandTypes: operands.map(\.type), device: context.target.device,
                    reason: region.kind == .elementwise
                        ? "\(region.owned.count) nodes in one pass over memory"
                        : "\(region.owned.count - 1) nodes on the result of a dot before it is stored")
            } else {
                let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
                let operation = try node.operation.mappingControlRegions { (inner) throws(GraphError) in
                    try apply(inner, capabilities, context)
                }
                mapped[index] = try builder.addAll(operation, operands, location: node.location)
            }
        }
        for output in graph.outputs {
            try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
        }
        return try builder.build()
    }

    /// The region as a graph: like `Graph.extracting`, but without looking at the whole graph.
    private static func body(
        of region: RegionFinder.Region, in graph: Graph
    ) throws(GraphError) -> (graph: Graph, inputs: [Value]) {
        let members = region.owned.union(region.duplicated)
        let order = members.sorted()
        let builder = GraphBuilder()
        var inputs: [Value] = []
        var mapped: [Value: Term] = [:]
        for index in order {
            for operand in graph.nodes[index].operands
            where !members.contains(Int(operand.node)) && mapped[operand] == nil {
                mapped[operand] = try builder.input("arg\(inputs.count)", graph.type(of: operand))
                inputs.append(operand)
            }
        }
        for index in order {
            let node = graph.nodes[index]
            // Operands are members, thus mapped already, or inputs.
            let operands = node.operands.compactMap { mapped[$0] }
            let results = try builder.addAll(node.operation, operands, location: node.location)
            mapped[Value(node: index)] = results.first
        }
        if let root = mapped[Value(node: region.root)] { try builder.output("result0", root) }
        return (try builder.build(), inputs)
    }
}
