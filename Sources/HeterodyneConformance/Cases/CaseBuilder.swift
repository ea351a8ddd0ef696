// Heterodyne: builds the graph of a case together with its data.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Builds the graph of a case together with its data. The data follow from the case's identifier alone.
public final class CaseBuilder {
    /// The builder of the graph.
    public let graph = GraphBuilder()
    private(set) var inputs: [Literal] = []
    private var random: SplitMix
    private var outputCount = 0

    init(seed: String) { random = SplitMix(seed) }

    /// An operand of `type` with elements of a class, which is a view of an input.
    public func operand(
        _ type: TensorType, _ values: ValueClass = .normal, layout: CaseLayout = .contiguous
    ) throws(GraphError) -> Term {
        let inputType = try layout.inputType(type)
        let bits = values.bits(inputType.scalarType, count: try inputType.elementCount(), &random)
        let input = try operand(Literal(bits: bits, type: inputType))
        return try layout.view(input, as: type)
    }

    /// Two operands in which every pair of edges of the type occurs.
    public func edgePairs(_ scalarType: ScalarType) throws(GraphError) -> (Term, Term) {
        let edges = ValueClass.edges(of: scalarType)
        let type = TensorType(scalarType, [edges.count, edges.count])
        let left = edges.flatMap { edge in edges.map { _ in edge } }
        let right = edges.flatMap { _ in edges }
        return (try operand(Literal(bits: left, type: type)), try operand(Literal(bits: right, type: type)))
    }

    /// An input with the given data.
    public func operand(_ literal: Literal) throws(GraphError) -> Term {
        let term = try graph.input("input\(inputs.count)", literal.type)
        inputs.append(literal)
        return term
    }

    /// Makes `term` an output.
    public func output(_ term: Term) throws(GraphError) {
        try graph.output("output\(outputCount)", term)
        outputCount += 1
    }

    /// Makes `terms` outputs.
    public func output(_ terms: [Term]) throws(GraphError) { for term in terms { try output(term) } }
}
