// Heterodyne: every primitive with operands that it takes, its results, and operands that it refuses.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// One primitive, what it gives, and what it refuses. Results are written out here, not computed.
struct PrimitiveCase: Sendable, CustomStringConvertible {
    let primitive: Primitive
    let operands: [TensorType]
    let results: [TensorType]
    /// Operands that it refuses, and why.
    var refuses: [([TensorType], GraphError.Kind)] = []
    /// The same code with attributes that are refused for `operands`, and why.
    var wrong: [(Primitive, GraphError.Kind)] = []

    var description: String { "\(primitive.code.name)(\(operands)) -> \(results)" }

    /// A graph of just this primitive.
    func graph() throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in operands.enumerated() { terms.append(try builder.input("x\(index)", type)) }
        for (index, result) in try builder.addAll(.primitive(primitive), terms).enumerated() {
            try builder.output("y\(index)", result)
        }
        return try builder.build()
    }

    static let n = Extent.symbol("n")
    static func f(_ dimensions: Extent...) -> TensorType { TensorType(.float32, Shape(dimensions)) }
    static func i(_ dimensions: Extent...) -> TensorType { TensorType(.int64, Shape(dimensions)) }
    static func b(_ dimensions: Extent...) -> TensorType { TensorType(.bool, Shape(dimensions)) }
    static func q(_ dimensions: Extent...) -> TensorType { TensorType(.float8e5m2, Shape(dimensions)) }
    static let matrix = DotDimensions(leftContracting: [1], rightContracting: [0])
    static let region = Result { () throws(GraphError) in
        try GraphBuilder.region([f(2)]) { (_, x) throws(GraphError) in [try x[0].negate()] }
    }
    static let integerRegion = Result { () throws(GraphError) in
        try GraphBuilder.region([i(2)]) { (_, x) throws(GraphError) in [try x[0].negate()] }
    }
    static let condition = Result { () throws(GraphError) in
        try GraphBuilder.region([f(2)]) { (_, x) throws(GraphError) in
            [try x[0].reduce(.sum, [0]).compare(.less, 10)]
        }
    }

    static func all() throws(GraphError) -> [PrimitiveCase] {
        var cases = sources() + choice() + structure() + indexing() + contraction()
        for op in UnaryOperator.allCases {
            let integers: [([TensorType], GraphError.Kind)] = op.takesIntegers ? [] : [([i(2)], .invalidType)]
            cases.append(
                PrimitiveCase(
                    primitive: .unary(op), operands: [f(n, 3)], results: [f(n, 3)],
                    refuses: integers + [([b(2)], .invalidType), ([q(2)], .invalidType), ([], .operandCount)]))
        }
        for op in BinaryOperator.allCases {
            let type = op.takes(.float32) ? f(2, n) : i(2, n)
            let other = op.takes(.float32) ? b(2, n) : f(2, n)
            cases.append(
                PrimitiveCase(
                    primitive: .binary(op), operands: [type, type], results: [type],
                    refuses: [
                        ([type], .operandCount), ([type, type.with([2, 3])], .shapeMismatch),
                        ([type, type.with(.uint8)], .invalidType), ([other, other], .invalidType),
                        ([q(2), q(2)], .invalidType),
                    ]))
        }
        return cases + (try control())
    }

    private static func sources() -> [PrimitiveCase] {
        [
            .init(
                primitive: .constant(Literal([Float(1), 2.5, .nan])), operands: [], results: [f(3)],
                refuses: [([f(1)], .operandCount)]),
            .init(
                primitive: .constant(Literal(Float(-0.0), shape: [n, 2])), operands: [], results: [f(n, 2)],
                wrong: [(.constant(Literal(Float(0), shape: [-1])), .invalidType)]),
            .init(
                primitive: .iota(i(n, 3), dimension: 1), operands: [], results: [i(n, 3)],
                refuses: [([f(1)], .operandCount)],
                wrong: [
                    (.iota(i(n, 3), dimension: 2), .invalidAttribute), (.iota(b(3), dimension: 0), .invalidType),
                    (.iota(i(17_592_186_044_416), dimension: 0), .invalidType),
                    (.iota(i(1_099_511_627_776, 1_099_511_627_776), dimension: 0), .overflow),
                ]),
            .init(
                primitive: .convert(.int4), operands: [f(n)], results: [TensorType(.int4, [n])],
                refuses: [([], .operandCount)]),
            .init(
                primitive: .bitcast(.int32), operands: [f(n)], results: [TensorType(.int32, [n])],
                refuses: [([i(2)], .invalidType), ([], .operandCount)],
                wrong: [(.bitcast(.bfloat16), .invalidType)]),
        ]
    }

    private static func choice() -> [PrimitiveCase] {
        [
            .init(
                primitive: .compare(.lessOrEqual), operands: [f(2, n), f(2, n)], results: [b(2, n)],
                refuses: [
                    ([f(2)], .operandCount), ([f(2), f(3)], .shapeMismatch), ([f(2), i(2)], .invalidType),
                    ([q(2), q(2)], .invalidType),
                ]),
            .init(
                primitive: .select, operands: [b(2), f(2), f(2)], results: [f(2)],
                refuses: [
                    ([b(2), f(2)], .operandCount), ([b(3), f(2), f(2)], .shapeMismatch),
                    ([b(2), f(2), i(2)], .invalidType), ([i(2), f(2), f(2)], .invalidType),
                ]),
        ]
    }

    private static func structure() -> [PrimitiveCase] {
        [
            .init(
                primitive: .reshape([6, n]), operands: [f(n, 2, 3)], results: [f(6, n)],
                refuses: [([f(n, 2, 2)], .shapeMismatch), ([f(6)], .shapeMismatch), ([], .operandCount)],
                wrong: [(.reshape([-6, -1]), .shapeMismatch), (.reshape([5, n]), .shapeMismatch)]),
            .init(
                primitive: .transpose(permutation: [2, 0, 1]), operands: [f(n, 2, 3)], results: [f(3, n, 2)],
                refuses: [([f(2, 3)], .invalidAttribute), ([f(2, 3, 4, 5)], .invalidAttribute)],
                wrong: [
                    (.transpose(permutation: [0, 0, 1]), .invalidAttribute),
                    (.transpose(permutation: [0, 1, 3]), .invalidAttribute),
                    (.transpose(permutation: [0, 1, -1]), .invalidAttribute),
                ]),
            .init(
                primitive: .broadcast([4, n, 3], dimensions: [1, 2]), operands: [f(n, 1)], results: [f(4, n, 3)],
                refuses: [([f(n, 2)], .shapeMismatch), ([f(n)], .invalidAttribute)],
                wrong: [
                    (.broadcast([4, n, 3], dimensions: [2, 1]), .invalidAttribute),
                    (.broadcast([4, n, 3], dimensions: [1, 3]), .invalidAttribute),
                ]),
            .init(
                primitive: .slice(starts: [1, 0], limits: [8, n], strides: [3, 1]), operands: [f(9, n)],
                results: [f(3, n)], refuses: [([f(7, n)], .invalidAttribute), ([f(9)], .invalidAttribute)],
                wrong: [
                    (.slice(starts: [1, 0], limits: [8, n], strides: [0, 1]), .invalidAttribute),
                    (.slice(starts: [3, 0], limits: [2, n], strides: [1, 1]), .invalidAttribute),
                    (.slice(starts: [-1, 0], limits: [2, n], strides: [1, 1]), .invalidAttribute),
                ]),
            .init(
                primitive: .pad(low: [1, -1], high: [0, 2], interior: [2, 0]), operands: [f(3, n), f()],
                results: [f(8, .symbol("m"))], refuses: [([f(3, n)], .operandCount), ([f(3, n), i()], .invalidType)],
                wrong: [
                    (.pad(low: [1], high: [0], interior: [2]), .invalidAttribute),
                    (.pad(low: [1, 0], high: [0, 0], interior: [-1, 0]), .invalidAttribute),
                    (.pad(low: [-9, 0], high: [0, 0], interior: [0, 0]), .invalidAttribute),
                    (.pad(low: [0, 0], high: [0, 0], interior: [.max, 0]), .overflow),
                ]
            ).with(results: { () throws(GraphError) in [f(8, try n.adding(1))] }),
            .init(
                primitive: .concatenate(dimension: 0), operands: [f(2, n), f(3, n)], results: [f(5, n)],
                refuses: [
                    ([], .operandCount), ([f(2, n), f(3, 4)], .shapeMismatch), ([f(2), i(2)], .invalidType),
                    ([f()], .invalidAttribute), ([f(2), f(2, 2)], .shapeMismatch),
                ], wrong: [(.concatenate(dimension: 2), .invalidAttribute)]),
            .init(
                primitive: .reverse(dimensions: [1]), operands: [f(2, n)], results: [f(2, n)],
                refuses: [([f(2)], .invalidAttribute)],
                wrong: [(.reverse(dimensions: [1, 1]), .invalidAttribute)]),
        ]
    }

    private static func indexing() -> [PrimitiveCase] {
        [
            .init(
                primitive: .gather(dimensions: [0]), operands: [f(5, n), i(7, 1)], results: [f(7, n)],
                refuses: [
                    ([f(5, n), i(7, 2)], .shapeMismatch), ([f(5, n), i()], .shapeMismatch),
                    ([f(5, n), f(7, 1)], .invalidType), ([f(5, n)], .operandCount),
                    ([f(0, 2), i(7, 1)], .shapeMismatch), ([f(0), i(1)], .shapeMismatch),
                ], wrong: [(.gather(dimensions: [2]), .invalidAttribute)]),
            .init(
                primitive: .scatter(.add, dimensions: [0]), operands: [f(5, n), i(7, 1), f(7, n)], results: [f(5, n)],
                refuses: [
                    ([f(5, n), i(7, 1)], .operandCount), ([f(5, n), i(7, 1), f(6, n)], .shapeMismatch),
                    ([b(5), i(7, 1), b(7)], .invalidType),
                ], wrong: [(.scatter(.add, dimensions: [0, 0]), .invalidAttribute)]),
            .init(
                primitive: .dynamicSlice(sizes: [2, n]), operands: [f(5, n), i(), i()], results: [f(2, n)],
                refuses: [
                    ([f(5, n), i()], .operandCount), ([f(1, n), i(), i()], .invalidAttribute),
                    ([f(5, n), i(1), i()], .shapeMismatch), ([f(5, n), f(), i()], .invalidType), ([], .operandCount),
                ], wrong: [(.dynamicSlice(sizes: [2]), .invalidAttribute)]),
            .init(
                primitive: .dynamicUpdateSlice, operands: [f(5, n), f(2, n), i(), i()], results: [f(5, n)],
                refuses: [
                    ([f(5, n), f(6, n), i(), i()], .invalidAttribute), ([f(5), f(2), i(), i()], .operandCount),
                    ([f(5, n), i(2, n), i(), i()], .shapeMismatch), ([f(5)], .operandCount),
                ]),
        ]
    }

    private static func contraction() -> [PrimitiveCase] {
        [
            .init(
                primitive: .dot(
                    DotDimensions(leftBatch: [0], rightBatch: [1], leftContracting: [2], rightContracting: [2]),
                    accumulation: .float32, result: .float32), operands: [f(n, 2, 3), f(4, n, 3)],
                results: [f(n, 2, 4)],
                refuses: [
                    ([f(n, 2, 3), f(4, n, 5)], .shapeMismatch), ([f(n, 2, 3)], .operandCount),
                    ([f(n, 2, 3), i(4, n, 3)], .invalidType), ([q(n, 2, 3), q(4, n, 3)], .invalidType),
                ],
                wrong: [
                    (.dot(matrix, accumulation: .int32, result: .float32), .invalidType),
                    (
                        .dot(
                            DotDimensions(leftContracting: [1, 1], rightContracting: [1, 1]), accumulation: .float32,
                            result: .float32), .invalidAttribute
                    ),
                    (
                        .dot(
                            DotDimensions(leftContracting: [1], rightContracting: []), accumulation: .float32,
                            result: .float32), .invalidAttribute
                    ),
                ]),
            .init(
                primitive: .reduce(.maximum, dimensions: [2, 0]), operands: [f(2, n, 3)], results: [f(n)],
                refuses: [([f(2, 3)], .invalidAttribute), ([b(2, n, 3)], .invalidType), ([], .operandCount)],
                wrong: [
                    (.reduce(.and, dimensions: [0]), .invalidType),
                    (.reduce(.sum, dimensions: [0, 0]), .invalidAttribute),
                ]),
            .init(
                primitive: .sort(dimension: 1, descending: true, indexType: .int64), operands: [f(2, n)],
                results: [i(2, n)], refuses: [([f(2)], .invalidAttribute), ([q(2, 2)], .invalidType)],
                wrong: [(.sort(dimension: 1, descending: true, indexType: .uint8), .invalidType)]),
        ]
    }

    private static func control() throws(GraphError) -> [PrimitiveCase] {
        let (region, integers, condition) = (try region.get(), try integerRegion.get(), try condition.get())
        return [
            .init(
                primitive: .conditional(then: region, otherwise: region), operands: [b(), f(2)], results: [f(2)],
                refuses: [([], .operandCount), ([b(1), f(2)], .invalidType), ([b(), f(3)], .shapeMismatch)],
                wrong: [(.conditional(then: region, otherwise: integers), .shapeMismatch)]),
            .init(
                primitive: .loop(condition: condition, body: region), operands: [f(2)], results: [f(2)],
                refuses: [([f(3)], .shapeMismatch), ([], .shapeMismatch)],
                wrong: [
                    (.loop(condition: region, body: region), .shapeMismatch),
                    (.loop(condition: condition, body: condition), .shapeMismatch),
                ]),
        ]
    }

    private func with(results: () throws(GraphError) -> [TensorType]) -> PrimitiveCase {
        guard let results = try? results() else { return self }
        return PrimitiveCase(
            primitive: primitive, operands: operands, results: results, refuses: refuses, wrong: wrong)
    }
}
