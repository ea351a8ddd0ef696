// Heterodyne: layer and root-mean-square normalisation.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (x, [scale, [bias]]): `(x - mean) / √(variance + ε) * scale + bias`, with mean and variance over the
/// dimensions from `axis` on (Ba et al. 2016).
///
/// `scale` and `bias` broadcast, as NumPy does, to those dimensions; beside a narrow `x` they may be float32. Narrow
/// floats are computed in float32 and rounded once. With `statistics`, the mean and `1 / √(variance + ε)` are further
/// results, with extent 1 in the normalised dimensions, float32 where `x` is narrower.
public struct LayerNormalization: AttributedComposite {
    /// `layerNormalization`.
    public static let name = "layerNormalization"
    /// The first normalised dimension.
    public let axis: Int
    /// What is added to the variance.
    public let epsilon: Double
    /// Whether mean and inverse standard deviation are results.
    public let statistics: Bool

    /// Normalisation over the dimensions from `axis` on.
    public init(axis: Int, epsilon: Double = 1e-5, statistics: Bool = false) {
        self.axis = axis
        self.epsilon = epsilon
        self.statistics = statistics
    }

    /// `axis`, `epsilon` and `statistics`.
    public var attributes: Attributes {
        ["axis": .integer(axis), "epsilon": .number(epsilon), "statistics": .bool(statistics)]
    }

    /// Reads `axis`, `epsilon` and `statistics`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        epsilon = try reader.number("epsilon")
        statistics = try reader.bool("statistics")
    }

    /// `x`'s type, then with `statistics` twice the type of the statistics.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1...3, "x, scale, bias")
        try Normalization.checkTrailing(operands, axis: axis, epsilon: epsilon)
        let x = operands[0]
        guard statistics else { return [x] }
        let outer = x.shape.dimensions[..<axis] + [Extent](repeating: 1, count: x.rank - axis)
        let type = TensorType(x.scalarType.computationType, Shape(Array(outer)))
        return [x, type, type]
    }

    /// Two passes: the variance is the mean of the squared distances from the mean.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let axes = Array(axis..<x.rank)
        let (centred, mean, inverse) = try Normalization.standardize(x, axes, epsilon: epsilon, Self.name)
        let kept = Array(0..<axis)
        var y = try centred * inverse.broadcast(like: x, axes: kept)
        if operands.count > 1 { y = try y * operands[1].widened().broadcast(to: x.shape) }
        if operands.count > 2 { y = try y + operands[2].widened().broadcast(to: x.shape) }
        let result = try y.convert(operands[0].scalarType)
        guard statistics else { return [result] }
        var shape = x.shape
        for axis in axes { shape.dimensions[axis] = 1 }
        return [result, try mean.reshape(shape), try inverse.reshape(shape)]
    }
}

/// Operands (x, [scale]): `x / √(mean(x²) + ε) * scale`, with the mean over the dimensions from `axis` on
/// (Zhang and Sennrich 2019). `scale` broadcasts to those dimensions; beside a narrow `x` it may be float32.
public struct RMSNormalization: AttributedComposite {
    /// `rmsNormalization`.
    public static let name = "rmsNormalization"
    /// The first normalised dimension.
    public let axis: Int
    /// What is added to the mean square.
    public let epsilon: Double

    /// Normalisation over the dimensions from `axis` on.
    public init(axis: Int, epsilon: Double = 1e-5) {
        self.axis = axis
        self.epsilon = epsilon
    }

    /// `axis` and `epsilon`.
    public var attributes: Attributes { ["axis": .integer(axis), "epsilon": .number(epsilon)] }

    /// Reads `axis` and `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        epsilon = try reader.number("epsilon")
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1...2, "x, scale")
        try Normalization.checkTrailing(operands, axis: axis, epsilon: epsilon)
        return [operands[0]]
    }

    /// In float32 where `x` is narrower, rounded once.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let square = try (x * x).mean(Array(axis..<x.rank), Self.name)
        let inverse = try 1 / (square + epsilon).sqrt()
        var y = try x * inverse.broadcast(like: x, axes: Array(0..<axis))
        if operands.count > 1 { y = try y * operands[1].widened().broadcast(to: x.shape) }
        return [try y.convert(operands[0].scalarType)]
    }
}

extension Term {
    /// Layer normalisation over the dimensions from `axis` on; -1 is the last.
    public func layerNormalization(
        axis: Int = -1, scale: Term? = nil, bias: Term? = nil, epsilon: Double = 1e-5
    ) throws(GraphError) -> Term {
        let composite = LayerNormalization(axis: try normalized(axis: axis), epsilon: epsilon)
        return try builder.add(composite, [self] + Term.parameters(scale, bias))
    }

    /// Root-mean-square normalisation over the dimensions from `axis` on; -1 is the last.
    public func rmsNormalization(axis: Int = -1, scale: Term? = nil, epsilon: Double = 1e-5) throws(GraphError) -> Term
    {
        try builder.add(
            RMSNormalization(axis: normalized(axis: axis), epsilon: epsilon), [self, scale].compactMap(\.self))
    }
}
