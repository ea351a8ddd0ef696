// Heterodyne: the ONNX operator Attention.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// One node Attention of versions 23 to 25: `softmax(cap(q kᵀ * scale) + bias) v` with a cache of past keys and values.
///
/// Query `i` stands at position `i + offset`, where `offset` counts the keys before the queries: the length of the
/// past, or, for a cache outside of the operator, `nonpad_kv_seqlen - Sq`. Where nobody wants the scores it becomes the
/// composite `Attention`; like that, a query that sees no key gives zeros.
struct AttentionCall {
    /// What the fourth output holds (attribute `qk_matmul_output_mode`).
    private enum Scores: Int {
        case products = 0
        case capped = 1
        case biased = 2
        case weights = 3
    }

    /// [B, H, Sq, D].
    private let queries: Term
    /// With the past: [B, Hkv, Sk, D].
    private let keys: Term
    /// With the past: [B, Hkv, Sk, Dv].
    private let values: Term
    /// The number of keys before those of the node.
    private let past: Extent?
    /// The number of keys of the node.
    private let newKeys: Extent
    /// [B]: the keys of each sample that are no padding.
    private let lengths: Term?
    private let isPacked: Bool
    private let isCausal: Bool
    /// Positions to the left and right that a query sees; nil for all.
    private let window: (left: Int?, right: Int?)
    private let scale: Double
    private let softcap: Double?
    private let precision: ScalarType?
    private let scores: Scores
    /// Bool, broadcasts to [B, H, Sq, Sk]: whether the mask lets the query see the key.
    private let isVisible: Term?
    /// Broadcasts to [B, H, Sq, Sk]: what the mask adds to the scores.
    private let bias: Term?

    init(_ context: OperatorContext) throws(GraphError) {
        let given = (try context.term(0), try context.term(1), try context.term(2))
        for (term, name) in [(given.0, "Q"), (given.1, "K"), (given.2, "V")] {
            guard term.scalarType.isFloatingPoint, term.rank == given.0.rank, term.rank == 3 || term.rank == 4 else {
                throw GraphError(
                    .shapeMismatch,
                    "\(name) is \(term.type); Q, K and V must be floats and all have rank 3 or all have rank 4")
            }
        }
        isPacked = given.0.rank == 3
        let heads = (try context.optionalInt("q_num_heads"), try context.optionalInt("kv_num_heads"))
        let (newKey, newValue): (Term, Term)
        if isPacked {
            guard let queryHeads = heads.0, let keyHeads = heads.1 else {
                throw GraphError(
                    .invalidAttribute, "attributes 'q_num_heads' and 'kv_num_heads' are needed with inputs of rank 3")
            }
            queries = try given.0.heads(queryHeads, "Q")
            (newKey, newValue) = (try given.1.heads(keyHeads, "K"), try given.2.heads(keyHeads, "V"))
        } else {
            for (count, term, name) in [(heads.0, given.0, "q_num_heads"), (heads.1, given.1, "kv_num_heads")] {
                guard count == nil || term.shape[1] == .fixed(count ?? 0) else {
                    throw GraphError(.invalidAttribute, "attribute '\(name)' is \(count ?? 0) beside \(term.type)")
                }
            }
            (queries, newKey, newValue) = given
        }
        newKeys = newKey.shape[2]
        guard context.has(4) == context.has(5) else {
            throw GraphError(.operandCount, "past_key and past_value are only used together")
        }
        lengths = try context.optionalTerm(6)
        if context.has(4) {
            guard lengths == nil else {
                throw GraphError(.operandCount, "nonpad_kv_seqlen is not used together with past_key and past_value")
            }
            let (pastKey, pastValue) = (try context.term(4), try context.term(5))
            guard pastKey.rank == 4, pastValue.rank == 4 else {
                throw GraphError(
                    .shapeMismatch,
                    "past_key \(pastKey.type) and past_value \(pastValue.type) must be [batch, heads, length, depth]")
            }
            past = pastKey.shape[2]
            keys = try context.builder.concatenate([pastKey, newKey], dimension: 2)
            values = try context.builder.concatenate([pastValue, newValue], dimension: 2)
        } else {
            past = nil
            (keys, values) = (newKey, newValue)
        }
        if let lengths, lengths.rank != 1 || lengths.scalarType != .int64 {
            throw GraphError(.shapeMismatch, "nonpad_kv_seqlen is \(lengths.type); it must be int64[batch]")
        }
        isCausal = try context.bool("is_causal")
        window = (try Self.window(context, "left_window_size"), try Self.window(context, "right_window_size"))
        if let scale = try context.optionalFloat("scale") {
            self.scale = scale
        } else {
            guard let depth = queries.shape[3].fixedValue else {
                throw GraphError(.unboundSymbol, "the depth of Q \(queries.type) must be a number, or give 'scale'")
            }
            scale = depth == 0 ? 1 : 1 / Double(depth).squareRoot()
        }
        let cap = try context.float("softcap", default: 0)
        softcap = cap > 0 ? cap : nil
        precision = try context.floatPrecision("softmax_precision")
        let mode = try context.int("qk_matmul_output_mode", default: 0)
        guard let scores = Scores(rawValue: mode) else {
            throw GraphError(.invalidAttribute, "attribute 'qk_matmul_output_mode' is \(mode); it may be 0 to 3")
        }
        self.scores = scores
        let mask = try Self.mask(context, keys: keys.shape[2])
        isVisible = mask?.scalarType == .bool ? mask : nil
        bias = mask?.scalarType == .bool ? nil : try mask?.convert(queries.scalarType)
    }

    private static func window(_ context: OperatorContext, _ name: String) throws(GraphError) -> Int? {
        let size = try context.int(name, default: -1)
        guard size >= -1 else {
            throw GraphError(.invalidAttribute, "attribute '\(name)' is \(size); it may be -1 and above")
        }
        return size == -1 ? nil : size
    }

    /// The mask; from version 24 on one that is too short hides the keys that it lacks.
    private static func mask(_ context: OperatorContext, keys: Extent) throws(GraphError) -> Term? {
        guard let mask = try context.optionalTerm(3) else { return nil }
        guard (1...4).contains(mask.rank) else {
            throw GraphError(.shapeMismatch, "attn_mask is \(mask.type); its rank may be 1 to 4")
        }
        guard context.version >= 24, let length = mask.shape[mask.rank - 1].fixedValue, let total = keys.fixedValue,
            length < total
        else { return mask }
        // Where there is no way to say "hidden" in the mask's own type, it is added and must be a float.
        let padded = mask.scalarType.isFloatingPoint || mask.scalarType == .bool ? mask : try mask.convert(.float32)
        let missing = TensorType(
            padded.scalarType, Shape(mask.shape.dimensions.dropLast() + [.fixed(total - length)]))
        let hidden = try context.constant(padded.scalarType == .bool ? 0 : -.infinity, missing)
        return try context.builder.concatenate([padded, hidden], dimension: mask.rank - 1)
    }

    // MARK: - Results

    /// Y, present_key, present_value, qk_matmul_output.
    func results(_ context: OperatorContext) throws(GraphError) -> [Term] {
        // Keys and values of several types are computed in one that holds them all.
        let types = Set([queries, keys, values].map(\.scalarType))
        let type: ScalarType = types.count == 1 ? queries.scalarType : types.contains(.float64) ? .float64 : .float32
        let (q, k, v) = (try queries.convert(type), try keys.convert(type), try values.convert(type))
        var output: Term
        var exposed: Term?
        if context.wants(output: 3) || precision ?? .float32 != .float32 && precision != type {
            (output, exposed) = try writtenOut(q, k, v)
        } else {
            output = try composite(q, k, v)
        }
        output = try output.convert(queries.scalarType)
        if isPacked { output = try output.mergingHeads() }
        return [output, keys, values] + [try exposed?.convert(queries.scalarType)].compactMap(\.self)
    }

    private func composite(_ q: Term, _ k: Term, _ v: Term) throws(GraphError) -> Term {
        var causality = Attention.Causality.none
        if isCausal, window.left == nil, window.right == nil, lengths == nil {
            if past == nil || past == 0 {
                causality = .topLeft
            } else if newKeys == q.shape[2] {
                causality = .bottomRight
            }
        }
        let allowed = try visibility(isCausalDone: causality != .none)
        return try q.attention(
            keys: k, values: v, mask: allowed == nil && bias == nil ? nil : addedMask(allowed, q.scalarType),
            causality: causality, scale: scale, softcap: softcap)
    }

    /// Bool, or of the type of the scores.
    private func addedMask(_ allowed: Term?, _ type: ScalarType) throws(GraphError) -> Term? {
        guard let bias = try bias?.convert(type) else { return allowed }
        guard let allowed else { return bias }
        let (condition, added) = try bias.builder.broadcastTogether(allowed, bias)
        return try condition.select(added, added.like(-.infinity))
    }

    /// The steps one by one, in the type of the operands, and what the fourth output shows.
    private func writtenOut(_ q: Term, _ k: Term, _ v: Term) throws(GraphError) -> (Term, Term) {
        // Both are scaled by the root, so that products of float16 stay in range.
        let root = Swift.abs(scale).squareRoot()
        let products = try (q * (scale < 0 ? -root : root)).groupedProducts(k * root)
        var capped = products
        if let softcap { capped = try (capped / softcap).tanh() * softcap }
        var biased = capped
        var isBlind: Term?
        if let mask = try addedMask(visibility(isCausalDone: false), q.scalarType) {
            let mask = try mask.broadcast(to: capped.shape)
            let hidden = try capped.like(-.infinity)
            if mask.scalarType == .bool {
                biased = try mask.select(capped, hidden)
                isBlind = try mask.reduce(.or, [3]).not()
            } else {
                biased = try capped + mask
                isBlind = try mask.reduce(.maximum, [3]).compare(.equal, -.infinity)
            }
        }
        var weights = try biased.convert(precision ?? q.scalarType).softmax(axis: 3)
        if let isBlind {
            weights = try isBlind.broadcast(weights.shape, dimensions: [0, 1, 2]).select(weights.like(0), weights)
        }
        weights = try weights.convert(q.scalarType)
        let exposed =
            switch scores {
            case .products: products
            case .capped: capped
            case .biased: biased
            case .weights: weights
            }
        return (try weights.groupedSums(v), exposed)
    }

    // MARK: - What queries see

    /// Whether each query sees each key by the mask, the positions and the lengths; nil where all see all.
    private func visibility(isCausalDone: Bool) throws(GraphError) -> Term? {
        var conditions = [isVisible].compactMap(\.self)
        let byPosition = isCausal && !isCausalDone
        if byPosition || window.left != nil || window.right != nil {
            let (query, key) = try positions()
            if byPosition { conditions.append(try key.compare(.lessOrEqual, query)) }
            // No length comes near this bound, and it can be subtracted from.
            let limit = 1 << 40
            if let left = window.left {
                conditions.append(try (query - key).compare(.lessOrEqual, Double(min(left, limit))))
            }
            if let right = window.right {
                conditions.append(try (key - query).compare(.lessOrEqual, Double(min(right, limit))))
            }
        }
        if let lengths {
            let type = TensorType(.int64, [queries.shape[0], 1, 1, keys.shape[2]])
            let key = try lengths.builder.iota(type, dimension: 3)
            conditions.append(try key.compare(.less, samples(lengths).broadcast(to: type.shape)))
        }
        guard var all = conditions.first else { return nil }
        for condition in conditions.dropFirst() {
            let (a, b) = try all.builder.broadcastTogether(all, condition)
            all = try a.and(b)
        }
        return all
    }

    /// [B] as [B, 1, 1, 1].
    private func samples(_ lengths: Term) throws(GraphError) -> Term {
        try lengths.reshape([lengths.shape[0], 1, 1, 1])
    }

    /// The positions of the queries and of the keys, both [Sq, Sk] or both [B, 1, Sq, Sk].
    private func positions() throws(GraphError) -> (query: Term, key: Term) {
        let builder = queries.builder
        let type = TensorType(.int64, [queries.shape[2], keys.shape[2]])
        var query = try builder.iota(type, dimension: 0)
        let key = try builder.iota(type, dimension: 1)
        if let past, past != 0 {
            // The first query stands behind the past, which is as long as this.
            let offset = try count(past, in: builder)
            query = try query + offset.broadcast(to: type.shape)
        }
        guard let lengths else { return (query, key) }
        let shape: Shape = [queries.shape[0], 1, queries.shape[2], keys.shape[2]]
        let queryCount = try count(queries.shape[2], in: builder)
        let offset = try samples(lengths) - queryCount.broadcast([lengths.shape[0], 1, 1, 1], dimensions: [])
        return (try query.broadcast(to: shape) + offset.broadcast(to: shape), try key.broadcast(to: shape))
    }

    /// An extent as a scalar of int64: the sum of ones where it is symbolic.
    private func count(_ extent: Extent, in builder: GraphBuilder) throws(GraphError) -> Term {
        if let number = extent.fixedValue { return try builder.constant(Double(number), .scalar(.int64)) }
        return try builder.constant(1, TensorType(.int64, Shape([extent]))).reduce(.sum, [0])
    }
}

extension OperatorContext {
    /// The float type that an attribute names by its number; nil where it is not given.
    func floatPrecision(_ name: String) throws(GraphError) -> ScalarType? {
        guard let element = try optionalElementType(name) else { return nil }
        switch element {
        case .float32: return .float32
        case .float16: return .float16
        case .bfloat16: return .bfloat16
        case .float64: return .float64
        default:
            throw GraphError(
                .invalidAttribute, "attribute \(quoted(name)) is \(element), which is no type to compute in")
        }
    }
}
