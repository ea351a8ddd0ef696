// Heterodyne: what the recurrent layers have in common.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// In which order a recurrent layer reads its sequence.
public enum RecurrentDirection: String, Sendable, Hashable, CaseIterable {
    /// From first to last.
    case forward
    /// From last to first.
    case reverse
    /// One layer in each direction.
    case bidirectional

    var count: Int { self == .bidirectional ? 2 : 1 }

    /// Whether direction number `index` goes from last to first.
    func isReversed(_ index: Int) -> Bool { self == .reverse || index == 1 }
}

/// The activation functions of recurrent layers, with ONNX's default parameters.
public enum RecurrentActivation: String, Sendable, Hashable, CaseIterable {
    /// `1 / (1 + exp(-x))`.
    case sigmoid
    /// The hyperbolic tangent.
    case tanh
    /// `max(x, 0)`.
    case relu
    /// `alpha x + beta`; 1 and 0.
    case affine
    /// `x` from 0 on, else `alpha x`; 0.01.
    case leakyRelu
    /// `x` above `alpha`, else 0; 1.
    case thresholdedRelu
    /// `alpha tanh(beta x)`; 1 and 1.
    case scaledTanh
    /// `alpha x + beta` clamped to `[0, 1]`; 0.2 and 0.5.
    case hardSigmoid
    /// `x` from 0 on, else `alpha (exp(x) - 1)`; 1.
    case elu
    /// `x / (1 + |x|)`.
    case softsign
    /// `log(1 + exp(x))`.
    case softplus

    /// The parameters where none are given.
    public var defaults: (alpha: Double, beta: Double) {
        switch self {
        case .affine, .thresholdedRelu, .elu: (1, 0)
        case .leakyRelu: (0.01, 0)
        case .scaledTanh: (1, 1)
        case .hardSigmoid: (0.2, 0.5)
        case .sigmoid, .tanh, .relu, .softsign, .softplus: (0, 0)
        }
    }

    func apply(_ x: Term, alpha: Double, beta: Double) throws(GraphError) -> Term {
        switch self {
        case .sigmoid: return try x.sigmoid()
        case .tanh: return try x.tanh()
        case .relu: return try x.relu()
        case .affine: return try x * alpha + beta
        case .leakyRelu: return try x.leakyRelu(alpha: alpha)
        case .thresholdedRelu: return try x.compare(.greater, alpha).select(x, x.like(0))
        case .scaledTanh: return try (x * beta).tanh() * alpha
        case .hardSigmoid: return try (x * alpha + beta).maximum(x.like(0)).minimum(x.like(1))
        case .elu: return try x.elu(alpha: alpha)
        case .softsign: return try x.softsign()
        case .softplus: return try x.softplus()
        }
    }
}

/// The attributes that `rnn`, `gru` and `lstm` share.
public struct RecurrentSettings: CompositeSettings {
    /// In which order the sequence is read.
    public var direction: RecurrentDirection
    /// The activation functions, those of the first direction first; empty for the layer's usual ones.
    public var activations: [RecurrentActivation]
    /// One `alpha` per activation, or empty for the defaults.
    public var alphas: [Double]
    /// One `beta` per activation, or empty for the defaults.
    public var betas: [Double]
    /// Bound on the magnitude of what enters the gates' activations; 0 for none.
    public var clip: Double
    /// Whether a bias is given.
    public var hasBias: Bool
    /// Whether the lengths of the batch's sequences are given.
    public var hasLengths: Bool
    /// Whether the initial hidden state is given; it is zero otherwise.
    public var hasInitialHidden: Bool

    /// Settings with the given optional operands.
    public init(
        direction: RecurrentDirection = .forward, activations: [RecurrentActivation] = [], alphas: [Double] = [],
        betas: [Double] = [], clip: Double = 0, hasBias: Bool = false, hasLengths: Bool = false,
        hasInitialHidden: Bool = false
    ) {
        self.direction = direction
        self.activations = activations
        self.alphas = alphas
        self.betas = betas
        self.clip = clip
        self.hasBias = hasBias
        self.hasLengths = hasLengths
        self.hasInitialHidden = hasInitialHidden
    }

    /// The attributes as data.
    public var attributes: Attributes {
        [
            "direction": .string(direction.rawValue), "activations": .strings(activations.map(\.rawValue)),
            "alphas": .numbers(alphas), "betas": .numbers(betas), "clip": .number(clip), "hasBias": .bool(hasBias),
            "hasLengths": .bool(hasLengths), "hasInitialHidden": .bool(hasInitialHidden),
        ]
    }

    /// Reads all of them.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        direction = try reader.choice("direction")
        activations = []
        for name in try reader.strings("activations") {
            guard let activation = RecurrentActivation(rawValue: name) else {
                let choices = RecurrentActivation.allCases.map(\.rawValue).joined(separator: ", ")
                throw GraphError(
                    .invalidAttribute, "activation \"\(name)\" is unknown; choose from \(choices)")
            }
            activations.append(activation)
        }
        alphas = try reader.numbers("alphas")
        betas = try reader.numbers("betas")
        clip = try reader.number("clip")
        hasBias = try reader.bool("hasBias")
        hasLengths = try reader.bool("hasLengths")
        hasInitialHidden = try reader.bool("hasInitialHidden")
    }
}

/// The extents of a recurrent layer, read from its checked operands.
struct RecurrentShape {
    let directions: Int
    let length: Extent
    let batch: Extent
    let hidden: Int

    /// `Y` and the final states.
    func results(_ type: ScalarType, states: Int) -> [TensorType] {
        let state = TensorType(type, [.fixed(directions), batch, .fixed(hidden)])
        let all = TensorType(type, [length, .fixed(directions), batch, .fixed(hidden)])
        return [all] + [TensorType](repeating: state, count: states)
    }
}

extension RecurrentSettings {
    /// Checks operands x, w, r, [bias], [lengths], [initial hidden], then those named in
    /// `extra`: peepholes or further states. Every float operand has x's type.
    func check(
        _ operands: [TensorType], gates: Int, activationCount: Int, extra: [String]
    ) throws(GraphError) -> RecurrentShape {
        let names =
            ["x", "w", "r"] + (hasBias ? ["bias"] : []) + (hasLengths ? ["lengths"] : [])
            + (hasInitialHidden ? ["initial hidden state"] : []) + extra
        try OperandRules.count(operands, names.count, names.joined(separator: ", "))
        let (x, w, r) = (operands[0], operands[1], operands[2])
        try OperandRules.float(x, "x")
        try OperandRules.require(
            x.rank == 3 && w.rank == 3 && r.rank == 3, .shapeMismatch,
            "x \(x), w \(w) and r \(r) must be [length, batch, input], [directions, gates, input] and "
                + "[directions, gates, hidden]")
        guard case .fixed(let hidden) = r.shape[2], hidden <= TensorType.maximumByteCount / 16 else {
            throw GraphError(.unboundSymbol, "the hidden size \(r.shape[2]) of r \(r) must be a number")
        }
        let d = Extent.fixed(direction.count)
        let shape = RecurrentShape(
            directions: direction.count, length: x.shape[0], batch: x.shape[1], hidden: hidden)
        let state: [Extent] = [d, x.shape[1], .fixed(hidden)]
        for (name, type) in zip(names, operands) {
            if name != "lengths" { try OperandRules.sameScalarType(x, type, name) }
            switch name {
            case "x": break
            case "w": try OperandRules.shape(type, [d, .fixed(gates * hidden), x.shape[2]], name)
            case "r": try OperandRules.shape(type, [d, .fixed(gates * hidden), .fixed(hidden)], name)
            case "bias": try OperandRules.shape(type, [d, .fixed(2 * gates * hidden)], name)
            case "lengths":
                try OperandRules.integer(type.scalarType, name)
                try OperandRules.shape(type, [x.shape[1]], name)
            case "peepholes": try OperandRules.shape(type, [d, .fixed(3 * hidden)], name)
            default: try OperandRules.shape(type, state, name)
            }
        }
        let functions = activationCount * direction.count
        try OperandRules.require(
            activations.isEmpty || activations.count == functions, .invalidAttribute,
            "\(activations.count) activations are given; \(functions) are needed, or none")
        for (name, numbers) in [("alphas", alphas), ("betas", betas)] {
            try OperandRules.require(
                numbers.isEmpty || numbers.count == functions, .invalidAttribute,
                "\(numbers.count) \(name) are given; \(functions) are needed, or none")
            try OperandRules.require(
                numbers.allSatisfy(\.isFinite), .invalidAttribute, "\(name) \(numbers) are not finite")
        }
        try OperandRules.require(clip.isFinite && clip >= 0, .invalidAttribute, "clip is \(clip); choose 0 or more")
        return shape
    }

    /// Activation number `i` of a direction applied to `x`.
    func activate(
        _ x: Term, _ i: Int, direction: Int, defaults: [RecurrentActivation]
    ) throws(GraphError) -> Term {
        let index = direction * defaults.count + i
        let function = activations.isEmpty ? defaults[i] : activations[index]
        return try function.apply(
            x, alpha: alphas.isEmpty ? function.defaults.alpha : alphas[index],
            beta: betas.isEmpty ? function.defaults.beta : betas[index])
    }

    /// What enters a gate's activation, bounded by `clip`.
    func bounded(_ x: Term) throws(GraphError) -> Term {
        clip > 0 ? try x.minimum(x.like(clip)).maximum(x.like(-clip)) : x
    }
}
