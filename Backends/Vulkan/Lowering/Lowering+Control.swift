// Heterodyne: lowering of if and while: regions become programs of their own, the host decides, state stays here.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// Lowers a region as a child program and returns its number.
    private func child(_ region: Graph) throws(BackendError) -> Int {
        let graph = try Expansion.expanded(region, target, device: options.device)
        let lowering = Lowering(graph, donated: [], arithmetic: arithmetic, target: target, options: options)
        children.append(try lowering.run())
        return children.count - 1
    }

    /// A value as its bytes lie between program and region: dense, 4-bit integers packed, at the start of a range
    /// that can be bound.
    private func crossing(_ value: Value) throws(BackendError) -> StridedView {
        let type = graph.type(of: value).scalarType
        let view = try dense(value)
        guard type.bitWidth == 4 else {
            return view.byteOffset % StridedView.boundAlignment == 0 ? view : try copied(view)
        }
        let packed = newResult([type.byteCount(of: view.count) ?? 0], .uint8)
        try emitPack(view, to: packed)
        return packed
    }

    /// Memory for the results of a region.
    private func newResults(_ node: Node) throws(BackendError) -> [StridedView] {
        var results: [StridedView] = []
        for type in node.resultTypes {
            let extents = try extents(type)
            if type.scalarType.bitWidth == 4 {
                results.append(newResult([type.scalarType.byteCount(of: Strides.count(extents)) ?? 0], .uint8))
            } else {
                results.append(newResult(extents, type.scalarType))
            }
        }
        return results
    }

    /// What a region left, as values of this program: 4-bit integers unpacked.
    private func received(_ results: [StridedView], _ node: Node) throws(BackendError) -> [StridedView] {
        var views: [StridedView] = []
        for (view, type) in zip(results, node.resultTypes) {
            let isPacked = type.scalarType.bitWidth == 4
            views.append(isPacked ? try unpacked(view, try extents(type), type.scalarType) : view)
        }
        return views
    }

    func lowerConditional(_ node: Node, _ then: Graph, _ otherwise: Graph) throws(BackendError) -> [StridedView] {
        let predicate = range(try dense(node.operands[0]), .read)
        var inputs: [PlannedBinding] = []
        for operand in node.operands.dropFirst() { inputs.append(range(try crossing(operand), .read)) }
        let branches = [try child(then), try child(otherwise)]
        let results = try newResults(node)
        let outputs = results.map { range($0, .write) }
        append(
            .conditional(
                then: branches[0], otherwise: branches[1], predicate: predicate, inputs: inputs, outputs: outputs),
            touching: [predicate] + inputs + outputs, "if \(node.resultTypes)")
        return try received(results, node)
    }

    func lowerLoop(_ node: Node, _ condition: Graph, _ body: Graph) throws(BackendError) -> [StridedView] {
        var operands: [StridedView] = []
        for operand in node.operands { operands.append(try crossing(operand)) }
        let programs = [try child(condition), try child(body)]
        // The state alternates between two sets of blocks; the first becomes the result.
        let results = try newResults(node)
        let others = try newResults(node)
        for (operand, result) in zip(operands, results) { try emitCopy(from: operand, to: result) }
        let flag = range(newResult([], .bool), .readWrite)
        let state = results.map { range($0, .readWrite) }
        let other = others.map { range($0, .readWrite) }
        append(
            .loop(condition: programs[0], body: programs[1], flag: flag, state: state, other: other),
            touching: [flag] + state + other, "while \(node.resultTypes)")
        return try received(results, node)
    }
}
