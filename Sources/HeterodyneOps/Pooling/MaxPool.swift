// Heterodyne: max pooling, with the positions of the maxima where they are wanted.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operand x [N, C, S…]: the largest element of each window; NaN where one is NaN. Padding is never the largest.
///
/// With `indices`, the second result gives where in the row-major elements of `x` it stands, as int64; of several, the
/// first; NaN counts as the largest.
public struct MaxPool: AttributedComposite {
    /// `maxPool`.
    public static let name = "maxPool"
    /// The windows.
    public let windows: PoolingWindows
    /// Whether the positions are a result.
    public let indices: Bool

    /// The largest element of each window.
    public init(_ windows: PoolingWindows, indices: Bool = false) {
        self.windows = windows
        self.indices = indices
    }

    /// `kernel`, `strides`, `dilations`, `low`, `high`, `ceilMode` and `indices`.
    public var attributes: Attributes { windows.attributes + ["indices": .bool(indices)] }

    /// Reads the attributes.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        windows = try PoolingWindows(&reader)
        indices = try reader.bool("indices")
    }

    /// `x`'s scalar type, and int64 with `indices`; shape [N, C, windows…].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.arithmetic(operands[0], "x")
        let result = operands[0].with(try windows.resultShape(operands[0]))
        return indices ? [result, result.with(.int64)] : [result]
    }

    /// Maxima along one spatial dimension after the other; with indices, of whole windows.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let lowest = try builder.constant(
            Literal(splatBits: x.scalarType.lowestBits, type: .scalar(x.scalarType)))
        let maxima = try windows.combine(x, .maximum, padding: lowest)
        guard indices else { return [maxima] }
        let positions = try builder.iota(
            TensorType(.int64, Shape([x.shape.elementCount()])), dimension: 0
        ).reshape(x.shape)
        let beyond = try builder.constant(Literal(splatBits: UInt64(Int64.max), type: .scalar(.int64)))
        let values = try wholeWindows(x, padding: lowest, maxima.shape)
        let places = try wholeWindows(positions, padding: beyond, maxima.shape)
        let spatialRank = x.rank - 2
        let kept = [0, 1] + Array(2 + spatialRank..<2 + 2 * spatialRank)
        var isLargest = try values.compare(.equal, maxima.broadcast(like: values, axes: kept))
        if x.scalarType.isFloatingPoint { isLargest = try isLargest.or(values.isNaNPrimitive()) }
        let candidates = try isLargest.select(places, beyond.broadcast(like: places, axes: []))
        return [maxima, try candidates.reduce(.minimum, Array(2..<2 + spatialRank))]
    }

    /// The windows of `x` as [N, C, K…, windows…].
    private func wholeWindows(_ x: Term, padding value: Term, _ shape: Shape) throws(GraphError) -> Term {
        let high = try windows.completedHigh(x.shape, shape)
        var result = try x.pad(value, low: [0, 0] + windows.low, high: [0, 0] + high)
        for (i, axis) in try windows.axes().enumerated() {
            result = try Windows.extract(
                result, dimension: 2 + i + i, axis, count: shape[i + 2], position: 2 + i)
        }
        return result
    }
}

extension Term {
    /// The largest element of each window of [N, C, S…]; strides and dilations default to 1.
    public func maxPool(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false
    ) throws(GraphError) -> Term {
        let windows = try poolingWindows(kernel, strides, dilations, padding, ceilMode)
        return try builder.add(MaxPool(windows), [self])
    }

    /// The largest element of each window and where in the row-major elements it stands.
    public func maxPoolWithIndices(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false
    ) throws(GraphError) -> (values: Term, indices: Term) {
        let windows = try poolingWindows(kernel, strides, dilations, padding, ceilMode)
        let results = try builder.addAll(.composite(MaxPool(windows, indices: true)), [self])
        return (results[0], results[1])
    }

    /// The largest element over all spatial dimensions of [N, C, S…], which stay with extent 1.
    public func globalMaxPool() throws(GraphError) -> Term { try builder.add(MaxPool(globalWindow()), [self]) }
}
