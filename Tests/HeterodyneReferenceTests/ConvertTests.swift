// Heterodyne: conversion between all pairs of scalar types, bitcast and counting.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

@Suite("Conversion")
struct ConvertTests {
    /// Exact integer or float value of element bits, from the layout of each type.
    private enum Exact {
        case integer(Int128)
        case float(Double)
    }

    private func decode(_ bits: UInt64, _ type: ScalarType) -> Exact {
        if type.isFloatingPoint { return .float(type.number(fromBits: bits)) }
        if type == .bool { return .integer(bits == 0 ? 0 : 1) }
        let width = type.bitWidth
        let unsigned = Int128(bits)
        return .integer(
            type.isSignedInteger && bits >> UInt64(width - 1) == 1 ? unsigned - (1 << Int128(width)) : unsigned)
    }

    /// What the primitive's documentation says about one element.
    private func expected(_ value: Exact, _ type: ScalarType) -> UInt64 {
        let mask: UInt64 = type.bitWidth == 64 ? .max : (1 << UInt64(type.bitWidth)) - 1
        switch value {
        case .float(let number):
            return type.bits(of: number)
        case .integer(let integer):
            if type == .bool { return integer == 0 ? 0 : 1 }
            if type.isInteger { return UInt64(truncatingIfNeeded: integer) & mask }
            if type == .float64 { return Double(integer).bitPattern }
            if type == .float32 { return UInt64(Float(integer).bitPattern) }
            // Every narrower format rounds 50-bit and longer integers to infinity or by at least 40 bits, so replacing
            // the lowest 20 bits by a sticky one beforehand changes no result.
            let sticky: Int128 = integer & 0xFFFFF == 0 ? 0 : 1
            let cut = integer.magnitude >= 1 << 50 ? ((integer >> 20) | sticky) << 20 : integer
            return type.bits(of: Double(cut))
        }
    }

    private func samples(_ type: ScalarType) throws -> Literal {
        var numbers = Numbers(state: 21)
        let width = type.bitWidth
        if width <= 8 {
            let all = (0..<(type == .bool ? 2 : UInt64(1) << UInt64(width))).map { $0 }
            return try Literal.fromBits(all + [1], TensorType(type, [all.count + 1]))
        }
        var bits: [UInt64] = [0, type.lowestBits, type.highestBits, 1, 2, 15, 16, 127, 128, 255, 256]
        if type.isFloatingPoint {
            let values: [Double] = [
                0.5, -0.5, 0.999, -0.999, 1.5, -1.5, 2.5, 7.9, 8, -8.9, -9, 15.9, 16, 127.5, 128, -128.9, -129, 255.9,
                256, 448, 464, 465, 480, 57344, 61439, 61440, 65504, 65519, 65520, -32769, 65536, 2147483647.5,
                2147483648, -2147483649, 4294967295.5, 4294967296, 9.2e18, 9223372036854775808, -9.3e18, 1.8e19,
                18446744073709551616, 1e30, 1e-10, 1e-40, 1e-45, .nan, .infinity, -.infinity, -0.0, 3.0517578125e-05,
            ]
            bits += values.map(type.bits(of:))
        } else {
            bits += [
                1 << 24, (1 << 24) + 1, (1 << 24) + 3, (1 << 53) + 1, (1 << 60) + (1 << 52) + 1, (1 << 60) + (1 << 52),
            ]
            bits += [
                0x0080_8000_0000_0000, 0x0080_8000_0000_0001, 0x0081_8000_0000_0000, .max - 1, 65519, 65520, 464, 465,
            ]
        }
        for _ in 0..<200 { bits.append(numbers.next() >> (numbers.next() % UInt64(width))) }
        let mask: UInt64 = width == 64 ? .max : (1 << UInt64(width)) - 1
        return try Literal.fromBits(bits.map { $0 & mask }, TensorType(type, [bits.count]))
    }

    @Test("Every pair of types", arguments: ScalarType.allCases)
    func pairs(_ source: ScalarType) throws {
        let x = try samples(source)
        for target in ScalarType.allCases {
            let result = try Run.primitive(.convert(target), x)
            #expect(result.type == x.type.with(target))
            for index in 0..<(try x.type.elementCount()) {
                let value = decode(x.bits(at: index), source)
                if target.isFloatingPoint, case .float(let number) = value, number.isNaN {
                    #expect(target.number(fromBits: result.bits(at: index)).isNaN)
                } else {
                    #expect(result.bits(at: index) == expected(value, target), "\(value) from \(source) to \(target)")
                }
            }
        }
    }

    @Test("Saturation, truncation and NaN, by hand")
    func byHand() throws {
        let x: [Float] = [300.7, -300.7, 1.9, -1.9, .nan, .infinity, -.infinity, -0.0]
        #expect(try Run.vectors(.convert(.int8), x, as: Int8.self) == [127, -128, 1, -1, 0, 127, -128, 0])
        #expect(try Run.vectors(.convert(.uint8), x, as: UInt8.self) == [255, 0, 1, 0, 0, 255, 0, 0])
        #expect(
            try Run.vectors(.convert(.int64), x, as: Int64.self) == [300, -300, 1, -1, 0, .max, .min, 0])
        #expect(
            try Run.vectors(.convert(.bool), x, as: Bool.self) == [true, true, true, true, true, true, true, false])
        #expect(try Run.vectors(.convert(.uint8), [-1, 256, 511] as [Int32], as: UInt8.self) == [255, 0, 255])
        #expect(
            try Run.vectors(.convert(.float16), [65519, 65520] as [Int32], as: Float16.self) == [65504, .infinity])
        #expect(try Run.vectors(.convert(.float32), [true, false], as: Float.self) == [1, 0])
    }

    @Test("A long integer rounds once to bfloat16")
    func longIntegers() throws {
        // 2^62 + 2^54 is a tie that goes down to even; one more must go up, which float64 and float32 would not see.
        let x: [Int64] = [(1 << 62) + (1 << 54), (1 << 62) + (1 << 54) + 1, -(1 << 62) - (1 << 54) - 1]
        let result = try Run.vectors(.convert(.bfloat16), x, as: BFloat16.self)
        #expect(result.map(\.float) == [0x1p62, 0x1.02p62, -0x1.02p62])
    }

    @Test("Bitcast keeps the bits between all types of one width", arguments: ScalarType.allCases)
    func bitcast(_ source: ScalarType) throws {
        let x = try samples(source)
        for target in ScalarType.allCases
        where target.bitWidth == source.bitWidth && (target == .bool) == (source == .bool) {
            let result = try Run.primitive(.bitcast(target), x)
            #expect(result.type == x.type.with(target))
            #expect(try result.allBits == x.allBits)
        }
    }

    @Test("Iota counts along its dimension in every arithmetic type", arguments: ScalarType.allCases)
    func iota(_ type: ScalarType) throws {
        guard type.isArithmetic else { return }
        let shape: [Int] = [2, 3, 2]
        for (dimension, expected) in [
            [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2],
            [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        ].enumerated() as EnumeratedSequence<[[Double]]> {
            let result = try Run.primitive(.iota(TensorType(type, shape), dimension: dimension))
            #expect(try result.allBits.map(type.number(fromBits:)) == expected)
        }
        #expect(try Run.primitive(.iota(TensorType(type, [0, 4]), dimension: 1)).allBits.isEmpty)
    }

    @Test("Constants come back as they are", arguments: ScalarType.allCases)
    func constants(_ type: ScalarType) throws {
        let x = try samples(type)
        #expect(try Run.primitive(.constant(x)) == x)
        let splat = Literal(number: 1, type: TensorType(type, [3]))
        #expect(try Run.primitive(.constant(splat)).allBits == [UInt64](repeating: splat.bits(at: 0), count: 3))
    }

    @Test("Unaligned constants are read correctly")
    func unaligned() throws {
        let memory = LiteralStorage(count: 17) { bytes in
            for index in bytes.indices { bytes[index] = 0 }
            bytes.storeBytes(of: 1.5 as Double, toByteOffset: 1, as: Double.self)
            bytes.storeBytes(of: -2 as Double, toByteOffset: 9, as: Double.self)
        }
        let view = LiteralStorage(bytes: UnsafeRawBufferPointer(rebasing: memory.bytes[1...]), owner: memory)
        let x = try Literal(type: TensorType(.float64, [2]), storage: view)
        #expect(try Run.primitive(.unary(.negate), x).scalars(as: Double.self) == [-1.5, 2])
    }
}
