// Heterodyne: sigmoid, silu, gelu, softplus, softsign, mish, elu, celu and selu.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The logistic function `1 / (1 + e^-x)`. Measured: 2 ULP.
public struct Sigmoid: UnaryElementwiseComposite {
    /// `sigmoid`.
    public static let name = "sigmoid"
    /// The only value.
    public init() {}

    /// `1 / (1 + e)` for positive and `e / (1 + e)` for negative `x`, with `e = e^-|x|`, which never overflows.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let e = try x.abs().negate().exp()
        return try x.compare(.less, 0).select(e, x.like(1)) / (1 + e)
    }
}

/// `x sigmoid(βx)`, also called swish.
public struct Silu: ElementwiseComposite {
    /// `silu`.
    public static let name = "silu"
    /// The factor β.
    public let beta: Double

    /// `x sigmoid(βx)`.
    public init(beta: Double = 1) { self.beta = beta }

    /// `beta`.
    public var attributes: Attributes { ["beta": .number(beta)] }
    /// Reads `beta`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        beta = try reader.number("beta")
    }
    /// `beta` is finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) { try OperandRules.finite(beta, "beta") }
    /// `x sigmoid(βx)`.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x * (beta == 1 ? x : x * beta).sigmoid()
    }
}

/// `x Φ(x)`, with the normal distribution function Φ or its approximation by tanh (Hendrycks and Gimpel 2016).
/// Measured without approximation: 4 ULP.
public struct Gelu: ElementwiseComposite {
    /// How Φ is computed.
    public enum Approximation: String, Sendable, Hashable, CaseIterable {
        /// `Φ(x) = (1 + erf(x/√2)) / 2`, to a few ULP also where it is tiny.
        case none
        /// `(1 + tanh(u)) / 2 = sigmoid(2u)` with `u = √(2/π) (x + 0.044715 x³)`.
        case tanh
    }

    /// `gelu`.
    public static let name = "gelu"
    /// How Φ is computed.
    public let approximation: Approximation

    /// `x Φ(x)`.
    public init(approximation: Approximation = .none) { self.approximation = approximation }

    /// `approximation`.
    public var attributes: Attributes { ["approximation": .string(approximation.rawValue)] }
    /// Reads `approximation`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        approximation = try reader.choice("approximation")
    }

    /// `x (1 + erf(x/√2)) / 2` near zero; elsewhere from `e^(-x²/2)`, so that nothing cancels.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        switch approximation {
        case .none:
            // Φ(-40) is zero in float64, Φ(-15) in float32; clamping keeps ∞ - ∞ away.
            let magnitude = try x.abs().minimum(x.like(x.scalarType == .float64 ? 39 : 14.5))
            let scaled = try magnitude * 0.70710678118654752440
            let tail = try ErrorFunction.exponential(magnitude, exponent: -0.5) * ErrorFunction.erfcx(scaled) * 0.5
            let large = try x.compare(.less, 0).select(tail, 1 - tail)
            let small = try ErrorFunction.small(x * 0.70710678118654752440) * 0.5 + 0.5
            let isSmall = try scaled.compare(.less, ErrorFunctionTables.smallLimit)
            return try x * isSmall.select(small, large)
        case .tanh:
            // 1 + tanh(u) would cancel below zero; sigmoid(2u) does not. The constant is 2√(2/π).
            let twice = try (x + x * x * x * 0.044715) * 1.5957691216057307117
            return try x * twice.sigmoid()
        }
    }
}

/// `log(1 + e^x)`.
public struct Softplus: UnaryElementwiseComposite {
    /// `softplus`.
    public static let name = "softplus"
    /// The only value.
    public init() {}
    /// `max(x, 0) + log1p(e^-|x|)`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        try x.maximum(x.like(0)) + x.abs().negate().exp().log1p()
    }
}

/// `x / (1 + |x|)`.
public struct Softsign: UnaryElementwiseComposite {
    /// `softsign`.
    public static let name = "softsign"
    /// The only value.
    public init() {}
    /// One division.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term { try x / (1 + x.abs()) }
}

/// `x tanh(softplus(x))` (Misra 2019).
public struct Mish: UnaryElementwiseComposite {
    /// `mish`.
    public static let name = "mish"
    /// The only value.
    public init() {}

    /// `tanh(log(1 + n)) = (n² + 2n) / (n² + 2n + 2)` with `n = e^x`; for positive `x` divided by `n²`.
    public static func evaluate(_ x: Term) throws(GraphError) -> Term {
        let e = try x.abs().negate().exp()
        let isNegative = try x.compare(.less, 0)
        let numerator = try isNegative.select(e * (e + 2), 1 + e * 2)
        let rest = try isNegative.select(x.like(2), e * e * 2)
        return try x * (numerator / (numerator + rest))
    }
}

/// `x` above zero, `α (e^x - 1)` below (Clevert et al. 2015).
public struct Elu: AlphaComposite {
    /// `elu`.
    public static let name = "elu"
    /// The factor α.
    public let alpha: Double

    /// `x` above zero, `α (e^x - 1)` below.
    public init(alpha: Double = 1) { self.alpha = alpha }

    /// A selection by sign.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x.compare(.greater, 0).select(x, x.expm1() * alpha)
    }
}

/// `max(0, x) + min(0, α (e^(x/α) - 1))` (Barron 2017).
public struct Celu: AlphaComposite {
    /// `celu`.
    public static let name = "celu"
    /// The factor α.
    public let alpha: Double

    /// `max(0, x) + min(0, α (e^(x/α) - 1))`.
    public init(alpha: Double = 1) { self.alpha = alpha }

    /// `alpha` is finite and not zero.
    public func validate(for scalarType: ScalarType) throws(GraphError) {
        try OperandRules.require(
            alpha.isFinite && alpha != 0, .invalidAttribute, "alpha \(alpha) must be finite and not zero")
    }
    /// Two clamped branches.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        let zero = try x.like(0)
        return try x.maximum(zero) + ((x / alpha).expm1() * alpha).minimum(zero)
    }
}

/// `γ x` above zero, `γ α (e^x - 1)` below (Klambauer et al. 2017).
public struct Selu: ElementwiseComposite {
    /// `selu`.
    public static let name = "selu"
    /// The factor α of the negative branch.
    public let alpha: Double
    /// The factor γ of both branches.
    public let gamma: Double

    /// The defaults are the paper's constants, rounded to float64.
    public init(alpha: Double = 1.6732632423543772848170429916717, gamma: Double = 1.0507009873554804934193349852946) {
        self.alpha = alpha
        self.gamma = gamma
    }

    /// `alpha` and `gamma`.
    public var attributes: Attributes { ["alpha": .number(alpha), "gamma": .number(gamma)] }
    /// Reads `alpha` and `gamma`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        alpha = try reader.number("alpha")
        gamma = try reader.number("gamma")
    }
    /// Both are finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) {
        try OperandRules.finite(alpha, "alpha")
        try OperandRules.finite(gamma, "gamma")
        try OperandRules.finite(alpha * gamma, "alpha * gamma")
    }
    /// A selection by sign.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term {
        let x = operands[0]
        return try x.compare(.greater, 0).select(x * gamma, x.expm1() * (alpha * gamma))
    }
}

extension Term {
    /// The logistic function.
    public func sigmoid() throws(GraphError) -> Term { try builder.add(Sigmoid(), [self]) }
    /// `x sigmoid(βx)`.
    public func silu(beta: Double = 1) throws(GraphError) -> Term { try builder.add(Silu(beta: beta), [self]) }
    /// `x Φ(x)`.
    public func gelu(approximation: Gelu.Approximation = .none) throws(GraphError) -> Term {
        try builder.add(Gelu(approximation: approximation), [self])
    }
    /// `log(1 + e^x)`.
    public func softplus() throws(GraphError) -> Term { try builder.add(Softplus(), [self]) }
    /// `x / (1 + |x|)`.
    public func softsign() throws(GraphError) -> Term { try builder.add(Softsign(), [self]) }
    /// `x tanh(softplus(x))`.
    public func mish() throws(GraphError) -> Term { try builder.add(Mish(), [self]) }
    /// `x` above zero, `α (e^x - 1)` below.
    public func elu(alpha: Double = 1) throws(GraphError) -> Term { try builder.add(Elu(alpha: alpha), [self]) }
    /// `max(0, x) + min(0, α (e^(x/α) - 1))`.
    public func celu(alpha: Double = 1) throws(GraphError) -> Term { try builder.add(Celu(alpha: alpha), [self]) }
    /// The self-normalising exponential unit with the paper's constants.
    public func selu() throws(GraphError) -> Term { try builder.add(Selu(), [self]) }
}
