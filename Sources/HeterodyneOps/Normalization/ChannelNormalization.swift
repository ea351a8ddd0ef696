// Heterodyne: batch, group and instance normalisation of tensors [batch, channel, spatial…].
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (x [N, C, …], scale [C], bias [C], mean [C], variance [C]):
/// `(x - mean) * (scale / √(variance + ε)) + bias` (Ioffe and Szegedy 2015, inference).
///
/// Beside a narrow `x`, the others may be float32. Narrow floats are computed in float32 and rounded once.
public struct BatchNormalization: EpsilonAttribute {
    /// `batchNormalization`.
    public static let name = "batchNormalization"
    /// What is added to the variance.
    public let epsilon: Double

    /// Normalisation with given statistics.
    public init(epsilon: Double = 1e-5) { self.epsilon = epsilon }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let names = ["x", "scale", "bias", "mean", "variance"]
        try OperandRules.count(operands, 5, names.joined(separator: ", "))
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.rank(x, atLeast: 2, "x")
        try OperandRules.notNegative(epsilon, "epsilon")
        for (operand, name) in zip(operands, names).dropFirst() {
            try OperandRules.parameter(operand, of: x, name)
            try OperandRules.shape(operand, [x.shape[1]], name)
        }
        return [x]
    }

    /// The factor is computed once per channel.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        var wide: [Term] = []
        for operand in operands { wide.append(try operand.widened()) }
        let factor = try wide[1] / (wide[4] + epsilon).sqrt()
        func spread(_ term: Term) throws(GraphError) -> Term { try term.broadcast(like: wide[0], axes: [1]) }
        let y = try (wide[0] - spread(wide[3])) * spread(factor) + spread(wide[2])
        return [try y.convert(operands[0].scalarType)]
    }
}

/// Operands (x [N, C, …], [scale [C], [bias [C]]]): each of `groups` groups of channels is brought to mean 0 and
/// variance 1 per batch element, then scaled and shifted per channel (Wu and He 2018).
public struct GroupNormalization: AttributedComposite {
    /// `groupNormalization`.
    public static let name = "groupNormalization"
    /// The number of groups; it divides the number of channels.
    public let groups: Int
    /// What is added to the variance.
    public let epsilon: Double

    /// Normalisation in `groups` groups.
    public init(groups: Int, epsilon: Double = 1e-5) {
        self.groups = groups
        self.epsilon = epsilon
    }

    /// `groups` and `epsilon`.
    public var attributes: Attributes { ["groups": .integer(groups), "epsilon": .number(epsilon)] }

    /// Reads `groups` and `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        groups = try reader.integer("groups")
        epsilon = try reader.number("epsilon")
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try ChannelGroups.check(operands, epsilon: epsilon)
        try ChannelGroups.check(groups, channels: operands[0].shape[1], "channels of x")
        return [operands[0]]
    }

    /// A normalisation of `x` as [N, groups, C/groups, …] over all but its first two dimensions.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try ChannelGroups.normalize(operands, groups: groups, epsilon: epsilon, Self.name)]
    }
}

/// Operands (x [N, C, …], [scale [C], [bias [C]]]): every channel of every batch element is brought to mean 0 and
/// variance 1, then scaled and shifted (Ulyanov et al. 2016).
public struct InstanceNormalization: EpsilonAttribute {
    /// `instanceNormalization`.
    public static let name = "instanceNormalization"
    /// What is added to the variance.
    public let epsilon: Double

    /// Normalisation of each channel.
    public init(epsilon: Double = 1e-5) { self.epsilon = epsilon }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try ChannelGroups.check(operands, epsilon: epsilon)
        return [operands[0]]
    }

    /// A normalisation over all but the first two dimensions.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try ChannelGroups.normalize(operands, groups: nil, epsilon: epsilon, Self.name)]
    }
}

extension Term {
    /// Batch normalisation with given statistics of the channels, dimension 1.
    public func batchNormalization(
        scale: Term, bias: Term, mean: Term, variance: Term, epsilon: Double = 1e-5
    ) throws(GraphError) -> Term {
        try builder.add(BatchNormalization(epsilon: epsilon), [self, scale, bias, mean, variance])
    }

    /// Normalisation of groups of channels, dimension 1.
    public func groupNormalization(
        groups: Int, scale: Term? = nil, bias: Term? = nil, epsilon: Double = 1e-5
    ) throws(GraphError) -> Term {
        let parameters = try Term.parameters(scale, bias)
        return try builder.add(GroupNormalization(groups: groups, epsilon: epsilon), [self] + parameters)
    }

    /// Normalisation of each channel, dimension 1.
    public func instanceNormalization(
        scale: Term? = nil, bias: Term? = nil, epsilon: Double = 1e-5
    ) throws(GraphError) -> Term {
        let parameters = try Term.parameters(scale, bias)
        return try builder.add(InstanceNormalization(epsilon: epsilon), [self] + parameters)
    }
}
