// Heterodyne: positions of the largest and smallest elements.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The attributes that `argMax` and `argMin` share.
public struct ArgExtremeAttributes: CompositeSettings {
    /// The axis searched; negative counts from the back.
    public var axis: Int
    /// Whether the axis stays with extent 1.
    public var keepDimension: Bool
    /// Whether the last of several equal extremes is taken instead of the first.
    public var selectLastIndex: Bool
    /// The scalar type of the positions: int32 or int64.
    public var indexType: ScalarType

    /// The attributes of a search along `axis`.
    public init(
        axis: Int, keepDimension: Bool = false, selectLastIndex: Bool = false, indexType: ScalarType = .int64
    ) {
        self.axis = axis
        self.keepDimension = keepDimension
        self.selectLastIndex = selectLastIndex
        self.indexType = indexType
    }

    /// The attributes as data.
    public var attributes: Attributes {
        [
            "axis": .integer(axis), "keepDimension": .bool(keepDimension), "selectLastIndex": .bool(selectLastIndex),
            "indexType": .scalarType(indexType),
        ]
    }

    /// Reads all of them.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        keepDimension = try reader.bool("keepDimension")
        selectLastIndex = try reader.bool("selectLastIndex")
        indexType = try reader.scalarType("indexType")
    }
}

/// The position of an extreme along an axis. NaN counts as the extreme, as in NumPy; of equal elements the first is
/// taken, or the last with `selectLastIndex`. Result: x's shape without the axis (or with extent 1). Throws
/// `shapeMismatch` where the axis is empty.
public protocol ArgExtreme: SettingsComposite where Settings == ArgExtremeAttributes {
    /// The reduction that gives the extreme.
    static var extreme: ReductionKind { get }
}

extension ArgExtreme {
    /// One result of the index type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let type = operands[0]
        let axis = try OperandRules.axis(settings.axis, rank: type.rank)
        try OperandRules.require(
            type.shape[axis] != 0, .shapeMismatch, "\(type) has no element along axis \(axis), so no extreme")
        try OperandRules.index(settings.indexType, counts: type.shape[axis])
        let reduced = try OperandRules.reduced(type, [axis], keep: settings.keepDimension)
        return [reduced.with(settings.indexType)]
    }

    /// The smallest position, or the largest with `selectLastIndex`, among those that equal the extreme.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = try operands[0].widened()
        let axis = try x.normalized(axis: settings.axis)
        var hit = try x.compare(.equal, x.reduceAndRepeat(Self.extreme, [axis]))
        // The extreme is NaN where any element is, and then equals nothing: the NaNs themselves are the hits.
        if x.scalarType.isFloatingPoint { hit = try hit.or(x.isNaNPrimitive()) }
        let type = x.type.with(settings.indexType)
        let position = try builder.iota(type, dimension: axis)
        let last = settings.selectLastIndex
        let miss = try builder.constant(
            Literal(splatBits: last ? type.scalarType.lowestBits : type.scalarType.highestBits, type: type))
        let chosen = try hit.select(position, miss)
        let reduction: ReductionKind = last ? .maximum : .minimum
        return [
            settings.keepDimension ? try chosen.reduceKeeping(reduction, [axis]) : try chosen.reduce(reduction, [axis])
        ]
    }
}

/// `argMax(x)`: the position of the largest element along an axis; see `ArgExtreme`.
public struct ArgMax: ArgExtreme {
    /// `argMax`.
    public static let name = "argMax"
    /// The maximum.
    public static let extreme = ReductionKind.maximum
    /// Axis, form and type of the result.
    public var settings: ArgExtremeAttributes
    /// The search with `settings`.
    public init(_ settings: ArgExtremeAttributes) { self.settings = settings }
}

/// `argMin(x)`: the position of the smallest element along an axis; see `ArgExtreme`.
public struct ArgMin: ArgExtreme {
    /// `argMin`.
    public static let name = "argMin"
    /// The minimum.
    public static let extreme = ReductionKind.minimum
    /// Axis, form and type of the result.
    public var settings: ArgExtremeAttributes
    /// The search with `settings`.
    public init(_ settings: ArgExtremeAttributes) { self.settings = settings }
}

extension Term {
    /// The positions of the largest elements along `axis`; see `ArgMax`.
    public func argMax(
        axis: Int, keepDimension: Bool = false, selectLastIndex: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> Term {
        let composite = ArgMax(
            .init(axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex, indexType: indexType))
        return try builder.add(composite, [self])
    }

    /// The positions of the smallest elements along `axis`; see `ArgMin`.
    public func argMin(
        axis: Int, keepDimension: Bool = false, selectLastIndex: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> Term {
        let composite = ArgMin(
            .init(axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex, indexType: indexType))
        return try builder.add(composite, [self])
    }
}
