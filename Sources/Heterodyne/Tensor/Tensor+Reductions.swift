// Heterodyne: sums, means, extremes, order, products of matrices.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    private func reduce(
        _ name: String, _ kind: ReductionKind, _ axes: [Int]?, _ keeps: Bool, _ file: String, _ line: Int
    ) -> Tensor {
        map(name, file: file, line: line) { (x) throws(GraphError) in
            let dimensions = axes.map { $0.map { $0 < 0 ? $0 + x.rank : $0 } } ?? Array(0..<x.rank)
            return keeps ? try x.reduceKeeping(kind, dimensions) : try x.reduce(kind, dimensions)
        }
    }

    /// The sum along `axes` (all by default; negative count from the end), which disappear unless kept with extent 1.
    public func sum(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("sum", .sum, axes, keepDimensions, file, line) }
    /// The product along `axes`.
    public func product(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("product", .product, axes, keepDimensions, file, line) }
    /// The largest along `axes`; NaN where any is.
    public func max(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("max", .maximum, axes, keepDimensions, file, line) }
    /// The smallest along `axes`; NaN where any is.
    public func min(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("min", .minimum, axes, keepDimensions, file, line) }
    /// Whether all are true along `axes`.
    public func all(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("all", .and, axes, keepDimensions, file, line) }
    /// Whether any is true along `axes`.
    public func any(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor { reduce("any", .or, axes, keepDimensions, file, line) }

    /// The product of matrices, with NumPy's rules: batch dimensions broadcast, vectors are rows or columns.
    public func matmul(_ other: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        map("matmul", with: [other], file: file, line: line) { (terms) throws(GraphError) in
            try terms[0].matrixProduct(terms[1])
        }
    }

    /// The mean along `axes` (all by default; negative count from the end).
    public func mean(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("mean", file: file, line: line) { (x) throws(GraphError) in
            try x.mean(axes, keepDimensions: keepDimensions)
        }
    }

    /// The mean squared distance from the mean along `axes`.
    public func variance(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("variance", file: file, line: line) { (x) throws(GraphError) in
            try x.variance(axes, keepDimensions: keepDimensions)
        }
    }

    /// The position of the largest element along `axis`, the first of several.
    public func argMax(
        axis: Int = -1, keepDimension: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("argMax", file: file, line: line) { (x) throws(GraphError) in
            try x.argMax(axis: axis, keepDimension: keepDimension)
        }
    }

    /// The position of the smallest element along `axis`, the first of several.
    public func argMin(
        axis: Int = -1, keepDimension: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("argMin", file: file, line: line) { (x) throws(GraphError) in
            try x.argMin(axis: axis, keepDimension: keepDimension)
        }
    }

    /// The `k` largest (or smallest) elements along `axis` in order, with their positions.
    public func topK(
        _ k: Int, axis: Int = -1, largest: Bool = true, file: String = #fileID, line: Int = #line
    ) -> (values: Tensor, indices: Tensor) {
        let pair = Self.buildAll([self], .init(file: file, line: line), "topK") {
            (_, terms) throws(GraphError) in
            let best = try terms[0].topK(k, axis: axis, largest: largest)
            return [best.values, best.indices]
        }
        return (pair[0], pair[pair.count - 1])
    }

    /// The running sum along `axis`.
    public func cumulativeSum(axis: Int, file: String = #fileID, line: Int = #line) -> Tensor {
        map("cumulativeSum", file: file, line: line) { (x) throws(GraphError) in try x.cumulativeSum(axis: axis) }
    }

    /// Einstein's summation over named dimensions, for instance `bij,bjk->bik`.
    public static func einsum(
        _ equation: String, _ tensors: [Tensor], file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build(tensors, .init(file: file, line: line), "einsum") { (builder, terms) throws(GraphError) in
            try builder.einsum(equation, terms)
        }
    }
}
