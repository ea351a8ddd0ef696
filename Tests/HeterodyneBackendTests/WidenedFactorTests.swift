// Heterodyne: which conversions of constants are read by products alone.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import Testing

@Suite("Constant factors in 16 bits")
struct WidenedFactorTests {
    private let dimensions = DotDimensions(leftContracting: [1], rightContracting: [0])

    private func graph(
        _ type: ScalarType = .bfloat16, _ body: (GraphBuilder, Term, Term) throws -> Term
    ) throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2, 2]))
        let bits: [UInt16] = [1, 2, 3, 4]
        let storage = bits.withUnsafeBytes { LiteralStorage(copying: $0) }
        let weights = try builder.constant(Literal(type: TensorType(type, [2, 2]), storage: storage))
        try builder.output("y", body(builder, x, weights))
        return try builder.build()
    }

    @Test("The right factor of a product is one", arguments: [ScalarType.bfloat16, .float16])
    func right(type: ScalarType) throws {
        let graph = try graph(type) { _, x, w in try x.dot(w.convert(.float32), dimensions) }
        #expect(graph.widenedFactors == [2])
    }

    @Test("Of several products, too")
    func several() throws {
        let graph = try graph { _, x, w in
            let factor = try w.convert(.float32)
            return try x.dot(factor, dimensions).dot(factor, dimensions)
        }
        #expect(graph.widenedFactors.count == 1)
    }

    @Test("What anything else reads is none")
    func others() throws {
        #expect(try graph { _, x, w in try w.convert(.float32).dot(x, dimensions) }.widenedFactors.isEmpty)
        #expect(
            try graph { _, x, w in
                let factor = try w.convert(.float32)
                return try factor.dot(factor, dimensions)
            }.widenedFactors.isEmpty)
        #expect(
            try graph { _, x, w in
                let factor = try w.convert(.float32)
                return try x.dot(factor, dimensions) + factor
            }.widenedFactors.isEmpty)
        #expect(try graph { _, _, w in try w.convert(.float32) }.widenedFactors.isEmpty)
        #expect(
            try graph { _, x, w in
                try x.convert(.float64).dot(w.convert(.float64), dimensions).convert(.float32)
            }.widenedFactors.isEmpty)
        #expect(
            try graph(.int16) { _, x, w in try x.dot(w.convert(.float32), dimensions) }.widenedFactors.isEmpty)
        #expect(
            try graph { _, x, w in
                try x.dot(x.convert(.bfloat16).convert(.float32), dimensions)
            }.widenedFactors.isEmpty)
    }

    @Test("In a fused region the factor's input is asked about")
    func fused() throws {
        func region(_ usesTwice: Bool) throws -> FusedRegion {
            let type = TensorType(.float32, [2, 2])
            let body = try GraphBuilder.region([type, type]) { (_, t) throws(GraphError) in
                let product = try t[0].dot(t[1], dimensions)
                return [usesTwice ? try product + t[1] : try product.negate()]
            }
            return FusedRegion(kind: .dotEpilogue, body: body)
        }
        for usesTwice in [false, true] {
            let region = try region(usesTwice)
            let graph = try graph { builder, x, w in try builder.add(region, [x, w.convert(.float32)]) }
            #expect(graph.widenedFactors.isEmpty == usesTwice)
        }
    }
}
