// Heterodyne: normalisation by the p-norm, by mean and deviation, and across neighbouring channels.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `x / max(‖x‖_p, ε)` along an axis.
public struct LpNormalization: AttributedComposite {
    /// `lpNormalization`.
    public static let name = "lpNormalization"
    /// The axis whose vectors get norm 1.
    public let axis: Int
    /// The order of the norm, at least 1.
    public let p: Int
    /// The smallest divisor; with 0 a zero vector gives NaN.
    public let epsilon: Double

    /// Division by the `p`-norm along `axis`.
    public init(axis: Int, p: Int = 2, epsilon: Double = 1e-12) {
        self.axis = axis
        self.p = p
        self.epsilon = epsilon
    }

    /// `axis`, `p` and `epsilon`.
    public var attributes: Attributes {
        ["axis": .integer(axis), "p": .integer(p), "epsilon": .number(epsilon)]
    }

    /// Reads `axis`, `p` and `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        p = try reader.integer("p")
        epsilon = try reader.number("epsilon")
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.dimension(axis, rank: operands[0].rank)
        try OperandRules.require(p >= 1, .invalidAttribute, "p \(p) is below 1")
        try OperandRules.notNegative(epsilon, "epsilon")
        return operands
    }

    /// The sum of magnitudes for 1, of squares for 2, of powers above.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let norm = try PNorm.root(PNorm.powers(x, p).reduceAndRepeat(.sum, [axis]), p)
        return [try (x / norm.maximum(norm.like(epsilon))).convert(operands[0].scalarType)]
    }
}

/// `(x - mean) / (deviation + ε)` over axes, with the standard deviation of the whole population.
public struct MeanVarianceNormalization: AttributedComposite {
    /// `meanVarianceNormalization`.
    public static let name = "meanVarianceNormalization"
    /// The axes over which mean and deviation are taken.
    public let axes: [Int]
    /// What is added to the deviation.
    public let epsilon: Double

    /// Normalisation over `axes`; ONNX's ε is the default.
    public init(axes: [Int], epsilon: Double = 1e-9) {
        self.axes = axes
        self.epsilon = epsilon
    }

    /// `axes` and `epsilon`.
    public var attributes: Attributes { ["axes": .integers(axes), "epsilon": .number(epsilon)] }

    /// Reads `axes` and `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axes = try reader.integers("axes")
        epsilon = try reader.number("epsilon")
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.dimensions(axes, rank: operands[0].rank)
        try OperandRules.notNegative(epsilon, "epsilon")
        return operands
    }

    /// Two passes: the variance is the mean of the squared distances from the mean.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let kept = x.dimensions(except: axes)
        let centred = try x - x.mean(axes, Self.name).broadcast(like: x, axes: kept)
        let deviation = try (centred * centred).mean(axes, Self.name).sqrt() + epsilon
        return [try (centred / deviation.broadcast(like: x, axes: kept)).convert(operands[0].scalarType)]
    }
}

/// `x / (bias + α/size Σ x²)^β`, the sum over `size` neighbouring channels, dimension 1 (Krizhevsky et al. 2012).
///
/// The window of channel `c` reaches from `c - ⌊(size-1)/2⌋` to `c + ⌈(size-1)/2⌉`, cut off at the borders.
public struct LocalResponseNormalization: AttributedComposite {
    /// `localResponseNormalization`.
    public static let name = "localResponseNormalization"
    /// The number of channels in a window.
    public let size: Int
    /// The factor α.
    public let alpha: Double
    /// The exponent β.
    public let beta: Double
    /// The offset.
    public let bias: Double

    /// Normalisation over windows of `size` channels.
    public init(size: Int, alpha: Double = 1e-4, beta: Double = 0.75, bias: Double = 1) {
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
    }

    /// `size`, `alpha`, `beta` and `bias`.
    public var attributes: Attributes {
        ["size": .integer(size), "alpha": .number(alpha), "beta": .number(beta), "bias": .number(bias)]
    }

    /// Reads `size`, `alpha`, `beta` and `bias`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        size = try reader.integer("size")
        alpha = try reader.number("alpha")
        beta = try reader.number("beta")
        bias = try reader.number("bias")
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.rank(x, atLeast: 2, "x")
        try OperandRules.require(
            size >= 1 && size <= Windows.largestExtent, .invalidAttribute,
            "size \(size) is not within 1 to \(Windows.largestExtent)")
        for (name, value) in [("alpha", alpha), ("beta", beta), ("bias", bias)] {
            try OperandRules.finite(value, name)
        }
        return [x]
    }

    /// Windows over the squares, zeros beyond the borders.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        var (low, high) = ([Int](repeating: 0, count: x.rank), [Int](repeating: 0, count: x.rank))
        low[1] = (size - 1) / 2
        high[1] = size - 1 - low[1]
        if case .fixed(let channels) = x.shape[1] {
            // Farther neighbours are all beyond the borders.
            low[1] = min(low[1], max(0, channels - 1))
            high[1] = min(high[1], max(0, channels - 1))
        }
        let axis = Windows.Axis(kernel: low[1] + 1 + high[1])
        let squares = try (x * x).pad(0, low: low, high: high)
        let windows = try Windows.extract(squares, dimension: 1, axis, count: x.shape[1])
        let base = try windows.reduce(.sum, [1]) * (alpha / Double(size)) + bias
        return [try (x / base.power(base.like(beta))).convert(operands[0].scalarType)]
    }
}

extension Term {
    /// `x / max(‖x‖_p, ε)` along an axis; -1 is the last.
    public func lpNormalization(axis: Int = -1, p: Int = 2, epsilon: Double = 1e-12) throws(GraphError) -> Term {
        try builder.add(LpNormalization(axis: normalized(axis: axis), p: p, epsilon: epsilon), [self])
    }

    /// `(x - mean) / (deviation + ε)` over axes; negative ones count from the end.
    public func meanVarianceNormalization(axes: [Int], epsilon: Double = 1e-9) throws(GraphError) -> Term {
        try builder.add(MeanVarianceNormalization(axes: normalized(axes: axes), epsilon: epsilon), [self])
    }

    /// `x / (bias + α/size Σ x²)^β` over windows of `size` channels, dimension 1.
    public func localResponseNormalization(
        size: Int, alpha: Double = 1e-4, beta: Double = 0.75, bias: Double = 1
    ) throws(GraphError) -> Term {
        try builder.add(LocalResponseNormalization(size: size, alpha: alpha, beta: beta, bias: bias), [self])
    }
}
