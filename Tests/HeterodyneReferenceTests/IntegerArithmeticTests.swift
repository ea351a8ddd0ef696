// Heterodyne: integer and bool arithmetic against hand-computed values and 128-bit arithmetic.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Integer arithmetic")
struct IntegerArithmeticTests {
    @Test("Corner cases of int32")
    func int32Corners() throws {
        let lowest = Int32.min
        #expect(try Run.vectors(.unary(.negate), [lowest, 5, 0], as: Int32.self) == [lowest, -5, 0])
        #expect(try Run.vectors(.unary(.abs), [lowest, -5, 7], as: Int32.self) == [lowest, 5, 7])
        #expect(
            try Run.vectors(.binary(.divide), [7, -7, 7, -7, 9, 0, lowest], [2, 2, -2, -2, 0, 0, -1], as: Int32.self)
                == [3, -3, -3, 3, -1, -1, lowest])
        #expect(
            try Run.vectors(.binary(.remainder), [7, -7, 7, -7, 9, lowest], [2, 2, -2, -2, 0, -1], as: Int32.self)
                == [1, -1, 1, -1, 9, 0])
        #expect(
            try Run.vectors(
                .binary(.power), [2, 2, 3, -2, 0, 0, 1, -1, -1, 5] as [Int32], [10, 31, 40, 3, 0, -2, -7, -7, -8, -1],
                as: Int32.self)
                == [
                    1024, lowest, Int32(truncatingIfNeeded: 12_157_665_459_056_928_801 as UInt64), -8, 1, -1, 1, -1, 1,
                    0,
                ]
        )
        #expect(
            try Run.vectors(.binary(.shiftLeft), [1, 1, 1, 1, -3] as [Int32], [0, 31, 32, -1, 1], as: Int32.self)
                == [1, lowest, 0, 0, -6])
        #expect(
            try Run.vectors(
                .binary(.shiftRight), [-8, -8, 8, -8, 8, -8] as [Int32], [1, 32, 32, -1, -1, 31], as: Int32.self)
                == [-4, -1, 0, -1, 0, -1])
    }

    @Test("Corner cases of uint8")
    func uint8Corners() throws {
        #expect(try Run.vectors(.unary(.negate), [1, 0, 255] as [UInt8], as: UInt8.self) == [255, 0, 1])
        #expect(try Run.vectors(.unary(.abs), [1, 0, 255] as [UInt8], as: UInt8.self) == [1, 0, 255])
        #expect(
            try Run.vectors(.binary(.divide), [200, 7, 0] as [UInt8], [3, 0, 0], as: UInt8.self) == [66, 255, 255])
        #expect(try Run.vectors(.binary(.subtract), [3, 0] as [UInt8], [5, 1], as: UInt8.self) == [254, 255])
        #expect(
            try Run.vectors(.binary(.shiftRight), [0x80, 0x80, 0xFF] as [UInt8], [7, 8, 200], as: UInt8.self)
                == [1, 0, 0])
        #expect(
            try Run.vectors(.binary(.shiftLeft), [0x81, 0x81, 1] as [UInt8], [1, 8, 7], as: UInt8.self) == [2, 0, 0x80])
    }

    @Test("Bool operators")
    func bools() throws {
        let (x, y) = ([false, false, true, true], [false, true, false, true])
        #expect(try Run.vectors(.binary(.and), x, y, as: Bool.self) == [false, false, false, true])
        #expect(try Run.vectors(.binary(.or), x, y, as: Bool.self) == [false, true, true, true])
        #expect(try Run.vectors(.binary(.xor), x, y, as: Bool.self) == [false, true, true, false])
        #expect(try Run.vectors(.compare(.less), x, y, as: Bool.self) == [false, true, false, false])
        #expect(try Run.vectors(.compare(.greaterOrEqual), x, y, as: Bool.self) == [true, false, true, true])
    }

    /// The exact result of `op`, before it wraps.
    private func exact(_ op: BinaryOperator, _ a: Int128, _ b: Int128, width: Int) -> Int128 {
        switch op {
        case .add: a + b
        case .subtract: a - b
        // Only the low 64 bits are compared, so wrapping at 128 changes nothing.
        case .multiply: a &* b
        case .divide: b == 0 ? -1 : a / b
        case .remainder: b == 0 ? a : a % b
        case .maximum: max(a, b)
        case .minimum: min(a, b)
        case .and: a & b
        case .or: a | b
        case .xor: a ^ b
        case .shiftLeft: b < 0 || b >= Int128(width) ? 0 : a << b
        case .shiftRight: b < 0 || b >= Int128(width) ? (a < 0 ? -1 : 0) : a >> b
        case .power: 0
        }
    }

    private func sweep<T: FixedWidthInteger & Scalar>(_: T.Type) throws {
        var numbers = Numbers(state: 7)
        let special: [T] = [0, 1, 2, T.max, T.min, T.max / 2, ~0, 7, T(T.bitWidth - 1), T(T.bitWidth)]
        var (x, y): ([T], [T]) = ([], [])
        for a in special { for b in special { (x, y) = (x + [a], y + [b]) } }
        for _ in 0..<200 {
            x.append(T(truncatingIfNeeded: numbers.next()))
            y.append(T(truncatingIfNeeded: numbers.next() >> (numbers.next() % 64)))
        }
        for op in BinaryOperator.allCases where op != .power {
            let result = try Run.vectors(.binary(op), x, y, as: T.self)
            let expected = zip(x, y).map { a, b in
                T(truncatingIfNeeded: exact(op, Int128(a), Int128(b), width: T.bitWidth))
            }
            #expect(result == expected, "\(op) on \(T.self)")
        }
        for direction in ComparisonDirection.allCases {
            let result = try Run.vectors(.compare(direction), x, y, as: Bool.self)
            let expected = zip(x, y).map { a, b in
                switch direction {
                case .equal: a == b
                case .notEqual: a != b
                case .less: a < b
                case .lessOrEqual: a <= b
                case .greater: a > b
                case .greaterOrEqual: a >= b
                }
            }
            #expect(result == expected, "\(direction) on \(T.self)")
        }
    }

    @Test("Every operator and relation agrees with 128-bit arithmetic in every integer type")
    func sweeps() throws {
        try sweep(Int8.self)
        try sweep(Int16.self)
        try sweep(Int32.self)
        try sweep(Int64.self)
        try sweep(UInt8.self)
        try sweep(UInt16.self)
        try sweep(UInt32.self)
        try sweep(UInt64.self)
    }

    @Test("Powers wrap as repeated multiplication does")
    func powers() throws {
        let bases: [Int8] = (-128...127).map { Int8($0) }
        for exponent: Int8 in [0, 1, 2, 3, 7, 100, 127] {
            let expected = bases.map { base in (0..<exponent).reduce(1 as Int8) { value, _ in value &* base } }
            let exponents = [Int8](repeating: exponent, count: 256)
            #expect(try Run.vectors(.binary(.power), bases, exponents, as: Int8.self) == expected)
        }
    }
}
