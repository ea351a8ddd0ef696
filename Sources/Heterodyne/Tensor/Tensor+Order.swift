// Heterodyne: positions of extremes, order, running sums.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// The int64 position of the largest element along `axis`: of several the first, or the last.
    public func argMax(
        axis: Int = -1, keepDimension: Bool = false, selectLastIndex: Bool = false, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("argMax", file: file, line: line) { (x) throws(GraphError) in
            try x.argMax(axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex)
        }
    }

    /// The int64 position of the smallest element along `axis`: of several the first, or the last.
    public func argMin(
        axis: Int = -1, keepDimension: Bool = false, selectLastIndex: Bool = false, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("argMin", file: file, line: line) { (x) throws(GraphError) in
            try x.argMin(axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex)
        }
    }

    /// The `k` largest (or smallest) elements along `axis` in order, with their int64 positions.
    public func topK(
        _ k: Int, axis: Int = -1, largest: Bool = true, file: String = #fileID, line: Int = #line
    ) -> (values: Tensor, indices: Tensor) {
        let pair = Self.buildAll([self], .init(file: file, line: line), "topK", results: 2) {
            (_, terms) throws(GraphError) in
            let best = try terms[0].topK(k, axis: axis, largest: largest)
            return [best.values, best.indices]
        }
        return (pair[0], pair[1])
    }

    /// The elements along `axis` in order, with the int64 positions where they were. Equal elements keep their order;
    /// NaN is above every number.
    public func sorted(
        axis: Int = -1, descending: Bool = false, file: String = #fileID, line: Int = #line
    ) -> (values: Tensor, indices: Tensor) {
        let pair = Self.buildAll([self], .init(file: file, line: line), "sorted", results: 2) {
            (_, terms) throws(GraphError) in
            let order = try terms[0].sortValues(axis: axis, descending: descending)
            return [order.values, order.indices]
        }
        return (pair[0], pair[1])
    }

    /// The running sum along `axis`; `exclusive` leaves out the element itself, `reverse` runs from the end.
    public func cumulativeSum(
        axis: Int, exclusive: Bool = false, reverse: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("cumulativeSum", file: file, line: line) { (x) throws(GraphError) in
            try x.cumulativeSum(axis: axis, exclusive: exclusive, reverse: reverse)
        }
    }

    /// The running product along `axis`; `exclusive` leaves out the element itself, `reverse` runs from the end.
    public func cumulativeProduct(
        axis: Int, exclusive: Bool = false, reverse: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("cumulativeProduct", file: file, line: line) { (x) throws(GraphError) in
            try x.cumulativeProduct(axis: axis, exclusive: exclusive, reverse: reverse)
        }
    }

    /// The largest element so far along `axis`; `exclusive` leaves out the element itself, `reverse` runs from the end.
    public func cumulativeMax(
        axis: Int, exclusive: Bool = false, reverse: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("cumulativeMax", file: file, line: line) { (x) throws(GraphError) in
            try x.cumulativeMax(axis: axis, exclusive: exclusive, reverse: reverse)
        }
    }

    /// The smallest element so far along `axis`; `exclusive` leaves out the element itself, `reverse` runs from the end.
    public func cumulativeMin(
        axis: Int, exclusive: Bool = false, reverse: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("cumulativeMin", file: file, line: line) { (x) throws(GraphError) in
            try x.cumulativeMin(axis: axis, exclusive: exclusive, reverse: reverse)
        }
    }
}
