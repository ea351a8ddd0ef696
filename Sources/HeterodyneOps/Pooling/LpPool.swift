// Heterodyne: pooling by the p-norm.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Operand x [N, C, S…]: `(Σ |x|^p)^(1/p)` over each window; padding counts as zero.
public struct LpPool: AttributedComposite {
    /// `lpPool`.
    public static let name = "lpPool"
    /// The windows.
    public let windows: PoolingWindows
    /// The order of the norm, at least 1.
    public let p: Int

    /// The `p`-norm of each window.
    public init(_ windows: PoolingWindows, p: Int = 2) {
        self.windows = windows
        self.p = p
    }

    /// `kernel`, `strides`, `dilations`, `low`, `high`, `ceilMode` and `p`.
    public var attributes: Attributes { windows.attributes + ["p": .integer(p)] }

    /// Reads the attributes.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        windows = try PoolingWindows(&reader)
        p = try reader.integer("p")
    }

    /// `x`'s scalar type, shape [N, C, windows…].
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.require(p >= 1, .invalidAttribute, "p \(p) is below 1")
        return [operands[0].with(try windows.resultShape(operands[0]))]
    }

    /// The root of sums of powers.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let powers = try PNorm.powers(operands[0].widened(), p)
        let zero = try builder.constant(0, .scalar(powers.scalarType))
        let sum = try windows.combine(powers, .sum, padding: zero)
        return [try PNorm.root(sum, p).convert(operands[0].scalarType)]
    }
}

extension Term {
    /// The `p`-norm of each window of [N, C, S…]; strides and dilations default to 1.
    public func lpPool(
        kernel: [Int], p: Int = 2, strides: [Int]? = nil, dilations: [Int]? = nil, padding: SpatialPadding = .valid,
        ceilMode: Bool = false
    ) throws(GraphError) -> Term {
        let windows = try poolingWindows(kernel, strides, dilations, padding, ceilMode)
        return try builder.add(LpPool(windows, p: p), [self])
    }

    /// The `p`-norm over all spatial dimensions of [N, C, S…], which stay with extent 1.
    public func globalLpPool(p: Int = 2) throws(GraphError) -> Term {
        try builder.add(LpPool(globalWindow(), p: p), [self])
    }
}
