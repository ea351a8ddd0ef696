// Heterodyne: seeded random graphs for property tests.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same numbers everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Makes random valid graphs of elementwise, movement, reduction, contraction and control operations.
struct RandomGraph {
    private var random: SplitMix64
    private let extents: [Extent]
    private var scalarTypes: [ScalarType] = [.float32, .float64, .bfloat16, .int32, .int64, .uint8, .bool]

    /// Graphs that `seed` determines; extents are drawn from `extents`.
    init(seed: UInt64, extents: [Extent] = [1, 2, 3, .symbol("n"), .symbol("m")]) {
        random = SplitMix64(seed: seed)
        self.extents = extents
    }

    private mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &random)] }
    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func type() -> TensorType {
        let rank = Int.random(in: 0...3, using: &random)
        return TensorType(pick(scalarTypes), Shape((0..<rank).map { _ in pick(extents) }))
    }

    /// A graph of up to `count` nodes and as many inputs as it needs.
    mutating func graph(nodes count: Int, depth: Int = 0) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for _ in 0..<count {
            if terms.isEmpty || chance(10) {
                terms.append(try builder.input("in \(builder.nodes.count)", type()))
            } else {
                builder.currentLocation =
                    chance(50) ? SourceLocation(file: "M/F \(count).swift", line: builder.nodes.count) : nil
                terms += try step(pick(terms), terms, builder, depth)
            }
        }
        for (index, term) in terms.enumerated() where index == terms.count - 1 || chance(20) {
            try builder.output("out \(index)", term)
        }
        return try builder.build()
    }

    private mutating func step(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return [try builder.constant(literal(x.type))]
        case 1: return [try x.convert(pick(scalarTypes))]
        case 2:
            let op = pick(UnaryOperator.allCases)
            return x.scalarType.isFloatingPoint ? [try x.unary(op)] : []
        case 3:
            let op = pick(BinaryOperator.allCases)
            let others = terms.filter { $0.type == x.type }
            return op.takes(x.scalarType) ? [try x.binary(op, pick(others))] : []
        case 4: return [try x.compare(pick(ComparisonDirection.allCases), pick(terms.filter { $0.type == x.type }))]
        case 5: return [try x.transpose(Array(0..<x.rank).shuffled(using: &random))]
        case 6: return [try x.broadcast(to: Shape([pick(extents)] + x.shape.dimensions))].filter { $0.rank <= 5 }
        case 7: return x.rank > 0 ? [try builder.concatenate([x, x], dimension: x.rank - 1)] : []
        case 8:
            let kind = pick(ReductionKind.allCases)
            return kind.takes(x.scalarType) && x.rank > 0 ? [try x.reduce(kind, [x.rank - 1])] : []
        case 9:
            guard x.rank > 0, x.scalarType.isFloatingPoint else { return [] }
            let last = x.rank - 1
            return [try x.dot(x, DotDimensions(leftContracting: [last], rightContracting: [last]))].filter {
                $0.rank < 6
            }
        case 10: return x.rank > 0 ? [try x.sortPermutation(dimension: 0, descending: chance(50))] : []
        default:
            guard depth < 2 else { return [] }
            let region = try GraphBuilder.region([x.type]) { (builder, inputs) throws(GraphError) in
                var inner = inputs
                for _ in 0..<4 { inner += try step(inner[inner.count - 1], inner, builder, depth + 1) }
                return [inner[inner.count - 1]]
            }
            let predicate = try builder.constant(Literal(chance(50)))
            return try builder.conditional(predicate, [x], then: region, otherwise: region)
        }
    }

    /// Random bits of `type`: a splat, or dense where the shape is known.
    private mutating func literal(_ type: TensorType) throws(GraphError) -> Literal {
        let bits = random.next() & (type.scalarType == .bool ? 1 : .max)
        guard type.shape.fixedExtents != nil, chance(60) else { return Literal(splatBits: bits, type: type) }
        var generator = random
        let storage = LiteralStorage(count: try type.byteCount()) { bytes in
            for index in bytes.indices {
                bytes[index] = UInt8.random(in: 0...(type.scalarType == .bool ? 1 : 255), using: &generator)
            }
        }
        random = generator
        return try Literal(type: type, storage: storage)
    }
}
