// Heterodyne: batch, group and instance normalisation of tensors [batch, channel, spatial…].
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (x [N, C, …], scale [C], bias [C], mean [C], variance [C]):
/// `(x - mean) * (scale / √(variance + ε)) + bias` (Ioffe and Szegedy 2015, inference).
///
/// Beside a narrow `x`, the others may be float32. Narrow floats are computed in float32 and rounded once.
public struct BatchNormalization: Composite {
    /// `batchNormalization`.
    public static let name = "batchNormalization"
    /// What is added to the variance.
    public let epsilon: Double

    /// Normalisation with given statistics.
    public init(epsilon: Double = 1e-5) { self.epsilon = epsilon }

    /// `epsilon`.
    public var attributes: Attributes { ["epsilon": .number(epsilon)] }

    /// Reads `epsilon`.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        epsilon = try reader.number("epsilon")
        try reader.finish()
    }

    /// `x`'s type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let names = ["x", "scale", "bias", "mean", "variance"]
        try OperandRules.count(operands, 5...5, names.joined(separator: ", "))
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.rank(x, atLeast: 2, "x")
        try OperandRules.notNegative(epsilon, "epsilon")
        for (operand, name) in zip(operands, names).dropFirst() {
            try OperandRules.parameter(operand, of: x, name)
            try OperandRules.vector(operand, x.shape[1], name)
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
public struct GroupNormalization: Composite {
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
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        groups = try reader.integer("groups")
        epsilon = try reader.number("epsilon")
        try reader.finish()
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
public struct InstanceNormalization: Composite {
    /// `instanceNormalization`.
    public static let name = "instanceNormalization"
    /// What is added to the variance.
    public let epsilon: Double

    /// Normalisation of each channel.
    public init(epsilon: Double = 1e-5) { self.epsilon = epsilon }

    /// `epsilon`.
    public var attributes: Attributes { ["epsilon": .number(epsilon)] }

    /// Reads `epsilon`.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        epsilon = try reader.number("epsilon")
        try reader.finish()
    }

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

/// What is shared by operations that work on groups of channels.
enum ChannelGroups {
    static func check(_ operands: [TensorType], epsilon: Double) throws(GraphError) {
        try OperandRules.count(operands, 1...3, "x, scale, bias")
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.rank(x, atLeast: 2, "x")
        try OperandRules.notNegative(epsilon, "epsilon")
        for (operand, name) in zip(operands.dropFirst(), ["scale", "bias"]) {
            try OperandRules.parameter(operand, of: x, name)
            try OperandRules.vector(operand, x.shape[1], name)
        }
    }

    static func check(_ groups: Int, channels: Extent, _ what: String) throws(GraphError) {
        try OperandRules.require(groups >= 1, .invalidAttribute, "groups \(groups) is below 1")
        if case .fixed(let channels) = channels {
            try OperandRules.require(
                channels % groups == 0, .shapeMismatch, "the \(channels) \(what) do not divide into \(groups) groups")
        } else {
            try OperandRules.require(
                try channels.floorDivided(by: groups).multiplied(by: .fixed(groups)) == channels, .unboundSymbol,
                "whether \(channels) \(what) divide into \(groups) groups is not known; bind the symbols")
        }
    }

    /// `groups` nil: one group per channel.
    static func normalize(
        _ operands: [Term], groups: Int?, epsilon: Double, _ what: String
    ) throws(GraphError) -> Term {
        let x = try operands[0].widened()
        var grouped = x
        if let groups {
            let perGroup = try x.shape[1].floorDivided(by: groups)
            grouped = try x.reshape(
                Shape([x.shape[0], .fixed(groups), perGroup] + Array(x.shape.dimensions[2...])))
        }
        let axes = Array(2..<grouped.rank)
        let (centred, _, inverse) = try Normalization.standardize(grouped, axes, epsilon: epsilon, what)
        var y = try (centred * inverse.broadcast(like: grouped, axes: [0, 1])).reshape(x.shape)
        if operands.count > 1 { y = try y * operands[1].widened().broadcast(like: x, axes: [1]) }
        if operands.count > 2 { y = try y + operands[2].widened().broadcast(like: x, axes: [1]) }
        return try y.convert(operands[0].scalarType)
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
