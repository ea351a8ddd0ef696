// Heterodyne: float16 and bfloat16 over all 65,536 values, against rounding by search in the table of values.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A 16-bit format by its definition: values are decoded with powers of two and rounding searches among them.
private struct Format: Sendable {
    let scalarType: ScalarType
    let mantissaBits: Int
    let bias: Int
    /// The values of the bit patterns from 0 to infinity, which increase.
    let ascending: [Double]

    init(_ scalarType: ScalarType, mantissaBits: Int, bias: Int) {
        (self.scalarType, self.mantissaBits, self.bias) = (scalarType, mantissaBits, bias)
        let top = (1 << (15 - mantissaBits)) - 1
        ascending = (0...(top << mantissaBits)).map { bits in
            let (exponent, mantissa) = (bits >> mantissaBits, bits & ((1 << mantissaBits) - 1))
            if exponent == top { return .infinity }
            let significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits)
            return Double(significand) * pow(2, Double(max(exponent, 1) - bias - mantissaBits))
        }
    }

    static let all = [Format(.float16, mantissaBits: 10, bias: 15), Format(.bfloat16, mantissaBits: 7, bias: 127)]

    var patterns: [UInt16] { Array(0...UInt16.max) }

    func value(_ bits: UInt16) -> Double {
        let magnitude = Int(bits & 0x7FFF)
        guard magnitude < ascending.count else { return .nan }
        return bits & 0x8000 == 0 ? ascending[magnitude] : -ascending[magnitude]
    }

    /// The pattern nearest to `x`, ties to the even one; nil stands for NaN.
    func nearest(_ x: Double) -> UInt16? {
        if x.isNaN { return nil }
        let sign: UInt16 = x.sign == .minus ? 0x8000 : 0
        let magnitude = x.magnitude
        // Beyond the last value, infinity counts as the next power of two.
        let largest = ascending.count - 2
        let above = 2 * ascending[largest] - ascending[largest - 1]
        if magnitude >= (ascending[largest] + above) / 2 { return sign | UInt16(largest + 1) }
        var (low, high) = (0, largest)
        while low < high {
            let middle = (low + high + 1) / 2
            if ascending[middle] <= magnitude { low = middle } else { high = middle - 1 }
        }
        if low == largest { return sign | UInt16(low) }
        let (below, beyond) = (magnitude - ascending[low], ascending[low + 1] - magnitude)
        let up = below > beyond || (below == beyond && low % 2 == 1)
        return sign | UInt16(up ? low + 1 : low)
    }

    func isSame(_ bits: UInt16, _ expected: UInt16?) -> Bool {
        guard let expected else { return value(bits).isNaN }
        return bits == expected
    }

    func literal(_ patterns: [UInt16]) throws -> Literal {
        try Literal(
            type: TensorType(scalarType, [patterns.count]),
            storage: patterns.withUnsafeBytes { LiteralStorage(copying: $0) })
    }

    func patterns(of literal: Literal) throws -> [UInt16] {
        #expect(literal.type.scalarType == scalarType)
        return try literal.allBits.map { UInt16(truncatingIfNeeded: $0) }
    }
}

@Suite("16-bit floats")
struct SixteenBitTests {
    @Test("Conversion to float32 and float64 is exact for every value", arguments: [0, 1])
    func widening(_ format: Int) throws {
        let format = Format.all[format]
        let x = try format.literal(format.patterns)
        let single = try Run.primitive(.convert(.float32), x).scalars(as: Float.self)
        let double = try Run.primitive(.convert(.float64), x).scalars(as: Double.self)
        for bits in format.patterns {
            let expected = format.value(bits)
            let (s, d) = (single[Int(bits)], double[Int(bits)])
            let isRight =
                expected.isNaN ? s.isNaN && d.isNaN : d == expected && Double(s) == expected && s.sign == expected.sign
            #expect(isRight, "bits \(bits)")
        }
    }

    @Test("Conversion from float32 and float64 rounds once at, below and above every midpoint", arguments: [0, 1])
    func narrowing(_ format: Int) throws {
        let format = Format.all[format]
        var numbers: [Double] = [.infinity, -.infinity, .nan, 1e300, -1e300, 1e-300, -0.0]
        let last = format.ascending.count - 2
        for index in 0...last {
            let next =
                index == last ? 2 * format.ascending[last] - format.ascending[last - 1] : format.ascending[index + 1]
            let middle = (format.ascending[index] + next) / 2
            numbers += [format.ascending[index], middle, middle.nextUp, -middle, -middle.nextDown]
        }
        let narrow = try Run.primitive(.convert(format.scalarType), Literal(numbers))
        for (bits, number) in zip(try format.patterns(of: narrow), numbers) {
            #expect(format.isSame(bits, format.nearest(number)), "\(number)")
        }
        let singles = numbers.map { Float($0) } + numbers.map { Float($0).nextUp } + numbers.map { Float($0).nextDown }
        let narrowSingles = try Run.primitive(.convert(format.scalarType), Literal(singles))
        for (bits, number) in zip(try format.patterns(of: narrowSingles), singles) {
            #expect(format.isSame(bits, format.nearest(Double(number))), "\(number)")
        }
    }

    @Test("Unary operators round the exact result once, for every value", arguments: [0, 1], UnaryOperator.allCases)
    func unary(_ format: Int, _ op: UnaryOperator) throws {
        let format = Format.all[format]
        let function: (Double) -> Double =
            switch op {
            case .negate: { -$0 }
            case .abs: { $0.magnitude }
            case .floor: { $0.rounded(.down) }
            case .sqrt: { $0.squareRoot() }
            case .exp: { exp($0) }
            case .log: { log($0) }
            case .sin: { sin($0) }
            case .cos: { cos($0) }
            case .tanh: { tanh($0) }
            }
        let result = try Run.primitive(.unary(op), format.literal(format.patterns))
        var wrong: [UInt16] = []
        for (bits, output) in zip(format.patterns, try format.patterns(of: result)) {
            if !format.isSame(output, format.nearest(function(format.value(bits)))) { wrong.append(bits) }
        }
        #expect(wrong.isEmpty, "\(op) of bits \(wrong.prefix(5))")
    }

    @Test("Binary operators round the exact result once, for random and extreme pairs", arguments: [0, 1])
    func binary(_ format: Int) throws {
        let format = Format.all[format]
        var numbers = Numbers(state: 3)
        let extreme: [UInt16] = [0, 0x8000, 1, 0x8001, 2, 0x3C00, 0x3F80, UInt16(format.ascending.count - 2), 0xFFFF]
        var (x, y): ([UInt16], [UInt16]) = ([], [])
        for a in extreme { for b in extreme { (x, y) = (x + [a], y + [b]) } }
        for _ in 0..<20_000 {
            x.append(UInt16(truncatingIfNeeded: numbers.next()))
            y.append(UInt16(truncatingIfNeeded: numbers.next()))
        }
        // Sums of float16 and products of both formats are exact in float64; its quotients and bfloat16's sums are
        // rounded to 53 bits, too many to hide a tie of 11.
        let operators: [(BinaryOperator, (Double, Double) -> Double)] = [
            (.add, { $0 + $1 }), (.subtract, { $0 - $1 }), (.multiply, { $0 * $1 }), (.divide, { $0 / $1 }),
            (.remainder, { fmod($0, $1) }), (.power, { pow($0, $1) }),
        ]
        for (op, function) in operators {
            let result = try Run.primitive(.binary(op), format.literal(x), format.literal(y))
            var wrong: [(UInt16, UInt16)] = []
            for ((a, b), output) in zip(zip(x, y), try format.patterns(of: result)) {
                let expected = format.nearest(function(format.value(a), format.value(b)))
                if !format.isSame(output, expected) { wrong.append((a, b)) }
            }
            #expect(wrong.isEmpty, "\(op) of bits \(wrong.prefix(5))")
        }
    }
}
