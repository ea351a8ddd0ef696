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
