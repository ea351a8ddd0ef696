// Heterodyne: the ONNX operators LinearAttention and CausalConvWithState.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorContext {
    /// `LinearAttention`: a state S [B, Hkv, Dk, Dv] that every step decays, corrects and reads.
    ///
    /// `S = exp(g) S`; `S = S + k ⊗ u`; `o = scale * qᵀ S`, where `u` is `v`, or, by the delta rule,
    /// `β (v - Sᵀ k)` (Yang et al. 2024). Inputs query [B, T, H * Dk], key [B, T, Hkv * Dk], value [B, T, Hkv * Dv], past_state,
    /// decay [B, T, Hkv * Dk or Hkv], beta [B, T, Hkv or 1]. Computed in float32.
    func linearAttention() throws(GraphError) -> [Term] {
        let rule = try choice(
            "update_rule", default: "gated_delta",
            ["linear": (false, false), "gated": (true, false), "delta": (false, true), "gated_delta": (true, true)])
        let (isGated, isDelta) = rule
        guard has(4) == isGated, has(5) == isDelta else {
            throw GraphError(
                .operandCount,
                "update_rule \(quoted(try string("update_rule", default: "gated_delta"))) "
                    + "\(isGated ? "needs" : "has no") decay and \(isDelta ? "needs" : "has no") beta")
        }
        let (heads, keyHeads) = (try int("q_num_heads"), try int("kv_num_heads"))
        guard heads > 0, keyHeads > 0, heads % keyHeads == 0 else {
            throw GraphError(
                .invalidAttribute,
                "attribute 'q_num_heads' is \(heads), no positive multiple of kv_num_heads \(keyHeads)")
        }
        let (query, key, value) = (try term(0), try term(1), try term(2))
        let q = try steps(query, "query", keyHeads, inner: heads / keyHeads)
        let k = try steps(key, "key", keyHeads)
        let v = try steps(value, "value", keyHeads)
        guard q.shape[4] == k.shape[3], q.shape[0] == k.shape[0], q.shape[0] == v.shape[0],
            q.shape[1] == k.shape[1], q.shape[1] == v.shape[1]
        else {
            throw GraphError(
                .shapeMismatch, "query \(query.type), key \(key.type) and value \(value.type) do not fit together")
        }
        var sequences = [q, k, v]
        if isGated {
            let decay = try term(4)
            let perHead = try steps(decay, "decay", keyHeads)
            guard perHead.shape[3] == 1 || perHead.shape[3] == k.shape[3] else {
                throw GraphError(
                    .shapeMismatch, "decay is \(decay.type); its last dimension must be the heads or that of the key")
            }
            sequences.append(try perHead.exp().broadcast(to: k.shape))
        }
        if isDelta {
            let beta = try term(5)
            guard beta.rank == 3, beta.shape[2] == .fixed(keyHeads) || beta.shape[2] == 1 else {
                throw GraphError(.shapeMismatch, "beta is \(beta.type); it must be [batch, length, \(keyHeads) or 1]")
            }
            let perHead = try beta.convert(.float32).transpose([1, 0, 2]).expandDimensions([3])
            sequences.append(try perHead.broadcast(to: v.shape))
        }
        let stateShape: Shape = [q.shape[1], .fixed(keyHeads), k.shape[3], v.shape[3]]
        let past = try optionalTerm(3)
        guard past == nil || past?.shape == stateShape else {
            throw GraphError(.shapeMismatch, "past_state is \(past?.type.description ?? ""); it must be \(stateShape)")
        }
        let state: Term
        if let past {
            state = try past.convert(.float32)
        } else {
            state = try constant(0, TensorType(.float32, stateShape))
        }
        let (last, outputs) = try run(sequences, from: state, isGated: isGated, isDelta: isDelta)
        var factor = try float("scale", default: 0)
        if factor == 0 {
            guard let depth = k.shape[3].fixedValue else {
                throw GraphError(.unboundSymbol, "the depth of key \(key.type) must be a number, or give 'scale'")
            }
            factor = depth == 0 ? 1 : 1 / Double(depth).squareRoot()
        }
        // [T, B, Hkv, G, Dv] as [B, T, H * Dv].
        let width = try v.shape[3].multiplied(by: .fixed(heads))
        let packed = try (outputs * factor).transpose([1, 0, 2, 3, 4]).reshape([q.shape[1], q.shape[0], width])
        return [
            try packed.convert(query.scalarType), try last.convert(past?.scalarType ?? query.scalarType),
        ]
    }

    /// The last state and what every step reads, [T, B, Hkv, G, Dv]. A single step, as in decoding, needs no loop.
    private func run(
        _ sequences: [Term], from state: Term, isGated: Bool, isDelta: Bool
    ) throws(GraphError) -> (Term, Term) {
        if sequences[0].shape[0] == 1 {
            var slices: [Term] = []
            for sequence in sequences { slices.append(try sequence.squeeze([0])) }
            let (last, output) = try Self.step(state, slices, isGated: isGated, isDelta: isDelta)
            return (last, try output.expandDimensions([0]))
        }
        let results = try builder.scan(states: [state], sequences: sequences) {
            (_, states, slices, _) throws(GraphError) in
            let (next, output) = try Self.step(states[0], slices, isGated: isGated, isDelta: isDelta)
            return ([next], [output])
        }
        return (results.states[0], results.sequences[0])
    }

    /// One step: slices q [B, Hkv, G, Dk], k [B, Hkv, Dk], v [B, Hkv, Dv], the decay like k, beta like v.
    private static func step(
        _ state: Term, _ slices: [Term], isGated: Bool, isDelta: Bool
    ) throws(GraphError) -> (Term, Term) {
        let (q, k, v) = (slices[0], slices[1], slices[2])
        var next = state
        if isGated { next = try next * slices[3].broadcast(state.shape, dimensions: [0, 1, 2]) }
        var update = v
        if isDelta, let beta = slices.last {
            let known = try k.dot(
                next,
                DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [2], rightContracting: [2]))
            update = try beta * (v - known)
        }
        next =
            try next
            + k.broadcast(state.shape, dimensions: [0, 1, 2]) * update.broadcast(state.shape, dimensions: [0, 1, 3])
        let output = try q.dot(
            next, DotDimensions(leftBatch: [0, 1], rightBatch: [0, 1], leftContracting: [3], rightContracting: [2]))
        return (next, output)
    }

    /// [B, T, H * D] as float32 [T, B, H, D], or, with `inner` heads per head, [T, B, H, inner, D].
    private func steps(_ x: Term, _ name: String, _ heads: Int, inner: Int? = nil) throws(GraphError) -> Term {
        let count = heads * (inner ?? 1)
        guard x.rank == 3, let hidden = x.shape[2].fixedValue, hidden % count == 0 else {
            throw GraphError(
                .shapeMismatch,
                "\(name) is \(x.type); it must be [batch, length, hidden], hidden a multiple of \(count)")
        }
        let split = [Extent.fixed(heads)] + (inner.map { [.fixed($0)] } ?? []) + [.fixed(hidden / count)]
        return try x.convert(.float32).transpose([1, 0, 2]).reshape(Shape([x.shape[1], x.shape[0]] + split))
    }

    /// `CausalConvWithState`: every channel convolved on its own with its kernel, over the past positions (or zeros)
    /// and those up to the current one; the second output is the last `k - 1` positions.
    ///
    /// Inputs input [B, C, L], weight [C, 1, k], bias [C], past_state [B, C, k - 1].
    func causalConvolution() throws(GraphError) -> [Term] {
        let (x, weight) = (try term(0), try term(1))
        guard x.rank == 3, weight.rank == 3, weight.shape[1] == 1, weight.shape[0] == x.shape[1],
            let channels = x.shape[1].fixedValue, let kernel = weight.shape[2].fixedValue, channels > 0, kernel > 0
        else {
            throw GraphError(
                .shapeMismatch,
                "input is \(x.type) and weight \(weight.type); they must be [batch, channels, length] and "
                    + "[channels, 1, kernel]")
        }
        let isActivated = try choice(
            "activation", default: "none", ["none": false, "silu": true, "swish": true])
        let stateType = x.type.with([x.shape[0], x.shape[1], .fixed(kernel - 1)])
        let past = has(3) ? try term(3) : try constant(0, stateType)
        guard past.type == stateType else {
            throw GraphError(.shapeMismatch, "past_state is \(past.type); it must be \(stateType)")
        }
        let padded = kernel == 1 ? x : try builder.concatenate([past, x], dimension: 2)
        let composite = Convolution(strides: [1], dilations: [1], low: [0], high: [0], groups: channels)
        var output = try builder.add(composite, [padded, weight] + [optionalTerm(2)].compactMap(\.self))
        if isActivated { output = try output.silu() }
        let state = try padded.slice(dimension: 2, from: x.shape[2], to: padded.shape[2])
        return [output, state]
    }
}
