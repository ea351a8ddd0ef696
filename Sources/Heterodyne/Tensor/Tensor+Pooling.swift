// Heterodyne: pooling of [batch, channels, space…].
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
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

    /// The largest of each window of [batch, channels, space…] and its int64 position in the row-major tensor.
    public func maxPoolWithIndices(
        kernel: [Int], strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false, file: String = #fileID, line: Int = #line
    ) -> (values: Tensor, indices: Tensor) {
        let pair = Self.buildAll([self], .init(file: file, line: line), "maxPoolWithIndices", results: 2) {
            (_, terms) throws(GraphError) in
            let found = try terms[0].maxPoolWithIndices(
                kernel: kernel, strides: strides, dilations: dilations, padding: padding, ceilMode: ceilMode)
            return [found.values, found.indices]
        }
        return (pair[0], pair[1])
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

    /// `(Σ |x|^p)^(1/p)` of each window of [batch, channels, space…].
    public func lpPool(
        kernel: [Int], p: Int = 2, strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("lpPool", file: file, line: line) { (x) throws(GraphError) in
            try x.lpPool(
                kernel: kernel, p: p, strides: strides, dilations: dilations, padding: padding, ceilMode: ceilMode)
        }
    }

    /// The largest element of each channel of [batch, channels, space…]; spatial extents become 1.
    public func globalMaxPool(file: String = #fileID, line: Int = #line) -> Tensor {
        map("globalMaxPool", file: file, line: line) { (x) throws(GraphError) in try x.globalMaxPool() }
    }

    /// The mean of each channel of [batch, channels, space…]; spatial extents become 1.
    public func globalAveragePool(file: String = #fileID, line: Int = #line) -> Tensor {
        map("globalAveragePool", file: file, line: line) { (x) throws(GraphError) in try x.globalAveragePool() }
    }

    /// `(Σ |x|^p)^(1/p)` of each channel of [batch, channels, space…]; spatial extents become 1.
    public func globalLpPool(p: Int = 2, file: String = #fileID, line: Int = #line) -> Tensor {
        map("globalLpPool", file: file, line: line) { (x) throws(GraphError) in try x.globalLpPool(p: p) }
    }
}
