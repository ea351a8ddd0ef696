// Heterodyne: the gated recurrent unit.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `gru(x, w, r, …)`: the gated recurrent unit over a sequence, in the layout of ONNX GRU (gates z, r, h).
///
///     z = f(X Wz^T + H Rz^T + Wbz + Rbz)        r = f(X Wr^T + H Rr^T + Wbr + Rbr)
///     h = g(X Wh^T + (r * H) Rh^T + Rbh + Wbh)  or with linearBeforeReset g(X Wh^T + r * (H Rh^T + Rbh) + Wbh)
///     H = (1 - z) * h + z * H
///
/// Operands: x `[length, batch, input]`, w `[directions, 3 hidden, input]`, r `[directions, 3 hidden, hidden]`, then as
/// the settings say bias `[directions, 6 hidden]`, lengths `[batch]`, initial hidden state `[directions, batch,
/// hidden]`. Results as for `rnn`. The usual activations f, g are sigmoid and tanh.
public struct GRU: AttributedComposite {
    /// `gru`.
    public static let name = "gru"
    /// Direction, activations and optional operands.
    public var settings: RecurrentSettings
    /// Whether the reset gate acts after the recurrent product, as in cuDNN and PyTorch.
    public var linearBeforeReset: Bool

    /// The layer with `settings`.
    public init(_ settings: RecurrentSettings = RecurrentSettings(), linearBeforeReset: Bool = false) {
        self.settings = settings
        self.linearBeforeReset = linearBeforeReset
    }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes + ["linearBeforeReset": .bool(linearBeforeReset)] }
    /// Reads the settings and linearBeforeReset.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        settings = try RecurrentSettings(&reader)
        linearBeforeReset = try reader.bool("linearBeforeReset")
    }

    private func shape(_ operands: [TensorType]) throws(GraphError) -> RecurrentShape {
        try settings.check(operands, gates: 3, activationCount: 2, extra: [])
    }

    /// Y and the last hidden state.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try shape(operands).results(operands[0].scalarType, states: 1)
    }

    /// One projection of the whole input and a `scan` per direction.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let shape = try shape(operands.map(\.type))
        let hidden = shape.hidden
        let named = try RecurrentOperands(operands, settings)
        var directions: [RecurrentDirectionOperands] = []
        for index in 0..<shape.directions {
            var projected = try named.projection(index)
            let weights = try RecurrentOperands.direction(named.r, index)
            var invariants = [
                try weights.slice(dimension: 0, from: 0, to: .fixed(2 * hidden)),
                try weights.slice(dimension: 0, from: .fixed(2 * hidden), to: .fixed(3 * hidden)),
            ]
            if let bias = try named.biases(index) {
                let recurrent = try bias.recurrent.split(axis: 0, sizes: [2 * hidden, hidden])
                // With linearBeforeReset the reset gate scales the last third, so it cannot join the projection.
                let late = linearBeforeReset ? try recurrent[1].like(0) : recurrent[1]
                let early = try builder.concatenate([recurrent[0], late], dimension: 0)
                projected = try projected + (bias.input + early).along(projected.shape)
                if linearBeforeReset { invariants.append(recurrent[1]) }
            }
            directions.append(
                RecurrentDirectionOperands(
                    index: index, projected: projected, invariants: invariants,
                    states: [try named.initialState(named.initialHidden, index, shape)]))
        }
        return try RecurrentLayer.run(
            named, settings, shape, result: operands[0].scalarType, directions: directions
        ) { direction, states, x, invariants throws(GraphError) in
            [try cell(direction, states[0], x, invariants, hidden)]
        }
    }

    private func cell(
        _ direction: Int, _ h: Term, _ x: Term, _ invariants: [Term], _ hidden: Int
    ) throws(GraphError) -> Term {
        let defaults: [RecurrentActivation] = [.sigmoid, .tanh]
        let inputs = try x.split(axis: 1, sizes: [2 * hidden, hidden])
        let gates = try settings.activate(
            settings.bounded(inputs[0] + h.timesTransposed(invariants[0])), 0, direction: direction,
            defaults: defaults
        ).split(axis: 1, sizes: [hidden, hidden])
        let (z, r) = (gates[0], gates[1])
        var candidate: Term
        if linearBeforeReset {
            candidate = try h.timesTransposed(invariants[1])
            if settings.hasBias { candidate = try candidate + invariants[2].along(candidate.shape) }
            candidate = try r * candidate
        } else {
            candidate = try (r * h).timesTransposed(invariants[1])
        }
        candidate = try settings.activate(
            settings.bounded(inputs[1] + candidate), 1, direction: direction, defaults: defaults)
        return try (1 - z) * candidate + z * h
    }
}
