// Heterodyne: random graphs of every primitive, with attributes of every kind, for tests of the C structs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Makes random valid graphs: every primitive, regions, fused regions, composites, constants of every type.
struct RandomViewGraph: RandomNumberGenerator {
    private var state: UInt64

    /// Graphs that `seed` determines.
    init(seed: UInt64) { state = seed &* 0x9E37_79B9 &+ 1 }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    private mutating func pick<T>(_ items: [T]) -> T { items[number(0...items.count - 1)] }
    private mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    private mutating func type(_ scalarTypes: [ScalarType] = ScalarType.allCases) -> TensorType {
        TensorType(pick(scalarTypes), (0..<number(0...3)).map { _ in pick([0, 1, 2, 3, 3, 5]) })
    }

    private mutating func literal(_ type: TensorType) throws(GraphError) -> Literal {
        let mask: UInt64 = type.scalarType == .bool ? 1 : .max
        if chance(40) { return Literal(splatBits: next() & mask, type: type) }
        var bytes: [UInt8] = []
        for _ in 0..<(try type.byteCount()) { bytes.append(UInt8(truncatingIfNeeded: next() & mask)) }
        return try Literal(type: type, storage: bytes.withUnsafeBytes { LiteralStorage(copying: $0) })
    }

    /// A graph of about `count` nodes.
    mutating func graph(nodes count: Int) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms = [try builder.input("first \"ü\"\n", TensorType(.float32, [2, 3]))]
        for _ in 0..<count * 3 where builder.nodes.count < count {
            builder.currentLocation =
                chance(70) ? SourceLocation(file: pick(["A/B.swift", "a:b/ü.swift"]), line: number(1...9999)) : nil
            if chance(10) { terms.append(try builder.input("in \(builder.nodes.count)", type())) }
            // What inference refuses adds nothing.
            if let made = try? step(pick(terms), terms, builder, depth: 0) {
                terms += made.filter { $0.rank <= 5 && ((try? $0.type.elementCount()) ?? .max) <= 256 }
            }
        }
        for (index, term) in terms.enumerated() where index == terms.count - 1 || chance(15) {
            try builder.output("out \(index)", term)
        }
        return try builder.build()
    }

    private mutating func step(
        _ x: Term, _ terms: [Term], _ builder: GraphBuilder, depth: Int
    ) throws(GraphError) -> [Term] {
        let rank = x.rank
        func add(_ primitive: Primitive, _ others: Term...) throws(GraphError) -> [Term] {
            try builder.addAll(.primitive(primitive), [x] + others)
        }
        switch number(0...25) {
        case 0: return [try builder.constant(literal(type()))]
        case 1: return [try builder.add(.iota(type([.int32, .float16, .uint64]), dimension: 0), [])]
        case 2: return try add(.convert(pick(ScalarType.allCases)))
        case 3: return try add(.bitcast(pick(ScalarType.allCases.filter { $0.bitWidth == x.scalarType.bitWidth })))
        case 4, 5: return try add(.unary(pick(UnaryOperator.allCases)))
        case 6, 7: return try add(.binary(pick(BinaryOperator.allCases)), pick(terms.filter { $0.type == x.type }))
        case 8: return try add(.compare(pick(ComparisonDirection.allCases)), x)
        case 9:
            return [
                try builder.constant(literal(x.type.with(.bool))).select(x, pick(terms.filter { $0.type == x.type }))
            ]
        case 10: return try add(.reshape(Shape([.fixed(try x.type.elementCount()), 1])))
        case 11: return try add(.transpose(permutation: Array(0..<rank).shuffled(using: &self)))
        case 12: return try add(.broadcast(Shape([2] + x.shape.dimensions), dimensions: Array(1..<rank + 1)))
        case 13:
            let extents = try x.extents()
            return try add(
                .slice(
                    starts: extents.map { .fixed($0 / 3) }, limits: extents.map(Extent.fixed),
                    strides: extents.map { _ in number(1...3) }))
        case 14:
            let value = try builder.constant(literal(.scalar(x.scalarType)))
            let low = (0..<rank).map { _ in Extent.fixed(number(-1...2)) }
            return try add(.pad(low: low, high: low, interior: (0..<rank).map { _ in number(0...1) }), value)
        case 15: return try add(.concatenate(dimension: number(0...max(0, rank - 1))), x)
        case 16: return try add(.reverse(dimensions: Array((0..<rank).shuffled(using: &self).prefix(1))))
        case 17:
            let indices = try builder.constant(Literal([Int32(0), 1], shape: [2, 1]))
            let rows = try x.gather(indices, dimensions: [0])
            return [rows, try x.scatter(pick([.set, .add, .maximum]), indices, rows, dimensions: [0])]
        case 18:
            let starts = try (0..<rank).map { _ throws(GraphError) in try builder.constant(Literal(Int64(0))) }
            let block = try x.dynamicSlice(starts, sizes: x.shape.dimensions)
            return [block, try x.dynamicUpdateSlice(block, starts)]
        case 19:
            let last = rank - 1
            return [try x.dot(x, DotDimensions(leftContracting: [last], rightContracting: [last]))]
        case 20: return try add(.reduce(pick(ReductionKind.allCases), dimensions: Array(0..<rank)))
        case 21: return try add(.sort(dimension: 0, descending: chance(50), indexType: pick([.int32, .int64])))
        case 22:
            let branch = try region(x.type, depth)
            let other = chance(50) ? branch : try region(x.type, depth)
            return try builder.conditional(
                try builder.constant(Literal(chance(50))), [x], then: branch, otherwise: other)
        case 23:
            let condition = try GraphBuilder.region([x.type]) { (builder, _) throws(GraphError) in
                [try builder.constant(Literal(false))]
            }
            return try builder.loop([x], condition: condition, body: region(x.type, depth))
        case 24:
            let body = try region(x.type, depth)
            let kind = pick(FusedRegion.Kind.allCases)
            return try builder.addAll(.composite(FusedRegion(kind: kind, body: body)), [x])
        default:
            if chance(50) { return try builder.addAll(.composite(Relu()), [x]) }
            return try builder.addAll(.composite(EveryKind(attributes: attributes(depth))), [x])
        }
    }

    private mutating func region(_ type: TensorType, _ depth: Int) throws(GraphError) -> Graph {
        guard depth < 3 else { throw GraphError(.malformedGraph, "deep enough") }
        return try GraphBuilder.region([type]) { (builder, inputs) throws(GraphError) in
            var terms = inputs
            for _ in 0..<4 {
                if let made = try? step(pick(terms), terms, builder, depth: depth + 1) {
                    terms += made.filter { $0.rank <= 5 }
                }
            }
            return [pick(terms.filter { $0.type == type })]
        }
    }

    private mutating func attributes(_ depth: Int) throws(GraphError) -> Attributes {
        [
            "bool": .bool(chance(50)), "integer": .integer(pick([.min, -1, 0, .max])),
            "number": .number(pick([-0.0, 1.5, .infinity, 0x1p-1070])), "string": .string(pick(["", "ü\0\n", "relu"])),
            "integers": .integers(pick([[], [3, -4]])), "numbers": .numbers(pick([[], [0.1, -2]])),
            "strings": .strings(pick([[], ["", "a b"]])), "dimensions": .dimensions(pick([[], [1, 2]])),
            "scalarType": .scalarType(pick(ScalarType.allCases)), "type": .type(type()),
            "literal": .literal(try literal(type())), "graph": .graph(try region(type([.float32]), depth)),
        ]
    }
}
