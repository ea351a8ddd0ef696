// Heterodyne: ONNX operators: attention and what surrounds it.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Attention and what surrounds it.
    static let attention: [OperatorRule] = [
        // 25 added the windows, 24 the lengths without padding; attributes and inputs of later versions are absent.
        .terms("Attention", since: 23) { (context) throws(GraphError) in
            try AttentionCall(context).results(context)
        },
        .term("FlexAttention", domain: "ai.onnx.preview") { (context) throws(GraphError) in
            try context.flexAttention()
        },
        .term("RotaryEmbedding", since: 23) { (context) throws(GraphError) in try context.rotaryEmbedding() },
        .values("TensorScatter", since: 24) { (context) throws(GraphError) in [try context.tensorScatter()] },
        .terms("LinearAttention", since: 27) { (context) throws(GraphError) in try context.linearAttention() },
        .terms("CausalConvWithState", since: 27) { (context) throws(GraphError) in
            try context.causalConvolution()
        },
    ]
}

extension Term {
    /// A tensor [B, S, H * D] as [B, H, S, D].
    func heads(_ count: Int, _ name: String) throws(GraphError) -> Term {
        guard rank == 3 else {
            throw GraphError(.shapeMismatch, "\(name) is \(type); it must be [batch, length, heads * depth]")
        }
        guard count > 0, let hidden = shape[2].fixedValue, hidden % count == 0 else {
            throw GraphError(
                .shapeMismatch, "the last dimension of \(name) \(type) must be a multiple of its \(count) heads")
        }
        return try reshape([shape[0], shape[1], .fixed(count), .fixed(hidden / count)]).transpose([0, 2, 1, 3])
    }

    /// A tensor [B, H, S, D] as [B, S, H * D].
    func mergingHeads() throws(GraphError) -> Term {
        let merged = try shape[1].multiplied(by: shape[3])
        return try transpose([0, 2, 1, 3]).reshape([shape[0], shape[2], merged])
    }

    /// The products of this term's queries [B, H, Sq, D] and `keys` [B, Hkv, Sk, D] as [B, H, Sq, Sk]: query head `h`
    /// meets key head `h / (H / Hkv)`.
    func groupedProducts(_ keys: Term) throws(GraphError) -> Term {
        let products = try grouped(keys).dot(
            keys, DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [4], rightContracting: [3]))
        return try products.reshape([shape[0], shape[1], shape[2], keys.shape[2]])
    }

    /// The sums of `values` [B, Hkv, Sk, Dv] with this term's weights [B, H, Sq, Sk], as [B, H, Sq, Dv].
    func groupedSums(_ values: Term) throws(GraphError) -> Term {
        let sums = try grouped(values).dot(
            values, DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [4], rightContracting: [2]))
        return try sums.reshape([shape[0], shape[1], shape[2], values.shape[3]])
    }

    /// [B, H, S, D] as [B, Hkv, H / Hkv, S, D], with the heads of `keys`.
    private func grouped(_ keys: Term) throws(GraphError) -> Term {
        if shape[1] == keys.shape[1] { return try reshape([shape[0], shape[1], 1, shape[2], shape[3]]) }
        guard let heads = shape[1].fixedValue, let keyHeads = keys.shape[1].fixedValue, keyHeads > 0,
            heads % keyHeads == 0
        else {
            throw GraphError(
                .shapeMismatch,
                "the \(shape[1]) heads of the queries are no multiple of the \(keys.shape[1]) of the keys"
            )
        }
        return try reshape([shape[0], .fixed(keyHeads), .fixed(heads / keyHeads), shape[2], shape[3]])
    }
}
