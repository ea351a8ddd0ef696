// Heterodyne: seeded random graphs and inputs for the property tests of the passes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same numbers everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Makes random valid graphs that the rules of the passes have much to do with: identities, chains of movements,
/// constants of every kind, extents of 0 and 1, composites, branches with known and unknown predicates, loops.
struct RandomGraphs {
    private var random: SplitMix64
    private let scalarTypes: [ScalarType]
    private let usesComposites: Bool
    private let operators: Operators

    /// Which operators are used.
    enum Operators {
        case all
        /// Those whose result is the exact one rounded once, also where it is computed in a wider float.
        case rounded
        /// Those that compute nothing.
        case movement
    }

    private var unaryOperators: [UnaryOperator] {
        operators == .all ? UnaryOperator.allCases : [.negate, .abs, .floor, .sqrt]
    }
    private var binaryOperators: [BinaryOperator] {
        operators == .all ? BinaryOperator.allCases : BinaryOperator.allCases.filter { $0 != .power }
    }
    private var scatterModes: [ScatterMode] {
        switch operators {
        case .all: [.set, .add, .multiply, .maximum, .minimum]
        case .rounded: [.set, .maximum, .minimum]
        case .movement: [.set]
        }
    }

    /// Elementwise composites without required attributes, and some that mix elements.
    private static let composites: [any Composite] =
        StandardComposites.elementwise.compactMap { try? $0.init(attributes: [:]) }
        + [Softmax(axis: 0), LogSoftmax(axis: 0), Hardmax(axis: 0)]

    init(
        seed: UInt64, usesComposites: Bool = true, operators: Operators = .all,
        scalarTypes: [ScalarType] = [.float32, .float64, .bfloat16, .float16, .int32, .int64, .int8, .uint8, .bool]
    ) {
        random = SplitMix64(seed: seed)
        self.usesComposites = usesComposites
        self.operators = operators
        self.scalarTypes = scalarTypes
    }

    // MARK: Choices

    private mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &random)] }
    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func type() -> TensorType {
        let rank = number(0...3)
        var extents: [Int] = []
        for _ in 0..<rank { extents.append(chance(4) ? 0 : pick([1, 1, 2, 3, 4])) }
        return TensorType(pick(scalarTypes), extents)
    }

    /// Bits of an element that rules care about, or of any.
    private mutating func element(_ type: ScalarType) -> UInt64 {
        let special: [Double] = [0, -0.0, 1, -1, 2, 0.5, 4, 0.125, 3, -7, .infinity, -.infinity, .nan, 1e-40, 100]
        if type == .bool { return random.next() & 1 }
        if type.isFloatingPoint || chance(70) {
            return type.bits(of: chance(80) ? pick(special) : Double(number(-999...999)) / 64)
        }
        return random.next()
    }

    /// Random elements: a splat, or dense, at times all equal.
    mutating func literal(_ type: TensorType) throws(GraphError) -> Literal {
        if chance(50) { return Literal(splatBits: element(type.scalarType), type: type) }
        let count = try type.elementCount()
        let uniform = chance(30) ? element(type.scalarType) : nil
        var bits: [UInt64] = []
        for _ in 0..<count { bits.append(uniform ?? element(type.scalarType)) }
        let width = type.scalarType.bitWidth / 8
        let elements = bits
        return try Literal(
            type: type,
            storage: LiteralStorage(count: count * width) { bytes in
                for (index, element) in elements.enumerated() {
                    for byte in 0..<width {
                        bytes[index * width + byte] = UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))
                    }
                }
            })
    }

    /// Inputs for `graph`.
    mutating func inputs(for graph: Graph) throws(GraphError) -> [Literal] {
        var literals: [Literal] = []
        for type in graph.inputTypes { literals.append(try literal(type)) }
        return literals
    }

    // MARK: Graphs

    /// A graph of about `count` nodes.
    mutating func graph(nodes count: Int) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        while builder.nodes.count < count {
            builder.currentLocation = SourceLocation(file: "Test/Random.swift", line: builder.nodes.count + 1)
            if terms.isEmpty || chance(8) {
                terms.append(try builder.input("in \(builder.nodes.count)", type()))
            } else {
                // Attempts that inference refuses add nothing.
                terms += attempt(terms, builder, depth: 0)
            }
        }
        for (index, term) in terms.enumerated() where index == terms.count - 1 || chance(12) {
            try builder.output("out \(index)", term)
        }
        return try builder.build()
    }

    private mutating func attempt(_ terms: [Term], _ builder: GraphBuilder, depth: Int) -> [Term] {
        // Mostly recent values, so that chains grow.
        let x = chance(60) ? terms[max(0, terms.count - 1 - number(0...2))] : pick(terms)
        do {
            let made = try step(x, terms, builder, depth)
            return made.filter { $0.rank <= 5 && ((try? $0.type.elementCount()) ?? .max) <= 512 }
        } catch { return [] }
    }

    private mutating func step(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        let rank = x.rank
        let extents = try x.extents()
        switch operators == .movement ? pick([0, 10, 11, 12, 13, 14, 15, 16, 17, 21, 24, 25]) : number(0...25) {
        case 0: return [try builder.constant(literal(x.type))]
        case 1: return [try builder.add(.iota(x.type, dimension: number(0...2)), [])]
        case 2: return [try x.apply(.convert(pick(scalarTypes + [.int4, .uint4, .float8e4m3fn, .float8e5m2])))]
        case 3:
            // Bits of a NaN that was computed are not defined, so only integers are looked at.
            guard x.scalarType.isInteger else { return [] }
            let widths = scalarTypes.filter { $0.bitWidth == x.scalarType.bitWidth && $0 != .bool }
            return widths.isEmpty ? [] : [try x.apply(.bitcast(pick(widths)))]
        case 4, 5: return [try x.unary(pick(unaryOperators))]
        case 6, 7, 8: return [try binary(x, terms, builder)]
        case 9: return [try x.compare(pick(ComparisonDirection.allCases), pick(terms.filter { $0.type == x.type }))]
        case 10:
            let conditions = terms.filter { $0.type == x.type.with(.bool) }
            let condition =
                try conditions.isEmpty || chance(30)
                ? builder.constant(literal(x.type.with(.bool))) : pick(conditions)
            return [try condition.select(x, pick(terms.filter { $0.type == x.type }))]
        case 11:
            var shape = extents.filter { $0 != 1 }
            for _ in 0..<number(0...2) { shape.insert(1, at: number(0...shape.count)) }
            return [try x.apply(.reshape(Shape(chance(30) ? [extents.reduce(1, *)] : shape)))]
        case 12: return [try x.apply(.transpose(permutation: Array(0..<rank).shuffled(using: &random)))]
        case 13:
            var shape = extents.map { $0 == 1 && chance(50) ? pick([1, 2, 3]) : $0 }
            var dimensions = Array(0..<rank)
            if chance(60) {
                let position = number(0...rank)
                shape.insert(pick([1, 2, 3]), at: position)
                dimensions = dimensions.map { $0 < position ? $0 : $0 + 1 }
            }
            return [try x.apply(.broadcast(Shape(shape), dimensions: dimensions))]
        case 14:
            var (starts, limits, strides): ([Extent], [Extent], [Int]) = ([], [], [])
            for extent in extents {
                let start = chance(40) ? 0 : number(0...extent)
                starts.append(.fixed(start))
                limits.append(.fixed(chance(40) ? extent : number(start...extent)))
                strides.append(pick([1, 1, 2, 3, Int.max / 4]))
            }
            return [try x.apply(.slice(starts: starts, limits: limits, strides: strides))]
        case 15:
            let value = try builder.constant(literal(.scalar(x.scalarType)))
            var (low, high, interior): ([Int], [Int], [Int]) = ([], [], [])
            for _ in 0..<rank {
                low.append(pick([0, 0, 1, 2, -1]))
                high.append(pick([0, 0, 1, -1]))
                interior.append(pick([0, 0, 0, 1, 2]))
            }
            return [
                try x.apply(.pad(low: low.map(Extent.fixed), high: high.map(Extent.fixed), interior: interior), value)
            ]
        case 16:
            let dimension = number(0...max(0, rank - 1))
            let parts = terms.filter { $0.scalarType == x.scalarType && $0.rank == rank }
            return [try builder.add(.concatenate(dimension: dimension), chance(30) ? [x] : [x, pick(parts), x])]
        case 17:
            let dimensions = Array((0..<rank).shuffled(using: &random).prefix(number(0...rank)))
            return [try x.apply(.reverse(dimensions: dimensions))]
        case 18:
            let dimensions = Array((0..<rank).shuffled(using: &random).prefix(number(0...rank)))
            return [try x.apply(.reduce(pick(ReductionKind.allCases), dimensions: dimensions))]
        case 19:
            guard rank > 0 else { return [] }
            let dimension = number(0...(rank - 1))
            return [try x.dot(x, DotDimensions(leftContracting: [dimension], rightContracting: [dimension]))]
        case 20:
            return [try x.apply(.sort(dimension: 0, descending: chance(50), indexType: .int32))]
        case 21: return try indexing(x, extents, builder)
        case 22, 23:
            guard usesComposites else { return [] }
            return try builder.addAll(.composite(pick(Self.composites)), [x])
        case 24: return try conditional(x, terms, builder, depth)
        default: return try loop(x, builder, depth)
        }
    }

    private mutating func binary(_ x: Term, _ terms: [Term], _ builder: GraphBuilder) throws(GraphError) -> Term {
        let op = pick(binaryOperators)
        let y = chance(60) ? try builder.constant(literal(x.type)) : pick(terms.filter { $0.type == x.type })
        return chance(30) ? try y.binary(op, x) : try x.binary(op, y)
    }

    private mutating func indexing(
        _ x: Term, _ extents: [Int], _ builder: GraphBuilder
    ) throws(GraphError) -> [Term] {
        let index = try builder.constant(Literal([Int32(number(-1...4)), Int32(number(-1...4))], shape: [2, 1]))
        var starts: [Term] = []
        for _ in extents {
            let start = try builder.constant(Literal(Int32(number(-2...5))))
            // An index that is known, and one that folding finds out.
            starts.append(chance(50) ? start : try start + builder.constant(Literal(Int32(1))))
        }
        var sizes: [Extent] = []
        for extent in extents { sizes.append(.fixed(chance(40) ? extent : number(0...extent))) }
        switch number(0...3) {
        case 0: return [try x.gather(index, dimensions: [number(0...max(0, x.rank - 1))])]
        case 1:
            let dimension = number(0...max(0, x.rank - 1))
            let updates = try x.gather(index, dimensions: [dimension])
            return [
                try x.scatter(
                    pick(scatterModes), index, updates, dimensions: [dimension])
            ]
        case 2: return [try x.dynamicSlice(starts, sizes: sizes)]
        default:
            let update = try builder.constant(literal(x.type.with(Shape(sizes))))
            return [try x.dynamicUpdateSlice(update, starts)]
        }
    }

    private mutating func region(_ x: Term, _ depth: Int) throws(GraphError) -> Graph {
        try GraphBuilder.region([x.type]) { (builder, inputs) throws(GraphError) in
            var terms = inputs
            for _ in 0..<5 { terms += attempt(terms, builder, depth: depth + 1) }
            let same = terms.filter { $0.type == x.type }
            return [same[same.count - 1]]
        }
    }

    private mutating func conditional(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        guard depth < 2 else { return [] }
        let predicates = terms.filter { $0.type == .scalar(.bool) }
        let predicate =
            try predicates.isEmpty || chance(40) ? builder.constant(literal(.scalar(.bool))) : pick(predicates)
        let (then, otherwise) = (try region(x, depth), try region(x, depth))
        return try builder.conditional(predicate, [x], then: then, otherwise: chance(20) ? then : otherwise)
    }

    /// Repeats a region three times.
    private mutating func loop(_ x: Term, _ builder: GraphBuilder, _ depth: Int) throws(GraphError) -> [Term] {
        guard depth < 1 else { return [] }
        let step = try region(x, depth)
        let types: [TensorType] = [.scalar(.int32), x.type]
        let condition = try GraphBuilder.region(types) { (builder, state) throws(GraphError) in
            [try state[0].compare(.less, 3)]
        }
        let body = try GraphBuilder.region(types) { (builder, state) throws(GraphError) in
            [try state[0] + 1, try builder.inline(step, [state[1]])[0]]
        }
        return [try builder.loop([try builder.constant(0, types[0]), x], condition: condition, body: body)[1]]
    }
}

extension Term {
    /// The primitive on this term and others, with no shortcut for identities.
    fileprivate func apply(_ primitive: Primitive, _ others: Term...) throws(GraphError) -> Term {
        try builder.add(primitive, [self] + others)
    }
}
