// Heterodyne: reshaping, joining, splitting and repeating tensors.
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

    /// `parts` blocks along a dimension, all of the rounded-up size but the last, which takes the rest. Where that does
    /// not work each part carries the error.
    public func split(_ parts: Int, axis: Int = 0, file: String = #fileID, line: Int = #line) -> [Tensor] {
        // A mistake gives tensors that carry it; callers index the parts.
        let count = Swift.max(1, Swift.min(parts, 1 << 16))
        return Self.buildAll([self], .init(file: file, line: line), "split", results: count) {
            (_, terms) throws(GraphError) in
            guard parts <= count else {
                throw GraphError(.invalidAttribute, "\(parts) parts are more than the limit of \(count)")
            }
            return try terms[0].split(axis: axis, parts: parts)
        }
    }

    /// Blocks of the given sizes along a dimension; the sizes add up to its extent.
    public func split(
        sizes: [Int], axis: Int = 0, file: String = #fileID, line: Int = #line
    ) -> [Tensor] {
        guard !sizes.isEmpty else {
            let error = GraphError(
                .invalidAttribute, "no sizes are given", operation: "split", location: .init(file: file, line: line))
            return [Tensor(failure: .graph(error))]
        }
        return Self.buildAll([self], .init(file: file, line: line), "split", results: sizes.count) {
            (_, terms) throws(GraphError) in try terms[0].split(axis: axis, sizes: sizes)
        }
    }

    /// A matrix of the dimensions before `axis` and those from `axis` on; with `axis` 0 one row.
    public func flatten(axis: Int = 1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("flatten", file: file, line: line) { (x) throws(GraphError) in try x.flatten(axis: axis) }
    }

    /// The last two dimensions swapped.
    public func transposeMatrices(file: String = #fileID, line: Int = #line) -> Tensor {
        map("transposeMatrices", file: file, line: line) { (x) throws(GraphError) in try x.transposeMatrices() }
    }

    /// The tensor repeated `repeats[i]` times along dimension `i`.
    public func tile(_ repeats: [Int], file: String = #fileID, line: Int = #line) -> Tensor {
        map("tile", file: file, line: line) { (x) throws(GraphError) in try x.tile(repeats) }
    }

    /// The elements on and above the given diagonal of the last two dimensions, 0 below; positive diagonals lie above the
    /// main one.
    public func upperTriangle(_ diagonal: Int = 0, file: String = #fileID, line: Int = #line) -> Tensor {
        map("upperTriangle", file: file, line: line) { (x) throws(GraphError) in try x.upperTriangle(diagonal) }
    }

    /// The elements on and below the given diagonal of the last two dimensions, 0 above.
    public func lowerTriangle(_ diagonal: Int = 0, file: String = #fileID, line: Int = #line) -> Tensor {
        map("lowerTriangle", file: file, line: line) { (x) throws(GraphError) in try x.lowerTriangle(diagonal) }
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
}
