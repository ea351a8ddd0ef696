// Heterodyne: values that go into a model and come out of it.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A value that goes into a model or comes out of it.
public indirect enum ONNXData: Sendable, Hashable {
    /// A tensor. The literal's element type is the `carrier` of the ONNX element type.
    case tensor(ONNXElementType, Literal)
    /// A tensor of text.
    case text(ONNXText)
    /// A list.
    case sequence([ONNXData])
    /// A value or none.
    case optional(ONNXData?)

    /// A tensor of one of the graph language's own element types.
    public init(_ literal: Literal) { self = .tensor(ONNXElementType(literal.type.scalarType), literal) }

    /// What an import must know of the value: everything but the elements of tensors of numbers.
    public var signature: ONNXSignature {
        switch self {
        case .tensor(let element, let literal): .tensor(element, literal.type.shape)
        case .text(let text): .text(text)
        case .sequence(let elements): .sequence(elements.map(\.signature))
        case .optional(let value): .optional(value?.signature)
        }
    }
}

/// What an import must know of an input: its structure, the types of its tensors, and text itself, which is
/// computed while importing.
public indirect enum ONNXSignature: Sendable, Hashable {
    /// A tensor of the given element type and shape, whose extents may be symbols.
    case tensor(ONNXElementType, Shape)
    /// This very text.
    case text(ONNXText)
    /// A list of such values.
    case sequence([ONNXSignature])
    /// A value or none.
    case optional(ONNXSignature?)
}

extension ONNXElementType {
    /// The ONNX type of a scalar type.
    public init(_ scalarType: ScalarType) {
        switch scalarType {
        case .bool: self = .bool
        case .int4: self = .int4
        case .uint4: self = .uint4
        case .int8: self = .int8
        case .int16: self = .int16
        case .int32: self = .int32
        case .int64: self = .int64
        case .uint8: self = .uint8
        case .uint16: self = .uint16
        case .uint32: self = .uint32
        case .uint64: self = .uint64
        case .float8e4m3fn: self = .float8e4m3fn
        case .float8e5m2: self = .float8e5m2
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        case .float32: self = .float32
        case .float64: self = .float64
        }
    }

    /// The scalar type whose elements hold elements of this type: the same type where the graph language has it,
    /// numbers in bytes for 2-bit integers, codes in the low bits of bytes for the other narrow floats; nil for text
    /// and complex numbers.
    public var carrier: ScalarType? {
        switch self {
        case .int2: .int8
        case .uint2, .float8e4m3fnuz, .float8e5m2fnuz, .float8e8m0, .float4e2m1, .float6e2m3, .float6e3m2: .uint8
        default: scalarType
        }
    }
}

extension ONNXTensor {
    /// The elements as a value of a model. Throws `unsupportedType` for complex numbers, and
    /// what `literal()` and `text()` throw.
    public func data() throws(ONNXError) -> ONNXData {
        if elementType.scalarType != nil { return .tensor(elementType, try literal()) }
        if elementType == .string { return .text(try text()) }
        guard let carrier = elementType.carrier else {
            throw ONNXError(
                .unsupportedType, "has elements of type \(elementType), which cannot be computed with", at: [label])
        }
        let packed = try packed()
        let width = elementType.bitWidth
        let count = elementCount
        let isSigned = carrier.isSignedInteger
        let storage = LiteralStorage(count: count) { destination in
            packed.withBytes { bytes in
                for index in 0..<count {
                    let code = Self.field(at: index * width, width: width, of: bytes)
                    let shift = UInt8(8 - width)
                    destination[index] =
                        isSigned ? UInt8(bitPattern: Int8(bitPattern: code << shift) >> Int8(shift)) : code
                }
            }
        }
        do throws(GraphError) {
            return .tensor(elementType, try Literal(type: TensorType(carrier, dimensions), storage: storage))
        } catch {
            throw ONNXError(.invalidTensor, error.message, at: [label])
        }
    }

    /// `width` bits, at most 8, from bit `start` on; bits count from the low end of each byte.
    private static func field(at start: Int, width: Int, of bytes: UnsafeRawBufferPointer) -> UInt8 {
        let byte = start / 8
        let low = UInt16(bytes[byte])
        let high = byte + 1 < bytes.count ? UInt16(bytes[byte + 1]) : 0
        let mask = UInt16(1) << UInt16(width) - 1
        return UInt8(truncatingIfNeeded: (low | high << 8) >> UInt16(start % 8) & mask)
    }
}
