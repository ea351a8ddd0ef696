// Heterodyne: sums, means, norms and extremes along axes.
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

    /// The mean along `axes` (all by default; negative count from the end).
    public func mean(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("mean", file: file, line: line) { (x) throws(GraphError) in
            try x.mean(axes, keepDimensions: keepDimensions)
        }
    }

    /// The squared distance from the mean along `axes`, summed and divided by `count - correction`: 0 for the variance of a
    /// population, 1 for the estimate from a sample.
    public func variance(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 0, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("variance", file: file, line: line) { (x) throws(GraphError) in
            try x.variance(axes, keepDimensions: keepDimensions, correction: correction)
        }
    }

    /// The square root of `variance`.
    public func standardDeviation(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 0, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("standardDeviation", file: file, line: line) { (x) throws(GraphError) in
            try x.standardDeviation(axes, keepDimensions: keepDimensions, correction: correction)
        }
    }

    /// `log Σ e^x` along `axes`, without overflow.
    public func logSumExp(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("logSumExp", file: file, line: line) { (x) throws(GraphError) in
            try x.logSumExp(axes, keepDimensions: keepDimensions)
        }
    }

    /// `log Σ x` along `axes`.
    public func logSum(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("logSum", file: file, line: line) { (x) throws(GraphError) in
            try x.logSum(axes, keepDimensions: keepDimensions)
        }
    }

    /// `Σ x²` along `axes`.
    public func sumOfSquares(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("sumOfSquares", file: file, line: line) { (x) throws(GraphError) in
            try x.sumOfSquares(axes, keepDimensions: keepDimensions)
        }
    }

    /// `Σ |x|` along `axes`.
    public func normL1(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("normL1", file: file, line: line) { (x) throws(GraphError) in
            try x.normL1(axes, keepDimensions: keepDimensions)
        }
    }

    /// `sqrt(Σ x²)` along `axes`.
    public func normL2(
        _ axes: [Int]? = nil, keepDimensions: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("normL2", file: file, line: line) { (x) throws(GraphError) in
            try x.normL2(axes, keepDimensions: keepDimensions)
        }
    }
}
