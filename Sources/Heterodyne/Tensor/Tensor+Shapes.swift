// Heterodyne: reshaping, joining and slicing tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// The same elements in row-major order under another shape; one extent may be -1 and is then computed.
    public func reshape(_ shape: [Int], file: String = #fileID, line: Int = #line) -> Tensor {
        map("reshape", file: file, line: line) { (x) throws(GraphError) in
            try x.reshape(Self.completed(shape, count: count))
        }
    }

    private static func completed(_ shape: [Int], count: Int) throws(GraphError) -> [Int] {
        guard let hole = shape.firstIndex(of: -1) else { return shape }
        var known = 1
        for (index, extent) in shape.enumerated() where index != hole {
            let (product, overflow) = known.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else {
                throw GraphError(.invalidAttribute, "\(shape) has a negative extent other than one -1, or is too large")
            }
            known = product
        }
        guard known > 0, count % known == 0 else {
            throw GraphError(.shapeMismatch, "\(count) elements do not fill \(shape)")
        }
        var result = shape
        result[hole] = count / known
        return result
    }

    /// Result dimension `i` is dimension `permutation[i]`; without arguments, the dimensions in opposite order.
    public func transpose(_ permutation: [Int]? = nil, file: String = #fileID, line: Int = #line) -> Tensor {
        let permutation = permutation ?? Array((0..<rank).reversed())
        return map("transpose", file: file, line: line) { (x) throws(GraphError) in try x.transpose(permutation) }
    }

    /// The tensor repeated to `shape` as NumPy broadcasts.
    public func broadcast(to shape: [Int], file: String = #fileID, line: Int = #line) -> Tensor {
        map("broadcast", file: file, line: line) { (x) throws(GraphError) in try x.broadcast(to: Shape(shape)) }
    }

    /// New dimensions of extent 1 at the given positions of the result; negative positions count from the end.
    public func expandDimensions(_ axes: Int..., file: String = #fileID, line: Int = #line) -> Tensor {
        map("expandDimensions", file: file, line: line) { (x) throws(GraphError) in try x.expandDimensions(axes) }
    }

    /// Without the given dimensions of extent 1, or without all of them.
    public func squeeze(_ axes: [Int]? = nil, file: String = #fileID, line: Int = #line) -> Tensor {
        map("squeeze", file: file, line: line) { (x) throws(GraphError) in try x.squeeze(axes) }
    }

    /// `low` and `high` elements of `value` around each dimension; negative amounts crop.
    public func pad(
        low: [Int], high: [Int], interior: [Int]? = nil, value: Double = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("pad", file: file, line: line) { (x) throws(GraphError) in
            try x.pad(value, low: low, high: high, interior: interior)
        }
    }

    /// Elements in opposite order along the dimensions.
    public func reverse(_ dimensions: [Int], file: String = #fileID, line: Int = #line) -> Tensor {
        map("reverse", file: file, line: line) { (x) throws(GraphError) in try x.reverse(dimensions) }
    }

    /// The block from `starts` to `limits`, every `strides`-th element.
    public func slice(
        _ starts: [Int], _ limits: [Int], strides: [Int]? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("slice", file: file, line: line) { (x) throws(GraphError) in
            try x.slice(starts, limits, strides: strides)
        }
    }

    /// Equal parts along a dimension.
    public func split(_ parts: Int, axis: Int = 0, file: String = #fileID, line: Int = #line) -> [Tensor] {
        let pieces = Self.buildAll([self], .init(file: file, line: line), "split") {
            (_, terms) throws(GraphError) in try terms[0].split(axis: axis, parts: parts)
        }
        // A mistake gives one tensor that carries it; callers index the parts, so give it to each.
        return pieces.count == parts
            ? pieces : [Tensor](repeating: pieces[0], count: Swift.max(1, Swift.min(parts, 1 << 16)))
    }

    /// Tensors one after the other along a dimension; negative dimensions count from the end.
    public static func concatenate(
        _ tensors: [Tensor], axis: Int = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build(tensors, .init(file: file, line: line), "concatenate") { (builder, terms) throws(GraphError) in
            let rank = terms.first?.rank ?? 0
            return try builder.concatenate(terms, dimension: axis < 0 ? axis + rank : axis)
        }
    }

    /// Tensors of one shape under a new dimension.
    public static func stack(
        _ tensors: [Tensor], axis: Int = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build(tensors, .init(file: file, line: line), "stack") { (builder, terms) throws(GraphError) in
            try builder.stack(terms, axis: axis)
        }
    }

    /// Slices of dimension `axis` at integer `indices`; negative indices count from the end.
    public func take(_ indices: Tensor, axis: Int = 0, file: String = #fileID, line: Int = #line) -> Tensor {
        map("take", with: [indices], file: file, line: line) { (terms) throws(GraphError) in
            try terms[0].take(terms[1], axis: axis)
        }
    }

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

/// `low ..< high` of a dimension; negative positions count from the end.
public func ..< (low: Int, high: Int) -> TensorIndex { .range(low, high) }
