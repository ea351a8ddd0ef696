// Heterodyne: helpers that split, stack and broadcast terms.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Term {
    /// The consecutive blocks of `sizes` along `axis`. Throws `invalidAttribute` where the sizes do not add up.
    public func split(axis: Int, sizes: [Int]) throws(GraphError) -> [Term] {
        let axis = try OperandRules.axis(axis, rank: rank)
        let extent = try Shape([shape[axis]]).extents()[0]
        var (parts, start): ([Term], Int) = ([], 0)
        for size in sizes {
            let (end, overflow) = start.addingReportingOverflow(size)
            try OperandRules.require(
                size >= 0 && !overflow && end <= extent, .invalidAttribute,
                "sizes \(sizes) do not split the \(extent) elements of axis \(axis) of \(type)")
            parts.append(try slice(dimension: axis, from: .fixed(start), to: .fixed(end)))
            start = end
        }
        try OperandRules.require(
            start == extent, .invalidAttribute,
            "sizes \(sizes) leave \(extent - start) elements of axis \(axis) of \(type)")
        return parts
    }

    /// `parts` blocks along `axis`, all of the rounded-up size but the last, which takes the rest (ONNX Split).
    public func split(axis: Int, parts: Int) throws(GraphError) -> [Term] {
        let axis = try OperandRules.axis(axis, rank: rank)
        let extent = try Shape([shape[axis]]).extents()[0]
        try OperandRules.require(
            parts >= 1 && parts <= max(extent, 1), .invalidAttribute,
            "axis \(axis) of \(type) does not split in \(parts) parts")
        let size = extent / parts + (extent % parts == 0 ? 0 : 1)
        let sizes = (0..<parts).map { min(size, max(0, extent - $0 * size)) }
        return try split(axis: axis, sizes: sizes)
    }

    /// The term with new dimensions of extent 1 at the positions `axes` of the result (NumPy expand_dims).
    public func expandDimensions(_ axes: [Int]) throws(GraphError) -> Term {
        try OperandRules.require(
            axes.count <= TensorType.maximumRank, .invalidAttribute, "\(axes.count) new dimensions are too many")
        var shape = shape
        for axis in try OperandRules.axes(axes, rank: rank + axes.count) { shape.dimensions.insert(1, at: axis) }
        return try reshape(shape)
    }

    /// The term without the dimensions `axes`, which must have extent 1; without all of extent 1 where nil is given.
    public func squeeze(_ axes: [Int]? = nil) throws(GraphError) -> Term {
        let axes = try OperandRules.axes(axes ?? (0..<rank).filter { self.shape[$0] == 1 }, rank: rank)
        var shape = shape
        for axis in axes.reversed() {
            try OperandRules.require(
                shape[axis] == 1, .shapeMismatch, "dimension \(axis) of \(type) has extent \(shape[axis]), not 1")
            shape.dimensions.remove(at: axis)
        }
        return try reshape(shape)
    }

    /// Dimensions from `axis` on merged into one, and those before it into another (ONNX Flatten).
    public func flatten(axis: Int = 1) throws(GraphError) -> Term {
        try OperandRules.require(
            axis >= -rank && axis <= rank, .invalidAttribute, "axis \(axis) is not within rank \(rank)")
        let cut = axis < 0 ? axis + rank : axis
        let outer = try Shape(Array(shape.dimensions[..<cut])).elementCount()
        let inner = try Shape(Array(shape.dimensions[cut...])).elementCount()
        return try reshape([outer, inner])
    }

    /// The matrices in the last two dimensions transposed.
    public func transposeMatrices() throws(GraphError) -> Term {
        try OperandRules.require(rank >= 2, .shapeMismatch, "\(type) is no matrix")
        return try transpose(Array(0..<rank - 2) + [rank - 1, rank - 2])
    }
}

extension GraphBuilder {
    /// Terms of one type side by side along a new axis at position `axis` of the result.
    public func stack(_ terms: [Term], axis: Int = 0) throws(GraphError) -> Term {
        guard let first = terms.first else {
            throw GraphError(.operandCount, "needs at least one term", operation: "stack")
        }
        let axis = try OperandRules.axis(axis, rank: first.rank + 1)
        var columns: [Term] = []
        for term in terms {
            try OperandRules.require(
                term.type == first.type, .shapeMismatch, "cannot stack \(term.type) on \(first.type)")
            columns.append(try term.expandDimensions([axis]))
        }
        return try concatenate(columns, dimension: axis)
    }

    /// The terms repeated to their common shape by NumPy's rules: shapes align at the last dimension, extent 1
    /// repeats. Throws `shapeMismatch`.
    public func broadcastTogether(_ terms: [Term]) throws(GraphError) -> [Term] {
        var shape = Shape.scalar
        for term in terms { shape = try OperandRules.broadcast(shape, term.shape) }
        var result: [Term] = []
        for term in terms { result.append(try term.broadcast(to: shape)) }
        return result
    }

    /// Two terms repeated to their common shape; see `broadcastTogether(_:)`.
    public func broadcastTogether(_ a: Term, _ b: Term) throws(GraphError) -> (Term, Term) {
        let both = try broadcastTogether([a, b])
        return (both[0], both[1])
    }
}
