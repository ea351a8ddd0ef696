// Heterodyne: composites whose only attribute is an axis.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A composite whose only attribute is an axis.
public protocol AxisAttribute: AttributedComposite {
    /// The axis.
    var axis: Int { get }
    /// The composite along `axis`.
    init(axis: Int)
}

extension AxisAttribute {
    /// `axis`.
    public var attributes: Attributes { ["axis": .integer(axis)] }
    /// Reads `axis`.
    public init(_ reader: inout AttributeReader) throws(GraphError) { self.init(axis: try reader.integer("axis")) }
}

/// A composite of one float operand with an axis counted from 0, whose result has the operand's type.
public protocol AxisComposite: AxisAttribute {
    /// The definition on an operand that is float32 or float64.
    func evaluate(_ x: Term) throws(GraphError) -> Term
}

extension AxisComposite {
    /// The operand's type; the axis must be one of its dimensions.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.float(operands[0], "x")
        try OperandRules.dimension(axis, rank: operands[0].rank)
        return operands
    }

    /// `evaluate` between a widening and a rounding.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try evaluate(operands[0].widened()).convert(operands[0].scalarType)]
    }
}
