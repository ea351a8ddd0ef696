// Heterodyne: what the reference's tests share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneReference
import Testing

/// Builds and evaluates small graphs.
enum Run {
    /// Results of what `body` builds from one input per literal.
    static func graph(
        _ inputs: [Literal], options: EvaluationOptions = EvaluationOptions(),
        _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) throws -> [Literal] {
        let graph = try GraphBuilder.region(inputs.map(\.type), body)
        return try ReferenceEvaluator(options: options).evaluate(graph, inputs: inputs)
    }

    /// The result of one primitive.
    static func primitive(_ primitive: Primitive, _ inputs: Literal...) throws -> Literal {
        try graph(inputs) { builder, terms throws(GraphError) in [try builder.add(primitive, terms)] }[0]
    }

    /// The elements of the result of one primitive on vectors of one element type.
    static func vectors<T: Scalar, R: Scalar>(
        _ primitive: Primitive, _ inputs: [T]..., as: R.Type = R.self
    ) throws -> [R] {
        try graph(inputs.map { Literal($0) }) { builder, terms throws(GraphError) in
            [try builder.add(primitive, terms)]
        }[0].scalars(as: R.self)
    }
}

/// A generator of the same numbers on every run (SplitMix64).
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension Literal {
    /// The bits of every element, row-major.
    var allBits: [UInt64] {
        get throws { (0..<(try type.elementCount())).map(bits(at:)) }
    }

    /// A literal from element bits.
    static func fromBits(_ bits: [UInt64], _ type: TensorType) throws -> Literal {
        let width = type.scalarType.bitWidth
        let storage = LiteralStorage(count: try type.byteCount()) { bytes in
            for index in bytes.indices { bytes[index] = 0 }
            for (index, element) in bits.enumerated() {
                if width == 4 {
                    bytes[index / 2] |= UInt8(element & 0xF) << (index % 2 == 0 ? 0 : 4)
                } else {
                    for byte in 0..<width / 8 {
                        bytes[index * width / 8 + byte] = UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))
                    }
                }
            }
        }
        return try Literal(type: type, storage: storage)
    }

    /// Random bits in every element (bool: 0 or 1).
    static func random(_ type: TensorType, _ numbers: inout Numbers) throws -> Literal {
        let width = UInt64(type.scalarType.bitWidth)
        let mask: UInt64 = type.scalarType == .bool ? 1 : width == 64 ? .max : (1 << width) - 1
        return try fromBits((0..<(try type.elementCount())).map { _ in numbers.next() & mask }, type)
    }
}
