// Heterodyne: convolution, forward and transposed.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
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

    /// The transpose of `convolution`, which upsamples: [batch, channels, space…] with weights
    /// [channels, outputs / groups, kernel…]. `low` and `high` crop the ends of the result, `outputPadding` extends its
    /// far ends.
    public func convolutionTranspose(
        _ weights: Tensor, bias: Tensor? = nil, strides: [Int]? = nil, dilations: [Int]? = nil, low: [Int]? = nil,
        high: [Int]? = nil, outputPadding: [Int]? = nil, groups: Int = 1, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map(
            "convolutionTranspose", with: [weights] + (bias.map { [$0] } ?? []), file: file, line: line
        ) { (t) throws(GraphError) in
            try t[0].convolutionTranspose(
                t[1], bias: t.count > 2 ? t[2] : nil, strides: strides, dilations: dilations, low: low, high: high,
                outputPadding: outputPadding, groups: groups)
        }
    }
}
