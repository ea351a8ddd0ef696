// Heterodyne: scaled dot-product attention.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (q [B, H, Sq, D], k [B, Hkv, Sk, D], v [B, Hkv, Sk, Dv], [mask]):
/// `softmax(cap(q kᵀ * scale) + mask) v` (Vaswani et al. 2017), with `cap(s) = softcap * tanh(s / softcap)`.
///
/// `H` is a multiple of `Hkv`: query head `h` sees key head `h / (H / Hkv)` (Ainslie et al. 2023). The mask broadcasts,
/// as NumPy does, to [B, H, Sq, Sk]; where it is bool, false hides a key, else it is added. A query that sees no key
/// gives zeros. Narrow floats are computed in float32 and rounded once.
public struct Attention: AttributedComposite {
    /// Which keys come after a query and are hidden from it.
    public enum Causality: String, Sendable, Hashable, CaseIterable {
        /// None.
        case none
        /// Query i sees the keys up to i, as in PyTorch.
        case topLeft
        /// The last query sees the last key: query i sees the keys up to i + Sk - Sq.
        case bottomRight
    }

    /// `attention`.
    public static let name = "attention"
    /// Which keys come after a query and are hidden from it.
    public let causality: Causality
    /// The factor of the scores; `1/√D` where nil.
    public let scale: Double?
    /// The bound of the scores, above 0; none where nil.
    public let softcap: Double?

    /// Scaled dot-product attention.
    public init(causality: Causality = .none, scale: Double? = nil, softcap: Double? = nil) {
        self.causality = causality
        self.scale = scale
        self.softcap = softcap
    }

    /// `causality`, and `scale` and `softcap` where they are given.
    public var attributes: Attributes {
        var attributes: Attributes = ["causality": .string(causality.rawValue)]
        if let scale { attributes.set("scale", .number(scale)) }
        if let softcap { attributes.set("softcap", .number(softcap)) }
        return attributes
    }

    /// Reads `causality`, and `scale` and `softcap` where they are given.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        causality = try reader.choice("causality")
        scale = try reader.optionalNumber("scale")
        softcap = try reader.optionalNumber("softcap")
    }

    /// `q`'s scalar type, shape [B, H, Sq, Dv].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 3...4, "q, k, v, mask")
        let (q, k, v) = (operands[0], operands[1], operands[2])
        for (operand, name) in zip(operands, ["q", "k", "v"]) {
            try OperandRules.float(operand, name)
            try OperandRules.require(
                operand.scalarType == q.scalarType, .invalidType, "q is \(q) and \(name) is \(operand); convert one")
            try OperandRules.require(
                operand.rank == 4, .shapeMismatch, "\(name) is \(operand); it must be [batch, heads, length, depth]")
        }
        if let scale { try OperandRules.finite(scale, "scale") }
        if let softcap {
            try OperandRules.require(
                softcap.isFinite && softcap > 0, .invalidAttribute, "softcap \(softcap) must be finite and above 0")
        }
        try OperandRules.require(
            k.shape[0] == q.shape[0] && v.shape[0] == q.shape[0], .shapeMismatch,
            "the batches of q \(q), k \(k) and v \(v) differ")
        try OperandRules.require(
            k.shape[1] == v.shape[1] && k.shape[2] == v.shape[2], .shapeMismatch,
            "heads or lengths of k \(k) and v \(v) differ")
        try OperandRules.require(
            q.shape[3] == k.shape[3], .shapeMismatch, "the depths of q \(q) and k \(k) differ")
        _ = try queriesPerKeyHead(q, k)
        if operands.count > 3 {
            let mask = operands[3]
            if mask.scalarType != .bool { try OperandRules.parameter(mask, of: q, "mask") }
            try OperandRules.broadcasts(
                mask, to: [q.shape[0], q.shape[1], q.shape[2], k.shape[2]], "mask")
        }
        return [q.with([q.shape[0], q.shape[1], q.shape[2], v.shape[3]])]
    }

    private func queriesPerKeyHead(_ q: TensorType, _ k: TensorType) throws(GraphError) -> Extent {
        if q.shape[1] == k.shape[1] { return 1 }
        guard case .fixed(let heads) = q.shape[1], case .fixed(let keyHeads) = k.shape[1] else {
            throw GraphError(
                .unboundSymbol, "the numbers of heads of q \(q) and k \(k) differ and must be numbers then")
        }
        try OperandRules.require(
            keyHeads > 0 && heads % keyHeads == 0, .shapeMismatch,
            "the \(heads) heads of q are no multiple of the \(keyHeads) heads of k and v")
        return .fixed(heads / keyHeads)
    }

    private func factor(_ q: TensorType) throws(GraphError) -> Double {
        if let scale { return scale }
        guard case .fixed(let depth) = q.shape[3] else {
            throw GraphError(.unboundSymbol, "the depth of q \(q) must be a number, or give scale")
        }
        return depth == 0 ? 1 : 1 / Double(depth).squareRoot()
    }

    /// Two dots with a softmax between; the whole score matrix is made.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (q, k, v) = (operands[0], operands[1], operands[2])
        let wide = q.scalarType.computationType
        let group = try queriesPerKeyHead(q.type, k.type)
        let (batch, heads, queries, depth) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
        let (keyHeads, keys) = (k.shape[1], k.shape[2])
        let grouped = try q.reshape([batch, keyHeads, group, queries, depth])
        var scores = try grouped.dot(
            k, DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [4], rightContracting: [3]),
            result: wide)
        scores = try scores.reshape([batch, heads, queries, keys]) * factor(q.type)
        if let softcap { scores = try (scores / softcap).tanh() * softcap }
        scores = try masked(scores, operands.count > 3 ? operands[3] : nil)
        let weights = try normalized(scores).reshape([batch, keyHeads, group, queries, keys])
        let result = try weights.dot(
            v.widened(),
            DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [4], rightContracting: [2]))
        return [
            try result.reshape([batch, heads, queries, v.shape[3]]).convert(q.scalarType)
        ]
    }

    private func masked(_ scores: Term, _ mask: Term?) throws(GraphError) -> Term {
        let hidden = try scores.like(-.infinity)
        var result = scores
        if let mask {
            if mask.scalarType == .bool {
                result = try mask.broadcast(to: scores.shape).select(result, hidden)
            } else {
                result = try result + mask.convert(scores.scalarType).broadcast(to: scores.shape)
            }
        }
        if causality == .none { return result }
        let type = TensorType(.int64, [scores.shape[2], scores.shape[3]])
        var query = try scores.builder.iota(type, dimension: 0)
        var key = try scores.builder.iota(type, dimension: 1)
        var isVisible = try key.compare(.lessOrEqual, query)
        if causality == .bottomRight {
            // Counted from the end, so that symbolic lengths need no arithmetic.
            query = try query.reverse([0])
            key = try key.reverse([1])
            isVisible = try key.compare(.greaterOrEqual, query)
        }
        return try isVisible.broadcast(to: scores.shape).select(result, hidden)
    }

    /// The softmax along the last dimension; rows of nothing but minus infinity give zeros.
    private func normalized(_ scores: Term) throws(GraphError) -> Term {
        let rows = [0, 1, 2]
        let largest = try scores.reduce(.maximum, [3])
        let shift = try largest.compare(.equal, -.infinity).select(largest.like(0), largest)
        let e = try (scores - shift.broadcast(like: scores, axes: rows)).exp()
        let sum = try e.reduce(.sum, [3])
        let divisor = try sum.compare(.equal, 0).select(sum.like(1), sum)
        return try e / divisor.broadcast(like: scores, axes: rows)
    }
}

extension Term {
    /// The attention of this term's queries [B, H, Sq, D] over `keys` [B, Hkv, Sk, D] and `values` [B, Hkv, Sk, Dv].
    public func attention(
        keys: Term, values: Term, mask: Term? = nil, causality: Attention.Causality = .none, scale: Double? = nil,
        softcap: Double? = nil
    ) throws(GraphError) -> Term {
        try builder.add(
            Attention(causality: causality, scale: scale, softcap: softcap),
            [self, keys, values, mask].compactMap(\.self))
    }
}
