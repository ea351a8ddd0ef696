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
        return try Self.apply(graph, capabilities)
    }

    private static func apply(_ graph: Graph, _ capabilities: FusionCapabilities) throws(GraphError) -> Graph {
        var finder = RegionFinder(graph: graph, capabilities: capabilities)
        return try emit(graph, finder.regions(), capabilities)
    }

    /// Rebuilds the graph with each region's root replaced by the fused node.
    private static func emit(
        _ graph: Graph, _ regions: [Int: RegionFinder.Region], _ capabilities: FusionCapabilities
    ) throws(GraphError) -> Graph {
        var absorbed = Set<Int>()
        for region in regions.values { absorbed.formUnion(region.owned.filter { $0 != region.root }) }
        let builder = GraphBuilder()
        var mapped = [[Term]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            if absorbed.contains(index) { continue }
            if case .parameter(_, let name, let type) = node.operation {
                mapped[index] = [try builder.input(name, type, location: node.location)]
            } else if let region = regions[index] {
                let body = try graph.extracting(region.owned.union(region.duplicated), outputs: [Value(node: index)])
                mapped[index] = try builder.addAll(
                    .composite(FusedRegion(kind: region.kind, body: body.graph)),
                    body.inputs.map { mapped[Int($0.node)][Int($0.result)] }, location: node.location)
            } else {
                let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
                let operation = try fusingRegions(of: node.operation, capabilities)
                mapped[index] = try builder.addAll(operation, operands, location: node.location)
            }
        }
        for output in graph.outputs {
            try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
        }
        return try builder.build()
    }

    private static func fusingRegions(
        of operation: NodeOperation, _ capabilities: FusionCapabilities
    ) throws(GraphError) -> NodeOperation {
        guard case .primitive(let primitive) = operation, !primitive.regions.isEmpty else { return operation }
        return try operation.mappingAttributes { (value) throws(GraphError) -> AttributeValue? in
            guard case .graph(let region) = value else { return nil }
            return .graph(try apply(region, capabilities))
        }
    }
}

/// Finds the regions of one graph.
struct RegionFinder {
    /// Nodes that become one.
    struct Region {
        /// The node whose result the region gives.
        var root: Int
        /// Nodes that disappear from the graph, the root among them.
        var owned: Set<Int>
        /// Broadcasts and splats that are repeated inside.
        var duplicated: Set<Int> = []
        /// What the region is made of.
        var kind: FusedRegion.Kind = .elementwise
    }

    let graph: Graph
    let capabilities: FusionCapabilities
    private var users: [[Int]]
    private var isOutput: Set<Int>

    init(graph: Graph, capabilities: FusionCapabilities) {
        self.graph = graph
        self.capabilities = capabilities
        users = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            for producer in Set(node.operands.map { Int($0.node) }) { users[producer].append(index) }
        }
        isOutput = Set(graph.outputs.map { Int($0.value.node) })
    }

    /// The regions by their roots.
    mutating func regions() -> [Int: Region] {
        var regions: [Int: Region] = [:]
        var taken = Set<Int>()
        for index in graph.nodes.indices.reversed() where !taken.contains(index) && isElementwise(index) {
            let region = grow(from: index, taken)
            let realCount = region.owned.count
            guard realCount > 1 || !region.duplicated.isEmpty else { continue }
            if region.kind == .elementwise && !capabilities.elementwiseRegions { continue }
            regions[index] = region
            taken.formUnion(region.owned)
        }
        return regions
    }

    private func grow(from root: Int, _ taken: Set<Int>) -> Region {
        var region = Region(root: root, owned: [root])
        let shape = graph.nodes[root].resultTypes[0].shape
        var changed = true
        while changed {
            changed = false
            for index in region.owned.sorted(by: >) where region.kind == .elementwise || !isDot(index) {
                for operand in graph.nodes[index].operands {
                    let producer = Int(operand.node)
                    guard !region.owned.contains(producer), !region.duplicated.contains(producer),
                        region.owned.count + region.duplicated.count < capabilities.maximumNodes
                    else { continue }
                    if isFree(producer), graph.nodes[producer].resultTypes[0].shape == shape {
                        region.duplicated.insert(producer)
                        changed = true
                    } else if joins(producer, region, taken, shape) {
                        var candidate = region
                        candidate.owned.insert(producer)
                        if isDot(producer) { candidate.kind = .dotEpilogue }
                        guard operandCount(candidate) <= capabilities.maximumOperands else { continue }
                        region = candidate
                        changed = true
                    }
                }
            }
        }
        return region
    }

    private func joins(_ producer: Int, _ region: Region, _ taken: Set<Int>, _ shape: Shape) -> Bool {
        guard !taken.contains(producer), !isOutput.contains(producer),
            users[producer].allSatisfy({ region.owned.contains($0) }),
            graph.nodes[producer].resultTypes[0].shape == shape
        else { return false }
        if isDot(producer) {
            return capabilities.dotEpilogues && region.kind == .elementwise && takesTypes(producer)
        }
        return isElementwise(producer)
    }

    private func operandCount(_ region: Region) -> Int {
        let inside = region.owned.union(region.duplicated)
        var external = Set<Value>()
        for index in inside {
            for operand in graph.nodes[index].operands where !inside.contains(Int(operand.node)) {
                external.insert(operand)
            }
        }
        return external.count
    }

    private func isDot(_ index: Int) -> Bool {
        if case .primitive(.dot) = graph.nodes[index].operation { true } else { false }
    }

    /// Broadcasts and splats: inside a region they are an addressing mode.
    private func isFree(_ index: Int) -> Bool {
        switch graph.nodes[index].operation {
        case .primitive(.constant(let literal)): literal.isSplat && takesTypes(index)
        case .primitive(.broadcast): takesTypes(index)
        default: false
        }
    }

    private func isElementwise(_ index: Int) -> Bool {
        let node = graph.nodes[index]
        guard node.resultTypes.count == 1, takesTypes(index) else { return false }
        switch node.operation {
        case .parameter: return false
        case .primitive(let primitive): return primitive.code.group == .elementwise
        case .composite(let composite):
            return capabilities.composites.contains(composite.name)
                && node.operands.allSatisfy { graph.type(of: $0).shape == node.resultTypes[0].shape }
        }
    }

    private func takesTypes(_ index: Int) -> Bool {
        let node = graph.nodes[index]
        return (node.operands.map(graph.type(of:)) + node.resultTypes).allSatisfy {
            capabilities.scalarTypes.contains($0.scalarType)
        }
    }
}
