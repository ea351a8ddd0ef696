// Heterodyne: running sums, products, maxima and minima.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The attributes that the four running reductions share.
public struct CumulativeAttributes: Sendable, Hashable {
    /// The axis; negative counts from the back.
    public var axis: Int
    /// Whether an element is left out of its own result; the first result is then the neutral element.
    public var exclusive: Bool
    /// Whether the run goes from the end to the start.
    public var reverse: Bool

    /// A run along `axis`.
    public init(axis: Int, exclusive: Bool = false, reverse: Bool = false) {
        self.axis = axis
        self.exclusive = exclusive
        self.reverse = reverse
    }

    var attributes: Attributes {
        ["axis": .integer(axis), "exclusive": .bool(exclusive), "reverse": .bool(reverse)]
    }

    init(_ attributes: Attributes, operation: String) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: operation)
        axis = try reader.integer("axis")
        exclusive = try reader.bool("exclusive")
        reverse = try reader.bool("reverse")
        try reader.finish()
    }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        try DataRules.arithmetic(operands[0])
        _ = try DataRules.axis(axis, rank: operands[0].rank)
        return operands
    }

    /// Doubling: after step `s` every element holds the combination of the `2^s` elements up to it. That is
    /// `log2(n)` elementwise steps, and sums carry an error that grows with `log2(n)` instead of `n`.
    func decompose(_ x: Term, _ op: BinaryOperator) throws(GraphError) -> Term {
        let axis = try DataRules.axis(axis, rank: x.rank)
        let extent = try Shape([x.shape[axis]]).extents()[0]
        // Narrow floats run in float32 and round once, as the `reduce` primitive does.
        let computeType = x.scalarType.isFloatingPoint ? DataRules.computeType(x.scalarType) : x.scalarType
        var y = try x.convert(computeType)
        let neutral = try x.builder.constant(
            Literal(splatBits: Self.neutral(op, computeType), type: .scalar(computeType)))
        if exclusive { y = try shifted(y, axis, by: min(1, extent), neutral) }
        var step = 1
        while step < extent {
            y = try y.binary(op, shifted(y, axis, by: step, neutral))
            step *= 2
        }
        return try y.convert(x.scalarType)
    }

    private static func neutral(_ op: BinaryOperator, _ type: ScalarType) -> UInt64 {
        switch op {
        case .multiply: type.bits(of: 1)
        case .maximum: type.lowestBits
        case .minimum: type.highestBits
        default: 0
        }
    }

    private func shifted(_ x: Term, _ axis: Int, by amount: Int, _ neutral: Term) throws(GraphError) -> Term {
        var enter = [Int](repeating: 0, count: x.rank)
        var leave = enter
        enter[axis] = amount
        leave[axis] = -amount
        return reverse ? try x.pad(neutral, low: leave, high: enter) : try x.pad(neutral, low: enter, high: leave)
    }
}

/// `cumulativeSum(x)`: the sum of the elements up to each one along an axis, shaped like `x`.
/// The neutral element is 0. Narrow floats are computed in float32 and rounded once; integers wrap.
public struct CumulativeSum: Composite {
    /// `cumulativeSum`.
    public static let name = "cumulativeSum"
    /// Axis and direction.
    public var settings: CumulativeAttributes

    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, exclusive and reverse.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try CumulativeAttributes(attributes, operation: Self.name)
    }
    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// Logarithmically many elementwise steps.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .add)]
    }
}

/// `cumulativeProduct(x)`: the product of the elements up to each one along an axis, shaped like `x`.
/// The neutral element is 1. Narrow floats are computed in float32 and rounded once; integers wrap.
public struct CumulativeProduct: Composite {
    /// `cumulativeProduct`.
    public static let name = "cumulativeProduct"
    /// Axis and direction.
    public var settings: CumulativeAttributes

    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, exclusive and reverse.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try CumulativeAttributes(attributes, operation: Self.name)
    }
    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// Logarithmically many elementwise steps.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .multiply)]
    }
}

/// `cumulativeMax(x)`: the largest element, NaN from the first NaN on, of the elements up to each one along an axis, shaped like `x`.
/// The neutral element is minus infinity, or the lowest integer. Narrow floats are computed in float32 and rounded once; integers wrap.
public struct CumulativeMax: Composite {
    /// `cumulativeMax`.
    public static let name = "cumulativeMax"
    /// Axis and direction.
    public var settings: CumulativeAttributes

    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, exclusive and reverse.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try CumulativeAttributes(attributes, operation: Self.name)
    }
    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// Logarithmically many elementwise steps.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .maximum)]
    }
}

/// `cumulativeMin(x)`: the smallest element, NaN from the first NaN on, of the elements up to each one along an axis, shaped like `x`.
/// The neutral element is plus infinity, or the highest integer. Narrow floats are computed in float32 and rounded once; integers wrap.
public struct CumulativeMin: Composite {
    /// `cumulativeMin`.
    public static let name = "cumulativeMin"
    /// Axis and direction.
    public var settings: CumulativeAttributes

    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, exclusive and reverse.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try CumulativeAttributes(attributes, operation: Self.name)
    }
    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// Logarithmically many elementwise steps.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .minimum)]
    }
}

extension Term {
    /// The running sum along `axis`; see `CumulativeSum`.
    public func cumulativeSum(
        axis: Int, exclusive: Bool = false, reverse: Bool = false
    ) throws(GraphError) -> Term {
        let settings = CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)
        return try builder.add(CumulativeSum(settings), [self])
    }

    /// The running product along `axis`; see `CumulativeProduct`.
    public func cumulativeProduct(
        axis: Int, exclusive: Bool = false, reverse: Bool = false
    ) throws(GraphError) -> Term {
        let settings = CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)
        return try builder.add(CumulativeProduct(settings), [self])
    }

    /// The running maximum along `axis`; see `CumulativeMax`.
    public func cumulativeMax(
        axis: Int, exclusive: Bool = false, reverse: Bool = false
    ) throws(GraphError) -> Term {
        let settings = CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)
        return try builder.add(CumulativeMax(settings), [self])
    }

    /// The running minimum along `axis`; see `CumulativeMin`.
    public func cumulativeMin(
        axis: Int, exclusive: Bool = false, reverse: Bool = false
    ) throws(GraphError) -> Term {
        let settings = CumulativeAttributes(axis: axis, exclusive: exclusive, reverse: reverse)
        return try builder.add(CumulativeMin(settings), [self])
    }
}
