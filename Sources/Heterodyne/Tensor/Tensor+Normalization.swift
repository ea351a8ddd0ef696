// Heterodyne: softmax and the normalisations of layers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// `e^x / Σ e^x` along `axis`.
    public func softmax(axis: Int = -1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("softmax", file: file, line: line) { (x) throws(GraphError) in try x.softmax(axis: axis) }
    }

    /// `x - log Σ e^x` along `axis`.
    public func logSoftmax(axis: Int = -1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("logSoftmax", file: file, line: line) { (x) throws(GraphError) in try x.logSoftmax(axis: axis) }
    }

    /// 1 at the first largest element along `axis`, 0 elsewhere.
    public func hardmax(axis: Int = -1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("hardmax", file: file, line: line) { (x) throws(GraphError) in try x.hardmax(axis: axis) }
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

    /// Normalisation of [batch, channels, …] within each of `groups` equal groups of channels; `scale` and `bias` are
    /// [channels].
    public func groupNormalization(
        groups: Int, scale: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map(
            "groupNormalization", with: [scale, bias].compactMap(\.self), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].groupNormalization(
                groups: groups, scale: scale == nil ? nil : t[1], bias: bias == nil ? nil : t[scale == nil ? 1 : 2],
                epsilon: epsilon)
        }
    }

    /// Normalisation of every channel of every sample of [batch, channels, …]; `scale` and `bias` are [channels].
    public func instanceNormalization(
        scale: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "instanceNormalization", with: [scale, bias].compactMap(\.self), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].instanceNormalization(
                scale: scale == nil ? nil : t[1], bias: bias == nil ? nil : t[scale == nil ? 1 : 2], epsilon: epsilon)
        }
    }

    /// `x / max(‖x‖_p, epsilon)` along `axis`, with the norm of degree `p`, 1 or 2.
    public func lpNormalization(
        axis: Int = -1, p: Int = 2, epsilon: Double = 1e-12, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("lpNormalization", file: file, line: line) { (x) throws(GraphError) in
            try x.lpNormalization(axis: axis, p: p, epsilon: epsilon)
        }
    }

    /// `(x - mean) / (standard deviation + epsilon)` with both taken along `axes`.
    public func meanVarianceNormalization(
        axes: [Int], epsilon: Double = 1e-9, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("meanVarianceNormalization", file: file, line: line) { (x) throws(GraphError) in
            try x.meanVarianceNormalization(axes: axes, epsilon: epsilon)
        }
    }

    /// `x / (bias + alpha / size · Σ x²)^beta` with the sum over `size` neighbouring channels of [batch, channels, …].
    public func localResponseNormalization(
        size: Int, alpha: Double = 1e-4, beta: Double = 0.75, bias: Double = 1, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("localResponseNormalization", file: file, line: line) { (x) throws(GraphError) in
            try x.localResponseNormalization(size: size, alpha: alpha, beta: beta, bias: bias)
        }
    }
}
