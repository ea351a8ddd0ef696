// Heterodyne: the ONNX operator FlexAttention.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorContext {
    /// `FlexAttention`: `prob_mod(softmax(score_mod(q kᵀ * scale))) v`, where both are graphs of the model.
    ///
    /// Inputs Q [B, H, Sq, D], K [B, Hkv, Sk, D], V [B, Hkv, Sk, Dv]. Between the products it computes in
    /// `softmax_precision`, by default float32, float64 for that. Without the graphs it is the composite `Attention`.
    func flexAttention() throws(GraphError) -> Term {
        let (q, k, v) = (try term(0), try term(1), try term(2))
        for (term, name) in [(q, "Q"), (k, "K"), (v, "V")] {
            guard term.rank == 4, term.scalarType == q.scalarType, term.scalarType.isFloatingPoint else {
                throw GraphError(
                    .shapeMismatch,
                    "\(name) is \(term.type); Q, K and V must be [batch, heads, length, depth] of one type of floats")
            }
        }
        let wide = q.scalarType == .float64 ? ScalarType.float64 : .float32
        let precision = try floatPrecision("softmax_precision") ?? wide
        var scale = try optionalFloat("scale")
        if scale == nil {
            guard let depth = q.shape[3].fixedValue else {
                throw GraphError(.unboundSymbol, "the depth of Q \(q.type) must be a number, or give 'scale'")
            }
            scale = depth == 0 ? 1 : 1 / Double(depth).squareRoot()
        }
        let factor = scale ?? 1
        guard hasAttribute("score_mod") || hasAttribute("prob_mod") || precision != wide else {
            return try q.attention(keys: k, values: v, scale: factor)
        }
        // Both are scaled by the root, so that products of float16 stay in range.
        let root = Swift.abs(factor).squareRoot()
        var scores = try (q * (factor < 0 ? -root : root)).groupedProducts(k * root).convert(precision)
        scores = try modified(scores, by: "score_mod")
        let weights = try modified(scores.softmax(axis: 3), by: "prob_mod")
        return try weights.groupedSums(v.convert(precision)).convert(q.scalarType)
    }

    /// The result of the graph in the attribute `name` on `x`; `x` where there is none.
    private func modified(_ x: Term, by name: String) throws(GraphError) -> Term {
        guard hasAttribute(name) else { return x }
        let graph = try graph(name)
        guard graph.inputs.count == 1, graph.outputs.count == 1 else {
            throw GraphError(
                .invalidAttribute,
                "the graph \(quoted(name)) has \(graph.inputs.count) inputs and \(graph.outputs.count) outputs; it needs "
                    + "one of each")
        }
        let scope = scope.child()
        scope.define(graph.inputs[0].name, ImportedValue(x))
        let results = try self.scope.session.nested { () throws(GraphError) in try scope.importGraph(graph) }
        guard case .tensor(let result)? = results.first, result.term.type == x.type else {
            throw GraphError(.shapeMismatch, "the graph \(quoted(name)) must give a tensor \(x.type), as it is given")
        }
        return result.term
    }
}
