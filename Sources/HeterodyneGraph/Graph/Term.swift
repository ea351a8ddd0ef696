// Heterodyne: values under construction, with operators, for decompositions and importers.
// SPDX-License-Identifier: Apache-2.0

/// A value of a graph under construction. Methods and operators add nodes to its builder.
///
/// Terms follow the primitives' rules: operands of elementwise operations have equal types. Numbers on one side of an
/// operator become splat constants of the other side's type.
public struct Term {
    /// The builder that the value belongs to.
    public let builder: GraphBuilder
    /// The value.
    public let value: Value

    /// The term for `value` of `builder`.
    public init(_ builder: GraphBuilder, _ value: Value) {
        self.builder = builder
        self.value = value
    }

    /// The type of the value.
    public var type: TensorType { builder.type(of: value) }
    /// The element type.
    public var scalarType: ScalarType { type.scalarType }
    /// The shape.
    public var shape: Shape { type.shape }
    /// The number of dimensions.
    public var rank: Int { type.rank }

    /// The extents as numbers. Throws `unboundSymbol` where one is symbolic.
    public func extents() throws(GraphError) -> [Int] { try shape.extents() }

    /// A constant of this term's type with every element `number`.
    public func like(_ number: Double) throws(GraphError) -> Term { try builder.constant(number, type) }

    func apply(_ primitive: Primitive, _ others: Term...) throws(GraphError) -> Term {
        try builder.add(primitive, [self] + others)
    }
}

// MARK: - Elementwise

extension Term {
    /// A unary operator on each element.
    public func unary(_ op: UnaryOperator) throws(GraphError) -> Term { try apply(.unary(op)) }
    /// A binary operator on each pair of elements.
    public func binary(_ op: BinaryOperator, _ other: Term) throws(GraphError) -> Term { try apply(.binary(op), other) }

    /// `x + y`.
    public static func + (x: Term, y: Term) throws(GraphError) -> Term { try x.binary(.add, y) }
    /// `x - y`.
    public static func - (x: Term, y: Term) throws(GraphError) -> Term { try x.binary(.subtract, y) }
    /// `x * y`.
    public static func * (x: Term, y: Term) throws(GraphError) -> Term { try x.binary(.multiply, y) }
    /// `x / y`.
    public static func / (x: Term, y: Term) throws(GraphError) -> Term { try x.binary(.divide, y) }
    /// `x + number`.
    public static func + (x: Term, y: Double) throws(GraphError) -> Term { try x + x.like(y) }
    /// `x - number`.
    public static func - (x: Term, y: Double) throws(GraphError) -> Term { try x - x.like(y) }
    /// `x * number`.
    public static func * (x: Term, y: Double) throws(GraphError) -> Term { try x * x.like(y) }
    /// `x / number`.
    public static func / (x: Term, y: Double) throws(GraphError) -> Term { try x / x.like(y) }
    /// `number + x`.
    public static func + (x: Double, y: Term) throws(GraphError) -> Term { try y.like(x) + y }
    /// `number - x`.
    public static func - (x: Double, y: Term) throws(GraphError) -> Term { try y.like(x) - y }
    /// `number * x`.
    public static func * (x: Double, y: Term) throws(GraphError) -> Term { try y.like(x) * y }
    /// `number / x`.
    public static func / (x: Double, y: Term) throws(GraphError) -> Term { try y.like(x) / y }

    /// `-x`.
    public func negate() throws(GraphError) -> Term { try unary(.negate) }
    /// `|x|`.
    public func abs() throws(GraphError) -> Term { try unary(.abs) }
    /// The largest integer not above each element.
    public func floor() throws(GraphError) -> Term { try unary(.floor) }
    /// `e^x`.
    public func exp() throws(GraphError) -> Term { try unary(.exp) }
    /// The natural logarithm.
    public func log() throws(GraphError) -> Term { try unary(.log) }
    /// The square root.
    public func sqrt() throws(GraphError) -> Term { try unary(.sqrt) }
    /// The sine.
    public func sin() throws(GraphError) -> Term { try unary(.sin) }
    /// The cosine.
    public func cos() throws(GraphError) -> Term { try unary(.cos) }
    /// The hyperbolic tangent.
    public func tanh() throws(GraphError) -> Term { try unary(.tanh) }

    /// `x` where it is the larger, else `other`; NaN where either is.
    public func maximum(_ other: Term) throws(GraphError) -> Term { try binary(.maximum, other) }
    /// `x` where it is the smaller, else `other`; NaN where either is.
    public func minimum(_ other: Term) throws(GraphError) -> Term { try binary(.minimum, other) }
    /// `x^other`.
    public func power(_ other: Term) throws(GraphError) -> Term { try binary(.power, other) }
    /// The remainder of `x / other` with the sign of `x`.
    public func remainder(_ other: Term) throws(GraphError) -> Term { try binary(.remainder, other) }
    /// Bitwise or logical and.
    public func and(_ other: Term) throws(GraphError) -> Term { try binary(.and, other) }
    /// Bitwise or logical or.
    public func or(_ other: Term) throws(GraphError) -> Term { try binary(.or, other) }
    /// Bitwise or logical exclusive or.
    public func xor(_ other: Term) throws(GraphError) -> Term { try binary(.xor, other) }
    /// `x << other`.
    public func shiftLeft(_ other: Term) throws(GraphError) -> Term { try binary(.shiftLeft, other) }
    /// `x >> other`.
    public func shiftRight(_ other: Term) throws(GraphError) -> Term { try binary(.shiftRight, other) }
    /// Logical not of bool, bitwise complement of integers.
    public func not() throws(GraphError) -> Term {
        let ones = scalarType == .bool ? 1 : UInt64.max
        return try xor(builder.constant(Literal(splatBits: ones, type: type)))
    }

    /// Each element in another scalar type; the term itself where it is that type.
    public func convert(_ scalarType: ScalarType) throws(GraphError) -> Term {
        self.scalarType == scalarType ? self : try apply(.convert(scalarType))
    }
    /// The same bits as another scalar type; the term itself where it is that type.
    public func bitcast(_ scalarType: ScalarType) throws(GraphError) -> Term {
        self.scalarType == scalarType ? self : try apply(.bitcast(scalarType))
    }

    /// A relation of each pair of elements.
    public func compare(_ direction: ComparisonDirection, _ other: Term) throws(GraphError) -> Term {
        try apply(.compare(direction), other)
    }
    /// A relation of each element and a number.
    public func compare(_ direction: ComparisonDirection, _ number: Double) throws(GraphError) -> Term {
        try compare(direction, like(number))
    }
    /// `a` where this bool term is true, else `b`.
    public func select(_ a: Term, _ b: Term) throws(GraphError) -> Term { try apply(.select, a, b) }
}

// MARK: - Structure

extension Term {
    /// The same elements under another shape; the term itself where it has that shape.
    public func reshape(_ shape: Shape) throws(GraphError) -> Term {
        self.shape == shape ? self : try apply(.reshape(shape))
    }
    /// The same elements under other extents.
    public func reshape(_ extents: [Int]) throws(GraphError) -> Term { try reshape(Shape(extents)) }
    /// Result dimension `i` is dimension `permutation[i]`; the term itself for the identity.
    public func transpose(_ permutation: [Int]) throws(GraphError) -> Term {
        permutation == Array(0..<rank) ? self : try apply(.transpose(permutation: permutation))
    }
    /// Dimension `i` becomes dimension `dimensions[i]` of `shape`; the term itself where nothing changes.
    public func broadcast(_ shape: Shape, dimensions: [Int]) throws(GraphError) -> Term {
        self.shape == shape && dimensions == Array(0..<rank)
            ? self : try apply(.broadcast(shape, dimensions: dimensions))
    }
    /// The term aligned with the last dimensions of `shape` and repeated, as NumPy broadcasts.
    public func broadcast(to shape: Shape) throws(GraphError) -> Term {
        guard rank <= shape.rank else {
            throw GraphError(.shapeMismatch, "\(type) does not broadcast to \(shape)", operation: "broadcast")
        }
        return try broadcast(shape, dimensions: Array(shape.rank - rank..<shape.rank))
    }
    /// The block from `starts` to `limits`, every `strides`-th element.
    public func slice(_ starts: [Int], _ limits: [Int], strides: [Int]? = nil) throws(GraphError) -> Term {
        try slice(starts.map(Extent.fixed), limits.map(Extent.fixed), strides: strides)
    }
    /// The block from `starts` to `limits`, every `strides`-th element; the term itself where that is all of it.
    public func slice(
        _ starts: [Extent], _ limits: [Extent], strides: [Int]? = nil
    ) throws(GraphError) -> Term {
        let strides = strides ?? [Int](repeating: 1, count: rank)
        if starts.allSatisfy({ $0 == 0 }), limits == shape.dimensions, strides.allSatisfy({ $0 == 1 }) { return self }
        return try apply(.slice(starts: starts, limits: limits, strides: strides))
    }
    /// Elements `start` to `limit` of one dimension, everything of the others.
    public func slice(
        dimension: Int, from start: Extent, to limit: Extent, stride: Int = 1
    ) throws(GraphError) -> Term {
        try Rules.dimension(dimension, rank: rank)
        var starts = [Extent](repeating: 0, count: rank)
        var limits = shape.dimensions
        var strides = [Int](repeating: 1, count: rank)
        (starts[dimension], limits[dimension], strides[dimension]) = (start, limit, stride)
        return try slice(starts, limits, strides: strides)
    }
    /// `low` and `high` elements of `value` around, `interior` between; negative amounts crop.
    public func pad(_ value: Term, low: [Int], high: [Int], interior: [Int]? = nil) throws(GraphError) -> Term {
        let interior = interior ?? [Int](repeating: 0, count: rank)
        if (low + high + interior).allSatisfy({ $0 == 0 }) { return self }
        return try apply(
            .pad(low: low.map(Extent.fixed), high: high.map(Extent.fixed), interior: interior), value)
    }
    /// `low` and `high` elements of a number around, `interior` between; negative amounts crop.
    public func pad(_ number: Double, low: [Int], high: [Int], interior: [Int]? = nil) throws(GraphError) -> Term {
        try pad(builder.constant(number, .scalar(scalarType)), low: low, high: high, interior: interior)
    }
    /// Elements in opposite order along the dimensions.
    public func reverse(_ dimensions: [Int]) throws(GraphError) -> Term {
        dimensions.isEmpty ? self : try apply(.reverse(dimensions: dimensions))
    }
}

// MARK: - Indexing, contraction, order

extension Term {
    /// Slices at index vectors `indices[…, k]` of the `k` dimensions, clamped into range.
    public func gather(_ indices: Term, dimensions: [Int]) throws(GraphError) -> Term {
        try apply(.gather(dimensions: dimensions), indices)
    }
    /// The term with `updates` combined at index vectors `indices[…, k]` of the `k` dimensions.
    public func scatter(
        _ mode: ScatterMode, _ indices: Term, _ updates: Term, dimensions: [Int]
    ) throws(GraphError) -> Term {
        try apply(.scatter(mode, dimensions: dimensions), indices, updates)
    }
    /// The block of `sizes` at scalar start indices.
    public func dynamicSlice(_ starts: [Term], sizes: [Extent]) throws(GraphError) -> Term {
        try builder.add(.dynamicSlice(sizes: sizes), [self] + starts)
    }
    /// The term with the block at scalar start indices replaced by `update`.
    public func dynamicUpdateSlice(_ update: Term, _ starts: [Term]) throws(GraphError) -> Term {
        try builder.add(.dynamicUpdateSlice, [self, update] + starts)
    }
    /// Sums of products; accumulation and result default to the operands' accumulation type and type.
    public func dot(
        _ other: Term, _ dimensions: DotDimensions, accumulation: ScalarType? = nil, result: ScalarType? = nil
    ) throws(GraphError) -> Term {
        try apply(
            .dot(dimensions, accumulation: accumulation ?? scalarType.accumulationType, result: result ?? scalarType),
            other)
    }
    /// Combines the elements along `dimensions`, which disappear; the term itself for none.
    public func reduce(_ kind: ReductionKind, _ dimensions: [Int]) throws(GraphError) -> Term {
        dimensions.isEmpty ? self : try apply(.reduce(kind, dimensions: dimensions))
    }
    /// As `reduce`, but the dimensions stay with extent 1.
    public func reduceKeeping(_ kind: ReductionKind, _ dimensions: [Int]) throws(GraphError) -> Term {
        var kept = shape
        for d in dimensions where d >= 0 && d < rank { kept.dimensions[d] = 1 }
        return try reduce(kind, dimensions).reshape(kept)
    }
    /// The stable permutation that orders the elements along `dimension`.
    public func sortPermutation(
        dimension: Int, descending: Bool = false, indexType: ScalarType = .int64
    ) throws(GraphError) -> Term {
        try apply(.sort(dimension: dimension, descending: descending, indexType: indexType))
    }
}

extension GraphBuilder {
    /// `operands` one after the other along `dimension`; the operand itself where there is one.
    public func concatenate(_ operands: [Term], dimension: Int) throws(GraphError) -> Term {
        if operands.count == 1, dimension >= 0, dimension < operands[0].rank { return operands[0] }
        return try add(.concatenate(dimension: dimension), operands)
    }
    /// Element `[i0, i1, …]` is `i_dimension`.
    public func iota(_ type: TensorType, dimension: Int) throws(GraphError) -> Term {
        try add(.iota(type, dimension: dimension), [])
    }
    /// The results of one of two regions on `arguments`.
    public func conditional(
        _ predicate: Term, _ arguments: [Term], then: Graph, otherwise: Graph
    ) throws(GraphError) -> [Term] {
        try addAll(.primitive(.conditional(then: then, otherwise: otherwise)), [predicate] + arguments)
    }
    /// The state after repeating `body` while `condition` holds.
    public func loop(_ state: [Term], condition: Graph, body: Graph) throws(GraphError) -> [Term] {
        try addAll(.primitive(.loop(condition: condition, body: body)), state)
    }
}
