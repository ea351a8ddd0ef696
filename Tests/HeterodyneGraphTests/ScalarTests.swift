// Heterodyne: narrow floats against brute force, literals, and the attribute reader.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct ScalarTests {
    /// What the definition of a format says: value of sign, exponent and mantissa bits, nil for NaN.
    static func value(_ bits: UInt64, _ type: ScalarType) -> Double? {
        let (exponentBits, mantissaBits) = layout(type)
        let mantissa = Double(bits & ((1 << mantissaBits) - 1))
        let exponent = Int(bits >> mantissaBits & ((1 << exponentBits) - 1))
        let sign: Double = bits >> (exponentBits + mantissaBits) & 1 == 0 ? 1 : -1
        let top = (1 << Int(exponentBits)) - 1
        let bias = (1 << Int(exponentBits - 1)) - 1
        func scaled(_ x: Double, _ power: Int) -> Double { x * Double(sign: .plus, exponent: power, significand: 1) }
        if type == .float8e4m3fn {
            if exponent == top, mantissa == 7 { return nil }
        } else if exponent == top {
            return mantissa == 0 ? sign * .infinity : nil
        }
        let scale = max(exponent, 1) - bias - Int(mantissaBits)
        return sign * scaled(exponent == 0 ? mantissa : mantissa + Double(1 << mantissaBits), scale)
    }

    static func layout(_ type: ScalarType) -> (exponent: UInt64, mantissa: UInt64) {
        switch type {
        case .float8e4m3fn: (4, 3)
        case .float8e5m2: (5, 2)
        case .float16: (5, 10)
        default: (8, 7)
        }
    }

    static let narrow: [ScalarType] = [.float8e4m3fn, .float8e5m2, .float16, .bfloat16]

    @Test(arguments: narrow) func everyBitPatternHasTheValueOfTheFormat(_ type: ScalarType) {
        var wrong = 0
        for bits in 0..<(UInt64(1) << UInt64(type.bitWidth)) {
            let number = type.number(fromBits: bits)
            if let expected = Self.value(bits, type) {
                if number.bitPattern != expected.bitPattern || type.bits(of: number) != bits { wrong += 1 }
            } else if !number.isNaN || !type.number(fromBits: type.bits(of: number)).isNaN {
                wrong += 1
            }
        }
        #expect(wrong == 0)
    }

    /// Between neighbours: below the middle rounds down, above it up, the middle to the even pattern; a hair beside
    /// the middle shows double rounding.
    @Test(arguments: narrow) func roundingIsToNearestEven(_ type: ScalarType) {
        let positive = (0..<(UInt64(1) << UInt64(type.bitWidth - 1)))
        let finite = positive.filter { Self.value($0, type)?.isFinite == true }
        var wrong = 0
        for (low, high) in zip(finite, finite.dropFirst()) {
            guard let a = Self.value(low, type), let b = Self.value(high, type) else { continue }
            let middle = (a + b) / 2
            let even = low % 2 == 0 ? low : high
            for (number, expected) in [
                (middle, even), (middle.nextDown, low), (middle.nextUp, high), (a.nextUp, low), (b.nextDown, high),
            ] {
                if type.bits(of: number) != expected { wrong += 1 }
                let sign = UInt64(1) << UInt64(type.bitWidth - 1)
                if type.bits(of: -number) != expected | sign { wrong += 1 }
            }
        }
        #expect(wrong == 0)
        #expect(finite.count > 100)
    }

    @Test(arguments: [
        (ScalarType.float8e4m3fn, 464.0, 0x7E, 0x7F), (.float8e5m2, 61440.0, 0x7C, 0x7C),
        (.float16, 65520.0, 0x7C00, 0x7C00), (.bfloat16, 0x1.FFp127, 0x7F80, 0x7F80),
    ]) func overflowFollowsTheFormat(_ type: ScalarType, _ limit: Double, _ at: UInt64, _ beyond: UInt64) {
        #expect(type.bits(of: limit) == at)
        #expect(type.bits(of: limit.nextUp) == beyond)
        #expect(type.number(fromBits: type.bits(of: limit.nextDown)).isFinite)
    }

    @Test func integersTruncateAndSaturate() {
        for type in ScalarType.allCases where type.isInteger {
            let low = type.number(fromBits: type.lowestBits)
            let high = type.number(fromBits: type.highestBits)
            #expect(type.bits(of: .nan) == 0)
            #expect(type.bits(of: -1e300) == type.lowestBits)
            #expect(type.bits(of: .infinity) == type.highestBits)
            #expect(type.number(fromBits: type.bits(of: 3.99)) == 3)
            #expect(type.number(fromBits: type.bits(of: -3.99)) == (type.isSignedInteger ? -3 : 0))
            #expect(type.bits(of: low) == type.lowestBits && type.bits(of: high) == type.highestBits)
        }
    }

    @Test func literalsReadWriteAndCompare() throws {
        let dense = try Literal([Int32(1), -2, 3, 4], shape: [2, 2])
        #expect(try dense.scalars(as: Int32.self) == [1, -2, 3, 4])
        #expect(dense.bits(at: 1) == 0xFFFF_FFFE)
        #expect(try dense.reshaped([4]).type == TensorType(.int32, [4]))
        let splat = Literal(Float16(2), shape: [3])
        #expect(try splat.scalars(as: Float16.self) == [2, 2, 2])
        #expect(try splat.denseStorage().withBytes { $0.count } == 6)
        #expect(splat.splatNumber == 2 && dense.splatBits == nil)
        let nibbles = Literal(splatBits: 0xA, type: TensorType(.uint4, [3]))
        #expect(try nibbles.denseStorage().withBytes { Array($0) } == [0xAA, 0xAA])
        #expect(Literal(Float.nan) == Literal(Float.nan))
        #expect(Literal(Float(0)) != Literal(Float(-0.0)))
        let wrong: [(GraphError.Kind, () throws(GraphError) -> Void)] = [
            (.invalidLiteral, { () throws(GraphError) in _ = try Literal([Int32(1)], shape: [2]) }),
            (.invalidType, { () throws(GraphError) in _ = try dense.scalars(as: Float.self) }),
            (.shapeMismatch, { () throws(GraphError) in _ = try dense.reshaped([3]) }),
            (
                .unboundSymbol,
                { () throws(GraphError) in _ = try Literal(Float(1), shape: [.symbol("n")]).denseStorage() }
            ),
        ]
        for (kind, body) in wrong { #expect(error(body)?.kind == kind) }
    }

    @Test func attributesCompareByBitsAndNamesAreUnique() throws {
        #expect(AttributeValue.number(.nan) == .number(.nan))
        #expect(AttributeValue.number(0) != .number(-0.0))
        #expect(AttributeValue.integer(1) != .number(1))
        #expect(Set([AttributeValue.numbers([.nan]), .numbers([.nan])]).count == 1)
        var attributes: Attributes = ["a": .integer(1)]
        #expect(
            error { () throws(GraphError) in try attributes.append("a", .bool(true)) }?.message
                == "attribute 'a' is given twice")
        var reader = AttributeReader(["mode": .string("no"), "left": .bool(true)], operation: "op")
        let choice = error { () throws(GraphError) in let _: ScatterMode = try reader.choice("mode") }
        #expect(choice?.message == "attribute 'mode' is \"no\"; choose from set, add, multiply, maximum, minimum")
        #expect(choice?.operation == "op")
        #expect(error { () throws(GraphError) in try reader.finish() }?.message == "attribute 'left' is unknown")
        #expect(try reader.optionalInteger("absent") == nil)
    }
}
