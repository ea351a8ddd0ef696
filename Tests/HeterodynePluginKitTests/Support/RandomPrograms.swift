// Heterodyne: seeded random programs with regions, composites and constants of every form.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Random programs that repeat: the same seed gives the same program and data.
struct RandomPrograms {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9 &+ 1 }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    private mutating func below(_ count: Int) -> Int { Int(next() % UInt64(max(count, 1))) }
    private mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
    private mutating func number() -> Double { Double(below(4001) - 2000) / 512 }

    private static let scalarTypes: [ScalarType] = [.float32, .float32, .float64, .float16, .bfloat16, .int32, .int64]

    /// Data of `type`.
    mutating func literal(_ type: TensorType) throws(GraphError) -> Literal {
        if below(3) == 0 { return Literal(number: number(), type: type) }
        let count = try type.elementCount()
        var bits: [UInt64] = []
        for _ in 0..<count { bits.append(type.scalarType.bits(of: number())) }
        let (width, elements) = (type.scalarType.bitWidth / 8, bits)
        return try Literal(
            type: type,
            storage: LiteralStorage(count: count * width) { bytes in
                for index in 0..<count * width {
                    bytes[index] = UInt8(truncatingIfNeeded: elements[index / width] >> UInt64(8 * (index % width)))
                }
            })
    }

    /// Data for the inputs of `graph`.
    mutating func inputs(of graph: Graph) throws(GraphError) -> [Literal] {
        var inputs: [Literal] = []
        for type in graph.inputTypes {
            let literal = try literal(type)
            inputs.append(try Literal(type: type, storage: literal.denseStorage()))
        }
        return inputs
    }

    /// A program of about `steps` operations on two to four inputs.
    mutating func program(steps: Int) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for index in 0..<(2 + below(3)) {
            let extents = (0..<(1 + below(3))).map { _ in pick([1, 2, 3, 5]) }
            terms.append(try builder.input("in \(index)", TensorType(pick(Self.scalarTypes), extents)))
        }
        for step in 0..<steps {
            builder.currentLocation = SourceLocation(file: "Test/Program.swift", line: step + 1)
            // What inference refuses adds nothing.
            if let made = try? self.step(pick(terms), builder) { terms.append(made) }
        }
        for (index, term) in terms.enumerated() where index == terms.count - 1 || below(4) == 0 {
            try builder.output("out \(index)", term)
        }
        return try builder.build()
    }

    private mutating func step(_ x: Term, _ builder: GraphBuilder) throws(GraphError) -> Term {
        let rank = x.rank
        let other = try builder.constant(literal(x.type))
        switch below(16) {
        case 0: return try x.binary(pick([.add, .subtract, .multiply, .maximum, .minimum]), other)
        case 1: return try x.unary(pick([.negate, .abs, .floor, .exp, .tanh, .sin]))
        case 2: return try x.compare(pick(ComparisonDirection.allCases), other).select(x, other)
        case 3: return try x.convert(pick(Self.scalarTypes))
        case 4: return try x.transpose(Array((0..<rank).reversed()))
        case 5: return try x.reshape([try x.extents().reduce(1, *)])
        case 6: return try x.reduce(pick([.sum, .maximum]), [below(rank)])
        case 7: return try x.reverse([below(rank)])
        case 8:
            return try x.pad(number(), low: (0..<rank).map { _ in below(2) }, high: (0..<rank).map { _ in below(2) })
        case 9:
            let dimension = below(rank)
            return try x.dot(x, DotDimensions(leftContracting: [dimension], rightContracting: [dimension]))
        case 10: return try builder.add(Softmax(axis: below(rank)), [x])
        case 11: return try builder.add(Sigmoid(), [x])
        case 12: return try builder.add(Gelu(), [x])
        case 13:
            return try x.gather(builder.constant(Literal([Int32(1), 0], shape: [2, 1])), dimensions: [below(rank)])
        case 14:
            let condition = try builder.constant(Literal(below(2) == 0))
            let then = try GraphBuilder.region([x.type]) { (_, terms) throws(GraphError) in [try terms[0] + 1] }
            let otherwise = try GraphBuilder.region([x.type]) { (inner, terms) throws(GraphError) in
                [try inner.add(Sigmoid(), [terms[0]])]
            }
            return try builder.conditional(condition, [x], then: then, otherwise: otherwise)[0]
        default:
            let types: [TensorType] = [.scalar(.int32), x.type]
            let condition = try GraphBuilder.region(types) { (_, terms) throws(GraphError) in
                [try terms[0].compare(.less, 3)]
            }
            let body = try GraphBuilder.region(types) { (_, terms) throws(GraphError) in
                [try terms[0] + 1, try terms[1] * 0.5]
            }
            return try builder.loop([try builder.constant(0, types[0]), x], condition: condition, body: body)[1]
        }
    }
}
