// Heterodyne: what a-priori error bounds of sums are made of.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension ReferenceEvaluator {
    /// For a `dot`, `Σ |x| |y|`; for a `reduce` that sums, `Σ |x|`; in float64, shaped like the result.
    ///
    /// However a sum of `n` terms is ordered, its error in a type of unit roundoff `u` is at most about
    /// `n u Σ |x| |y|` (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1), so this is the factor
    /// that tests multiply by. Throws `malformedGraph` for other primitives and operands that do not fit.
    public func magnitude(of primitive: Primitive, operands: [Literal]) throws(EvaluationError) -> Literal {
        let wide: Primitive
        switch primitive {
        case .dot(let dimensions, _, _): wide = .dot(dimensions, accumulation: .float64, result: .float64)
        case .reduce(.sum, _): wide = primitive
        default:
            throw EvaluationError(
                .malformedGraph, "only dot and reduce sum have a magnitude", operation: primitive.code.name)
        }
        let graph = try EvaluationError.wrapping { () throws(GraphError) in
            try GraphBuilder.region(operands.map(\.type)) { builder, terms throws(GraphError) in
                var magnitudes: [Term] = []
                for term in terms { magnitudes.append(try term.convert(.float64).abs()) }
                return [try builder.add(wide, magnitudes)]
            }
        }
        return try evaluate(graph, inputs: operands)[0]
    }
}
