// Heterodyne: composites whose only attribute is an axis, a factor or an epsilon, and reductions along axes.
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

/// An activation whose only attribute is a finite number α.
public protocol AlphaComposite: ElementwiseComposite {
    /// The number α.
    var alpha: Double { get }
    /// The activation with `alpha`.
    init(alpha: Double)
}

extension AlphaComposite {
    /// `alpha`.
    public var attributes: Attributes { ["alpha": .number(alpha)] }
    /// Reads `alpha`.
    public init(_ reader: inout AttributeReader) throws(GraphError) { self.init(alpha: try reader.number("alpha")) }
    /// `alpha` is finite.
    public func validate(for scalarType: ScalarType) throws(GraphError) { try OperandRules.finite(alpha, "alpha") }
}

/// A normalisation whose only attribute is what is added to a variance.
public protocol EpsilonAttribute: AttributedComposite {
    /// What is added to the variance.
    var epsilon: Double { get }
    /// The normalisation with `epsilon`.
    init(epsilon: Double)
}

extension EpsilonAttribute {
    /// `epsilon`.
    public var attributes: Attributes { ["epsilon": .number(epsilon)] }
    /// Reads `epsilon`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(epsilon: try reader.number("epsilon"))
    }
}

/// A reduction whose attributes are its axes and whether they stay.
public protocol ReductionAttributes: AttributedComposite {
    /// The axes that are reduced.
    var axes: [Int] { get }
    /// Whether the axes stay with extent 1.
    var keepDimensions: Bool { get }
    /// The reduction along `axes`.
    init(axes: [Int], keepDimensions: Bool)
}

extension ReductionAttributes {
    /// `axes` and `keepDimensions`.
    public var attributes: Attributes { ["axes": .integers(axes), "keepDimensions": .bool(keepDimensions)] }
    /// Reads `axes` and `keepDimensions`.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        self.init(axes: try reader.integers("axes"), keepDimensions: try reader.bool("keepDimensions"))
    }
}
