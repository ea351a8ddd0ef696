// Heterodyne: matrix products with NumPy's rules.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Term {
    /// The matrix product as NumPy's `matmul`: the last two dimensions are matrices, the others broadcast; a vector
    /// on the left is a row and on the right a column, whose dimension disappears from the result.
    ///
    /// `accumulation` and `result` default as in `dot`. Throws `shapeMismatch` for scalars and for extents that do not
    /// fit, and what `dot` throws.
    public func matrixProduct(
        _ other: Term, accumulation: ScalarType? = nil, result: ScalarType? = nil
    ) throws(GraphError) -> Term {
        try OperandRules.require(
            rank >= 1 && other.rank >= 1, .shapeMismatch, "\(type) and \(other.type): a scalar is no matrix")
        let contracted = other.rank == 1 ? 0 : other.rank - 2
        try OperandRules.require(
            shape[rank - 1] == other.shape[contracted], .shapeMismatch,
            "\(type) times \(other.type): extents \(shape[rank - 1]) and \(other.shape[contracted]) differ")
        // Where one operand has no batch dimensions, nothing needs to be repeated.
        if other.rank <= 2 {
            return try dot(
                other, DotDimensions(leftContracting: [rank - 1], rightContracting: [contracted]),
                accumulation: accumulation, result: result)
        }
        if rank == 1 {
            return try dot(
                other, DotDimensions(leftContracting: [0], rightContracting: [contracted]),
                accumulation: accumulation, result: result)
        }
        let batch = try OperandRules.broadcast(
            Shape(Array(shape.dimensions.dropLast(2))), Shape(Array(other.shape.dimensions.dropLast(2))))
        let left = try broadcast(to: Shape(batch.dimensions + shape.dimensions.suffix(2)))
        let right = try other.broadcast(to: Shape(batch.dimensions + other.shape.dimensions.suffix(2)))
        let dimensions = Array(0..<batch.rank)
        return try left.dot(
            right,
            DotDimensions(
                leftBatch: dimensions, rightBatch: dimensions, leftContracting: [batch.rank + 1],
                rightContracting: [batch.rank]), accumulation: accumulation, result: result)
    }
}
