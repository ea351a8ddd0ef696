// Heterodyne: which values are the same for every row of a batch.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// For every shared value and each of its dimensions, whether cutting the dimension into as many blocks as there are rows
/// gives equal blocks; then the first blocks serve any rows.
struct EqualRows {
    /// A parameter of a definition or region that must have rows for a value to have them.
    struct Need: Hashable {
        let input: Int
        let rows: BatchAxis
    }

    let rowCount: Int
    /// The definitions and regions around the graph.
    let depth: Int
    /// By node, result and dimension: what must hold of parameters for the blocks to be equal, nil where they are not.
    private var known: [[[Set<Need>?]]] = []

    init(rowCount: Int, depth: Int) {
        self.rowCount = rowCount
        self.depth = depth
    }

    /// What must hold of parameters so that `value`, which has rows as `state` says, can be had as `demand` says.
    func needs(
        of value: Value, _ state: BatchAxis?, _ demand: BatchAxis?, _ graph: Graph
    ) throws(GraphError) -> Set<Need> {
        if state == demand { return [] }
        guard state == nil, let demand else {
            throw RowFlow.refusal(
                "it needs \(demand.map { "rows along \($0)" } ?? "a value that all rows share") and is given rows along "
                    + "\(state.map(\.description) ?? "no dimension")")
        }
        guard let needs = known[Int(value.node)][Int(value.result)][demand.axis] else {
            throw RowFlow.refusal(
                "it combines rows with \(graph.nodeText(Int(value.node))), which differs from row to row")
        }
        return needs
    }

    /// Takes in the next node. Throws what definitions throw.
    mutating func add(_ node: Node, _ graph: Graph, isShared: Bool, _ results: [BatchAxis?]) throws(GraphError) {
        var facts: [[Set<Need>?]] = []
        for (result, type) in node.resultTypes.enumerated() {
            let extents = try type.shape.extents()
            var axes: [Set<Need>?] = []
            for axis in extents.indices {
                guard isShared, extents[axis] > 0, extents[axis] % rowCount == 0 else {
                    axes.append(nil)
                    continue
                }
                let rows = BatchAxis(axis, inner: extents[axis] / rowCount)
                axes.append(try equality(of: node, result, rows, graph))
            }
            facts.append(axes)
        }
        known.append(facts)
    }

    /// What must hold of parameters for the blocks of `rows` in a node's result to be equal, nil where they may differ.
    private func equality(
        of node: Node, _ result: Int, _ rows: BatchAxis, _ graph: Graph
    ) throws(GraphError) -> Set<Need>? {
        func operand(_ position: Int, _ axis: Int) -> Set<Need>? {
            let value = node.operands[position]
            return known[Int(value.node)][Int(value.result)][axis]
        }
        func shape(_ position: Int) throws(GraphError) -> [Int] {
            try graph.type(of: node.operands[position]).shape.extents()
        }
        func all(_ parts: [Set<Need>?]) -> Set<Need>? {
            var union: Set<Need> = []
            for part in parts {
                guard let part else { return nil }
                union.formUnion(part)
            }
            return union
        }
        let axis = rows.axis
        switch node.operation {
        case .parameter(let index, _, _): return depth == 0 ? nil : [Need(input: index, rows: rows)]
        case .composite(let composite):
            let types = node.operands.map { graph.type(of: $0) }
            let definition = try RowRules.definition(of: composite, types, node.location, depth)
            var inner = EqualRows(rowCount: rowCount, depth: depth + 1)
            for node in definition.nodes {
                try inner.add(
                    node, definition, isShared: true, [BatchAxis?](repeating: nil, count: node.resultTypes.count))
            }
            let output = definition.outputs[result].value
            guard let needs = inner.known[Int(output.node)][Int(output.result)][axis] else { return nil }
            return all(needs.map { operand($0.input, $0.rows.axis) })
        case .primitive(let primitive):
            switch primitive {
            case .constant(let literal): return Self.hasEqualRows(literal, rows, rowCount) ? [] : nil
            case .iota(_, let dimension): return dimension == axis ? nil : []
            case .convert, .bitcast, .unary, .binary, .compare, .select:
                return all(node.operands.indices.map { operand($0, axis) })
            case .reshape:
                let extents = try node.resultTypes[0].shape.extents()
                guard let from = RowRules.reshaped(rows, extents, try shape(0), rowCount) else { return nil }
                return operand(0, from.axis)
            case .transpose(let permutation): return operand(0, permutation[axis])
            case .broadcast(_, let dimensions):
                guard let from = dimensions.firstIndex(of: axis), try shape(0)[from] != 1 else { return [] }
                return operand(0, from)
            case .slice(let starts, let limits, let strides):
                guard starts[axis] == 0, limits[axis] == .fixed(try shape(0)[axis]), strides[axis] == 1 else {
                    return nil
                }
                return operand(0, axis)
            case .pad(let low, let high, let interior):
                return low[axis] == 0 && high[axis] == 0 && interior[axis] == 0 ? operand(0, axis) : nil
            case .concatenate(let dimension):
                return dimension == axis ? nil : all(node.operands.indices.map { operand($0, axis) })
            case .reverse(let dimensions): return dimensions.contains(axis) ? nil : operand(0, axis)
            case .gather(let dimensions):
                let outer = try shape(1).count - 1
                if axis < outer { return operand(1, axis) }
                let others = try shape(0).indices.filter { !dimensions.contains($0) }
                return operand(0, others[axis - outer])
            case .dynamicSlice(let sizes):
                return sizes[axis] == .fixed(try shape(0)[axis]) ? operand(0, axis) : nil
            case .dot(let dot, _, _):
                if axis < dot.leftBatch.count {
                    return all([operand(0, dot.leftBatch[axis]), operand(1, dot.rightBatch[axis])])
                }
                let left = dot.leftFree(rank: try shape(0).count)
                let position = axis - dot.leftBatch.count
                if position < left.count { return operand(0, left[position]) }
                return operand(1, dot.rightFree(rank: try shape(1).count)[position - left.count])
            case .reduce(_, let dimensions):
                return operand(0, try shape(0).indices.filter { !dimensions.contains($0) }[axis])
            case .sort(let dimension, _, _): return dimension == axis ? nil : operand(0, axis)
            case .scatter, .dynamicUpdateSlice, .conditional, .loop: return nil
            }
        }
    }

    /// Whether the blocks of a literal are equal, looking at its bits.
    private static func hasEqualRows(_ literal: Literal, _ rows: BatchAxis, _ rowCount: Int) -> Bool {
        guard case .dense(let storage) = literal.contents, let extents = literal.type.shape.fixedExtents,
            !extents.contains(0)
        else {
            return true
        }
        let outer = extents[..<rows.axis].product
        let block = rows.inner * extents[(rows.axis + 1)...].product
        let width = literal.type.scalarType.bitWidth
        guard width % 8 == 0 else {
            return (0..<outer).allSatisfy { first in
                (block..<block * rowCount).allSatisfy { position in
                    let start = first * block * rowCount
                    return literal.bits(at: start + position) == literal.bits(at: start + position % block)
                }
            }
        }
        let byteCount = block * width / 8
        return storage.withBytes { bytes in
            (0..<outer).allSatisfy { index in
                let start = index * byteCount * rowCount
                // Each byte equals the one a block earlier: all blocks are equal.
                return bytes[start + byteCount..<start + byteCount * rowCount].elementsEqual(
                    bytes[start..<start + byteCount * (rowCount - 1)])
            }
        }
    }
}
