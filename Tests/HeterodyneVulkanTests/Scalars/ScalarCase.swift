// Heterodyne: elements on which scalar code is tested, and how results are compared.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

/// Elements, as bits.
enum Samples {
    /// Edge values and bits that look random.
    static func of(_ type: ScalarType, _ count: Int = 300, seed: UInt64 = 1) -> [UInt64] {
        if type == .bool { return (0..<count).map { UInt64($0 / 2 % 2) &* seed % 2 ^ UInt64($0 % 2) } }
        let mask: UInt64 = type.bitWidth < 64 ? (1 << UInt64(type.bitWidth)) - 1 : .max
        var numbers: [Double] = [0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, 1.5, 2.5, -2.5, 7, -7, 127, 128, 255, 256, 1e4]
        numbers += [65504, 65520, 448, 464, 465, 57344, 61440, 1e10, -1e10, 1e-10, 1e-40, -1e-40, 6e-8, 3e-8, 1e300]
        numbers += [.infinity, -.infinity, .nan, 0.1, -0.1, 2_147_483_648, 4_294_967_296, 0x1p63, 0x1p64, 1e30]
        var result = numbers.map { type.bits(of: $0) }
        result += [0, 1, 2, 3, mask, mask - 1, mask >> 1, (mask >> 1) + 1, (mask >> 1) - 1].map { $0 & mask }
        result += [type.bits(of: Double(type.bitWidth)), type.bits(of: Double(type.bitWidth - 1)), type.bits(of: 5)]
        var state = seed &* 0x9e37_79b9_7f4a_7c15
        while result.count < count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let word = state ^ (state >> 29)
            // Some of moderate size, where integers and exponents meet.
            let isSmall = result.count % 3 == 0
            result.append(isSmall ? type.bits(of: Double(Int64(word % 4001) - 2000) / 16) : (word >> 7) & mask)
        }
        // Another order for other seeds, so that edges meet each other.
        if seed > 1 { for i in result.indices { result.swapAt(i, (i * 7919 + Int(seed)) % result.count) } }
        return result
    }

    /// Every edge with every other.
    static func pairs(_ type: ScalarType) -> ([UInt64], [UInt64]) {
        var edges = of(type, 40)
        edges += of(type, 60).suffix(6)
        let (a, b) = (of(type, 400, seed: 5), of(type, 400, seed: 9))
        return (edges.flatMap { x in edges.map { _ in x } } + a, edges.flatMap { _ in edges } + b)
    }
}

/// The distance of two floats in units in the last place, or nil for a wrong special value.
func ulps(_ a: UInt64, _ b: UInt64, _ type: ScalarType) -> Double? {
    if a == b { return 0 }
    let (x, y) = (type.number(fromBits: a), type.number(fromBits: b))
    if x.isNaN && y.isNaN { return 0 }
    if x.isNaN || y.isNaN || x.isInfinite != y.isInfinite || x.isInfinite && x != y { return nil }
    let sign: UInt64 = 1 << UInt64(type.bitWidth - 1)
    func place(_ bits: UInt64) -> Double { bits & sign == 0 ? Double(bits) : -Double(bits ^ sign) }
    return abs(place(a) - place(b))
}

/// What is compared: operations on the same operands.
struct ScalarCase: Sendable {
    var inputs: [(ScalarType, [UInt64])]
    var operations: [ScalarOperation]

    var types: [ScalarType] { inputs.map(\.0) }

    /// Every unary and binary primitive, comparison and choice of a type.
    static func primitives(_ type: ScalarType) -> [ScalarCase] {
        var cases: [ScalarCase] = []
        let unary = HeterodyneGraph.UnaryOperator.allCases
            .filter { type.isArithmetic && (type.isFloatingPoint || $0.takesIntegers) }
        if !unary.isEmpty {
            cases.append(
                ScalarCase(inputs: [(type, Samples.of(type, 600))], operations: unary.map { .unary($0, type) }))
        }
        let (a, b) = Samples.pairs(type)
        let binary = HeterodyneGraph.BinaryOperator.allCases.filter { $0.takes(type) }
        let comparisons = ComparisonDirection.allCases
        cases.append(
            ScalarCase(
                inputs: [(type, a), (type, b)],
                operations: binary.map { .binary($0, type) } + comparisons.map { .compare($0, type) }))
        let conditions = Samples.of(.bool, a.count)
        cases.append(ScalarCase(inputs: [(.bool, conditions), (type, a), (type, b)], operations: [.select(type)]))
        return cases
    }

    /// The composites of a type.
    static func composites(_ type: ScalarType) -> ScalarCase {
        ScalarCase(inputs: [(type, Samples.of(type, 600))], operations: ScalarOperation.composites(type))
    }

    /// Conversion to every type.
    static func conversions(_ from: ScalarType) -> ScalarCase {
        ScalarCase(
            inputs: [(from, Samples.of(from, 700))],
            operations: ScalarType.allCases.map { .convert(from: from, to: $0) })
    }

    /// The bits as every type of the same width.
    static func bitcasts(_ from: ScalarType) -> ScalarCase {
        // Loads of float16 may make signaling NaNs quiet: only views keep them.
        let quiet: UInt64 = from == .float16 ? 0x200 : 0
        let samples = Samples.of(from, 700).map { from.number(fromBits: $0).isNaN ? $0 | quiet : $0 }
        let types = ScalarType.allCases.filter { $0.bitWidth == from.bitWidth && $0 != .bool }
        return ScalarCase(
            inputs: [(from, samples)], operations: from == .bool ? [] : types.map { .bitcast(from: from, to: $0) })
    }

    /// Expects the results of an operation, as bits, to be the reference's, within the operation's bound.
    func expect(_ results: [UInt64], of operation: ScalarOperation, _ how: String) throws {
        let expected = try reference(operation, inputs)
        let type = operation.result
        var wrong = 0
        for index in expected.indices {
            let isSame = results[index] == expected[index]
            let distance = type.isFloatingPoint ? ulps(results[index], expected[index], type) : isSame ? 0 : nil
            if let distance, distance <= operation.bound { continue }
            wrong += 1
            if wrong > 3 { continue }
            let operands = inputs.map { "\($0.0.number(fromBits: $0.1[index])) (\(String($0.1[index], radix: 16)))" }
            let (found, wanted) = (type.number(fromBits: results[index]), type.number(fromBits: expected[index]))
            Issue.record("\(operation) of \(operands.joined(separator: ", ")): \(found), not \(wanted); \(how)")
        }
        #expect(wrong == 0, "\(operation), \(expected.count) elements, \(how)")
    }
}
