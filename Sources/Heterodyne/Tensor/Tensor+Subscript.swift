// Heterodyne: elements and ranges of tensors by subscript.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// One element or a range of each leading dimension: `x[0]`, `x[1..<3, 2...]`, `x[.all, -1]`.
    public subscript(_ parts: TensorIndex..., file file: String = #fileID, line line: Int = #line) -> Tensor {
        map("subscript", file: file, line: line) { (x) throws(GraphError) in
            guard parts.count <= x.rank else {
                throw GraphError(.invalidAttribute, "\(parts.count) indices for \(x.type)")
            }
            let extents = try x.extents()
            var (starts, limits, strides) = (
                [Int](repeating: 0, count: x.rank), extents, [Int](repeating: 1, count: x.rank)
            )
            var dropped: [Int] = []
            for (dimension, part) in parts.enumerated() {
                let resolved = try part.resolved(extent: extents[dimension], dimension: dimension)
                (starts[dimension], limits[dimension], strides[dimension]) = (
                    resolved.start, resolved.limit, resolved.stride
                )
                if resolved.isElement { dropped.append(dimension) }
            }
            let block = try x.slice(starts, limits, strides: strides)
            return dropped.isEmpty ? block : try block.squeeze(dropped)
        }
    }
}

/// What a subscript takes of one dimension.
public struct TensorIndex: Sendable, Hashable, ExpressibleByIntegerLiteral {
    private enum Kind: Sendable, Hashable {
        case element(Int)
        case range(Int?, Int?, Int)
    }

    private let kind: Kind

    /// One element; the dimension disappears. Negative positions count from the end.
    public init(integerLiteral value: Int) { kind = .element(value) }
    /// One element; the dimension disappears. Negative positions count from the end.
    public static func at(_ position: Int) -> TensorIndex { TensorIndex(integerLiteral: position) }
    /// The whole dimension.
    public static let all = TensorIndex(range: nil, nil, 1)
    /// Every `stride`-th element from `start` below `limit`; nil for the ends, negative positions count from the end.
    public static func range(_ start: Int?, _ limit: Int?, by stride: Int = 1) -> TensorIndex {
        TensorIndex(range: start, limit, stride)
    }

    private init(range start: Int?, _ limit: Int?, _ stride: Int) { kind = .range(start, limit, stride) }

    func resolved(
        extent: Int, dimension: Int
    ) throws(GraphError) -> (start: Int, limit: Int, stride: Int, isElement: Bool) {
        switch kind {
        case .element(let position):
            let start = position < 0 ? position + extent : position
            guard start >= 0, start < extent else {
                throw GraphError(
                    .invalidAttribute, "index \(position) is not within extent \(extent) of dimension \(dimension)")
            }
            return (start, start + 1, 1, true)
        case .range(let low, let high, let stride):
            let start = low.map { $0 < 0 ? $0 + extent : $0 } ?? 0
            let limit = high.map { $0 < 0 ? $0 + extent : $0 } ?? extent
            guard start >= 0, start <= limit, limit <= extent, stride >= 1 else {
                throw GraphError(
                    .invalidAttribute,
                    "range \(start)..<\(limit) by \(stride) is not within extent \(extent) of dimension \(dimension)")
            }
            return (start, limit, stride, false)
        }
    }
}

/// `low ..< high` of a dimension; negative positions count from the end. Wherever a `Range` fits, it is one.
@_disfavoredOverload public func ..< (low: Int, high: Int) -> TensorIndex { .range(low, high) }
