// Heterodyne: relu and its relatives, clip and the other piecewise linear functions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `max(x, 0)`; NaN stays.
public struct Relu: UnaryElementwiseComposite {
    /// `relu`.
    public static let name = "relu"
    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Everything with arithmetic.
    public static func takes(_ scalarType: ScalarType) -> Bool { scalarType.isArithmetic }
    /// The only value.
    public init() {}
    /// One maximum.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x.maximum(x.like(0)) }
}

/// `x` from zero upward, `α x` below.
public struct LeakyRelu: AlphaComposite {
    /// `leakyRelu`.
    public static let name = "leakyRelu"
    /// The slope α below zero.
    public let alpha: Double

    /// `x` from zero upward, `α x` below.
    public init(alpha: Double = 0.01) { self.alpha = alpha }

    /// A selection by sign.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x.compare(.less, 0).select(x * alpha, x)
    }
}

/// Operands (x, slope) of one shape: `x` from zero upward, `slope * x` below (He et al. 2015).
public struct Prelu: ElementwiseComposite, PlainComposite {
    /// `prelu`.
    public static let name = "prelu"
    /// `x` and `slope`.
    public static var operandNames: [String] { ["x", "slope"] }
    /// Everything with arithmetic.
    public static func takes(_ scalarType: ScalarType) -> Bool { scalarType.isArithmetic }
    /// The only value.
    public init() {}
    /// A selection by sign.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x.compare(.less, 0).select(x * operands[1], x)
    }
}

/// `min(max(x, minimum), maximum)`; NaN stays, and where minimum is above maximum the result is maximum.
public struct Clip: ElementwiseComposite {
    /// `clip`.
    public static let name = "clip"
    /// The lower bound; none where nil. A whole number for integers.
    public let minimum: Double?
    /// The upper bound; none where nil. A whole number for integers.
    public let maximum: Double?

    /// `min(max(x, minimum), maximum)`.
    public init(minimum: Double? = nil, maximum: Double? = nil) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// True.
    public static var isExactInNarrowTypes: Bool { true }
    /// Everything with arithmetic.
    public static func takes(_ scalarType: ScalarType) -> Bool { scalarType.isArithmetic }

    /// `minimum` and `maximum` where they are given.
    public var attributes: Attributes {
        var attributes = Attributes()
        if let minimum { attributes.set("minimum", .number(minimum)) }
        if let maximum { attributes.set("maximum", .number(maximum)) }
        return attributes
    }
    /// Reads `minimum` and `maximum`, both optional.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        minimum = try reader.optionalNumber("minimum")
        maximum = try reader.optionalNumber("maximum")
    }
    /// Bounds are numbers, whole ones for integers.
    public func validate(for scalarType: ScalarType) throws(GraphError) {
        for (name, bound) in [("minimum", minimum), ("maximum", maximum)] {
            guard let bound else { continue }
            try OperandRules.require(!bound.isNaN, .invalidAttribute, "\(name) is not a number")
            try OperandRules.require(
                scalarType.isFloatingPoint || bound.isInfinite || bound.rounded() == bound, .invalidAttribute,
                "\(name) \(bound) is no \(scalarType); give a whole number")
        }
    }
    /// A maximum and a minimum.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        var x = operands[0]
        if let minimum { x = try x.maximum(x.like(minimum)) }
        if let maximum { x = try x.minimum(x.like(maximum)) }
        return x
    }
}

/// `max(0, min(1, α x + β))`.
public struct HardSigmoid: ElementwiseComposite {
    /// `hardSigmoid`.
    public static let name = "hardSigmoid"
    /// The slope α.
    public let alpha: Double
    /// The value β at zero.
    public let beta: Double

    /// `max(0, min(1, α x + β))`; the defaults are ONNX's. PyTorch's α is 1/6.
    public init(alpha: Double = 0.2, beta: Double = 0.5) {
        self.alpha = alpha
        self.beta = beta
    }

    /// `alpha` and `beta`.
    public var attributes: Attributes { ["alpha": .number(alpha), "beta": .number(beta)] }
    /// Reads `alpha` and `beta`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        alpha = try reader.number("alpha")
        beta = try reader.number("beta")
    }
    /// Both are finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) {
        try OperandRules.finite(alpha, "alpha")
        try OperandRules.finite(beta, "beta")
    }
    /// A line, clamped.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try (x * alpha + beta).minimum(x.like(1)).maximum(x.like(0))
    }
}

/// `x max(0, min(6, x + 3)) / 6` (Howard et al. 2019).
public struct HardSwish: UnaryElementwiseComposite {
    /// `hardSwish`.
    public static let name = "hardSwish"
    /// The only value.
    public init() {}
    /// A clamped line times `x`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        try x * (x + 3).maximum(x.like(0)).minimum(x.like(6)) / 6
    }
}

/// `x` above α, else 0.
public struct ThresholdedRelu: AlphaComposite {
    /// `thresholdedRelu`.
    public static let name = "thresholdedRelu"
    /// The threshold α.
    public let alpha: Double

    /// `x` above α, else 0.
    public init(alpha: Double = 1) { self.alpha = alpha }

    /// A selection.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x.compare(.greater, alpha).select(x, x.like(0))
    }
}

/// `x + bias` below -λ, `x - bias` above λ, 0 between. Soft shrinkage has bias λ, hard shrinkage bias 0.
public struct Shrink: ElementwiseComposite {
    /// `shrink`.
    public static let name = "shrink"
    /// The threshold λ, not negative.
    public let threshold: Double
    /// What is subtracted from the magnitude.
    public let bias: Double

    /// `x + bias` below -λ, `x - bias` above λ, 0 between.
    public init(threshold: Double = 0.5, bias: Double = 0) {
        self.threshold = threshold
        self.bias = bias
    }

    /// `threshold` and `bias`.
    public var attributes: Attributes { ["threshold": .number(threshold), "bias": .number(bias)] }
    /// Reads `threshold` and `bias`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        threshold = try reader.number("threshold")
        bias = try reader.number("bias")
    }
    /// The threshold is finite and not negative, the bias finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) {
        try OperandRules.notNegative(threshold, "threshold")
        try OperandRules.finite(bias, "bias")
    }
    /// Two selections.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        let below = try x.compare(.less, -threshold).select(x + bias, x.like(0))
        return try x.compare(.greater, threshold).select(x - bias, below)
    }
}

extension Term {
    /// `max(x, 0)`.
    public func relu() throws(GraphError) -> Term { try builder.add(Relu(), [self]) }
    /// `min(max(x, 0), 6)`.
    public func relu6() throws(GraphError) -> Term { try clip(minimum: 0, maximum: 6) }
    /// `x` from zero upward, `α x` below.
    public func leakyRelu(alpha: Double = 0.01) throws(GraphError) -> Term {
        try builder.add(LeakyRelu(alpha: alpha), [self])
    }
    /// `x` from zero upward, `slope * x` below; the slope broadcasts as NumPy does.
    public func prelu(_ slope: Term) throws(GraphError) -> Term {
        try builder.add(Prelu(), [self, slope.broadcast(to: shape)])
    }
    /// `min(max(x, minimum), maximum)`.
    public func clip(minimum: Double? = nil, maximum: Double? = nil) throws(GraphError) -> Term {
        try builder.add(Clip(minimum: minimum, maximum: maximum), [self])
    }
    /// `max(0, min(1, α x + β))`.
    public func hardSigmoid(alpha: Double = 0.2, beta: Double = 0.5) throws(GraphError) -> Term {
        try builder.add(HardSigmoid(alpha: alpha, beta: beta), [self])
    }
    /// `x max(0, min(6, x + 3)) / 6`.
    public func hardSwish() throws(GraphError) -> Term { try builder.add(HardSwish(), [self]) }
    /// `x` above α, else 0.
    public func thresholdedRelu(alpha: Double = 1) throws(GraphError) -> Term {
        try builder.add(ThresholdedRelu(alpha: alpha), [self])
    }
    /// `x + bias` below -λ, `x - bias` above λ, 0 between.
    public func shrink(threshold: Double = 0.5, bias: Double = 0) throws(GraphError) -> Term {
        try builder.add(Shrink(threshold: threshold, bias: bias), [self])
    }
}
