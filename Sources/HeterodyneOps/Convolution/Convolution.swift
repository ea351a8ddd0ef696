// Heterodyne: convolution of any number of spatial dimensions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (x [N, C, S…], weights [O, C/groups, K…], [bias [O]]): the cross-correlation that neural networks call
/// convolution, `y[n, o, s…] = bias[o] + Σ x[n, c, s * stride + k * dilation - low] weights[o, c, k]`.
///
/// Elements outside `x` count as zero. The sum is accumulated in the scalar type's accumulation type; narrow floats are
/// rounded once, after the bias, which may be float32 beside them. At most 6 spatial dimensions.
public struct Convolution: AttributedComposite {
    /// `convolution`.
    public static let name = "convolution"
    /// The distance of windows, per spatial dimension.
    public var strides: [Int] { spatial.strides }
    /// The distance of a window's elements, per spatial dimension.
    public var dilations: [Int] { spatial.dilations }
    /// Zeros before each spatial dimension.
    public var low: [Int] { spatial.low }
    /// Zeros after each spatial dimension.
    public var high: [Int] { spatial.high }
    /// The number of groups; channels of one group see only inputs of that group.
    public let groups: Int
    private let spatial: SpatialAttributes

    /// A convolution; each list has one entry per spatial dimension.
    public init(strides: [Int], dilations: [Int], low: [Int], high: [Int], groups: Int = 1) {
        spatial = SpatialAttributes(strides: strides, dilations: dilations, low: low, high: high)
        self.groups = groups
    }

    /// `strides`, `dilations`, `low`, `high` and `groups`.
    public var attributes: Attributes { spatial.attributes + ["groups": .integer(groups)] }

    /// Reads `strides`, `dilations`, `low`, `high` and `groups`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        spatial = try SpatialAttributes(&reader)
        groups = try reader.integer("groups")
    }

    /// `x`'s scalar type, shape [N, O, windows…].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let kernel = try Contraction.check(operands, groups: groups)
        let (x, weights) = (operands[0], operands[1])
        try ChannelGroups.check(groups, channels: x.shape[1], "channels of x")
        try ChannelGroups.check(groups, channels: weights.shape[0], "output channels of weights")
        let perGroup = try x.shape[1].floorDivided(by: groups)
        try OperandRules.require(
            weights.shape[1] == perGroup, .shapeMismatch,
            "weights \(weights) take \(weights.shape[1]) channels; x \(x) has \(perGroup) in each of \(groups) groups")
        try Contraction.checkBias(operands, channels: weights.shape[0])
        var extents = [x.shape[0], weights.shape[0]]
        for (i, axis) in try spatial.axes(kernel: kernel).enumerated() {
            extents.append(try axis.count(x.shape[i + 2], i))
        }
        return [x.with(Shape(extents))]
    }

    /// One dot of the weights with the windows of the padded input.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, weights) = (operands[0], operands[1])
        let kernel = try Contraction.kernel(weights.type)
        let axes = try spatial.axes(kernel: kernel)
        let padded = try x.pad(0, low: [0, 0] + low, high: [0, 0] + high)
        var counts: [Extent] = []
        for (i, axis) in axes.enumerated() { counts.append(try axis.count(x.shape[i + 2], i)) }
        let outputs = weights.shape[0]
        let grouped = try weights.reshape(
            Shape([.fixed(groups), outputs.floorDivided(by: groups)] + Array(weights.shape.dimensions[1...])))
        let windows = try Contraction.windows(padded, axes, counts, groups: groups)
        let contracted = Array(2..<3 + kernel.count)
        return [
            try Contraction.dot(
                grouped, contracted, windows, contracted, bias: operands.count > 2 ? operands[2] : nil,
                shape: Shape([x.shape[0], outputs] + counts))
        ]
    }
}

extension Term {
    /// The convolution of [N, C, S…] with weights [O, C/groups, K…] and a bias [O]. Strides and dilations default to 1.
    public func convolution(
        _ weights: Term, bias: Term? = nil, strides: [Int]? = nil, dilations: [Int]? = nil,
        padding: SpatialPadding = .valid, groups: Int = 1
    ) throws(GraphError) -> Term {
        let kernel = try Contraction.kernel(weights.type)
        let ones = [Int](repeating: 1, count: kernel.count)
        let (low, high) = try padding.amounts(
            shape, kernel: kernel, strides: strides ?? ones, dilations: dilations ?? ones)
        let composite = Convolution(
            strides: strides ?? ones, dilations: dilations ?? ones, low: low, high: high, groups: groups)
        return try builder.add(composite, [self, weights, bias].compactMap(\.self))
    }
}
