// Heterodyne: the logarithm of sums of exponentials.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `log Σ e^x` along axes, which disappear or stay with extent 1. Minus infinity for no elements.
public struct LogSumExp: ReductionAttributes {
    /// `logSumExp`.
    public static let name = "logSumExp"
    /// The axes that are summed over.
    public let axes: [Int]
    /// Whether the axes stay with extent 1.
    public let keepDimensions: Bool

    /// `log Σ e^x` along `axes`.
    public init(axes: [Int], keepDimensions: Bool = false) {
        self.axes = axes
        self.keepDimensions = keepDimensions
    }

    /// The operand's type without the axes, or with extent 1 there.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let x = operands[0]
        try OperandRules.float(x, "x")
        try OperandRules.dimensions(axes, rank: x.rank)
        return [try OperandRules.reduced(x, axes, keep: keepDimensions)]
    }

    /// Shifted by the maximum, or by 0 where that is infinite.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let largest = try x.reduce(.maximum, axes)
        let isFinite = try largest.abs().compare(.less, .infinity)
        let shift = try isFinite.select(largest, largest.like(0))
        let kept = x.dimensions(except: axes)
        let sum = try (x - shift.broadcast(like: x, axes: kept)).exp().reduce(.sum, axes)
        let result = try (sum.log() + shift).convert(operands[0].scalarType)
        return [try result.reshape(OperandRules.reduced(x.type, axes, keep: keepDimensions).shape)]
    }
}
