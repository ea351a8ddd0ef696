// Heterodyne: promotion to float64 and magnitudes of sums.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

/// The mean of a vector, with a constant that depends on the type.
private struct MeanPlusEpsilon: Composite {
    static let name = "meanPlusEpsilon"
    var attributes: Attributes { Attributes() }

    init() {}
    init(attributes: Attributes) throws(GraphError) {
        try AttributeReader(attributes, operation: Self.name).finish()
    }
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { [operands[0].with(.scalar)] }
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let count = try operands[0].extents()[0]
        let epsilon: Double = operands[0].scalarType == .float16 ? 0x1p-10 : 0x1p-23
        return [try operands[0].reduce(.sum, [0]) / Double(count) + epsilon]
    }
}

@Suite("Oracles")
struct OracleTests {
    private func promoted(_ inputs: [Literal], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]) throws
        -> [Literal]
    {
        let graph = try GraphBuilder.region(inputs.map(\.type), body)
        let wide = try ReferenceEvaluator.promoted(graph)
        #expect(wide.inputTypes == graph.inputTypes)
        for (a, b) in zip(wide.outputTypes, graph.outputTypes) {
            #expect(a.shape == b.shape)
            #expect(a.scalarType == (b.scalarType.isFloatingPoint ? .float64 : b.scalarType))
        }
        return try ReferenceEvaluator.evaluate(wide, inputs: inputs)
    }

    @Test("Float computations happen in float64, integers stay")
    func promotion() throws {
        let x = Literal([0.1, 0.7] as [Float])
        let results = try promoted([x, Literal([7, 9] as [Int32])]) { builder, terms throws(GraphError) in
            let third = try terms[0] / 3
            // Narrowing does nothing in float64; truncation to integers stays.
            let narrowed = try third.convert(.bfloat16).convert(.float32)
            return [
                third, narrowed, try terms[1] / terms[1].like(2), try (terms[0] * 10).convert(.int32),
                try builder.iota(TensorType(.float16, [2]), dimension: 0), try terms[1].convert(.float32) / 3,
            ]
        }
        let exact = [Double(0.1 as Float) / 3, Double(0.7 as Float) / 3]
        #expect(try results[0].scalars(as: Double.self) == exact)
        #expect(try results[1].scalars(as: Double.self) == exact)
        #expect(try results[2].scalars(as: Int32.self) == [3, 4])
        #expect(try results[3].scalars(as: Int32.self) == [1, 6])
        #expect(try results[4].scalars(as: Double.self) == [0, 1])
        #expect(try results[5].scalars(as: Double.self) == [7.0 / 3, 3])
    }

    @Test("Bitcasts see and give the bits of the original type")
    func bitcasts() throws {
        let results = try promoted([Literal([1.5, -2] as [Float])]) { _, x throws(GraphError) in
            let bits = try x[0].bitcast(.uint32)
            return [bits, try bits.bitcast(.float32) * 2]
        }
        #expect(try results[0].scalars(as: UInt32.self) == [0x3FC0_0000, 0xC000_0000])
        #expect(try results[1].scalars(as: Double.self) == [3, -4])
    }

    @Test("Composites keep the constants of their original type")
    func composites() throws {
        let x = Literal([1, 2, 4] as [Float16])
        let results = try promoted([x]) { builder, terms throws(GraphError) in
            [try builder.add(MeanPlusEpsilon(), terms)]
        }
        #expect(try results[0].scalars(as: Double.self) == [7.0 / 3 + 0x1p-10])
    }

    @Test("Regions are promoted with their arguments")
    func regions() throws {
        let type = TensorType.scalar(.float32)
        let condition = try GraphBuilder.region([type]) { _, s throws(GraphError) in [try s[0].compare(.less, 1)] }
        let body = try GraphBuilder.region([type]) { _, s throws(GraphError) in [try s[0] + 0.1] }
        let branch = try GraphBuilder.region([type]) { _, s throws(GraphError) in [try s[0] / 3] }
        let results = try promoted([Literal(0 as Float), Literal(true)]) { builder, terms throws(GraphError) in
            let sum = try builder.loop([terms[0]], condition: condition, body: body)
            return sum + (try builder.conditional(terms[1], sum, then: branch, otherwise: branch))
        }
        // The step is the float32 nearest to 0.1, which is above it, so ten steps pass 1.
        var expected = 0.0
        while expected < 1 { expected += Double(0.1 as Float) }
        #expect(try results[0].scalars(as: Double.self) == [expected])
        #expect(try results[1].scalars(as: Double.self) == [expected / 3])
    }

    @Test("A float32 dot lies within the a-priori bound around its promotion")
    func magnitude() throws {
        var numbers = Numbers(state: 41)
        func random(_ shape: Shape, _ count: Int) throws -> Literal {
            try Literal((0..<count).map { _ in Float.random(in: -1...1, using: &numbers) }, shape: shape)
        }
        let (x, y) = (try random([5, 100], 500), try random([100, 3], 300))
        let dot = Primitive.dot(
            DotDimensions(leftContracting: [1], rightContracting: [0]), accumulation: .float32, result: .float32)
        let single = try Run.primitive(dot, x, y).scalars(as: Float.self)
        let wide = try promoted([x, y]) { builder, terms throws(GraphError) in [try builder.add(dot, terms)] }[0]
            .scalars(as: Double.self)
        let magnitude = try ReferenceEvaluator().magnitude(of: dot, operands: [x, y])
        #expect(magnitude.type == TensorType(.float64, [5, 3]))
        let (a, b) = (try x.scalars(as: Float.self), try y.scalars(as: Float.self))
        for row in 0..<5 {
            for column in 0..<3 {
                let index = row * 3 + column
                let sum = (0..<100).reduce(0.0) {
                    $0 + (Double(a[row * 100 + $1]) * Double(b[$1 * 3 + column])).magnitude
                }
                let bound = Double(bitPattern: magnitude.bits(at: index))
                #expect((bound - sum).magnitude <= 1e-12 * sum)
                #expect((Double(single[index]) - wide[index]).magnitude <= 100 * 0x1p-24 * bound)
            }
        }
    }

    @Test("Magnitudes of sums, and of nothing else")
    func reduceMagnitude() throws {
        let x = Literal([1, -2, 3.5] as [Float])
        let evaluator = ReferenceEvaluator()
        let sum = try evaluator.magnitude(of: .reduce(.sum, dimensions: [0]), operands: [x])
        #expect(try sum.scalars(as: Double.self) == [6.5])
        #expect(throws: EvaluationError.self) {
            try evaluator.magnitude(of: .reduce(.maximum, dimensions: [0]), operands: [x])
        }
        #expect(throws: EvaluationError.self) {
            try evaluator.magnitude(of: .reduce(.sum, dimensions: [3]), operands: [x])
        }
    }
}
