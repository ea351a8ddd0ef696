// Heterodyne: seeded random programs that are hard on a compiler of kernels, as conformance cases.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneConformance
import HeterodyneGraph
import HeterodyneOps

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same numbers everywhere.
private struct SplitMix64: RandomNumberGenerator {
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

/// Makes random programs: chains of views, regions with several outputs, outputs that repeat, donated inputs, nested
/// branches and loops with state of several types, empty and scalar tensors, odd sizes and offsets, every type.
///
/// A case is judged by running error analysis, which demands the exact bits wherever nothing rounds: with even seeds
/// floats are small integers and nothing but reductions, products and divisions rounds.
struct RandomPrograms {
    private var random: SplitMix64
    private let types: [ScalarType]
    /// Whether only operations that are exact on small integers are used, so that every element is checked.
    private let isExact: Bool
    /// Largest number of elements of a value.
    private static let maximumElements = 3000
    /// Rank above which nothing is made.
    private static let maximumRank = 8

    private static let allTypes: [ScalarType] = [
        .float32, .float32, .float64, .float16, .bfloat16, .int8, .uint8, .int16, .uint16, .int32, .int32, .uint32,
        .int64, .uint64, .bool,
    ]

    /// Elementwise composites without required attributes.
    private static let elementwise: [any Composite] =
        StandardComposites.elementwise.compactMap { try? $0.init(attributes: [:]) }

    /// The case of a seed; `types` are those that values have.
    static func test(_ seed: UInt64, types: [ScalarType] = allTypes) -> ConformanceCase {
        var random = SplitMix64(seed: seed &+ 0x5EED)
        let donated = Set((0..<3).filter { _ in random.next() % 3 == 0 })
        var test = ConformanceCase("random", .float32, "seed\(seed)", .bound) { builder throws(GraphError) in
            var programs = RandomPrograms(seed: seed, types: types)
            try programs.build(builder)
        }
        test.donatedInputs = donated
        test.folds = random.next() % 4 != 0
        return test
    }

    private init(seed: UInt64, types: [ScalarType]) {
        var random = SplitMix64(seed: seed)
        // A program has few types, so that values meet.
        self.types = (0..<3).map { _ in types[Int.random(in: 0..<types.count, using: &random)] }
        isExact = seed % 2 == 0
        self.random = random
    }

    // MARK: Choices

    private mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &random)] }
    private mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func some(_ rank: Int) -> [Int] {
        Array((0..<rank).shuffled(using: &random).prefix(number(0...rank)))
    }

    /// A few shapes per program would do less: extents are small or odd, ranks up to 6.
    private mutating func shape() -> Shape {
        let rank = pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6])
        var extents: [Int] = []
        var count = 1
        for _ in 0..<rank {
            var extent = chance(3) ? 0 : pick(rank < 3 ? [1, 2, 3, 5, 7, 16, 17, 33, 63, 65] : [1, 1, 2, 3, 4, 5, 9])
            if count * max(1, extent) > 1200 { extent = 1 }
            count *= max(1, extent)
            extents.append(extent)
        }
        if rank == 1, chance(30) { extents = [pick([255, 257, 1023, 1030])] }
        return Shape(extents)
    }

    /// The bits of an element.
    private mutating func element(_ type: ScalarType) -> UInt64 {
        if type == .bool { return random.next() & 1 }
        if isExact || type.bitWidth <= 4 {
            return type.bits(of: Double(type.isFloatingPoint || type.isSignedInteger ? number(-4...4) : number(0...7)))
        }
        if type.isFloatingPoint {
            if chance(4) { return type.bits(of: pick([0, -0.0, .infinity, -.infinity, .nan, 1, 65504, 1e-3])) }
            return type.bits(of: Double(number(-4096...4096)) / pick([1024, 1024, 1024, 7, 100]))
        }
        return chance(50) ? random.next() : type.bits(of: Double(number(0...20)))
    }

    private mutating func literal(_ type: TensorType) throws(GraphError) -> Literal {
        if chance(20) { return Literal(splatBits: element(type.scalarType), type: type) }
        let width = type.scalarType.bitWidth
        var elements: [UInt64] = []
        for _ in 0..<(try type.elementCount()) { elements.append(element(type.scalarType)) }
        let list = elements
        let storage = LiteralStorage(count: try type.byteCount()) { bytes in
            for index in bytes.indices { bytes[index] = 0 }
            for (index, value) in list.enumerated() {
                if width == 4 {
                    bytes[index / 2] |= UInt8(truncatingIfNeeded: value & 0xF) << (index % 2 == 0 ? 0 : 4)
                } else {
                    for byte in 0..<width / 8 {
                        bytes[index * (width / 8) + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
                    }
                }
            }
        }
        return try Literal(type: type, storage: storage)
    }

    // MARK: Programs

    private mutating func build(_ builder: CaseBuilder) throws(GraphError) {
        var terms: [Term] = []
        let common = shape()
        for index in 0..<3 {
            var type = TensorType(types[index], index > 0 && chance(60) ? common : shape())
            if chance(5) { type = type.with(pick([ScalarType.int4, .uint4, .float8e4m3fn, .float8e5m2])) }
            terms.append(try builder.operand(literal(type)))
        }
        if chance(40) { terms.append(try builder.operand(literal(.scalar(.bool)))) }
        let count = number(4...24)
        for _ in 0..<3 * count where builder.graph.nodes.count < count + 4 {
            terms += attempt(terms, builder.graph, depth: 0)
        }
        try builder.output(terms[terms.count - 1])
        for term in terms where chance(15) { try builder.output(term) }
        if chance(10) { try builder.output(terms[terms.count - 1]) }
    }

    /// What a random step makes; nothing where type inference refuses it.
    private mutating func attempt(_ terms: [Term], _ builder: GraphBuilder, depth: Int) -> [Term] {
        let x = chance(65) ? terms[max(0, terms.count - 1 - number(0...2))] : pick(terms)
        do {
            return try step(x, terms, builder, depth).filter {
                let count = (try? $0.type.elementCount()) ?? .max
                return $0.rank <= Self.maximumRank && count <= Self.maximumElements
            }
        } catch { return [] }
    }

    private mutating func step(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        switch number(0...31) {
        case 0...11: return [try movement(x, terms, builder)]
        case 12...19: return [try arithmetic(x, terms, builder)]
        case 20: return [try builder.add(.convert(pick(types + [.int4, .bool, .float32, .float8e5m2])), [x])]
        case 21:
            // Bits of a NaN that was computed are not defined, so only integers are looked at.
            guard x.scalarType.isInteger else { return [] }
            let widths = types.filter { $0.bitWidth == x.scalarType.bitWidth && $0 != .bool }
            return widths.isEmpty ? [] : [try builder.add(.bitcast(pick(widths)), [x])]
        case 22:
            guard x.scalarType.isInteger || !isExact || chance(20) else { return [] }
            return [try builder.add(.reduce(pick(ReductionKind.allCases), dimensions: some(x.rank)), [x])]
        case 23: return [try product(x, terms, builder)]
        case 24, 25, 26: return try indexing(x, terms, builder)
        case 27: return try rows(x, builder)
        case 28, 29: return try conditional(x, terms, builder, depth)
        default: return try loop(x, terms, builder, depth)
        }
    }

    private mutating func movement(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> Term {
        let (rank, extents) = (x.rank, try x.extents())
        switch number(0...9) {
        case 0:
            var shape = extents.filter { $0 != 1 }
            for _ in 0..<number(0...2) { shape.insert(1, at: number(0...shape.count)) }
            return try builder.add(.reshape(Shape(chance(40) ? [extents.reduce(1, *)] : shape)), [x])
        case 1:
            // Splits or joins dimensions.
            var shape = extents
            if let index = shape.indices.first(where: { shape[$0] > 3 && shape[$0] % 2 == 0 }) {
                shape.replaceSubrange(index...index, with: chance(50) ? [2, shape[index] / 2] : [shape[index] / 2, 2])
            } else if shape.count > 1 {
                let index = number(0...shape.count - 2)
                shape.replaceSubrange(index...index + 1, with: [shape[index] * shape[index + 1]])
            }
            return try builder.add(.reshape(Shape(shape)), [x])
        case 2, 3:
            return try builder.add(.transpose(permutation: Array(0..<rank).shuffled(using: &random)), [x])
        case 4:
            var shape = extents.map { $0 == 1 && chance(50) ? pick([1, 2, 3, 5]) : $0 }
            var dimensions = Array(0..<rank)
            if chance(60) {
                let position = number(0...rank)
                shape.insert(pick([1, 2, 3, 7]), at: position)
                dimensions = dimensions.map { $0 < position ? $0 : $0 + 1 }
            }
            return try builder.add(.broadcast(Shape(shape), dimensions: dimensions), [x])
        case 5, 6:
            var (starts, limits, strides): ([Extent], [Extent], [Int]) = ([], [], [])
            for extent in extents {
                let start = chance(40) ? 0 : number(0...min(extent, chance(70) ? 3 : extent))
                starts.append(.fixed(start))
                limits.append(.fixed(chance(60) ? extent : number(start...extent)))
                strides.append(pick([1, 1, 1, 2, 3, Int.max / 4]))
            }
            return try builder.add(.slice(starts: starts, limits: limits, strides: strides), [x])
        case 7:
            let value = try builder.constant(literal(.scalar(x.scalarType)))
            var (low, high, interior): ([Extent], [Extent], [Int]) = ([], [], [])
            for _ in 0..<rank {
                low.append(.fixed(pick([0, 0, 1, 2, -1])))
                high.append(.fixed(pick([0, 0, 1, -1])))
                interior.append(pick([0, 0, 0, 1, 2]))
            }
            return try builder.add(.pad(low: low, high: high, interior: interior), [x, value])
        case 8:
            let parts = terms.filter { $0.scalarType == x.scalarType && $0.rank == rank }
            return try builder.add(
                .concatenate(dimension: number(0...max(0, rank - 1))), chance(30) ? [x] : [x, pick(parts), x])
        default: return try builder.add(.reverse(dimensions: some(rank)), [x])
        }
    }

    /// A term of the type of `x`: one that is there, or an input's elements made to fit.
    private mutating func partner(_ x: Term, _ terms: [Term], _ builder: GraphBuilder) throws(GraphError) -> Term {
        if chance(25) { return try builder.constant(literal(x.type)) }
        let same = terms.filter { $0.type == x.type }
        if !same.isEmpty && chance(80) { return pick(same) }
        return try pick(terms.filter { $0.rank == 0 } + [x]).convert(x.scalarType).broadcast(
            x.type.shape, dimensions: [])
    }

    private mutating func arithmetic(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> Term {
        switch number(0...9) {
        case 0, 1:
            let exact: [UnaryOperator] = [.negate, .abs, .floor]
            return try x.unary(pick(isExact ? exact : UnaryOperator.allCases))
        case 2:
            guard !isExact else { return try x.unary(.abs) }
            return try builder.addAll(.composite(pick(Self.elementwise)), [x])[0]
        case 3: return try x.compare(pick(ComparisonDirection.allCases), partner(x, terms, builder))
        case 4:
            let conditions = terms.filter { $0.type == x.type.with(.bool) }
            let y = try partner(x, terms, builder)
            return try (conditions.isEmpty ? x.compare(.less, y) : pick(conditions)).select(x, y)
        default:
            let exact: [BinaryOperator] = [.add, .subtract, .multiply, .maximum, .minimum]
            let op = pick(isExact && x.scalarType.isFloatingPoint ? exact : BinaryOperator.allCases)
            let y = try partner(x, terms, builder)
            return try chance(30) ? y.binary(op, x) : x.binary(op, y)
        }
    }

    /// A product of matrices with dimensions in any order.
    private mutating func product(_ x: Term, _ terms: [Term], _ builder: GraphBuilder) throws(GraphError) -> Term {
        guard x.rank > 0 else { return x }
        let contracted = number(0...x.rank - 1)
        let y = try x.rank > 1 && chance(50) ? x.transpose(Array(0..<x.rank).shuffled(using: &random)) : x
        let (left, right) = (try x.extents(), try y.extents())
        guard let other = right.indices.filter({ right[$0] == left[contracted] }).randomElement(using: &random) else {
            return x
        }
        var (leftBatch, rightBatch): ([Int], [Int]) = ([], [])
        if chance(40), let i = left.indices.first(where: { $0 != contracted }),
            let j = right.indices.first(where: { $0 != other && right[$0] == left[i] })
        {
            (leftBatch, rightBatch) = ([i], [j])
        }
        return try x.dot(
            y,
            DotDimensions(
                leftBatch: leftBatch, rightBatch: rightBatch, leftContracting: [contracted], rightContracting: [other]))
    }

    private mutating func rows(_ x: Term, _ builder: GraphBuilder) throws(GraphError) -> [Term] {
        guard x.rank > 0 else { return [] }
        let axis = number(0...x.rank - 1)
        let index: ScalarType = pick(types.contains(.int64) ? [.int32, .int64] : [.int32])
        switch number(0...7) {
        case 0, 1:
            return try builder.addAll(.primitive(.sort(dimension: axis, descending: chance(50), indexType: index)), [x])
        case 2: return [try x.cumulativeSum(axis: axis, exclusive: chance(50), reverse: chance(50))]
        case 3:
            guard let extent = try x.extents().dropFirst(axis).first, extent > 0 else { return [] }
            let top = TopK(k: number(1...extent), axis: axis, largest: chance(50), indexType: index)
            return try builder.addAll(.composite(top), [x])
        case 4: return isExact ? [] : try builder.addAll(.composite(Softmax(axis: axis)), [x])
        case 5: return isExact ? [] : try builder.addAll(.composite(LogSoftmax(axis: axis)), [x])
        case 6: return isExact ? [] : try builder.addAll(.composite(RMSNormalization(axis: axis)), [x])
        default:
            let settings = ArgExtremeAttributes(
                axis: axis, keepDimension: chance(50), selectLastIndex: chance(50), indexType: index)
            return try builder.addAll(.composite(ArgMax(settings)), [x])
        }
    }

    private mutating func indexing(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder
    ) throws(GraphError) -> [Term] {
        let extents = try x.extents()
        /// A known index, or one that a value gives.
        func start(_ value: Int, _ known: Bool) throws(GraphError) -> Term {
            let constant = try builder.constant(Literal(Int32(value)))
            let scalars = terms.filter { $0.rank == 0 && $0.scalarType != .bool }
            guard !known, let source = scalars.last else { return constant }
            return try source.convert(.int32)
        }
        var starts: [Term] = []
        let known = chance(60)
        for extent in extents { starts.append(try start(number(-2...extent + 1), known)) }
        var sizes: [Extent] = []
        for extent in extents { sizes.append(.fixed(chance(40) ? extent : number(0...extent))) }
        let rows = pick([1, 2, 5, 9])
        var list: [Int32] = []
        let dimension = number(0...max(0, x.rank - 1))
        let extent = extents.isEmpty ? 1 : extents[dimension]
        for _ in 0..<rows { list.append(Int32(number(-1...extent))) }
        switch number(0...4) {
        case 0:
            let indices = try builder.constant(Literal(list, shape: Shape([rows, 1])))
            return [try x.gather(indices, dimensions: [dimension])]
        case 1:
            let indices = try builder.constant(Literal(list, shape: Shape([rows, 1])))
            let updates = try x.gather(indices, dimensions: [dimension])
            // Sums of floats in any order round; in exact programs they stay small.
            let modes: [ScatterMode] = [.set, .add, .maximum, .minimum]
            return [try x.scatter(pick(modes), indices, updates, dimensions: [dimension])]
        case 2: return [try x.dynamicSlice(starts, sizes: sizes)]
        default:
            var fitting: [Term] = []
            for part in terms where part.scalarType == x.scalarType && part.rank == x.rank {
                if zip(try part.extents(), extents).allSatisfy({ $0 <= $1 }) { fitting.append(part) }
            }
            let update =
                try fitting.isEmpty || chance(30)
                ? builder.constant(literal(x.type.with(Shape(sizes)))) : pick(fitting)
            return [try x.dynamicUpdateSlice(update, starts)]
        }
    }

    // MARK: Control

    /// A region from `types` to values of the same types.
    private mutating func region(_ types: [TensorType], _ depth: Int) throws(GraphError) -> Graph {
        try GraphBuilder.region(types) { (builder, inputs) throws(GraphError) in
            var terms = inputs
            for _ in 0..<number(1...7) { terms += attempt(terms, builder, depth: depth + 1) }
            var outputs: [Term] = []
            for type in types {
                // The last of a type, or now and then an input: states are swapped and repeated.
                let same = terms.filter { $0.type == type }
                outputs.append(chance(75) ? same[same.count - 1] : pick(same))
            }
            return outputs
        }
    }

    private mutating func conditional(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        guard depth < 2 else { return [] }
        let predicates = terms.filter { $0.type == .scalar(.bool) }
        let predicate = try predicates.isEmpty ? builder.constant(literal(.scalar(.bool))) : pick(predicates)
        var operands = [x]
        for _ in 0..<number(0...2) { operands.append(pick(terms)) }
        let types = operands.map { $0.type }
        return try builder.conditional(predicate, operands, then: region(types, depth), otherwise: region(types, depth))
    }

    /// Repeats a region a few times: a counter and state of several types.
    private mutating func loop(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, _ depth: Int
    ) throws(GraphError) -> [Term] {
        guard depth < 2 else { return [] }
        var state = [x]
        for _ in 0..<number(0...3) {
            let term = pick(terms)
            state.append(chance(15) ? try term.convert(pick([.int4, .bool, .int8])) : term)
        }
        let step = try region(state.map { $0.type }, depth)
        let types = [TensorType.scalar(.int32)] + state.map { $0.type }
        let limit = number(0...4)
        let condition = try GraphBuilder.region(types) { (builder, values) throws(GraphError) in
            [try values[0].compare(.less, Double(limit))]
        }
        let body = try GraphBuilder.region(types) { (builder, values) throws(GraphError) in
            [try values[0] + 1] + (try builder.inline(step, Array(values.dropFirst())))
        }
        let counter = try builder.constant(0, types[0])
        return Array(try builder.loop([counter] + state, condition: condition, body: body).dropFirst())
    }
}
