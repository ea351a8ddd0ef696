// Heterodyne: lowering of reductions, sorting, and of the composites that walk over rows.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering: KernelSink {}

extension Lowering {
    /// Names of the composites that row and sorting kernels run, at least for some types and shapes.
    static let rowNames: Set<String> = [
        "softmax", "logSoftmax", "layerNormalization", "rmsNormalization", "cumulativeSum", "cumulativeProduct",
        "cumulativeMax", "cumulativeMin", "topK", "sortValues",
    ]

    /// Whether row or sorting kernels run `composite` on operands of the given types.
    static func claimsRow(
        _ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget
    ) -> Bool { RowComposite(composite, operands, target) != nil }

    /// The results of a composite that `claimsRow` answers for.
    func lowerRow(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        guard let operation = RowComposite(composite, node.operands.map(graph.type(of:)), target) else {
            throw BackendError(.unsupported, "\(composite.name) has no row kernel for these operands; decompose it")
        }
        let source = view(node.operands[0])
        var results: [StridedView] = []
        for type in node.resultTypes {
            results.append(newResult(try extents(type), Self.stored(type.scalarType)))
        }
        switch operation {
        case .normalization(let normalization):
            let columns = Array(source.extents[normalization.axis...])
            var parameters: [StridedView] = []
            for operand in node.operands.dropFirst() {
                let own = view(operand)
                let full = own.broadcast(columns, Array(columns.count - own.rank..<columns.count))
                // A scale that starts between vectors would keep the whole row from being read in vectors.
                parameters.append(full.bound.origin % 4 == 0 ? full : try copied(full))
            }
            try RowPlanner(sink: self).normalize(normalization, source, parameters, into: results[0])
        case .cumulative(let cumulative):
            try RowPlanner(sink: self).accumulate(cumulative, source, into: results[0])
        case .selection(let selection):
            let planner = SortPlanner(sink: self)
            let (values, positions) = (results[0], results[1])
            try planner.sort(source, selection.axis, isDescending: selection.isDescending, into: positions)
            try planner.gather(source, selection.axis, positions, into: values)
        }
        return results
    }

    /// The result of a reduction.
    func lowerReduce(
        _ node: Node, _ kind: ReductionKind, _ dimensions: [Int]
    ) throws(BackendError) -> StridedView {
        let result = try newResult(node)
        try RowPlanner(sink: self).reduce(view(node.operands[0]), kind, dimensions, into: result)
        return result
    }

    /// The permutation that sorts along a dimension.
    func lowerSort(
        _ node: Node, _ dimension: Int, _ descending: Bool, _ indexType: ScalarType
    ) throws(BackendError) -> StridedView {
        let result = try newResult(node)
        try SortPlanner(sink: self).sort(view(node.operands[0]), dimension, isDescending: descending, into: result)
        return result
    }
}

/// A composite that row or sorting kernels run.
private enum RowComposite {
    case normalization(RowNormalization)
    case cumulative(RowCumulative)
    case selection(SortSelection)

    /// The operation that `composite` is on operands of the given types, or nil where it has to be decomposed.
    init?(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) {
        guard Lowering.rowNames.contains(composite.name) else { return nil }
        if let operation = RowNormalization(composite, operands, target) {
            self = .normalization(operation)
        } else if let operation = RowCumulative(composite, operands, target) {
            self = .cumulative(operation)
        } else if let operation = SortSelection(composite, operands, target) {
            self = .selection(operation)
        } else {
            return nil
        }
    }
}
