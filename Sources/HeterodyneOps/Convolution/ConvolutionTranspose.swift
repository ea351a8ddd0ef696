// Heterodyne: transposed convolution, the gradient of a convolution by its input.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operands (x [N, C, S…], weights [C, O/groups, K…], [bias [O]]): every element of `x` adds the kernel, times its
/// value, to the result at `s * stride + k * dilation - low`.
///
/// The result has `(S - 1) * stride + dilation * (K - 1) + 1 - low - high + outputPadding` elements per spatial
/// dimension. Accumulation and rounding are those of `Convolution`.
public struct ConvolutionTranspose: AttributedComposite {
    /// `convolutionTranspose`.
    public static let name = "convolutionTranspose"
    /// The distance of the kernels' copies, per spatial dimension.
    public var strides: [Int] { spatial.strides }
    /// The distance of a kernel's elements, per spatial dimension.
    public var dilations: [Int] { spatial.dilations }
    /// Elements cut off at the start of each spatial dimension.
    public var low: [Int] { spatial.low }
    /// Elements cut off at the end of each spatial dimension.
    public var high: [Int] { spatial.high }
    /// Elements added at the end of each spatial dimension; below the larger of stride and dilation.
    public let outputPadding: [Int]
    /// The number of groups.
    public let groups: Int
    private let spatial: SpatialAttributes

    /// A transposed convolution; each list has one entry per spatial dimension.
    public init(
        strides: [Int], dilations: [Int], low: [Int], high: [Int], outputPadding: [Int], groups: Int = 1
    ) {
        spatial = SpatialAttributes(strides: strides, dilations: dilations, low: low, high: high)
        self.outputPadding = outputPadding
        self.groups = groups
    }

    /// `strides`, `dilations`, `low`, `high`, `outputPadding` and `groups`.
    public var attributes: Attributes {
        spatial.attributes + ["outputPadding": .integers(outputPadding), "groups": .integer(groups)]
    }

    /// Reads `strides`, `dilations`, `low`, `high`, `outputPadding` and `groups`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        spatial = try SpatialAttributes(&reader)
        outputPadding = try reader.integers("outputPadding")
        groups = try reader.integer("groups")
    }

    /// `x`'s scalar type, shape [N, O, extents…].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let kernel = try Contraction.check(operands, groups: groups)
        let (x, weights) = (operands[0], operands[1])
        try ChannelGroups.check(groups, channels: x.shape[1], "channels of x")
        try OperandRules.require(
            weights.shape[0] == x.shape[1], .shapeMismatch,
            "weights \(weights) take \(weights.shape[0]) channels; x is \(x)")
        let outputs = try weights.shape[1].multiplied(by: .fixed(groups))
        try Contraction.checkBias(operands, channels: outputs)
        let extents = try resultExtents(x.shape, spatial.axes(kernel: kernel))
        return [x.with(Shape([x.shape[0], outputs] + extents))]
    }

    private func resultExtents(_ shape: Shape, _ axes: [Windows.Axis]) throws(GraphError) -> [Extent] {
        try OperandRules.require(
            outputPadding.count == axes.count, .invalidAttribute,
            "outputPadding has \(outputPadding.count) entries for \(axes.count) spatial dimensions")
        var extents: [Extent] = []
        for (i, axis) in axes.enumerated() {
            try OperandRules.require(
                outputPadding[i] >= 0 && outputPadding[i] < max(axis.stride, axis.dilation), .invalidAttribute,
                "outputPadding \(outputPadding[i]) of spatial dimension \(i) is not within 0 to the larger of stride "
                    + "\(axis.stride) and dilation \(axis.dilation)")
            let spread = try shape[i + 2].subtracting(1).multiplied(by: .fixed(axis.stride))
            // Each number is at most 2^40, so their sum does not overflow.
            let extent = try spread.adding(.fixed(axis.span() + outputPadding[i] - axis.low - axis.high))
            if case .fixed(let value) = extent {
                try OperandRules.require(
                    value >= 0, .shapeMismatch,
                    "extent \(shape[i + 2]) of spatial dimension \(i) gives \(value) elements; pad less")
            }
            extents.append(extent)
        }
        return extents
    }

    /// The convolution, with the kernel reversed, of `x` with zeros between and around its elements.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let (x, weights) = (operands[0], operands[1])
        let kernel = try Contraction.kernel(weights.type)
        let axes = try spatial.axes(kernel: kernel)
        let extents = try resultExtents(x.shape, axes)
        var padLow: [Extent] = [0, 0]
        var padHigh: [Extent] = [0, 0]
        var interior = [0, 0]
        var moving: [Windows.Axis] = []
        for (i, axis) in axes.enumerated() {
            let span = try axis.span()
            let before = span - 1 - axis.low
            let input = x.shape[i + 2]
            let middle =
                input == 0 ? input : try input.subtracting(1).multiplied(by: .fixed(axis.stride)).adding(1)
            padLow.append(.fixed(before))
            padHigh.append(try extents[i].adding(.fixed(span - 1 - before)).subtracting(middle))
            interior.append(axis.stride - 1)
            moving.append(Windows.Axis(kernel: axis.kernel, dilation: axis.dilation))
        }
        let zero = try builder.constant(0, .scalar(x.scalarType))
        let padded = try builder.add(.pad(low: padLow, high: padHigh, interior: interior), [x, zero])
        let windows = try Contraction.windows(padded, moving, extents, groups: groups)
        let perGroup = try x.shape[1].floorDivided(by: groups)
        let grouped = try weights.reverse(Array(2..<weights.rank)).reshape(
            Shape([.fixed(groups), perGroup] + Array(weights.shape.dimensions[1...])))
        let kernelDimensions = Array(3..<3 + kernel.count)
        let outputs = try weights.shape[1].multiplied(by: .fixed(groups))
        return [
            try Contraction.dot(
                grouped, [1] + kernelDimensions, windows, [2] + kernelDimensions,
                bias: operands.count > 2 ? operands[2] : nil, shape: Shape([x.shape[0], outputs] + extents))
        ]
    }
}

extension Term {
    /// The transposed convolution of [N, C, S…] with weights [C, O/groups, K…] and a bias [O]. `low` and `high` cut
    /// off elements of the result; strides and dilations default to 1, the rest to 0.
    public func convolutionTranspose(
        _ weights: Term, bias: Term? = nil, strides: [Int]? = nil, dilations: [Int]? = nil, low: [Int]? = nil,
        high: [Int]? = nil, outputPadding: [Int]? = nil, groups: Int = 1
    ) throws(GraphError) -> Term {
        let ones = [Int](repeating: 1, count: max(0, weights.rank - 2))
        let zeros = [Int](repeating: 0, count: ones.count)
        let composite = ConvolutionTranspose(
            strides: strides ?? ones, dilations: dilations ?? ones, low: low ?? zeros, high: high ?? low ?? zeros,
            outputPadding: outputPadding ?? zeros, groups: groups)
        return try builder.add(composite, [self, weights, bias].compactMap(\.self))
    }
}
