// Heterodyne: positions of the largest and smallest elements.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The attributes that `argMax` and `argMin` share.
public struct ArgExtremeAttributes: Sendable, Hashable {
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

    var attributes: Attributes {
        [
            "axis": .integer(axis), "keepDimension": .bool(keepDimension), "selectLastIndex": .bool(selectLastIndex),
            "indexType": .scalarType(indexType),
        ]
    }

    init(_ attributes: Attributes, operation: String) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: operation)
        axis = try reader.integer("axis")
        keepDimension = try reader.bool("keepDimension")
        selectLastIndex = try reader.bool("selectLastIndex")
        indexType = try reader.scalarType("indexType")
        try reader.finish()
    }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try DataRules.count(operands, 1, "x")
        let type = operands[0]
        let axis = try DataRules.axis(axis, rank: type.rank)
        try DataRules.require(
            type.shape[axis] != 0, .shapeMismatch, "\(type) has no element along axis \(axis), so no extreme")
        try DataRules.index(indexType, counts: type.shape[axis])
        var shape = type.shape
        if keepDimension { shape.dimensions[axis] = 1 } else { shape.dimensions.remove(at: axis) }
        return [TensorType(indexType, shape)]
    }

    func decompose(_ x: Term, _ kind: ReductionKind) throws(GraphError) -> Term {
        let axis = try DataRules.axis(axis, rank: x.rank)
        let x = try x.convert(DataRules.computeType(x.scalarType))
        let others = (0..<x.rank).filter { $0 != axis }
        let extreme = try x.reduce(kind, [axis]).broadcast(x.shape, dimensions: others)
        var hit = try x.compare(.equal, extreme)
        // The extreme is NaN where any element is, and then equals nothing: the NaNs themselves are the hits.
        if x.scalarType.isFloatingPoint { hit = try hit.or(x.compare(.notEqual, x)) }
        let type = TensorType(indexType, x.shape)
        let position = try x.builder.iota(type, dimension: axis)
        let miss = try x.builder.constant(
            Literal(splatBits: selectLastIndex ? indexType.lowestBits : indexType.highestBits, type: type))
        let chosen = try hit.select(position, miss)
        let reduction: ReductionKind = selectLastIndex ? .maximum : .minimum
        return keepDimension ? try chosen.reduceKeeping(reduction, [axis]) : try chosen.reduce(reduction, [axis])
    }
}

/// `argMax(x)`: the position of the largest element along an axis. NaN counts as the largest, as in NumPy; of equal
/// elements the first is taken, or the last with `selectLastIndex`. Result: x's shape without the axis (or with
/// extent 1). Throws `shapeMismatch` where the axis is empty.
public struct ArgMax: Composite {
    /// `argMax`.
    public static let name = "argMax"
    /// Axis, form and type of the result.
    public var settings: ArgExtremeAttributes

    /// The search with `settings`.
    public init(_ settings: ArgExtremeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, keepDimension, selectLastIndex and indexType.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try ArgExtremeAttributes(attributes, operation: Self.name)
    }
    /// One result of the index type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// The smallest position among those that equal the maximum.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .maximum)]
    }
}

/// `argMin(x)`: the position of the smallest element along an axis. NaN counts as the smallest, as in NumPy; of equal
/// elements the first is taken, or the last with `selectLastIndex`. Result: x's shape without the axis (or with
/// extent 1). Throws `shapeMismatch` where the axis is empty.
public struct ArgMin: Composite {
    /// `argMin`.
    public static let name = "argMin"
    /// Axis, form and type of the result.
    public var settings: ArgExtremeAttributes

    /// The search with `settings`.
    public init(_ settings: ArgExtremeAttributes) { self.settings = settings }
    /// The attributes as data.
    public var attributes: Attributes { settings.attributes }
    /// Reads axis, keepDimension, selectLastIndex and indexType.
    public init(attributes: Attributes) throws(GraphError) {
        settings = try ArgExtremeAttributes(attributes, operation: Self.name)
    }
    /// One result of the index type.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try settings.inferTypes(operands)
    }
    /// The smallest position among those that equal the minimum.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try settings.decompose(operands[0], .minimum)]
    }
}

extension Term {
    /// The positions of the largest elements along `axis`; see `ArgMax`.
    public func argMax(
        axis: Int, keepDimension: Bool = false, selectLastIndex: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> Term {
        let settings = ArgExtremeAttributes(
            axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex, indexType: indexType)
        return try builder.add(ArgMax(settings), [self])
    }

    /// The positions of the smallest elements along `axis`; see `ArgMin`.
    public func argMin(
        axis: Int, keepDimension: Bool = false, selectLastIndex: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> Term {
        let settings = ArgExtremeAttributes(
            axis: axis, keepDimension: keepDimension, selectLastIndex: selectLastIndex, indexType: indexType)
        return try builder.add(ArgMin(settings), [self])
    }
}
