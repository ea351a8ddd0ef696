// Heterodyne: sums of products given by an equation.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `einsum(x, y, …)`: the sum of products that an equation such as `bij,bjk->bik` names (NumPy einsum, ONNX Einsum).
///
/// Labels are letters; spaces are ignored. A label that one operand repeats takes the diagonal, `...` stands for
/// dimensions that broadcast, and extent 1 broadcasts against any. Without `->` the result has the ellipsis and then
/// every label that occurs once, in alphabetical order. Operands have one arithmetic type; products of narrow types
/// accumulate as `dot` does. Throws `parse` for malformed equations, `shapeMismatch` for extents that do not fit.
public struct Einsum: AttributedComposite {
    /// `einsum`.
    public static let name = "einsum"
    /// The equation.
    public var equation: String

    /// The sums that `equation` names.
    public init(_ equation: String) { self.equation = equation }
    /// The attributes as data.
    public var attributes: Attributes { ["equation": .string(equation)] }
    /// Reads equation.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        equation = try reader.string("equation")
    }

    /// The output labels' extents.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.require(!operands.isEmpty, .operandCount, "needs at least one operand")
        for operand in operands {
            try OperandRules.arithmetic(operand, "an operand")
            try OperandRules.sameScalarType(operands[0], operand, "an operand")
        }
        let plan = try EinsumEquation(equation, ranks: operands.map(\.rank))
        let extents = try extents(plan, operands)
        return [try OperandRules.valid(operands[0].with(Shape(plan.output.map { extents[$0] ?? 1 })))]
    }

    private func extents(
        _ plan: EinsumEquation, _ operands: [TensorType]
    ) throws(GraphError) -> [EinsumLabel: Extent] {
        var extents: [EinsumLabel: Extent] = [:]
        for (labels, type) in zip(plan.operands, operands) {
            var own: [EinsumLabel: Extent] = [:]
            for (label, extent) in zip(labels, type.shape.dimensions) {
                try OperandRules.require(
                    own[label] == nil || own[label] == extent, .shapeMismatch,
                    "equation \"\(equation)\" takes a diagonal of extents \(own[label] ?? 0) and \(extent) of \(type)")
                own[label] = extent
                guard let known = extents[label], known != 1 else {
                    extents[label] = extent
                    continue
                }
                try OperandRules.require(
                    known == extent || extent == 1, .shapeMismatch,
                    "equation \"\(equation)\" gives one label the extents \(known) and \(extent)")
            }
        }
        return extents
    }

    /// Diagonals, then products from left to right: `dot` where labels are summed, else elementwise.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let types = operands.map(\.type)
        let plan = try EinsumEquation(equation, ranks: types.map(\.rank))
        let extents = try extents(plan, types)
        var factors: [Factor] = []
        for (term, labels) in zip(operands, plan.operands) {
            factors.append(try Factor(term, labels).diagonal().withoutBroadcast(extents))
        }
        var product = factors[0]
        for i in 0..<factors.count {
            let later = Set(factors[(i + 1)...].flatMap(\.labels))
            let needed = later.union(plan.output)
            if i > 0 {
                let others = Set(product.labels)
                let next = try factors[i].summed { needed.contains($0) || others.contains($0) }
                product = try product.times(next, keeping: needed)
            }
            product = try product.summed(keeping: needed.contains)
        }
        return [try product.arranged(plan.output, extents)]
    }
}

/// A term whose dimensions have labels.
private struct Factor {
    let term: Term
    let labels: [EinsumLabel]

    init(_ term: Term, _ labels: [EinsumLabel]) {
        self.term = term
        self.labels = labels
    }

    /// The diagonals of labels that occur more than once.
    func diagonal() throws(GraphError) -> Factor {
        guard let repeated = labels.first(where: { label in labels.filter { $0 == label }.count > 1 }) else {
            return self
        }
        let dimensions = labels.indices.filter { labels[$0] == repeated }
        let type = TensorType(.int64, [term.shape[dimensions[0]], .fixed(dimensions.count)])
        let gathered = try term.gather(term.builder.iota(type, dimension: 0), dimensions: dimensions)
        return try Factor(gathered, [repeated] + labels.filter { $0 != repeated }).diagonal()
    }

    /// The factor without the dimensions of extent 1 that other operands have longer.
    func withoutBroadcast(_ extents: [EinsumLabel: Extent]) throws(GraphError) -> Factor {
        let dropped = labels.indices.filter { term.shape[$0] == 1 && extents[labels[$0]] != 1 }
        let kept = labels.indices.filter { !dropped.contains($0) }.map { labels[$0] }
        return Factor(try term.squeeze(dropped), kept)
    }

    /// The factor summed over the labels that nothing needs.
    func summed(keeping needed: (EinsumLabel) -> Bool) throws(GraphError) -> Factor {
        let dropped = labels.indices.filter { !needed(labels[$0]) }
        return Factor(try term.reduce(.sum, dropped), labels.filter(needed))
    }

    func times(_ other: Factor, keeping needed: Set<EinsumLabel>) throws(GraphError) -> Factor {
        let common = labels.filter(other.labels.contains)
        let contracted = common.filter { !needed.contains($0) }
        let batch = common.filter(needed.contains)
        let leftFree = labels.filter { !common.contains($0) }
        let rightFree = other.labels.filter { !common.contains($0) }
        let result = batch + leftFree + rightFree
        if contracted.isEmpty {
            var extents: [EinsumLabel: Extent] = [:]
            for (label, extent) in zip(labels, term.shape.dimensions) { extents[label] = extent }
            for (label, extent) in zip(other.labels, other.term.shape.dimensions) { extents[label] = extent }
            return Factor(try arranged(result, extents) * other.arranged(result, extents), result)
        }
        let dimensions = DotDimensions(
            leftBatch: batch.compactMap(labels.firstIndex), rightBatch: batch.compactMap(other.labels.firstIndex),
            leftContracting: contracted.compactMap(labels.firstIndex),
            rightContracting: contracted.compactMap(other.labels.firstIndex))
        return Factor(try term.dot(other.term, dimensions), result)
    }

    /// The term with the dimensions in the order of `order`; those it does not have are repeated.
    func arranged(_ order: [EinsumLabel], _ extents: [EinsumLabel: Extent]) throws(GraphError) -> Term {
        let own = order.filter(labels.contains)
        let moved = try term.transpose(own.compactMap(labels.firstIndex))
        return try moved.broadcast(
            Shape(order.map { extents[$0] ?? 1 }), dimensions: own.compactMap(order.firstIndex))
    }
}

extension GraphBuilder {
    /// The sums of products that `equation` names; see `Einsum`.
    public func einsum(_ equation: String, _ operands: [Term]) throws(GraphError) -> Term {
        try add(Einsum(equation), operands)
    }
}
