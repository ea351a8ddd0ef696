// Heterodyne: where the values of a fused region lie in its iteration space, for lowerings of backends.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Where the values of a fused region lie in its iteration space. A value's dimension `d` runs along axis `axes[d]` of the
/// space; -1 says that its extent is 1 and it repeats.
public enum RegionGeometry {
    /// The axes of the operand of a node that only moves elements; nil for other nodes, and where the operand has none.
    public static func operandAxes(_ node: Node, _ axes: [Int], in body: Graph) -> [Int]? {
        guard case .primitive(let primitive) = node.operation, let operand = node.operands.first else { return nil }
        let from = body.type(of: operand).shape
        switch primitive {
        case .broadcast(let shape, let dimensions):
            return dimensions.enumerated().map { source, target in
                from[source] == 1 && shape[target] != 1 ? -1 : axes[target]
            }
        case .transpose(let permutation):
            var inner = [Int](repeating: -1, count: permutation.count)
            for (target, source) in permutation.enumerated() { inner[source] = axes[target] }
            return inner
        case .reshape(let to):
            // Only dimensions of extent 1 may come and go.
            let kept = to.dimensions.indices.filter { to[$0] != 1 }
            let old = from.dimensions.indices.filter { from[$0] != 1 }
            guard kept.map({ to[$0] }) == old.map({ from[$0] }) else { return nil }
            var inner = [Int](repeating: -1, count: from.rank)
            for (source, target) in zip(old, kept) { inner[source] = axes[target] }
            return inner
        default: return nil
        }
    }

    /// `view` with its dimensions placed at `axes` of a space of the given extents.
    public static func placed(_ view: StridedView, _ axes: [Int], in extents: [Int]) -> StridedView {
        var result = view
        result.extents = extents
        result.strides = [Int](repeating: 0, count: extents.count)
        for (d, axis) in axes.enumerated() where axis >= 0 && view.extents[d] != 1 {
            result.strides[axis] = view.strides[d]
        }
        return result
    }

    /// The one `dot` of a body, whose operands are inputs of the body; nil where there is no such.
    public static func product(of body: Graph) -> Value? {
        let products = body.nodes.indices.filter { body.nodes[$0].operation.primitive?.code == .dot }
        guard products.count == 1 else { return nil }
        let isInput = body.nodes[products[0]].operands.allSatisfy { operand in
            if case .parameter = body.node(of: operand).operation { true } else { false }
        }
        return isInput ? Value(node: products[0]) : nil
    }

    /// The outputs of a region in groups of equal extents: each group is one pass.
    public static func groups(
        of body: Graph, extents: (TensorType) throws(BackendError) -> [Int]
    ) throws(BackendError) -> [(extents: [Int], outputs: [Int])] {
        var groups: [(extents: [Int], outputs: [Int])] = []
        for (index, type) in body.outputTypes.enumerated() {
            let extents = try extents(type)
            if let group = groups.firstIndex(where: { $0.extents == extents }) {
                groups[group].outputs.append(index)
            } else {
                groups.append((extents, [index]))
            }
        }
        return groups
    }
}
