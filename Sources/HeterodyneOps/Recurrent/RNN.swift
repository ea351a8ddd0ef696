// Heterodyne: the plain recurrent layer.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `rnn(x, w, r, …)`: `H = f(X W^T + H R^T + Wb + Rb)` over a sequence, in the layout of ONNX RNN.
///
/// Operands: x `[length, batch, input]`, w `[directions, hidden, input]`, r `[directions, hidden, hidden]`, then as the
/// settings say bias `[directions, 2 hidden]`, lengths `[batch]`, initial hidden state `[directions, batch, hidden]`.
/// Results: Y `[length, directions, batch, hidden]` and the last hidden state. Beyond a sequence's length Y is zero and
/// the state stays. The usual activation is tanh. Narrow floats are computed in float32.
public struct RNN: SettingsComposite {
    /// `rnn`.
    public static let name = "rnn"
    /// Direction, activations and optional operands.
    public var settings: RecurrentSettings

    /// The layer with `settings`.
    public init(_ settings: RecurrentSettings = RecurrentSettings()) { self.settings = settings }

    private func shape(_ operands: [TensorType]) throws(GraphError) -> RecurrentShape {
        try settings.check(operands, gates: 1, activationCount: 1, extra: [])
    }

    /// Y and the last hidden state.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try shape(operands).results(operands[0].scalarType, states: 1)
    }

    /// One projection of the whole input and a `scan` per direction.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let shape = try shape(operands.map(\.type))
        let named = try RecurrentOperands(operands, settings)
        var directions: [RecurrentDirectionOperands] = []
        for index in 0..<shape.directions {
            var projected = try named.projection(index)
            if let bias = try named.biases(index) {
                projected = try projected + (bias.input + bias.recurrent).along(projected.shape)
            }
            directions.append(
                RecurrentDirectionOperands(
                    index: index, projected: projected,
                    invariants: [try RecurrentOperands.direction(named.r, index)],
                    states: [try named.initialState(named.initialHidden, index, shape)]))
        }
        return try RecurrentLayer.run(
            named, settings, shape, result: operands[0].scalarType, directions: directions
        ) { direction, states, x, invariants throws(GraphError) in
            let sum = try x + states[0].timesTransposed(invariants[0])
            return [try settings.activate(settings.bounded(sum), 0, direction: direction, defaults: [.tanh])]
        }
    }
}
