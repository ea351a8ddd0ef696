// Heterodyne: the layers' functions: activations, normalisation, attention, convolution, pooling.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
    /// `x · weightᵀ + bias` over the last dimension; `weight` is [outputs, inputs] as PyTorch stores it, `bias`
    /// [outputs].
    public func linear(
        _ weight: Tensor, _ bias: Tensor? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("linear", with: [weight] + (bias.map { [$0] } ?? []), file: file, line: line) { (t) throws(GraphError) in
            guard t[0].rank >= 1, t[1].rank == 2 else {
                throw GraphError(.shapeMismatch, "x is \(t[0].type) and the weight \(t[1].type), which is no matrix")
            }
            let product = try t[0].dot(
                t[1], DotDimensions(leftContracting: [t[0].rank - 1], rightContracting: [1]))
            return t.count > 2 ? try product + t[2].broadcast(to: product.shape) : product
        }
    }

    /// `e^x / Σ e^x` along `axis`.
    public func softmax(axis: Int = -1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("softmax", file: file, line: line) { (x) throws(GraphError) in try x.softmax(axis: axis) }
    }

    /// `x - log Σ e^x` along `axis`.
    public func logSoftmax(axis: Int = -1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("logSoftmax", file: file, line: line) { (x) throws(GraphError) in try x.logSoftmax(axis: axis) }
    }

    /// `(x - mean) / sqrt(variance + epsilon) · scale + bias` over the dimensions from `axis` on.
    public func layerNormalization(
        axis: Int = -1, scale: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map(
            "layerNormalization", with: [scale, bias].compactMap(\.self), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].layerNormalization(
                axis: axis, scale: scale == nil ? nil : t[1],
                bias: bias == nil ? nil : t[scale == nil ? 1 : 2], epsilon: epsilon)
        }
    }

    /// `x / sqrt(mean(x²) + epsilon) · scale` over the dimensions from `axis` on.
    public func rmsNormalization(
        axis: Int = -1, scale: Tensor? = nil, epsilon: Double = 1e-5, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("rmsNormalization", with: scale.map { [$0] } ?? [], file: file, line: line) { (t) throws(GraphError) in
            try t[0].rmsNormalization(axis: axis, scale: t.count > 1 ? t[1] : nil, epsilon: epsilon)
        }
    }

    /// Normalisation of channels with given statistics, as in inference.
    public func batchNormalization(
        scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: Double = 1e-5, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map(
            "batchNormalization", with: [scale, bias, mean, variance], file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].batchNormalization(scale: t[1], bias: t[2], mean: t[3], variance: t[4], epsilon: epsilon)
        }
    }

    /// Scaled dot-product attention of queries [batch, heads, length, depth] over keys and values, whose number of
    /// heads divides the queries'. `mask` is added to the scores, or is bool: false masks out.
    public func attention(
        keys: Tensor, values: Tensor, mask: Tensor? = nil, causality: Attention.Causality = .none,
        scale: Double? = nil, softcap: Double? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "attention", with: [keys, values] + (mask.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].attention(
                keys: t[1], values: t[2], mask: t.count > 3 ? t[3] : nil, causality: causality, scale: scale,
                softcap: softcap)
        }
    }

    /// Convolution of [batch, channels, space…] with weights [outputs, channels / groups, kernel…].
    public func convolution(
        _ weights: Tensor, bias: Tensor? = nil, strides: [Int]? = nil, dilations: [Int]? = nil,
        padding: SpatialPadding = .valid, groups: Int = 1, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "convolution", with: [weights] + (bias.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].convolution(
                t[1], bias: t.count > 2 ? t[2] : nil, strides: strides, dilations: dilations, padding: padding,
                groups: groups)
        }
    }

    /// The largest of each window of [batch, channels, space…].
    public func maxPool(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("maxPool", file: file, line: line) { (x) throws(GraphError) in
            try x.maxPool(
                kernel: kernel, strides: strides, dilations: dilations, padding: padding, ceilMode: ceilMode)
        }
    }

    /// The mean of each window of [batch, channels, space…].
    public func averagePool(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false, countsPadding: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("averagePool", file: file, line: line) { (x) throws(GraphError) in
            try x.averagePool(
                kernel: kernel, strides: strides, dilations: dilations, padding: padding, ceilMode: ceilMode,
                countsPadding: countsPadding)
        }
    }
}
