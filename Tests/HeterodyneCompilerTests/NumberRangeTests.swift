// Heterodyne: what is known of results, against results.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

@Suite("Ranges of numbers")
struct NumberRangeTests {
    /// Primitives on one or two vectors.
    static let unary: [Primitive] =
        [.unary(.negate), .unary(.abs), .reduce(.sum, dimensions: [0]), .reduce(.product, dimensions: [0])]
        + [.reduce(.maximum, dimensions: [0]), .reduce(.minimum, dimensions: [0]), .reduce(.and, dimensions: [0])]
        + [.reduce(.or, dimensions: [0]), .unary(.floor)]
        + ScalarType.allCases.map { .convert($0) }
        + [.bitcast(.int64), .bitcast(.uint64), .bitcast(.uint32), .bitcast(.int32)]
    static let binary: [Primitive] =
        BinaryOperator.allCases.map { .binary($0) }
        + [.dot(DotDimensions(leftContracting: [0], rightContracting: [0]), accumulation: .int64, result: .int64)]
        + [.concatenate(dimension: 0), .scatter(.add, dimensions: [0]), .scatter(.maximum, dimensions: [0])]

    @Test(
        "Results lie in their ranges", arguments: unary + binary,
        [ScalarType.int64, .uint64, .int32, .uint8, .float64, .float32, .bfloat16])
    func results(primitive: Primitive, type: ScalarType) throws {
        var random = SplitMix64(seed: UInt64(type.rawValue) + 77)
        var (checked, isKnown) = (0, false)
        for round in 0..<40 {
            let count = round % 4 == 0 ? 3 : 12
            let x = Self.vector(type, count, &random)
            let y = Self.vector(type, count, &random)
            var operands = Self.unary.contains(primitive) ? [x] : [x, y]
            if case .scatter = primitive {
                let places = (0..<count).map { _ in Int32.random(in: 0..<3, using: &random) }
                operands = [x, try Literal(places, shape: [.fixed(count), 1]), y]
            }
            // What is not defined on the type is not asked about.
            guard let result = try? primitive.inferTypes(operands.map(\.type))[0] else { return }
            let known = primitive.range(operands.map { NumberRange($0) }, operands.map(\.type), result: result)
            isKnown = result.scalarType.isInteger
            #expect(!isKnown || known != nil)
            guard let known else { continue }
            let graph = try GraphBuilder.region(operands.map(\.type)) { (builder, terms) throws(GraphError) in
                [try builder.add(primitive, terms)]
            }
            let values = try evaluate(graph, operands)[0]
            for index in 0..<(try result.elementCount()) {
                let bits = values.bits(at: index)
                #expect(
                    Self.contains(known, bits, result.scalarType),
                    "\(primitive) of \(operands): \(result.scalarType.number(fromBits: bits)) in \(known)")
                checked += 1
            }
        }
        #expect(checked > 0 || !isKnown)
    }

    /// Numbers near each other, near an end of the type, or of few bits.
    private static func vector(_ type: ScalarType, _ count: Int, _ random: inout SplitMix64) -> Literal {
        let kind = Int.random(in: 0..<5, using: &random)
        let centre = Double(Int.random(in: -40...40, using: &random))
        let elements = (0..<count).map { _ -> UInt64 in
            let spread = Double(Int.random(in: -6...6, using: &random))
            if kind == 4, type.isInteger { return random.next() }
            let limit = type.isInteger ? [type.lowestBits, type.highestBits][count % 2] : type.bits(of: 0)
            switch kind {
            case 0, 1: return type.bits(of: abs(centre) + abs(spread))
            case 2 where type.isInteger: return limit &+ UInt64(bitPattern: Int64(spread))
            default: return type.bits(of: type.isInteger ? centre + spread : (centre + spread) / 8)
            }
        }
        let width = type.bitWidth / 8
        let storage = LiteralStorage(count: count * width) { bytes in
            for (index, element) in elements.enumerated() {
                for byte in 0..<width {
                    bytes[index * width + byte] = UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))
                }
            }
        }
        return (try? Literal(type: TensorType(type, [count]), storage: storage))
            ?? Literal(splatBits: 0, type: TensorType(type, [count]))
    }

    private static func contains(_ range: NumberRange, _ bits: UInt64, _ type: ScalarType) -> Bool {
        if type.isFloatingPoint {
            let number = type.number(fromBits: bits)
            let unit = Double(sign: .plus, exponent: range.scale, significand: 1)
            let multiple = number / unit
            return multiple == multiple.rounded() && Double(range.low) <= multiple && multiple <= Double(range.high)
        }
        let number: Int128 =
            switch type {
            case .int64: Int128(Int64(bitPattern: bits))
            case .uint64: Int128(bits)
            default: Int128(type.number(fromBits: bits))
            }
        return range.low <= number && number <= range.high && range.scale == 0
    }

    @Test("Which floats a type holds")
    func fits() {
        #expect(NumberRange(-(1 << 24), 1 << 24).fits(.float32))
        #expect(!NumberRange(0, 1 << 24 + 1).fits(.float32))
        #expect(NumberRange(0, 3, scale: -126).fits(.float32))
        #expect(!NumberRange(0, 3, scale: -127).fits(.float32))
        #expect(NumberRange(0, 1, scale: 127).fits(.float32))
        #expect(!NumberRange(0, 2, scale: 127).fits(.float32))
        #expect(NumberRange(-128, 127).fits(.int8))
        #expect(!NumberRange(-129, 127).fits(.int8))
        #expect(!NumberRange(0, 1, scale: -1).fits(.int8))
        #expect(NumberRange(0, (1 << 64) - 1).fits(.uint64))
    }

    @Test("Constants are read exactly")
    func literals() throws {
        #expect(try NumberRange(Literal([0.5, -3, 2], shape: [3])) == NumberRange(-6, 4, scale: -1))
        #expect(try NumberRange(Literal([Double.infinity, 1], shape: [2])) == nil)
        #expect(NumberRange(Literal(0.0)) == NumberRange(0, 0))
        #expect(NumberRange(Literal(UInt64.max)) == NumberRange((1 << 64) - 1, (1 << 64) - 1))
        #expect(NumberRange(Literal(Double.leastNonzeroMagnitude)) == nil)
        #expect(try NumberRange(Literal([1e300, 1e-300], shape: [2])) == nil)
    }
}
