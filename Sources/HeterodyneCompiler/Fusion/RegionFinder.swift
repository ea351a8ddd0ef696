// Heterodyne: finds the nodes that make one pass over memory together.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Finds the regions of one graph. Linear in the graph's size, up to the sizes of regions.
struct RegionFinder {
    /// Nodes that become one.
    struct Region {
        /// The node whose result the region gives.
        let root: Int
        /// Nodes that disappear from the graph, the root among them.
        var owned: Set<Int>
        /// Broadcasts and splats that are repeated inside.
        var duplicated: Set<Int> = []
        /// What the region is made of.
        var kind: FusedRegion.Kind = .elementwise
    }

    let graph: Graph
    let capabilities: FusionCapabilities
    private let users: [[Int]]
    private let isOutput: [Bool]

    init(graph: Graph, capabilities: FusionCapabilities) {
        self.graph = graph
        self.capabilities = capabilities
        var users = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            for operand in node.operands where users[Int(operand.node)].last != index {
                users[Int(operand.node)].append(index)
            }
        }
        self.users = users
        var isOutput = [Bool](repeating: false, count: graph.nodes.count)
        for output in graph.outputs { isOutput[Int(output.value.node)] = true }
        self.isOutput = isOutput
    }

    /// The regions by their roots.
    func regions() -> [Int: Region] {
        var regions: [Int: Region] = [:]
        var taken = [Bool](repeating: false, count: graph.nodes.count)
        for index in graph.nodes.indices.reversed() where !taken[index] && isElementwise(index) {
            guard let region = grow(from: index, taken) else { continue }
            regions[index] = region
            for member in region.owned { taken[member] = true }
        }
        return regions
    }

    /// The region whose last node is `root`, or nil where there is nothing to gain or the device does not take it.
    ///
    /// Candidates are looked at in decreasing order of definition. All users of a node come after it, so whether they
    /// belong to the region is known by then, and one look at each candidate is enough.
    private func grow(from root: Int, _ taken: [Bool]) -> Region? {
        var region = Region(root: root, owned: [root])
        let shape = graph.nodes[root].resultTypes[0].shape
        var external = Set(graph.nodes[root].operands)
        var candidates = Set(external.map { Int($0.node) })
        while region.owned.count + region.duplicated.count < capabilities.maximumNodes,
            let producer = candidates.max()
        {
            candidates.remove(producer)
            let node = graph.nodes[producer]
            guard node.resultTypes.count == 1, node.resultTypes[0].shape == shape else { continue }
            let value = Value(node: producer)
            if isFree(producer) {
                // A broadcast that the dot reads too would come between the dot and memory.
                let feedsDot = users[producer].contains { isDot($0) && region.owned.contains($0) }
                if feedsDot { continue }
                region.duplicated.insert(producer)
                external.remove(value)
                external.formUnion(node.operands)
                continue
            }
            guard joins(producer, region, taken) else { continue }
            var next = external
            next.remove(value)
            next.formUnion(node.operands)
            guard next.count <= capabilities.maximumOperands else { continue }
            external = next
            region.owned.insert(producer)
            if isDot(producer) {
                region.kind = .dotEpilogue
            } else {
                candidates.formUnion(node.operands.map { Int($0.node) })
            }
        }
        guard region.owned.count > 1 || !region.duplicated.isEmpty, external.count <= capabilities.maximumOperands,
            region.kind == .dotEpilogue || capabilities.elementwiseRegions
        else { return nil }
        return region
    }

    /// A producer joins only where all its users are inside, so that a region never waits for itself and nothing is
    /// computed twice.
    private func joins(_ producer: Int, _ region: Region, _ taken: [Bool]) -> Bool {
        guard !taken[producer], !isOutput[producer], users[producer].allSatisfy(region.owned.contains) else {
            return false
        }
        if isDot(producer) {
            return capabilities.dotEpilogues && region.kind == .elementwise && takesTypes(producer)
        }
        // What a dot reads is computed before the dot, not in its epilogue.
        return isElementwise(producer) && !users[producer].contains(where: isDot)
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
        return node.operands.allSatisfy { capabilities.scalarTypes.contains(graph.type(of: $0).scalarType) }
            && node.resultTypes.allSatisfy { capabilities.scalarTypes.contains($0.scalarType) }
    }
}
