// Heterodyne: values of a model that is being written.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A value of the graph, as the model has it: a named value, or a constant that is written where it is needed.
///
/// The model may hold a value in a smaller shape from which ONNX' broadcasting makes the whole, so that constants and
/// repeated vectors are neither stored nor computed in full.
struct Port {
    enum Source {
        case value(String)
        case literal(Literal)
    }

    /// What the value is.
    var type: TensorType
    /// The shape in which the model has it: it broadcasts to `type.shape` by NumPy's rules.
    var held: Shape
    var source: Source

    /// The whole value under a name.
    init(_ name: String, _ type: TensorType) {
        self.type = type
        held = type.shape
        source = .value(name)
    }

    /// A value that the model has in the shape `held`.
    init(_ name: String, _ type: TensorType, held: Shape) {
        self.type = type
        self.held = held
        source = .value(name)
    }

    /// A constant; a repeated element is held as a scalar.
    init(_ literal: Literal) {
        type = literal.type
        if let bits = literal.splatBits, literal.isSplat || literal.type.rank == 0 {
            held = .scalar
            source = .literal(Literal(splatBits: bits, type: .scalar(literal.type.scalarType)))
        } else {
            held = literal.type.shape
            source = .literal(literal)
        }
    }

    /// A constant that broadcasts to `type`.
    init(_ literal: Literal, spreadTo type: TensorType) {
        self.type = type
        held = literal.type.shape
        source = .literal(literal)
    }

    /// A vector of int64.
    init(_ numbers: [Int]) { self.init(Literal(numbers.map(Int64.init))) }

    var scalarType: ScalarType { type.scalarType }
    var shape: Shape { type.shape }
    var rank: Int { type.rank }

    /// Whether the model has the whole value as it is.
    var isWhole: Bool { held == type.shape }

    var literal: Literal? { if case .literal(let literal) = source { literal } else { nil } }

    /// The bits of the element that every position has, where it is known.
    var splatBits: UInt64? { literal?.splatBits }

    /// The element that every position has, where it is known.
    var splatNumber: Double? { splatBits.map { scalarType.number(fromBits: $0) } }

    /// The constant's elements as integers, where they are known and integers; each once however it is repeated.
    var knownIntegers: [Int]? {
        guard let literal, literal.type.scalarType.isInteger, let count = try? literal.type.elementCount(),
            count <= 1 << 20
        else { return nil }
        let type = literal.type.scalarType
        return (0..<count).map { index in
            let bits = literal.bits(at: index)
            let shift = UInt64(64 - type.bitWidth)
            return type.isSignedInteger
                ? Int(Int64(bitPattern: bits << shift) >> Int64(shift))
                : Int(clamping: bits)
        }
    }

    /// The same value seen as `shape`; right where the value is a scalar that is repeated.
    func relabelled(_ shape: Shape) -> Port {
        var copy = self
        copy.type = type.with(shape)
        return copy
    }
}

extension Shape {
    /// The shape that both broadcast to by NumPy's rules, where extents are equal or 1.
    func broadcastTogether(_ other: Shape) -> Shape {
        let (long, short) = rank >= other.rank ? (self, other) : (other, self)
        var result = long
        for (i, extent) in short.dimensions.enumerated() {
            let d = long.rank - short.rank + i
            if result[d] == 1 { result.dimensions[d] = extent }
        }
        return result
    }
}
