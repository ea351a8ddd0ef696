// Heterodyne: float32 and float64 arithmetic and functions against values of many digits, and the special cases.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Float arithmetic and functions")
struct FloatMathTests {
    private static let tables: [(PrimitiveCode, Primitive, [MathFixture])] = [
        (.exp, .unary(.exp), MathFixtures.exp), (.log, .unary(.log), MathFixtures.log),
        (.sin, .unary(.sin), MathFixtures.sin), (.cos, .unary(.cos), MathFixtures.cos),
        (.tanh, .unary(.tanh), MathFixtures.tanh), (.power, .binary(.power), MathFixtures.power),
    ]

    private func results<T: Scalar & BinaryFloatingPoint>(
        _ primitive: Primitive, _ table: [MathFixture], _: T.Type
    ) throws -> [T] {
        let x = table.map { T($0.x) }
        if case .unary = primitive { return try Run.vectors(primitive, x, as: T.self) }
        return try Run.vectors(primitive, x, table.map { T($0.second) }, as: T.self)
    }

    @Test("float64 functions stay within the declared error", arguments: tables.indices)
    func float64(_ index: Int) throws {
        let (code, primitive, table) = Self.tables[index]
        let limit = ReferenceBackend.numerics.maximumULP[code] ?? 0.5
        for (result, fixture) in zip(try results(primitive, table, Double.self), table) {
            let error = ((result - fixture.y) - fixture.rest).magnitude / fixture.y.ulp
            #expect(error <= limit, "\(code)(\(fixture.x)) is off by \(error) ULP")
        }
    }

    @Test("float32 functions are correctly rounded but for rare near-ties", arguments: tables.indices)
    func float32(_ index: Int) throws {
        let (code, primitive, table) = Self.tables[index]
        for (result, fixture) in zip(try results(primitive, table, Float.self), table) {
            guard fixture.y.magnitude < 0x1.fffffep127 else { continue }
            let error =
                (Double(result) - fixture.y).magnitude / Double(max(Float(fixture.y).ulp, .leastNonzeroMagnitude))
            #expect(error <= 0.500001, "\(code)(\(fixture.x)) is off by \(error) ULP")
        }
    }

    private func same<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Bool {
        a.isNaN ? b.isNaN : a == b && a.sign == b.sign
    }

    private func specials<T: Scalar & BinaryFloatingPoint>(_: T.Type) throws {
        let (inf, nan) = (T.infinity, T.nan)
        let unary: [(UnaryOperator, T, T)] = [
            (.negate, 0, -0.0), (.negate, -inf, inf), (.negate, 1.5, -1.5), (.abs, -0.0, 0), (.abs, -inf, inf),
            (.abs, nan, nan), (.floor, -0.0, -0.0), (.floor, -0.5, -1), (.floor, 2.75, 2), (.floor, inf, inf),
            (.floor, -2, -2), (.floor, 0.999, 0), (.exp, -inf, 0), (.exp, inf, inf), (.exp, nan, nan), (.exp, 0, 1),
            (.exp, 12345, inf), (.exp, -12345, 0), (.log, 0, -inf), (.log, -0.0, -inf), (.log, -1, nan),
            (.log, inf, inf), (.log, 1, 0), (.log, nan, nan), (.sqrt, -0.0, -0.0), (.sqrt, -1, nan), (.sqrt, inf, inf),
            (.sqrt, 2.25, 1.5), (.sin, -0.0, -0.0), (.sin, inf, nan), (.sin, nan, nan), (.cos, 0, 1), (.cos, inf, nan),
            (.tanh, -0.0, -0.0), (.tanh, inf, 1), (.tanh, -inf, -1), (.tanh, nan, nan),
            (.negate, T.leastNonzeroMagnitude, -T.leastNonzeroMagnitude),
            (.tanh, T.leastNonzeroMagnitude, T.leastNonzeroMagnitude),
            (.sin, T.leastNonzeroMagnitude, T.leastNonzeroMagnitude),
        ]
        for (op, x, expected) in unary {
            let result = try Run.vectors(.unary(op), [x], as: T.self)[0]
            #expect(same(result, expected), "\(op)(\(x)) on \(T.self) is \(result)")
        }
        let tiny = T.leastNonzeroMagnitude
        let binary: [(BinaryOperator, T, T, T)] = [
            (.add, inf, -inf, nan), (.add, -0.0, -0.0, -0.0), (.add, 0, -0.0, 0), (.subtract, tiny, tiny, 0),
            (.subtract, 1, nan, nan), (.multiply, 0, inf, nan), (.multiply, -1, 0, -0.0), (.multiply, tiny, 0.25, 0),
            (.divide, 1, 0, inf), (.divide, -1, 0, -inf), (.divide, 1, -0.0, -inf), (.divide, 0, 0, nan),
            (.divide, tiny, 1, tiny), (.remainder, 7, 2, 1), (.remainder, -7, 2, -1), (.remainder, 7, -2, 1),
            (.remainder, -6, 2, -0.0), (.remainder, 5.5, inf, 5.5), (.remainder, inf, 2, nan),
            (.remainder, 1, 0, nan), (.remainder, 5.25, 0.5, 0.25), (.power, 0, 0, 1), (.power, nan, 0, 1),
            (.power, 1, nan, 1), (.power, 2, nan, nan), (.power, -2, 3, -8), (.power, -2, 0.5, nan),
            (.power, -0.0, 3, -0.0), (.power, -0.0, -3, -inf), (.power, 0, -2, inf), (.power, -1, inf, 1),
            (.power, 0.5, -inf, inf), (.power, -inf, 3, -inf), (.power, -inf, -2, 0), (.power, 4, 0.5, 2),
            (.maximum, -0.0, 0, 0), (.maximum, 0, -0.0, 0), (.minimum, 0, -0.0, -0.0), (.minimum, -0.0, 0, -0.0),
            (.maximum, nan, 1, nan), (.maximum, 1, nan, nan), (.minimum, nan, 1, nan), (.minimum, 1, nan, nan),
            (.maximum, -inf, 3, 3), (.minimum, inf, 3, 3), (.maximum, -0.0, -0.0, -0.0), (.minimum, 2, 1, 1),
        ]
        for (op, x, y, expected) in binary {
            let result = try Run.vectors(.binary(op), [x], [y], as: T.self)[0]
            #expect(same(result, expected), "\(op)(\(x), \(y)) on \(T.self) is \(result)")
        }
        let relations: [(ComparisonDirection, [Bool])] = [
            (.equal, [false, false, true, false, true, false]), (.notEqual, [true, true, false, true, false, true]),
            (.less, [false, false, false, true, false, false]),
            (.lessOrEqual, [false, false, true, true, true, false]),
            (.greater, [false, false, false, false, false, true]),
            (.greaterOrEqual, [false, false, true, false, true, true]),
        ]
        for (direction, expected) in relations {
            let result = try Run.vectors(
                .compare(direction), [nan, 1, 0, -inf, inf, 2] as [T], [nan, nan, -0.0, inf, inf, 1], as: Bool.self)
            #expect(result == expected, "\(direction) on \(T.self)")
        }
    }

    @Test("Special values in float16, float32 and float64")
    func specialValues() throws {
        try specials(Float16.self)
        try specials(Float.self)
        try specials(Double.self)
    }

    @Test("bfloat16 arithmetic rounds once, also among its subnormals")
    func bfloat16() throws {
        func b(_ values: Double...) -> [BFloat16] { values.map { BFloat16($0) } }
        // Just above half of the least value, and exactly half of it.
        #expect(
            try Run.vectors(.binary(.multiply), b(0x1p-67, 0x1p-67), b(0x1.02p-67, 0x1p-67), as: BFloat16.self)
                == b(0x1p-133, 0))
        #expect(try Run.vectors(.binary(.add), b(256, 256), b(1, 3), as: BFloat16.self) == b(256, 260))
        #expect(try Run.vectors(.binary(.divide), b(1, 1), b(3, 0), as: BFloat16.self) == b(0x1.56p-2, .infinity))
        #expect(try Run.vectors(.binary(.maximum), b(-0.0), b(0), as: BFloat16.self) == b(0))
        #expect(try Run.vectors(.binary(.minimum), b(0), b(-0.0), as: BFloat16.self) == b(-0.0))
        #expect(try Run.vectors(.binary(.remainder), b(-7), b(2), as: BFloat16.self) == b(-1))
    }
}
