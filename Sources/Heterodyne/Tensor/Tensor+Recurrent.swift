// Heterodyne: recurrent layers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
    /// A plain recurrent layer over this sequence [length, batch, input], in the layout of ONNX.
    ///
    /// - Parameters:
    ///   - w: input weights [directions, hidden, input].
    ///   - r: recurrent weights [directions, hidden, hidden].
    ///   - bias: [directions, 2 hidden], input biases before recurrent ones.
    ///   - lengths: the integer length of every sequence of the batch.
    ///   - initialHidden: [directions, batch, hidden]; zero where nil.
    ///   - settings: direction, activations and clipping. Which operands are given is filled in.
    /// - Returns: the states of all steps [length, directions, batch, hidden] and the last hidden state.
    public func rnn(
        _ w: Tensor, _ r: Tensor, bias: Tensor? = nil, lengths: Tensor? = nil, initialHidden: Tensor? = nil,
        settings: RecurrentSettings = RecurrentSettings(), file: String = #fileID, line: Int = #line
    ) -> (all: Tensor, last: Tensor) {
        let settings = Self.completed(settings, bias, lengths, initialHidden)
        let results = recurrent(
            RNN(settings), [w, r, bias, lengths, initialHidden], results: 2, .init(file: file, line: line))
        return (results[0], results[1])
    }

    /// A gated recurrent unit (gates z, r, h) over this sequence [length, batch, input], in the layout of ONNX.
    ///
    /// - Parameters:
    ///   - w: input weights [directions, 3 hidden, input].
    ///   - r: recurrent weights [directions, 3 hidden, hidden].
    ///   - bias: [directions, 6 hidden], input biases before recurrent ones.
    ///   - lengths: the integer length of every sequence of the batch.
    ///   - initialHidden: [directions, batch, hidden]; zero where nil.
    ///   - settings: direction, activations and clipping. Which operands are given is filled in.
    /// - Returns: the states of all steps [length, directions, batch, hidden] and the last hidden state.
    public func gru(
        _ w: Tensor, _ r: Tensor, bias: Tensor? = nil, lengths: Tensor? = nil, initialHidden: Tensor? = nil,
        linearBeforeReset: Bool = false, settings: RecurrentSettings = RecurrentSettings(), file: String = #fileID,
        line: Int = #line
    ) -> (all: Tensor, last: Tensor) {
        let settings = Self.completed(settings, bias, lengths, initialHidden)
        let results = recurrent(
            GRU(settings, linearBeforeReset: linearBeforeReset), [w, r, bias, lengths, initialHidden], results: 2,
            .init(file: file, line: line))
        return (results[0], results[1])
    }

    /// A layer of long short-term memory (gates i, o, f, c) over this sequence [length, batch, input], in the layout of ONNX.
    ///
    /// - Parameters:
    ///   - w: input weights [directions, 4 hidden, input].
    ///   - r: recurrent weights [directions, 4 hidden, hidden].
    ///   - bias: [directions, 8 hidden], input biases before recurrent ones.
    ///   - lengths: the integer length of every sequence of the batch.
    ///   - initialHidden: [directions, batch, hidden]; zero where nil.
    ///   - initialCell: [directions, batch, hidden]; zero where nil.
    ///   - peepholes: [directions, 3 hidden] for the gates i, o, f.
    ///   - inputForget: whether the forget gate is one minus the input gate.
    ///   - settings: direction, activations and clipping. Which operands are given is filled in.
    /// - Returns: the states of all steps [length, directions, batch, hidden], the last hidden and the last cell state.
    public func lstm(
        _ w: Tensor, _ r: Tensor, bias: Tensor? = nil, lengths: Tensor? = nil, initialHidden: Tensor? = nil,
        initialCell: Tensor? = nil, peepholes: Tensor? = nil, inputForget: Bool = false,
        settings: RecurrentSettings = RecurrentSettings(), file: String = #fileID, line: Int = #line
    ) -> (all: Tensor, last: Tensor, cell: Tensor) {
        let layer = LSTM(
            Self.completed(settings, bias, lengths, initialHidden), hasInitialCell: initialCell != nil,
            hasPeepholes: peepholes != nil, inputForget: inputForget)
        let results = recurrent(
            layer, [w, r, bias, lengths, initialHidden, initialCell, peepholes], results: 3,
            .init(file: file, line: line))
        return (results[0], results[1], results[2])
    }

    private static func completed(
        _ settings: RecurrentSettings, _ bias: Tensor?, _ lengths: Tensor?, _ hidden: Tensor?
    ) -> RecurrentSettings {
        var settings = settings
        settings.hasBias = bias != nil
        settings.hasLengths = lengths != nil
        settings.hasInitialHidden = hidden != nil
        return settings
    }

    private func recurrent(
        _ layer: some Composite, _ operands: [Tensor?], results: Int, _ location: SourceLocation
    ) -> [Tensor] {
        Self.buildAll([self] + operands.compactMap(\.self), location, layer.name, results: results) {
            (builder, terms) throws(GraphError) in try builder.addAll(.composite(layer), terms)
        }
    }
}
