// Heterodyne: running sums, products, maxima and minima.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The attributes that the four running reductions share.
public struct CumulativeAttributes: CompositeSettings {
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

    /// The attributes as data.
    public var attributes: Attributes {
        ["axis": .integer(axis), "exclusive": .bool(exclusive), "reverse": .bool(reverse)]
    }

    /// Reads all of them.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        exclusive = try reader.bool("exclusive")
        reverse = try reader.bool("reverse")
    }
}

/// A running reduction: every element is combined with those before it along an axis; the result has the operand's type.
///
/// Narrow floats are computed in float32 and rounded once, as the `reduce` primitive does; integers wrap.
public protocol CumulativeReduction: SettingsComposite where Settings == CumulativeAttributes {
    /// What combines two elements.
    static var combination: BinaryOperator { get }
}

extension CumulativeReduction {
    /// The operand's type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        try OperandRules.arithmetic(operands[0], "x")
        _ = try OperandRules.axis(settings.axis, rank: operands[0].rank)
        return operands
    }

    /// Doubling: after step `s` every element holds the combination of the `2^s` elements up to it. That is
    /// `log2(n)` elementwise steps, and sums carry an error that grows with `log2(n)` instead of `n`.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        var y = try operands[0].widened()
        let axis = try y.normalized(axis: settings.axis)
        let extent = try Shape([y.shape[axis]]).extents()[0]
        let neutral = try builder.constant(
            Literal(splatBits: Self.neutral(y.scalarType), type: .scalar(y.scalarType)))
        if settings.exclusive { y = try shifted(y, axis, by: min(1, extent), neutral) }
        var step = 1
        while step < extent {
            y = try y.binary(Self.combination, shifted(y, axis, by: step, neutral))
            step *= 2
        }
        return [try y.convert(operands[0].scalarType)]
    }

    private static func neutral(_ type: ScalarType) -> UInt64 {
        switch combination {
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
        return settings.reverse
            ? try x.pad(neutral, low: leave, high: enter) : try x.pad(neutral, low: enter, high: leave)
    }
}

/// `cumulativeSum(x)`: the sum of the elements up to each one along an axis. The neutral element is 0.
public struct CumulativeSum: CumulativeReduction {
    /// `cumulativeSum`.
    public static let name = "cumulativeSum"
    /// Addition.
    public static let combination = BinaryOperator.add
    /// Axis and direction.
    public var settings: CumulativeAttributes
    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
}

/// `cumulativeProduct(x)`: the product of the elements up to each one along an axis. The neutral element is 1.
public struct CumulativeProduct: CumulativeReduction {
    /// `cumulativeProduct`.
    public static let name = "cumulativeProduct"
    /// Multiplication.
    public static let combination = BinaryOperator.multiply
    /// Axis and direction.
    public var settings: CumulativeAttributes
    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
}

/// `cumulativeMax(x)`: the largest of the elements up to each one along an axis, NaN from the first NaN on. The neutral element is
/// minus infinity, or the lowest integer.
public struct CumulativeMax: CumulativeReduction {
    /// `cumulativeMax`.
    public static let name = "cumulativeMax"
    /// The larger of two.
    public static let combination = BinaryOperator.maximum
    /// Axis and direction.
    public var settings: CumulativeAttributes
    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
}

/// `cumulativeMin(x)`: the smallest of the elements up to each one along an axis, NaN from the first NaN on. The neutral element is
/// plus infinity, or the highest integer.
public struct CumulativeMin: CumulativeReduction {
    /// `cumulativeMin`.
    public static let name = "cumulativeMin"
    /// The smaller of two.
    public static let combination = BinaryOperator.minimum
    /// Axis and direction.
    public var settings: CumulativeAttributes
    /// The run with `settings`.
    public init(_ settings: CumulativeAttributes) { self.settings = settings }
}

extension Term {
    /// The running sum along `axis`; see `CumulativeSum`.
    public func cumulativeSum(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws(GraphError) -> Term {
        try builder.add(CumulativeSum(.init(axis: axis, exclusive: exclusive, reverse: reverse)), [self])
    }

    /// The running product along `axis`; see `CumulativeProduct`.
    public func cumulativeProduct(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws(GraphError) -> Term
    {
        try builder.add(CumulativeProduct(.init(axis: axis, exclusive: exclusive, reverse: reverse)), [self])
    }

    /// The running maximum along `axis`; see `CumulativeMax`.
    public func cumulativeMax(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws(GraphError) -> Term {
        try builder.add(CumulativeMax(.init(axis: axis, exclusive: exclusive, reverse: reverse)), [self])
    }

    /// The running minimum along `axis`; see `CumulativeMin`.
    public func cumulativeMin(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws(GraphError) -> Term {
        try builder.add(CumulativeMin(.init(axis: axis, exclusive: exclusive, reverse: reverse)), [self])
    }
}
