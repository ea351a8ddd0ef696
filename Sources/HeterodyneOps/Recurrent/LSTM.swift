// Heterodyne: long short-term memory.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `lstm(x, w, r, …)`: long short-term memory over a sequence, in the layout of ONNX LSTM (gates i, o, f, c).
///
///     i = f(X Wi^T + H Ri^T + Pi * C + Wbi + Rbi)     f = f(X Wf^T + H Rf^T + Pf * C + Wbf + Rbf)
///     c = g(X Wc^T + H Rc^T + Wbc + Rbc)              C = f * C + i * c
///     o = f(X Wo^T + H Ro^T + Po * C + Wbo + Rbo)     H = o * h(C)
///
/// With `inputForget` f is `1 - i`. Operands: x `[length, batch, input]`, w `[directions, 4 hidden, input]`, r
/// `[directions, 4 hidden, hidden]`, then as the settings say bias `[directions, 8 hidden]`, lengths `[batch]`, initial
/// hidden state and initial cell state `[directions, batch, hidden]`, peepholes `[directions, 3 hidden]` (i, o, f).
/// Results: Y `[length, directions, batch, hidden]`, the last hidden state and the last cell state. The usual
/// activations f, g, h are sigmoid, tanh and tanh. `clip` bounds what enters f and g.
public struct LSTM: AttributedComposite {
    /// `lstm`.
    public static let name = "lstm"
    /// Direction, activations and optional operands.
    public var settings: RecurrentSettings
    /// Whether an initial cell state is given; it is zero otherwise.
    public var hasInitialCell: Bool
    /// Whether the gates also see the cell state.
    public var hasPeepholes: Bool
    /// Whether the forget gate is one minus the input gate.
    public var inputForget: Bool

    /// The layer with `settings`.
    public init(
        _ settings: RecurrentSettings = RecurrentSettings(), hasInitialCell: Bool = false, hasPeepholes: Bool = false,
        inputForget: Bool = false
    ) {
        self.settings = settings
        self.hasInitialCell = hasInitialCell
        self.hasPeepholes = hasPeepholes
        self.inputForget = inputForget
    }
    /// The attributes as data.
    public var attributes: Attributes {
        settings.attributes + [
            "hasInitialCell": .bool(hasInitialCell), "hasPeepholes": .bool(hasPeepholes),
            "inputForget": .bool(inputForget),
        ]
    }
    /// Reads the settings, hasInitialCell, hasPeepholes and inputForget.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        settings = try RecurrentSettings(&reader)
        hasInitialCell = try reader.bool("hasInitialCell")
        hasPeepholes = try reader.bool("hasPeepholes")
        inputForget = try reader.bool("inputForget")
    }

    private func shape(_ operands: [TensorType]) throws(GraphError) -> RecurrentShape {
        let extra =
            (hasInitialCell ? ["initial cell state"] : []) + (hasPeepholes ? ["peepholes"] : [])
        return try settings.check(operands, gates: 4, activationCount: 3, extra: extra)
    }

    /// Y, the last hidden state and the last cell state.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try shape(operands).results(operands[0].scalarType, states: 2)
    }

    /// One projection of the whole input and a `scan` per direction.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let shape = try shape(operands.map(\.type))
        let named = try RecurrentOperands(operands, settings)
        let initialCell = hasInitialCell ? named.others.first : nil
        let peepholes = hasPeepholes ? named.others.last : nil
        var directions: [RecurrentDirectionOperands] = []
        for index in 0..<shape.directions {
            var projected = try named.projection(index)
            if let bias = try named.biases(index) {
                projected = try projected + (bias.input + bias.recurrent).along(projected.shape)
            }
            var invariants = [try RecurrentOperands.direction(named.r, index)]
            if let peepholes { invariants.append(try RecurrentOperands.direction(peepholes, index)) }
            directions.append(
                RecurrentDirectionOperands(
                    index: index, projected: projected, invariants: invariants,
                    states: [
                        try named.initialState(named.initialHidden, index, shape),
                        try named.initialState(initialCell, index, shape),
                    ]))
        }
        return try RecurrentLayer.run(
            named, settings, shape, result: operands[0].scalarType, directions: directions
        ) { direction, states, x, invariants throws(GraphError) in
            try cell(direction, states, x, invariants, shape.hidden)
        }
    }

    private func cell(
        _ direction: Int, _ states: [Term], _ x: Term, _ invariants: [Term], _ hidden: Int
    ) throws(GraphError) -> [Term] {
        let (h, c) = (states[0], states[1])
        let sums = try (x + h.timesTransposed(invariants[0]))
            .split(axis: 1, sizes: [Int](repeating: hidden, count: 4))
        func gate(_ sum: Term, _ activation: Int) throws(GraphError) -> Term {
            try settings.activate(
                settings.bounded(sum), activation, direction: direction, defaults: [.sigmoid, .tanh, .tanh])
        }
        func peek(_ sum: Term, _ index: Int, _ cell: Term) throws(GraphError) -> Term {
            guard hasPeepholes else { return sum }
            let weights = try invariants[1].slice([index * hidden], [(index + 1) * hidden])
            return try sum + weights.along(cell.shape) * cell
        }
        let input = try gate(peek(sums[0], 0, c), 0)
        let forget = inputForget ? try 1 - input : try gate(peek(sums[2], 2, c), 0)
        let next = try forget * c + input * gate(sums[3], 1)
        let output = try gate(peek(sums[1], 1, next), 0)
        let visible = try settings.activate(next, 2, direction: direction, defaults: [.sigmoid, .tanh, .tanh])
        return [try output * visible, next]
    }
}
