// Heterodyne: sums, means, extremes, products of matrices.
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
}
