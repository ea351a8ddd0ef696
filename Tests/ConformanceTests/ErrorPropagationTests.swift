// Heterodyne: error bounds against formulas worked out by hand.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Error propagation")
struct ErrorPropagationTests {
    /// Correct rounding, no flushing.
    private static let numerics = Numerics(
        denormals: .preserved, propagatesNaN: true, contracts: true, roundsToNearestEven: true,
        maximumULP: [.exp: 2])

    /// Values and margins of the outputs of a region on float32 vectors.
    private func margins(
        _ inputs: [[Float]], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) throws -> [(value: Literal, margin: Literal)] {
        let evaluator = try #require(Runtime.shared.evaluator)
        let graph = try GraphBuilder.region(inputs.map { TensorType(.float32, [$0.count]) }, body)
        let wide = try ErrorPropagation(limits: ErrorLimits(Self.numerics)).rewriting(graph)
        let results = try evaluator.evaluate(wide, inputs.map { Literal($0) })
        return stride(from: 0, to: results.count, by: 2).map { (results[$0], results[$0 + 1]) }
    }

    @Test("a dot of k terms is off by 2 k u times the sum of magnitudes and one rounding")
    func dot() throws {
        let (x, y): ([Float], [Float]) = ([1, -2.5, 0.1], [3, 0.7, -40])
        let result = try margins([x, y]) { _, terms throws(GraphError) in
            [try terms[0].dot(terms[1], DotDimensions(leftContracting: [0], rightContracting: [0]))]
        }[0]
        let size = zip(x, y).reduce(0.0) { $0 + (Double($1.0) * Double($1.1)).magnitude }
        let value = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let margin = try result.margin.scalars(as: Double.self)[0]
        #expect(try result.value.scalars(as: Double.self) == [value])
        let expected = 2 * 3 * 0x1p-24 * size + 0x1p-24 * value.magnitude
        #expect((margin / expected - 1).magnitude < 1e-6)
    }

    @Test("exact steps have no error; rounded ones have half a unit, functions what is declared")
    func roundings() throws {
        let results = try margins([[1, 3]]) { _, terms throws(GraphError) in
            [try terms[0] + 2, try terms[0] / 3, try terms[0].exp(), try terms[0].negate().abs().floor()]
        }
        #expect(try results[0].margin.scalars(as: Double.self) == [0, 0])
        let thirds = try results[1].margin.scalars(as: Double.self)
        #expect(thirds[0] > 0x1p-26 && thirds[0] < 0x1p-25 && thirds[1] == 0)
        let powers = try zip(
            results[2].margin.scalars(as: Double.self), results[2].value.scalars(as: Double.self))
        for (margin, value) in powers { #expect((margin / (value * 2 * 0x1p-23) - 1).magnitude < 1e-6) }
        #expect(try results[3].margin.scalars(as: Double.self) == [0, 0])
    }

    @Test("what an error could turn is in doubt, and nothing else")
    func doubts() throws {
        // 0.1 + 0.2 is 0.3 within an error; 1.5 is far from it.
        let results = try margins([[0.1, 1.3], [0.2, 0.2]]) { _, terms throws(GraphError) in
            let sum = try terms[0] + terms[1]
            let ten = try sum * 10
            return [try sum.compare(.less, 0.3), try ten.floor(), try ten.convert(.int32)]
        }
        #expect(try results[0].margin.scalars(as: Bool.self) == [true, false])
        let floors = try results[1].margin.scalars(as: Double.self)
        #expect(floors[0] >= 1 && floors[1] >= 1)  // 1.5 * 10 may be just below 15.
        #expect(try results[2].margin.scalars(as: Bool.self)[0])
    }

    @Test("results that a device may overflow have no bound; infinite operands keep one")
    func overflow() throws {
        let results = try margins([[3e38, .infinity, 1]]) { _, terms throws(GraphError) in
            [try terms[0] * 1.5, try terms[0] + 1]
        }
        let products = try results[0].margin.scalars(as: Double.self)
        #expect(products[0] == .infinity && products[1].isFinite && products[2].isFinite)
        #expect(try results[1].value.scalars(as: Double.self)[1] == .infinity)
        #expect(try results[1].margin.scalars(as: Double.self)[1].isFinite)
    }

    @Test("a device that flushes may be off by the smallest normal number")
    func flushing() throws {
        var numerics = Self.numerics
        numerics.denormals = .flushed
        let evaluator = try #require(Runtime.shared.evaluator)
        let graph = try GraphBuilder.region([TensorType(.float32, [1])]) { _, terms throws(GraphError) in
            [try terms[0] * 0.5]
        }
        let wide = try ErrorPropagation(limits: ErrorLimits(numerics)).rewriting(graph)
        let results = try evaluator.evaluate(wide, [Literal([Float.leastNormalMagnitude])])
        #expect(try results[1].scalars(as: Double.self)[0] >= Double(Float.leastNormalMagnitude))
    }

    @Test("limits are what is declared, and never above the floor")
    func limits() {
        var numerics = Self.numerics
        numerics.maximumULP = [.exp: 2, .sin: 1000]
        let limits = ErrorLimits(numerics)
        #expect(limits.maximumULP(.exp) == 2)
        #expect(limits.maximumULP(.sin) == Numerics.floor.maximumULP[.sin])
        #expect(limits.maximumULP(.add) == 0.5)
        #expect(limits.maximumULP(composite: "erf") == Numerics.floor.maximumCompositeULP["erf"])
    }
}
