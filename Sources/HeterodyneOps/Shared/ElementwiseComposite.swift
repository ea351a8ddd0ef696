// Heterodyne: the pattern that all elementwise composites share.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A composite that computes every result element from the operands' elements at the same index, so that it can become
/// part of a fused region. One result; its shape is the operands' shape.
///
/// Conforming types give `evaluate`; operand checks and the treatment of narrow floats are shared: float16 and bfloat16
/// operands are converted to float32, and the result is rounded once, unless `isExactInNarrowTypes`.
///
/// Errors that types state as measured are the largest of 3,500 points per type against 30-digit arithmetic, with
/// the reference evaluator's exp, log, sin and cos.
public protocol ElementwiseComposite: AttributedComposite {
    /// The names of the operands, for messages; their number is the number of operands.
    static var operandNames: [String] { get }

    /// Whether operands of `scalarType` are taken. Floats with arithmetic unless a type says otherwise.
    static func takes(_ scalarType: ScalarType) -> Bool

    /// Whether no intermediate result rounds, so that narrow floats need not be widened.
    static var isExactInNarrowTypes: Bool { get }

    /// The element type of the result for operands of `scalarType`; the same type unless a type says otherwise.
    static func resultType(for scalarType: ScalarType) -> ScalarType

    /// Throws `invalidAttribute` where an attribute is out of its range for operands of `scalarType`.
    func validate(for scalarType: ScalarType) throws(GraphError)

    /// The definition on operands of equal types, in which narrow floats no longer occur unless
    /// `isExactInNarrowTypes`.
    func evaluate(_ operands: [Term]) throws(GraphError) -> Term
}

extension ElementwiseComposite {
    /// One operand, `x`.
    public static var operandNames: [String] { ["x"] }
    /// Floats with arithmetic.
    public static func takes(_ scalarType: ScalarType) -> Bool {
        scalarType.isFloatingPoint && scalarType.isArithmetic
    }
    /// False.
    public static var isExactInNarrowTypes: Bool { false }
    /// The operands' type.
    public static func resultType(for scalarType: ScalarType) -> ScalarType { scalarType }
    /// Nothing to check.
    public func validate(for scalarType: ScalarType) throws(GraphError) {}

    /// Equal operand types that `takes` accepts; the result has their shape.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        let names = Self.operandNames
        try OperandRules.count(operands, names.count...names.count, names.joined(separator: ", "))
        let type = operands[0]
        try OperandRules.require(
            Self.takes(type.scalarType), .invalidType, "\(Self.name) is not defined on \(type.scalarType)")
        for (operand, name) in zip(operands, names).dropFirst() {
            try OperandRules.require(
                operand.scalarType == type.scalarType, .invalidType,
                "\(names[0]) is \(type) and \(name) is \(operand); convert one of them")
            try OperandRules.require(
                operand.shape == type.shape, .shapeMismatch,
                "\(names[0]) is \(type) and \(name) is \(operand); broadcast one of them")
        }
        try validate(for: type.scalarType)
        return [TensorType(Self.resultType(for: type.scalarType), type.shape)]
    }

    /// `evaluate`, around which narrow floats are widened and the result is rounded once.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let result = Self.resultType(for: operands[0].scalarType)
        if Self.isExactInNarrowTypes { return [try evaluate(operands).convert(result)] }
        var widened: [Term] = []
        for operand in operands { widened.append(try operand.widened()) }
        return [try evaluate(widened).convert(result)]
    }
}

/// An elementwise composite without attributes, defined on one operand.
public protocol UnaryElementwiseComposite: ElementwiseComposite, PlainComposite {
    /// The definition on `x`, which is not a narrow float unless `isExactInNarrowTypes`.
    static func evaluate(_ x: Term) throws(GraphError) -> Term
}

extension UnaryElementwiseComposite {
    /// The definition on the first operand.
    public func evaluate(_ operands: [Term]) throws(GraphError) -> Term { try Self.evaluate(operands[0]) }
}
