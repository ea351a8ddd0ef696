// Heterodyne: the code for tensor elements against the reference backend, run in the interpreter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

/// Runs one operation on many elements.
private struct ScalarRun {
    let target: KernelTarget
    let width: Int

    /// Elements of `from` types, as bits, through `content` to elements of `to`.
    func callAsFunction(
        _ inputs: [(ScalarType, [UInt64])], to: ScalarType,
        _ content: (ScalarCode, [KernelValue]) throws -> KernelValue
    ) throws -> [UInt64] {
        let count = inputs[0].1.count
        let padded = (count + width - 1) / width * width
        let k = KernelBuilder("scalars", workgroup: [64])
        let code = ScalarCode(k, target)
        let sources = inputs.enumerated().map { (index, input) in
            k.buffer("in\(index)", ScalarCode.memory(input.0).with(width: width), .read)
        }
        let output = k.buffer("out", ScalarCode.memory(to).with(width: width), .write)
        let i = k.globalID(.x)
        var failure: (any Error)?
        k.if(i .< k.constant(padded / width, .u32)) {
            do {
                let operands = zip(inputs, sources).map { code.decode($1[i], $0.0) }
                output[i] = code.encode(try content(code, operands), to)
            } catch { failure = error }
        }
        if let failure { throw failure }
        let kernel = try k.finish()
        if target.features.contains(.float64) { _ = try kernel.spirv(target.spirv) }
        var buffers: [Int: [UInt8]] = [:]
        for (index, input) in inputs.enumerated() {
            let size = max(1, input.0.bitWidth / 8)
            let last = input.1.last ?? 0
            let elements = input.1 + [UInt64](repeating: last, count: padded - count)
            buffers[index] = elements.flatMap { word in
                (0..<size).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
            }
        }
        let size = max(1, to.bitWidth / 8)
        buffers[inputs.count] = [UInt8](repeating: 0, count: padded * size)
        let groups = [(padded / width + 63) / 64]
        try KernelInterpreter(multiplyAdd: target.spirv.multiplyAdd).run(kernel, groups: groups, buffers: &buffers)
        let bytes = buffers[inputs.count] ?? []
        let mask: UInt64 = to.bitWidth < 64 ? (1 << UInt64(to.bitWidth)) - 1 : .max
        return (0..<count).map { element in
            (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[element * size + $1]) << UInt64(8 * $1) } & mask
        }
    }
}

private func literal(_ type: ScalarType, _ elements: [UInt64]) throws -> Literal {
    var bytes: [UInt8] = []
    if type.bitWidth == 4 {
        for index in stride(from: 0, to: elements.count, by: 2) {
            let high = index + 1 < elements.count ? UInt8(elements[index + 1] & 0xf) : 0
            bytes.append(UInt8(elements[index] & 0xf) | high << 4)
        }
    } else {
        for element in elements {
            for byte in 0..<type.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))) }
        }
    }
    let storage = LiteralStorage(count: bytes.count) { $0.copyBytes(from: bytes) }
    return try Literal(type: TensorType(type, [elements.count]), storage: storage)
}

/// The reference backend's answer.
private func reference(
    _ inputs: [(ScalarType, [UInt64])], _ content: (GraphBuilder, [Term]) throws -> Term
) throws -> [UInt64] {
    let literals = try inputs.map { try literal($0.0, $0.1) }
    let builder = GraphBuilder()
    var terms: [Term] = []
    for (index, literal) in literals.enumerated() { terms.append(try builder.input("x\(index)", literal.type)) }
    try builder.output("y", content(builder, terms))
    let result = try ReferenceEvaluator().evaluate(try builder.build(), inputs: literals)[0]
    return (0..<(try result.type.elementCount())).map(result.bits(at:))
}

private enum Samples {
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
private func ulps(_ a: UInt64, _ b: UInt64, _ type: ScalarType) -> Double? {
    if a == b { return 0 }
    let (x, y) = (type.number(fromBits: a), type.number(fromBits: b))
    if x.isNaN && y.isNaN { return 0 }
    if x.isNaN || y.isNaN || x.isInfinite != y.isInfinite || x.isInfinite && x != y { return nil }
    let sign: UInt64 = 1 << UInt64(type.bitWidth - 1)
    func place(_ bits: UInt64) -> Double { bits & sign == 0 ? Double(bits) : -Double(bits ^ sign) }
    return abs(place(a) - place(b))
}

extension KernelTarget {
    /// As `gpu`, with a product and a sum for every multiply-add, and instructions that are not trusted.
    fileprivate static let loose: KernelTarget = {
        var target = gpu
        target.arithmetic = .untrusted
        target.spirv.multiplyAdd = .uncontracted
        return target
    }()
}

@Suite("Scalar code")
struct ScalarCodeTests {
    static let arithmetic = ScalarType.allCases.filter(\.isArithmetic)
    /// Trusting and fused with vectors, and distrusting and uncontracted.
    private static let runs = [
        ScalarRun(target: .software, width: 4), ScalarRun(target: .loose, width: 1),
        ScalarRun(target: .loose, width: 2),
    ]

    private func check(
        _ name: String, _ inputs: [(ScalarType, [UInt64])], to type: ScalarType, bound: Double = 0,
        _ content: (ScalarCode, [KernelValue]) throws -> KernelValue, _ truth: (GraphBuilder, [Term]) throws -> Term
    ) throws {
        let expected = try reference(inputs, truth)
        for run in Self.runs {
            let result = try run(inputs, to: type, content)
            var wrong = 0
            for index in expected.indices {
                let distance =
                    type.isFloatingPoint
                    ? ulps(result[index], expected[index], type) : result[index] == expected[index] ? 0 : nil
                if let distance, distance <= bound { continue }
                wrong += 1
                if wrong > 3 { continue }
                let operands = inputs.map {
                    "\($0.0.number(fromBits: $0.1[index])) (\(String($0.1[index], radix: 16)))"
                }
                let (found, wanted) = (type.number(fromBits: result[index]), type.number(fromBits: expected[index]))
                Issue.record(
                    "\(name) of \(operands.joined(separator: ", ")): \(found), not \(wanted), width \(run.width)")
            }
            #expect(wrong == 0, "\(name), \(expected.count) elements")
        }
    }

    @Test("Unary primitives", arguments: arithmetic)
    func unary(type: ScalarType) throws {
        for op in HeterodyneGraph.UnaryOperator.allCases where type.isFloatingPoint || op.takesIntegers {
            let isExact = [.negate, .abs, .floor, .sqrt].contains(op)
            let inputs = [(type, Samples.of(type, 600))]
            try check(
                "\(op) \(type)", inputs, to: type, bound: isExact ? 0 : type.bitWidth == 16 ? 1 : 4,
                { $0.unary(op, $1[0], type) }, { try $0.add(.unary(op), [$1[0]]) })
        }
    }

    @Test("Binary primitives", arguments: arithmetic + [.bool])
    func binary(type: ScalarType) throws {
        for op in HeterodyneGraph.BinaryOperator.allCases where op.takes(type) {
            let (a, b) = Samples.pairs(type)
            let isExact = op != .power || !type.isFloatingPoint
            try check(
                "\(op) \(type)", [(type, a), (type, b)], to: type, bound: isExact ? 0 : type.bitWidth == 16 ? 1 : 4,
                { $0.binary(op, $1[0], $1[1], type) }, { try $0.add(.binary(op), [$1[0], $1[1]]) })
        }
    }

    @Test("Comparison and choice", arguments: arithmetic + [.bool])
    func compare(type: ScalarType) throws {
        let (a, b) = Samples.pairs(type)
        for direction in ComparisonDirection.allCases {
            try check(
                "\(direction) \(type)", [(type, a), (type, b)], to: .bool,
                { $0.compare(direction, $1[0], $1[1], type) }, { try $0.add(.compare(direction), [$1[0], $1[1]]) })
        }
        let conditions = Samples.of(.bool, a.count)
        try check(
            "select \(type)", [(.bool, conditions), (type, a), (type, b)], to: type,
            { $0.select($1[0], $1[1], $1[2]) }, { try $0.add(.select, $1) })
    }

    @Test("Conversion by value", arguments: ScalarType.allCases)
    func convert(from: ScalarType) throws {
        for to in ScalarType.allCases {
            try check(
                "convert \(from) to \(to)", [(from, Samples.of(from, 700))], to: to,
                { $0.convert($1[0], from: from, to: to) }, { try $0.add(.convert(to), [$1[0]]) })
        }
    }

    @Test("Conversion by bits", arguments: ScalarType.allCases)
    func bitcast(from: ScalarType) throws {
        guard from != .bool else { return }
        // Loads of float16 may make signaling NaNs quiet: only views keep them.
        let quiet: UInt64 = from == .float16 ? 0x200 : 0
        let samples = Samples.of(from, 700).map { from.number(fromBits: $0).isNaN ? $0 | quiet : $0 }
        for to in ScalarType.allCases where to.bitWidth == from.bitWidth && to != .bool {
            try check(
                "bitcast \(from) to \(to)", [(from, samples)], to: to,
                { $0.bitcast($1[0], from: from, to: to) }, { try $0.add(.bitcast(to), [$1[0]]) })
        }
    }

    @Test("Constants", arguments: ScalarType.allCases)
    func constants(type: ScalarType) throws {
        for bits in Samples.of(type, 60) {
            let run = ScalarRun(target: .software, width: 2)
            let result = try run([(.int32, [0, 0])], to: type) { code, _ in code.constant(bits: bits, type, width: 2) }
            let isNaN = type.isFloatingPoint && type.number(fromBits: bits).isNaN
            let same = result.allSatisfy { isNaN ? type.number(fromBits: $0).isNaN : $0 == bits }
            #expect(same, "\(type): \(result), not \(bits)")
        }
    }

    /// Name, attributes and the definition in the graph.
    private static let composites: [(String, Attributes, @Sendable (Term) throws -> Term)] = [
        ("relu", [:], { try $0.relu() }), ("sign", [:], { try $0.sign() }), ("ceil", [:], { try $0.ceil() }),
        ("roundEven", [:], { try $0.roundEven() }), ("rsqrt", [:], { try $0.rsqrt() }),
        ("reciprocal", [:], { try $0.reciprocal() }), ("erf", [:], { try $0.erf() }),
        ("sigmoid", [:], { try $0.sigmoid() }), ("softplus", [:], { try $0.softplus() }),
        ("log1p", [:], { try $0.log1p() }), ("expm1", [:], { try $0.expm1() }),
        ("silu", ["beta": .number(1)], { try $0.silu() }),
        ("silu", ["beta": .number(1.5)], { try $0.silu(beta: 1.5) }),
        ("gelu", ["approximation": .string("none")], { try $0.gelu() }),
        ("gelu", ["approximation": .string("tanh")], { try $0.gelu(approximation: .tanh) }),
        ("clip", ["minimum": .number(0), "maximum": .number(6)], { try $0.clip(minimum: 0, maximum: 6) }),
        ("clip", ["minimum": .number(2)], { try $0.clip(minimum: 2) }),
        ("clip", ["maximum": .number(5)], { try $0.clip(maximum: 5) }),
    ]

    @Test("Composites", arguments: arithmetic)
    func composites(type: ScalarType) throws {
        let exact: Set<String> = ["relu", "sign", "ceil", "roundEven", "clip", "reciprocal"]
        #expect(Set(Self.composites.map(\.0)) == ScalarCode.composites)
        for (name, attributes, definition) in Self.composites where ScalarCode.takes(name, attributes, type) {
            let samples = Samples.of(type, 600)
            let isExact = exact.contains(name)
            try check(
                "\(name) \(type)", [(type, samples)], to: type, bound: isExact ? 0 : type.bitWidth == 16 ? 2 : 16,
                { try $0.composite(name, attributes, [$1[0]], type) }, { _, terms in try definition(terms[0]) })
        }
    }

    @Test("What has no code is refused with its name")
    func refused() throws {
        let k = KernelBuilder("k", workgroup: [1])
        let code = ScalarCode(k, .gpu)
        let x = k.constant(1.0, .f64)
        let attributes: Attributes = ["approximation": .string("none")]
        #expect(!ScalarCode.takes("gelu", attributes, .float64))
        #expect(throws: KernelError.self) { try code.composite("gelu", attributes, [x], .float64) }
        #expect(!ScalarCode.takes("erf", [:], .int32))
        #expect(!ScalarCode.takes("softmax", [:], .float32))
    }
}
