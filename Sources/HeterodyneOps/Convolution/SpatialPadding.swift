// Heterodyne: how a convolution or pooling pads its spatial dimensions.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// How a convolution or a pooling pads its spatial dimensions, for the convenience functions; the composites
/// themselves take numbers.
public enum SpatialPadding: Sendable, Hashable {
    /// No padding.
    case valid
    /// So much that there are ⌈extent / stride⌉ windows; an odd element more at the end.
    case sameUpper
    /// So much that there are ⌈extent / stride⌉ windows; an odd element more at the start.
    case sameLower
    /// The same at both ends of each dimension.
    case symmetric([Int])
    /// Numbers for both ends of each dimension.
    case explicit(low: [Int], high: [Int])

    /// The padding of the spatial dimensions of `shape`, which is [batch, channels, spatial…]. Throws `unboundSymbol`
    /// where `same` needs an extent that is symbolic, or `invalidAttribute` for lists of another length.
    public func amounts(
        _ shape: Shape, kernel: [Int], strides: [Int], dilations: [Int]
    ) throws(GraphError) -> (low: [Int], high: [Int]) {
        let zeros = [Int](repeating: 0, count: kernel.count)
        switch self {
        case .valid: return (zeros, zeros)
        case .symmetric(let amounts): return (amounts, amounts)
        case .explicit(let low, let high): return (low, high)
        case .sameUpper, .sameLower: break
        }
        guard shape.rank == kernel.count + 2, strides.count == kernel.count, dilations.count == kernel.count else {
            throw GraphError(
                .invalidAttribute,
                "kernel, strides and dilations need one entry per spatial dimension of \(shape)")
        }
        var (low, high) = (zeros, zeros)
        for i in 0..<kernel.count {
            let axis = Windows.Axis(kernel: kernel[i], stride: strides[i], dilation: dilations[i])
            try axis.validate(i)
            guard case .fixed(let extent) = shape[i + 2] else {
                throw GraphError(
                    .unboundSymbol, "'same' padding needs extent \(shape[i + 2]) of \(shape) as a number")
            }
            // (windows - 1) * stride is the start of the last window.
            let last = extent == 0 ? 0 : (extent - 1) / strides[i] * strides[i]
            let total = max(0, last + (try axis.span()) - extent)
            low[i] = self == .sameUpper ? total / 2 : total - total / 2
            high[i] = total - low[i]
        }
        return (low, high)
    }
}

/// Strides, dilations and padding as attributes, shared by convolution and pooling.
struct SpatialAttributes: Sendable, Hashable {
    var strides: [Int]
    var dilations: [Int]
    var low: [Int]
    var high: [Int]

    init(strides: [Int], dilations: [Int], low: [Int], high: [Int]) {
        self.strides = strides
        self.dilations = dilations
        self.low = low
        self.high = high
    }

    init(_ reader: inout AttributeReader) throws(GraphError) {
        strides = try reader.integers("strides")
        dilations = try reader.integers("dilations")
        low = try reader.integers("low")
        high = try reader.integers("high")
    }

    func write(to attributes: inout Attributes) {
        attributes.set("strides", .integers(strides))
        attributes.set("dilations", .integers(dilations))
        attributes.set("low", .integers(low))
        attributes.set("high", .integers(high))
    }

    /// The windows of each spatial dimension. Throws `invalidAttribute` where a list has another length than `kernel`
    /// or an entry is out of range.
    func axes(kernel: [Int], ceilMode: Bool = false) throws(GraphError) -> [Windows.Axis] {
        for (name, list) in [("strides", strides), ("dilations", dilations), ("low", low), ("high", high)] {
            try OperandRules.require(
                list.count == kernel.count, .invalidAttribute,
                "\(name) has \(list.count) entries for \(kernel.count) spatial dimensions")
        }
        var axes: [Windows.Axis] = []
        for i in 0..<kernel.count {
            let axis = Windows.Axis(
                kernel: kernel[i], stride: strides[i], dilation: dilations[i], low: low[i], high: high[i],
                ceilMode: ceilMode)
            try axis.validate(i)
            axes.append(axis)
        }
        return axes
    }
}
