// Heterodyne: what the normalisations share.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// What the normalisations share.
enum Normalization {
    /// Checks `x`, `axis` and `epsilon`, and parameters that broadcast to the dimensions from `axis` on.
    static func checkTrailing(_ operands: [TensorType], axis: Int, epsilon: Double) throws(GraphError) {
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.dimension(axis, rank: x.rank)
        try OperandRules.notNegative(epsilon, "epsilon")
        let normalized = Shape(Array(x.shape.dimensions[axis...]))
        for (operand, name) in zip(operands.dropFirst(), ["scale", "bias"]) {
            try OperandRules.parameter(operand, of: x, name)
            try OperandRules.broadcasts(operand, to: normalized, name)
        }
    }

    /// `x - mean`, the mean and `1 / √(variance + ε)` along `axes`, which the last two no longer have.
    static func standardize(
        _ x: Term, _ axes: [Int], epsilon: Double, _ what: String
    ) throws(GraphError) -> (centred: Term, mean: Term, inverse: Term) {
        let kept = x.dimensions(except: axes)
        let mean = try x.mean(axes, what)
        let centred = try x - mean.broadcast(like: x, axes: kept)
        let variance = try (centred * centred).mean(axes, what)
        return (centred, mean, try 1 / (variance + epsilon).sqrt())
    }
}

/// A normalisation whose only attribute is what is added to a variance.
public protocol EpsilonAttribute: AttributedComposite {
    /// What is added to the variance.
    var epsilon: Double { get }
    /// The normalisation with `epsilon`.
    init(epsilon: Double)
}

extension EpsilonAttribute {
    /// `epsilon`.
    public var attributes: Attributes { ["epsilon": .number(epsilon)] }
    /// Reads `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(epsilon: try reader.number("epsilon"))
    }
}

extension Term {
    /// Scale and bias as operands; a bias alone gets a scale of ones.
    static func parameters(_ scale: Term?, _ bias: Term?) throws(GraphError) -> [Term] {
        if scale == nil, let bias { return [try bias.like(1), bias] }
        return [scale, bias].compactMap(\.self)
    }
}
