// Heterodyne: a constant tensor whose data stay in the file.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A constant tensor of an ONNX model. Reading a model checks that the data have the size that the dimensions ask for;
/// they are touched when `literal()` or `packed()` is called, and copied only where they cannot be used in place.
public struct ONNXTensor: Sendable {
    /// Where the elements are.
    enum Source: Sendable {
        /// No elements.
        case empty
        /// Packed little-endian bytes: a range of the file.
        case packed(DataFile, Range<Int>)
        /// A field of numbers of the encoded tensor at this range of the file.
        case numbers(DataFile, Range<Int>, field: Int)
        /// Text: a field of the encoded tensor at this range of the file.
        case strings(DataFile, Range<Int>)
    }

    /// The name; empty for tensors in attributes.
    public var name: String
    /// The type of the elements.
    public let elementType: ONNXElementType
    /// The extents.
    public let dimensions: [Int]
    /// The number of elements.
    public let elementCount: Int
    /// Whether the elements are in a file of their own.
    public let isExternal: Bool
    let source: Source

    /// Bytes of the packed elements; 0 for text.
    public var byteCount: Int { elementType.byteCount(of: elementCount) ?? 0 }

    /// The elements, as the graph language has them. Throws `unsupportedType` for element types that it does not have,
    /// and `invalidTensor` for numbers that the element type cannot hold.
    public func literal() throws(ONNXError) -> Literal {
        guard let scalarType = elementType.scalarType else {
            throw ONNXError(
                .unsupportedType,
                "has elements of type \(elementType), which cannot be computed with; convert the model to another type",
                at: [label])
        }
        let type = TensorType(scalarType, dimensions)
        return try within(label) { () throws(ONNXError) in
            let storage = try elements()
            if elementType == .bool, let index = storage.withBytes({ bytes in bytes.firstIndex { $0 > 1 } }) {
                throw ONNXError(.invalidTensor, "element \(index) is neither 0 nor 1, the only truth values")
            }
            do throws(GraphError) {
                try type.validate()
                return try Literal(type: type, storage: storage)
            } catch {
                throw ONNXError(.invalidTensor, "cannot be a tensor of the graph language: \(error.message)")
            }
        }
    }

    /// The elements of any type but text, packed: little-endian, elements narrower than a byte from the low bits on,
    /// complex numbers with the real part first.
    public func packed() throws(ONNXError) -> LiteralStorage {
        try within(label) { () throws(ONNXError) in try elements() }
    }

    /// The elements of text, in row-major order. A few bytes can stand for many elements, so `byteLimit` bounds the memory
    /// of the result; beyond it `limitExceeded` is thrown. Throws `unsupportedType` where the elements are numbers, and
    /// `malformed` where an element is not UTF-8.
    public func text(byteLimit: Int = 256 << 20) throws(ONNXError) -> ONNXText {
        guard elementType == .string else {
            throw ONNXError(.unsupportedType, "has elements of type \(elementType), which are not text", at: [label])
        }
        guard case .strings(let file, let range) = source else {
            return ONNXText(dimensions: dimensions, elements: [])
        }
        return try within(label) { () throws(ONNXError) in
            ONNXText(
                dimensions: dimensions,
                elements: try NumberFields(file: file, message: range, field: NumberFields.string)
                    .texts(byteLimit: byteLimit))
        }
    }

    private func elements() throws(ONNXError) -> LiteralStorage {
        switch source {
        case .empty: return LiteralStorage(count: 0) { _ in }
        case .strings:
            throw ONNXError(.unsupportedType, "has elements of type string, which cannot be computed with")
        case .packed(let file, let range):
            let slice = UnsafeRawBufferPointer(rebasing: file.bytes[range])
            let alignment = max(1, min(8, elementType.bitWidth / 8))
            guard let base = slice.baseAddress, Int(bitPattern: base) % alignment == 0 else {
                defer { withExtendedLifetime(file) {} }
                return LiteralStorage(copying: slice)
            }
            return LiteralStorage(bytes: slice, owner: file)
        case .numbers(let file, let range, let field):
            return try NumberFields(file: file, message: range, field: field)
                .packed(elementType, count: elementCount, byteCount: byteCount)
        }
    }

    /// The tensor in messages.
    var label: String { "tensor \(quoted(name))" }
}
