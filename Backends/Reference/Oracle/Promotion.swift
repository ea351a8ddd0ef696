// Heterodyne: the same graph in float64, for oracles.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension ReferenceEvaluator {
    /// `graph` computed in float64: inputs keep their types and are converted first, every float type inside becomes
    /// float64, float outputs are float64. Integers and bools stay as they are.
    ///
    /// Roundings to narrower floats disappear (`convert` between floats does nothing); `bitcast` still sees the bits of
    /// the original type, rounded for that. Composites are decomposed for their original types, so that constants
    /// which depend on the type stay. Throws `decomposition`, `nestingLimit` or `malformedGraph`.
    public static func promoted(_ graph: Graph) throws(EvaluationError) -> Graph {
        try Promotion(depth: 0).promote(graph, keepingInputs: true)
    }
}

/// Rewrites the float types of a graph to float64.
private struct Promotion {
    let depth: Int

    private func wide(_ type: ScalarType) -> ScalarType { type.isFloatingPoint ? .float64 : type }
    private func wide(_ type: TensorType) -> TensorType { type.with(wide(type.scalarType)) }

    private var deeper: Promotion { Promotion(depth: depth + 1) }

    func promote(_ graph: Graph, keepingInputs: Bool) throws(EvaluationError) -> Graph {
        guard depth <= ReferenceProgram.maximumDepth else {
            throw EvaluationError(
                .nestingLimit, "regions and decompositions are nested deeper than \(ReferenceProgram.maximumDepth)")
        }
        let builder = GraphBuilder()
        var mapped: [[Term]] = []
        for node in graph.nodes {
            builder.currentLocation = node.location
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            do {
                switch node.operation {
                case .parameter(_, let name, let type):
                    mapped.append(
                        try EvaluationError.wrapping { () throws(GraphError) in
                            let input = try builder.input(name, keepingInputs ? type : wide(type))
                            return [try input.convert(wide(type.scalarType))]
                        })
                case .composite(let composite):
                    let types = node.operands.map { graph.type(of: $0) }
                    let definition = try deeper.promote(
                        ReferenceProgram.decomposition(of: composite, types, node.resultTypes), keepingInputs: false)
                    mapped.append(
                        try EvaluationError.wrapping { () throws(GraphError) in
                            try builder.inline(definition, operands)
                        })
                case .primitive(let primitive):
                    let types = node.operands.map { graph.type(of: $0) }
                    mapped.append(try promote(primitive, types, operands, in: builder))
                }
            } catch { throw error.at(node) }
        }
        return try EvaluationError.wrapping { () throws(GraphError) in
            for output in graph.outputs {
                try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
            }
            return try builder.build()
        }
    }

    private func promote(
        _ primitive: Primitive, _ types: [TensorType], _ operands: [Term], in builder: GraphBuilder
    ) throws(EvaluationError) -> [Term] {
        let wider: Primitive
        switch primitive {
        case .constant(let literal):
            return try EvaluationError.wrapping { () throws(GraphError) in
                [try builder.constant(literal).convert(wide(literal.type.scalarType))]
            }
        case .iota(let type, let dimension): wider = .iota(wide(type), dimension: dimension)
        case .convert(let scalarType):
            return try EvaluationError.wrapping { () throws(GraphError) in
                [try operands[0].convert(wide(scalarType))]
            }
        case .bitcast(let scalarType):
            return try EvaluationError.wrapping { () throws(GraphError) in
                let original = try operands[0].convert(types[0].scalarType)
                return [try original.bitcast(scalarType).convert(wide(scalarType))]
            }
        case .dot(let dimensions, let accumulation, let result):
            wider = .dot(dimensions, accumulation: wide(accumulation), result: wide(result))
        case .conditional(let then, let otherwise):
            wider = .conditional(
                then: try deeper.promote(then, keepingInputs: false),
                otherwise: try deeper.promote(otherwise, keepingInputs: false))
        case .loop(let condition, let body):
            wider = .loop(
                condition: try deeper.promote(condition, keepingInputs: false),
                body: try deeper.promote(body, keepingInputs: false))
        case .unary, .binary, .compare, .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate,
            .reverse, .gather, .scatter, .dynamicSlice, .dynamicUpdateSlice, .reduce, .sort:
            wider = primitive
        }
        return try EvaluationError.wrapping { () throws(GraphError) in
            try builder.addAll(.primitive(wider), operands)
        }
    }
}
