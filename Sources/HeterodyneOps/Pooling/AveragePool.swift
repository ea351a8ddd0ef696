// Heterodyne: average pooling.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operand x [N, C, S…]: the mean of each window.
///
/// The divisor is the number of the window's elements inside `x`, or, with `countsPadding`, inside `x` and its padding;
/// what a window of `ceilMode` has beyond the padding never counts.
public struct AveragePool: AttributedComposite {
    /// `averagePool`.
    public static let name = "averagePool"
    /// The windows.
    public let windows: PoolingWindows
    /// Whether padding counts in the divisor.
    public let countsPadding: Bool

    /// The mean of each window.
    public init(_ windows: PoolingWindows, countsPadding: Bool = false) {
        self.windows = windows
        self.countsPadding = countsPadding
    }

    /// `kernel`, `strides`, `dilations`, `low`, `high`, `ceilMode` and `countsPadding`.
    public var attributes: Attributes { windows.attributes + ["countsPadding": .bool(countsPadding)] }

    /// Reads the attributes.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        windows = try PoolingWindows(&reader)
        countsPadding = try reader.bool("countsPadding")
    }

    /// `x`'s scalar type, shape [N, C, windows…].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        return [operands[0].with(try windows.resultShape(operands[0]))]
    }

    /// Sums of windows divided by counts, which are the product of one vector per spatial dimension.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let sum = try windows.combine(x, .sum, padding: builder.constant(0, .scalar(x.scalarType)))
        let high = try windows.completedHigh(x.shape, sum.shape)
        var product = 1.0
        var counts: Term?
        for (i, axis) in try windows.axes().enumerated() {
            let overhang = high[i] - axis.high
            let (before, after) = countsPadding ? (0, overhang) : (axis.low, high[i])
            if before == 0 && after == 0 {
                product *= Double(axis.kernel)
                continue
            }
            let inside = countsPadding ? axis.low + axis.high : 0
            let ones = try builder.constant(
                1, TensorType(x.scalarType, Shape([x.shape[i + 2].adding(.fixed(inside))])))
            let padded = try ones.pad(0, low: [before], high: [after])
            let vector = try Windows.extract(padded, dimension: 0, axis, count: sum.shape[i + 2]).reduce(.sum, [0])
            let spread = try vector.broadcast(like: sum, axes: [i + 2])
            if let others = counts { counts = try others * spread } else { counts = spread }
        }
        let constant = try sum.like(product)
        let divisor = if let counts { try counts * constant } else { constant }
        return [try (sum / divisor).convert(operands[0].scalarType)]
    }
}

extension Term {
    /// The mean of each window of [N, C, S…]; strides and dilations default to 1.
    public func averagePool(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false, countsPadding: Bool = false
    ) throws(GraphError) -> Term {
        let windows = try poolingWindows(kernel, strides, dilations, padding, ceilMode)
        return try builder.add(AveragePool(windows, countsPadding: countsPadding), [self])
    }

    /// The mean over all spatial dimensions of [N, C, S…], which stay with extent 1.
    public func globalAveragePool() throws(GraphError) -> Term {
        try builder.add(AveragePool(globalWindow()), [self])
    }
}
