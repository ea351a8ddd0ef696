// Heterodyne: what max, average and Lp pooling share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The windows of a pooling over the spatial dimensions of [N, C, S…]; each list has one entry per spatial dimension.
public struct PoolingWindows: Sendable, Hashable {
    /// The extents of a window.
    public var kernel: [Int]
    /// The distance of windows.
    public var strides: [Int] { spatial.strides }
    /// The distance of a window's elements.
    public var dilations: [Int] { spatial.dilations }
    /// Padding before each spatial dimension, smaller than a window.
    public var low: [Int] { spatial.low }
    /// Padding after each spatial dimension, smaller than a window.
    public var high: [Int] { spatial.high }
    /// Whether a last window may reach beyond the padding, if it starts before it.
    public var ceilMode: Bool
    private let spatial: SpatialAttributes

    /// Windows of extents `kernel`. Strides and dilations default to 1, padding to 0.
    public init(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, low: [Int]? = nil, high: [Int]? = nil,
        ceilMode: Bool = false
    ) {
        let ones = [Int](repeating: 1, count: kernel.count)
        let zeros = [Int](repeating: 0, count: kernel.count)
        self.kernel = kernel
        spatial = SpatialAttributes(
            strides: strides ?? ones, dilations: dilations ?? ones, low: low ?? zeros, high: high ?? low ?? zeros)
        self.ceilMode = ceilMode
    }

    init(_ reader: inout AttributeReader) throws(GraphError) {
        kernel = try reader.integers("kernel")
        spatial = try SpatialAttributes(&reader)
        ceilMode = try reader.bool("ceilMode")
    }

    var attributes: Attributes {
        ["kernel": .integers(kernel)] + spatial.attributes + ["ceilMode": .bool(ceilMode)]
    }

    func axes() throws(GraphError) -> [Windows.Axis] { try spatial.axes(kernel: kernel, ceilMode: ceilMode) }

    /// Checks rank and attributes; gives the shape [N, C, windows…].
    func resultShape(_ x: TensorType) throws(GraphError) -> Shape {
        try OperandRules.rank(x, atLeast: 3, "x")
        try OperandRules.require(
            x.rank - 2 <= Contraction.largestSpatialRank, .shapeMismatch,
            "x is \(x); at most \(Contraction.largestSpatialRank) spatial dimensions are supported")
        try OperandRules.require(
            kernel.count == x.rank - 2, .invalidAttribute,
            "kernel has \(kernel.count) entries for \(x.rank - 2) spatial dimensions of \(x)")
        var extents = Array(x.shape.dimensions[..<2])
        for (i, axis) in try axes().enumerated() {
            let span = try axis.span()
            try OperandRules.require(
                axis.low < span && axis.high < span, .invalidAttribute,
                "padding \(axis.low) and \(axis.high) of spatial dimension \(i) must be smaller than the window, \(span)"
            )
            extents.append(try axis.count(x.shape[i + 2], i))
        }
        return Shape(extents)
    }

    /// Padding at the end of each spatial dimension, with what a last window needs beyond it.
    func completedHigh(_ shape: Shape, _ result: Shape) throws(GraphError) -> [Int] {
        var amounts: [Int] = []
        for (i, axis) in try axes().enumerated() {
            amounts.append(axis.high + (try axis.overhang(shape[i + 2], result[i + 2])))
        }
        return amounts
    }

    /// `x` padded with `value`, then every window combined, one spatial dimension after the other.
    func combine(_ x: Term, _ kind: ReductionKind, padding value: Term) throws(GraphError) -> Term {
        let shape = try resultShape(x.type)
        var result = try x.pad(value, low: [0, 0] + low, high: [0, 0] + completedHigh(x.shape, shape))
        for (i, axis) in try axes().enumerated() {
            result = try Windows.extract(result, dimension: i + 2, axis, count: shape[i + 2]).reduce(kind, [i + 2])
        }
        return result
    }
}

extension Term {
    /// Windows over the spatial dimensions of [N, C, S…]; strides default to 1.
    func poolingWindows(
        _ kernel: [Int], _ strides: [Int]?, _ dilations: [Int]?, _ padding: SpatialPadding, _ ceilMode: Bool
    ) throws(GraphError) -> PoolingWindows {
        let ones = [Int](repeating: 1, count: kernel.count)
        let (low, high) = try padding.amounts(
            shape, kernel: kernel, strides: strides ?? ones, dilations: dilations ?? ones)
        return PoolingWindows(
            kernel: kernel, strides: strides, dilations: dilations, low: low, high: high, ceilMode: ceilMode)
    }

    /// One window over all spatial dimensions of [N, C, S…]. Throws `unboundSymbol` where one is symbolic.
    func globalWindow() throws(GraphError) -> PoolingWindows {
        try OperandRules.rank(type, atLeast: 3, "x")
        return PoolingWindows(kernel: try Shape(Array(shape.dimensions[2...])).extents())
    }
}
