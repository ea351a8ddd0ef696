// Heterodyne: linear layers and attention.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
    /// `x · weightᵀ + bias` over the last dimension; `weight` is [outputs, inputs] as PyTorch stores it, `bias`
    /// [outputs].
    public func linear(
        _ weight: Tensor, _ bias: Tensor? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("linear", with: [weight] + (bias.map { [$0] } ?? []), file: file, line: line) { (t) throws(GraphError) in
            guard t[0].rank >= 1, t[1].rank == 2 else {
                throw GraphError(.shapeMismatch, "x is \(t[0].type) and the weight \(t[1].type), which is no matrix")
            }
            let product = try t[0].dot(
                t[1], DotDimensions(leftContracting: [t[0].rank - 1], rightContracting: [1]))
            return t.count > 2 ? try product + t[2].broadcast(to: product.shape) : product
        }
    }

    /// Scaled dot-product attention of queries [batch, heads, length, depth] over keys and values, whose number of
    /// heads divides the queries'. `mask` is added to the scores, or is bool: false masks out.
    public func attention(
        keys: Tensor, values: Tensor, mask: Tensor? = nil, causality: Attention.Causality = .none,
        scale: Double? = nil, softcap: Double? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "attention", with: [keys, values] + (mask.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].attention(
                keys: t[1], values: t[2], mask: t.count > 3 ? t[3] : nil, causality: causality, scale: scale,
                softcap: softcap)
        }
    }
}
