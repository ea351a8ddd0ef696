// Heterodyne: ordered elements and the largest k.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `topK(x)`: the `k` largest (or smallest) elements along an axis and their positions.
///
/// Results: values and positions, both x's shape with extent `k` along the axis, ordered from the most extreme on.
/// NaN is above every number; of equal elements the lower position comes first.
public struct TopK: AttributedComposite {
    /// `topK`.
    public static let name = "topK"
    /// How many elements, 0 up to the axis' extent.
    public var k: Int
    /// The axis; negative counts from the back.
    public var axis: Int
    /// The largest elements, or the smallest.
    public var largest: Bool
    /// Whether the caller relies on the order of the results. The decomposition always orders them.
    public var sorted: Bool
    /// The scalar type of the positions: int32 or int64.
    public var indexType: ScalarType

    /// The `k` extremes along `axis`.
    public init(k: Int, axis: Int, largest: Bool = true, sorted: Bool = true, indexType: ScalarType = .int64) {
        self.k = k
        self.axis = axis
        self.largest = largest
        self.sorted = sorted
        self.indexType = indexType
    }

    /// The attributes as data.
    public var attributes: Attributes {
        [
            "k": .integer(k), "axis": .integer(axis), "largest": .bool(largest), "sorted": .bool(sorted),
            "indexType": .scalarType(indexType),
        ]
    }

    /// Reads k, axis, largest, sorted and indexType.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        k = try reader.integer("k")
        axis = try reader.integer("axis")
        largest = try reader.bool("largest")
        sorted = try reader.bool("sorted")
        indexType = try reader.scalarType("indexType")
    }

    /// Values and positions.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let type = operands[0]
        let axis = try OperandRules.axis(axis, rank: type.rank)
        try OperandRules.require(k >= 0, .invalidAttribute, "k is \(k); it cannot be negative")
        if case .fixed(let extent) = type.shape[axis] {
            try OperandRules.require(
                k <= extent, .invalidAttribute, "k is \(k) but axis \(axis) of \(type) has \(extent) elements")
        }
        try OperandRules.index(indexType, counts: type.shape[axis])
        let shape = type.shape.replacing(axis, .fixed(k))
        return [type.with(shape), TensorType(indexType, shape)]
    }

    /// The first `k` of the stable order.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let axis = try OperandRules.axis(axis, rank: x.rank)
        let positions = try x.convert(OperandRules.sortable(x.scalarType))
            .sortPermutation(dimension: axis, descending: largest, indexType: indexType)
            .slice(dimension: axis, from: 0, to: .fixed(k))
        return [try x.gatherAlong(axis, positions), positions]
    }
}

/// `sort(x)`: the elements along an axis in order, and the positions they came from; stable, NaN above every number.
/// Named `sortValues`, since `sort` is the primitive that gives the positions alone.
public struct SortValues: AttributedComposite {
    /// `sortValues`.
    public static let name = "sortValues"
    /// The axis; negative counts from the back.
    public var axis: Int
    /// Whether the largest comes first.
    public var descending: Bool
    /// The scalar type of the positions: int32 or int64.
    public var indexType: ScalarType

    /// The order along `axis`.
    public init(axis: Int, descending: Bool = false, indexType: ScalarType = .int64) {
        self.axis = axis
        self.descending = descending
        self.indexType = indexType
    }

    /// The attributes as data.
    public var attributes: Attributes {
        ["axis": .integer(axis), "descending": .bool(descending), "indexType": .scalarType(indexType)]
    }

    /// Reads axis, descending and indexType.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        axis = try reader.integer("axis")
        descending = try reader.bool("descending")
        indexType = try reader.scalarType("indexType")
    }

    /// Values and positions, shaped like the operand.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.count(operands, 1, "x")
        let axis = try OperandRules.axis(axis, rank: operands[0].rank)
        try OperandRules.index(indexType, counts: operands[0].shape[axis])
        return [operands[0], operands[0].with(indexType)]
    }

    /// The stable permutation, and the elements gathered through it.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let x = operands[0]
        let axis = try OperandRules.axis(axis, rank: x.rank)
        let positions = try x.convert(OperandRules.sortable(x.scalarType))
            .sortPermutation(dimension: axis, descending: descending, indexType: indexType)
        return [try x.gatherAlong(axis, positions), positions]
    }
}

extension OperandRules {
    /// A type that the `sort` primitive takes and in which the order is the same.
    static func sortable(_ type: ScalarType) -> ScalarType {
        type.isStorageOnly || type == .bool ? type.computationType : type
    }
}

extension Term {
    /// The elements at in-range positions along one axis; `positions` has this term's rank.
    func gatherAlong(_ axis: Int, _ positions: Term) throws(GraphError) -> Term {
        try gather(positions.indexVectors(axis: axis), dimensions: Array(0..<rank)).reshape(positions.shape)
    }

    /// Index vectors `[count, rank]` of this term's elements in row-major order: component `axis` is the element, the
    /// others are its own position. Flat, since at the highest rank there is no room for one more dimension.
    func indexVectors(axis: Int) throws(GraphError) -> Term {
        let column: Shape = [try shape.elementCount(), 1]
        var components: [Term] = []
        for d in 0..<rank {
            let component = d == axis ? self : try builder.iota(type, dimension: d)
            components.append(try component.reshape(column))
        }
        return try builder.concatenate(components, dimension: 1)
    }

    /// The `k` largest or smallest elements along `axis` and their positions; see `TopK`.
    public func topK(
        _ k: Int, axis: Int = -1, largest: Bool = true, sorted: Bool = true, indexType: ScalarType = .int64
    ) throws(GraphError) -> (values: Term, indices: Term) {
        let composite = TopK(k: k, axis: axis, largest: largest, sorted: sorted, indexType: indexType)
        let results = try builder.addAll(.composite(composite), [self])
        return (results[0], results[1])
    }

    /// The elements along `axis` in order and the positions they came from; see `SortValues`.
    public func sortValues(
        axis: Int = -1, descending: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> (values: Term, indices: Term) {
        let composite = SortValues(axis: axis, descending: descending, indexType: indexType)
        let results = try builder.addAll(.composite(composite), [self])
        return (results[0], results[1])
    }
}
