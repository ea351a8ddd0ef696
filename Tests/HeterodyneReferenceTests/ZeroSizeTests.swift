// Heterodyne: tensors without elements, whose other extents may be of any size, and tensors of rank 0.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("No elements and no dimensions")
struct ZeroSizeTests {
    /// The product of the extents other than 0 is beyond 64 bits.
    private static let extents = [1 << 30, 0, 1 << 30, 1 << 30]
    private static let type = TensorType(.float32, extents)
    private let contracting = DotDimensions(leftContracting: [0], rightContracting: [0])

    private static let unaryCases: [(Primitive, [Int])] = [
        (.unary(.exp), extents), (.convert(.int4), extents), (.bitcast(.int32), extents), (.reshape([0, 3]), [0, 3]),
        (.transpose(permutation: [3, 2, 1, 0]), extents.reversed()),
        (
            .broadcast([2, .fixed(1 << 30), 0, .fixed(1 << 30), .fixed(1 << 30)], dimensions: [1, 2, 3, 4]),
            [2] + extents
        ),
        (.slice(starts: [5, 0, 0, 1], limits: [9, 0, 7, 9], strides: [1, 2, 3, 4]), [4, 0, 3, 2]),
        (.reverse(dimensions: [0, 1, 2, 3]), extents), (.concatenate(dimension: 1), extents),
        (.reduce(.sum, dimensions: [0]), Array(extents.dropFirst())),
        (.sort(dimension: 2, descending: false, indexType: .int32), extents),
        (.sort(dimension: 1, descending: true, indexType: .int64), extents),
        (.iota(type, dimension: 0), extents), (.iota(type, dimension: 1), extents),
    ]

    @Test("Movement, elementwise, reductions and order", arguments: unaryCases.indices)
    func unary(_ index: Int) throws {
        let (primitive, extents) = Self.unaryCases[index]
        let x = Literal(splatBits: 0, type: Self.type)
        let isSource = if case .iota = primitive { true } else { false }
        let result = try Run.graph([x]) { builder, terms throws(GraphError) in
            [try builder.add(primitive, isSource ? [] : terms)]
        }[0]
        #expect(result.type.shape == Shape(extents))
        #expect(try result.denseStorage().bytes.isEmpty)
    }

    @Test("Reducing nothing away gives the identity, padding nothing gives the value")
    func filled() throws {
        let x = try Literal([] as [Float], shape: [2, 0])
        #expect(try Run.primitive(.reduce(.sum, dimensions: [1]), x).scalars(as: Float.self) == [0, 0])
        #expect(try Run.primitive(.reduce(.product, dimensions: [0, 1]), x).scalars(as: Float.self) == [1])
        let padded = try Run.primitive(.pad(low: [0, 1], high: [0, 1], interior: [3, 3]), x, Literal(7 as Float))
        #expect(padded.type.shape == [5, 2])
        #expect(try padded.scalars(as: Float.self) == [Float](repeating: 7, count: 10))
        let sums = try Run.primitive(
            .dot(
                DotDimensions(leftContracting: [1], rightContracting: [1]), accumulation: .float32, result: .float32),
            x,
            x)
        #expect(try sums.scalars(as: Float.self) == [0, 0, 0, 0])
    }

    @Test("Dot with free or batch dimensions of extent 0")
    func dot() throws {
        let x = Literal(splatBits: 0, type: Self.type)
        let y = Literal(1 as Float, shape: [.fixed(1 << 30)])
        let graph = try GraphBuilder.region([x.type, TensorType(.float32, [1 << 12])]) { _, terms throws(GraphError) in
            let left = try terms[0].reshape([1 << 12, 0])
            return [
                try left.dot(terms[1], contracting),
                try left.dot(
                    left, DotDimensions(leftBatch: [1], rightBatch: [1], leftContracting: [0], rightContracting: [0])),
            ]
        }
        let results = try ReferenceEvaluator.evaluate(
            graph, inputs: [x, try y.reshaped([.fixed(1 << 30)]).prefix(1 << 12)])
        #expect(results.map(\.type.shape) == [[0], [0]])
    }

    @Test("Gather, scatter and dynamic slices of nothing")
    func indexing() throws {
        let x = Literal(splatBits: 0, type: Self.type)
        let none = try Literal([] as [Int64], shape: [0, 1])
        let gathered = try Run.primitive(.gather(dimensions: [0]), x, none)
        #expect(gathered.type.shape == Shape([0] + Self.extents.dropFirst()))
        let scattered = try Run.primitive(.scatter(.add, dimensions: [0]), x, none, gathered)
        #expect(scattered.type == x.type)
        let starts = [Int64](repeating: 3, count: 4).map { Literal($0) }
        let sliced = try Run.graph([x] + starts) { builder, terms throws(GraphError) in
            [try builder.add(.dynamicSlice(sizes: [2, 0, 1, 1]), terms)]
        }[0]
        #expect(sliced.type.shape == [2, 0, 1, 1])
        let updated = try Run.graph([x, sliced] + starts) { builder, terms throws(GraphError) in
            [try builder.add(.dynamicUpdateSlice, terms)]
        }[0]
        #expect(updated.type == x.type)
        // A window without elements in a tensor that has some.
        let vector = Literal([1, 2, 3] as [Float])
        let kept = try Run.primitive(
            .scatter(.set, dimensions: [0]), vector, none, try Literal([] as [Float], shape: [0]))
        #expect(kept == vector)
    }

    @Test("Rank 0 works wherever it is allowed")
    func scalars() throws {
        let x = Literal(2.5 as Float)
        let results = try Run.graph([x]) { builder, terms throws(GraphError) in
            let x = terms[0]
            return [
                try x * x, try builder.add(.transpose(permutation: []), [x]),
                try builder.add(.reverse(dimensions: []), [x]),
                try builder.add(.slice(starts: [], limits: [], strides: []), [x]),
                try builder.add(.pad(low: [], high: [], interior: []), [x, x.like(9)]),
                try builder.add(.reduce(.sum, dimensions: []), [x]), try x.broadcast([2, 1], dimensions: []),
                try builder.add(.dynamicSlice(sizes: []), [x]), try builder.add(.dynamicUpdateSlice, [x, x.like(4)]),
                try x.dot(x, DotDimensions(leftContracting: [], rightContracting: [])),
                try x.gather(builder.constant(0, TensorType(.int32, [3, 0])), dimensions: []),
                try x.scatter(
                    .add, builder.constant(0, TensorType(.int32, [2, 0])), x.broadcast([2], dimensions: []),
                    dimensions: []),
                try x.reshape([1, 1]),
            ]
        }
        let expected: [[Float]] = [
            [6.25], [2.5], [2.5], [2.5], [2.5], [2.5], [2.5, 2.5], [2.5], [4], [6.25], [2.5, 2.5, 2.5], [7.5], [2.5],
        ]
        #expect(try results.map { try $0.scalars(as: Float.self) } == expected)
    }
}

extension Literal {
    /// The first `count` elements of a splat vector.
    fileprivate func prefix(_ count: Int) throws -> Literal {
        Literal(splatBits: bits(at: 0), type: TensorType(type.scalarType, [count]))
    }
}
