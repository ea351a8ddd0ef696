// Heterodyne: elementwise operations as kernels and as graphs, for tests of scalar code.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneOps
import HeterodyneReference

@testable import HeterodyneVulkan

/// One elementwise operation.
enum ScalarOperation: Hashable, Sendable {
    case unary(HeterodyneGraph.UnaryOperator, ScalarType)
    case binary(HeterodyneGraph.BinaryOperator, ScalarType)
    case compare(ComparisonDirection, ScalarType)
    case select(ScalarType)
    case convert(from: ScalarType, to: ScalarType)
    case bitcast(from: ScalarType, to: ScalarType)
    case composite(String, Attributes, ScalarType)

    var result: ScalarType {
        switch self {
        case .unary(_, let type), .binary(_, let type), .select(let type), .composite(_, _, let type): type
        case .compare: .bool
        case .convert(_, let to), .bitcast(_, let to): to
        }
    }

    /// The distance from the reference, in units in the last place, that is allowed.
    var bound: Double {
        switch self {
        case .unary(.exp, let type), .unary(.log, let type), .unary(.sin, let type), .unary(.cos, let type),
            .unary(.tanh, let type), .binary(.power, let type):
            // Narrow types round what float32 computes: a unit where the truth lies at a boundary.
            type.isFloatingPoint ? (type.bitWidth == 16 ? 1 : 4) : 0
        case .composite(let name, _, let type):
            switch name {
            case "relu", "sign", "ceil", "roundEven", "clip", "reciprocal": 0
            default: type.bitWidth == 16 ? 2 : 16
            }
        case .unary, .binary, .compare, .select, .convert, .bitcast: 0
        }
    }

    /// The operation in a kernel.
    func code(_ code: ScalarCode, _ x: [KernelValue]) throws(KernelError) -> KernelValue {
        switch self {
        case .unary(let op, let type): code.unary(op, x[0], type)
        case .binary(let op, let type): code.binary(op, x[0], x[1], type)
        case .compare(let direction, let type): code.compare(direction, x[0], x[1], type)
        case .select: code.select(x[0], x[1], x[2])
        case .convert(let from, let to): code.convert(x[0], from: from, to: to)
        case .bitcast(let from, let to): code.bitcast(x[0], from: from, to: to)
        case .composite(let name, let attributes, let type): try code.composite(name, attributes, x, type)
        }
    }

    /// The operation in a graph.
    func term(_ builder: GraphBuilder, _ x: [Term]) throws(GraphError) -> Term {
        switch self {
        case .unary(let op, _): try builder.add(.unary(op), [x[0]])
        case .binary(let op, _): try builder.add(.binary(op), [x[0], x[1]])
        case .compare(let direction, _): try builder.add(.compare(direction), [x[0], x[1]])
        case .select: try builder.add(.select, x)
        case .convert(_, let to): try builder.add(.convert(to), [x[0]])
        case .bitcast(_, let to): try builder.add(.bitcast(to), [x[0]])
        case .composite(let name, let attributes, _): try Self.composite(name, attributes, x[0])
        }
    }

    private static func composite(
        _ name: String, _ attributes: Attributes, _ x: Term
    ) throws(GraphError) -> Term {
        var reader = AttributeReader(attributes, operation: name)
        switch name {
        case "relu": return try x.relu()
        case "sign": return try x.sign()
        case "ceil": return try x.ceil()
        case "roundEven": return try x.roundEven()
        case "rsqrt": return try x.rsqrt()
        case "reciprocal": return try x.reciprocal()
        case "erf": return try x.erf()
        case "sigmoid": return try x.sigmoid()
        case "softplus": return try x.softplus()
        case "log1p": return try x.log1p()
        case "expm1": return try x.expm1()
        case "silu": return try x.silu(beta: reader.number("beta"))
        case "gelu": return try x.gelu(approximation: reader.choice("approximation"))
        case "clip":
            let (minimum, maximum) = (try reader.optionalNumber("minimum"), try reader.optionalNumber("maximum"))
            return try x.clip(minimum: minimum, maximum: maximum)
        default: throw GraphError(.malformedGraph, "the tests know no composite \(name)")
        }
    }

    /// Every composite that scalar code takes for a type.
    static func composites(_ type: ScalarType) -> [ScalarOperation] {
        let plain = [
            "relu", "sign", "ceil", "roundEven", "rsqrt", "reciprocal", "erf", "sigmoid", "softplus", "log1p", "expm1",
        ]
        let others: [(String, Attributes)] = [
            ("silu", ["beta": .number(1)]), ("silu", ["beta": .number(1.5)]),
            ("gelu", ["approximation": .string("none")]), ("gelu", ["approximation": .string("tanh")]),
            ("clip", ["minimum": .number(0), "maximum": .number(6)]), ("clip", ["minimum": .number(2)]),
            ("clip", ["maximum": .number(5)]),
        ]
        return (plain.map { ($0, Attributes()) } + others)
            .filter { ScalarCode.takes($0.0, $0.1, type) }
            .map { .composite($0.0, $0.1, type) }
    }
}

/// Operations on the same operands; slots: the operands, then the results.
struct ScalarRecipe: KernelRecipe {
    var inputs: [ScalarType]
    var operations: [ScalarOperation]
    var width: Int
    /// Vectors in each buffer.
    var count: Int
    /// Whether the device's own division, roots and conversions are used where it has good ones.
    var trusts = true

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        var target = target
        if !trusts { target.arithmetic = .untrusted }
        let k = KernelBuilder("scalars", workgroup: [64])
        let code = ScalarCode(k, target)
        let sources = inputs.enumerated().map { index, type in
            k.buffer("in\(index)", ScalarCode.memory(type).with(width: width), .read)
        }
        let outputs = operations.enumerated().map { index, operation in
            k.buffer("out\(index)", ScalarCode.memory(operation.result).with(width: width), .write)
        }
        let i = k.linearInvocation(width: 64, .u32)
        var failure: KernelError?
        k.if(i .< k.constant(count, .u32)) {
            let operands = zip(inputs, sources).map { code.decode($1[i], $0) }
            for (operation, output) in zip(operations, outputs) {
                do throws(KernelError) {
                    output[i] = code.encode(try operation.code(code, operands), operation.result)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return try k.finish()
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

/// Elements of a type, as bits, in memory as kernels see it: 4-bit elements in bytes.
func packed(_ elements: [UInt64], _ type: ScalarType) -> [UInt8] {
    let size = max(1, type.bitWidth / 8)
    return elements.flatMap { word in (0..<size).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
}

/// The bits of `count` elements in such memory.
func unpacked(_ bytes: [UInt8], _ count: Int, _ type: ScalarType) -> [UInt64] {
    let size = max(1, type.bitWidth / 8)
    let mask: UInt64 = type.bitWidth < 64 ? (1 << UInt64(type.bitWidth)) - 1 : .max
    return (0..<count).map { element in
        (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[element * size + $1]) << UInt64(8 * $1) } & mask
    }
}

/// The reference backend's answer.
func reference(_ operation: ScalarOperation, _ inputs: [(ScalarType, [UInt64])]) throws -> [UInt64] {
    let literals = try inputs.map { try literal($0.0, $0.1) }
    let builder = GraphBuilder()
    var terms: [Term] = []
    for (index, literal) in literals.enumerated() { terms.append(try builder.input("x\(index)", literal.type)) }
    try builder.output("y", operation.term(builder, terms))
    let result = try ReferenceEvaluator().evaluate(try builder.build(), inputs: literals)[0]
    return (0..<(try result.type.elementCount())).map(result.bits(at:))
}
