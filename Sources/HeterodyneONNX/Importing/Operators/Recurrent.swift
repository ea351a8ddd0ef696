// Heterodyne: ONNX operators: recurrent layers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Recurrent layers. The versions differ in the types they take, in `layout` (from 14 on) and in an attribute of
    /// version 1 that says which outputs to compute.
    static let recurrent: [OperatorRule] = [
        .terms("RNN") { (context) throws(GraphError) in
            let layer = try RecurrentImport(context, gates: 1, activations: 1)
            return try layer.results(RNN(layer.settings), layer.operands)
        },
        .terms("GRU") { (context) throws(GraphError) in
            let layer = try RecurrentImport(context, gates: 3, activations: 2)
            let isLate = try context.bool("linear_before_reset")
            return try layer.results(GRU(layer.settings, linearBeforeReset: isLate), layer.operands)
        },
        .terms("LSTM") { (context) throws(GraphError) in
            let layer = try RecurrentImport(context, gates: 4, activations: 3)
            var operands = layer.operands
            let cell = try layer.state(6)
            let peepholes = try context.optionalTerm(7)
            if let cell { operands.append(cell) }
            if let peepholes { operands.append(peepholes) }
            let lstm = LSTM(
                layer.settings, hasInitialCell: cell != nil, hasPeepholes: peepholes != nil,
                inputForget: try context.bool("input_forget"))
            return try layer.results(lstm, operands)
        },
    ]
}

/// The inputs and attributes that the recurrent layers share.
private struct RecurrentImport {
    let context: OperatorContext
    let settings: RecurrentSettings
    let operands: [Term]
    /// Whether the batch is the outermost dimension.
    let isBatchFirst: Bool

    init(_ context: OperatorContext, gates: Int, activations count: Int) throws(GraphError) {
        self.context = context
        isBatchFirst = try context.bool("layout")
        let direction: RecurrentDirection = try context.choice(
            "direction", default: "forward",
            ["forward": .forward, "reverse": .reverse, "bidirectional": .bidirectional])
        var settings = RecurrentSettings(direction: direction)
        try Self.readActivations(context, &settings)
        if let clip = try context.optionalFloat("clip") {
            guard clip > 0, clip.isFinite else {
                throw GraphError(.invalidAttribute, "attribute 'clip' is \(clip); it must be above 0")
            }
            settings.clip = clip
        }
        let x = try context.term(0)
        let r = try context.term(2)
        guard x.rank == 3, r.rank == 3 else {
            throw GraphError(.shapeMismatch, "the input \(x.type) and the recurrent weights \(r.type) must have rank 3")
        }
        if let hidden = try context.optionalInt("hidden_size"), r.shape[2] != .fixed(hidden) {
            throw GraphError(
                .invalidAttribute,
                "attribute 'hidden_size' is \(hidden), and the recurrent weights are \(r.type)")
        }
        var operands = [isBatchFirst ? try x.transpose([1, 0, 2]) : x, try context.term(1), r]
        if let bias = try context.optionalTerm(3) {
            settings.hasBias = true
            operands.append(bias)
        }
        if let lengths = try context.optionalTerm(4) {
            settings.hasLengths = true
            operands.append(lengths)
        }
        if let state = try Self.state(context, 5, isBatchFirst) {
            settings.hasInitialHidden = true
            operands.append(state)
        }
        self.settings = settings
        self.operands = operands
    }

    /// The names of the functions, and their parameters, which only the functions that have such a parameter take, in
    /// order.
    private static func readActivations(
        _ context: OperatorContext, _ settings: inout RecurrentSettings
    ) throws(GraphError) {
        guard let names = try context.optionalStrings("activations"), !names.isEmpty else { return }
        var alphas = try context.optionalFloats("activation_alpha") ?? []
        var betas = try context.optionalFloats("activation_beta") ?? []
        func next(_ numbers: inout [Double], default value: Double) -> Double {
            numbers.isEmpty ? value : numbers.removeFirst()
        }
        for name in names {
            guard
                let function = RecurrentActivation.allCases.first(where: {
                    $0.rawValue.lowercased() == name.lowercased()
                })
            else {
                throw GraphError(
                    .invalidAttribute, "attribute 'activations' names \(quoted(name)), which is no known function")
            }
            settings.activations.append(function)
            let defaults = function.defaults
            switch function {
            case .affine, .scaledTanh, .hardSigmoid:
                settings.alphas.append(next(&alphas, default: defaults.alpha))
                settings.betas.append(next(&betas, default: defaults.beta))
            case .leakyRelu, .thresholdedRelu, .elu:
                settings.alphas.append(next(&alphas, default: defaults.alpha))
                settings.betas.append(defaults.beta)
            case .sigmoid, .tanh, .relu, .softsign, .softplus:
                settings.alphas.append(defaults.alpha)
                settings.betas.append(defaults.beta)
            }
        }
        // Without need for numbers of its own a layer is the same as one with the defaults.
        if settings.alphas == settings.activations.map(\.defaults.alpha),
            settings.betas == settings.activations.map(\.defaults.beta)
        {
            settings.alphas = []
            settings.betas = []
        }
    }

    private static func state(_ context: OperatorContext, _ index: Int, _ isBatchFirst: Bool) throws(GraphError)
        -> Term?
    {
        guard let state = try context.optionalTerm(index) else { return nil }
        guard state.rank == 3 else {
            throw GraphError(.shapeMismatch, "the initial state \(state.type) must have rank 3")
        }
        return isBatchFirst ? try state.transpose([1, 0, 2]) : state
    }

    /// Initial state `index` with the directions outermost.
    func state(_ index: Int) throws(GraphError) -> Term? { try Self.state(context, index, isBatchFirst) }

    /// Y and the last states, with the batch outermost where the layout says so.
    func results(_ layer: some Composite, _ operands: [Term]) throws(GraphError) -> [Term] {
        var results = try context.builder.addAll(.composite(layer), operands)
        guard isBatchFirst else { return results }
        for index in results.indices {
            results[index] = try results[index].transpose(index == 0 ? [2, 0, 1, 3] : [1, 0, 2])
        }
        return results
    }
}
