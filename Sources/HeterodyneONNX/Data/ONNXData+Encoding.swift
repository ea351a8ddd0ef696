// Heterodyne: values as files of their own.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension ONNXData {
    /// The contents of a file that holds the value, named `name`: a TensorProto for tensors of numbers and of text, a
    /// SequenceProto, or an OptionalProto. `decode` reads it.
    ///
    /// Throws `invalidTensor` for tensors whose parts contradict each other, and `unsupportedType` for sequences of values
    /// of several kinds.
    public func encoded(name: String = "") throws(ONNXError) -> [UInt8] {
        switch self {
        case .tensor(let element, let literal): return try Self.encoded(element, literal, name)
        case .text(let text):
            var count = text.dimensions.contains(0) ? 0 : 1
            for extent in text.dimensions {
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                guard extent >= 0, !overflow else {
                    throw ONNXError(
                        .invalidTensor, "text with the dimensions \(text.dimensions.prefix(8)) cannot exist")
                }
                count = product
            }
            guard count == text.elements.count else {
                throw ONNXError(
                    .invalidTensor,
                    "has \(text.elements.count) elements of text; the dimensions \(text.dimensions.prefix(8)) need "
                        + "\(count)")
            }
            var writer = Self.header(text.dimensions, .string)
            for element in text.elements { writer.bytes(NumberFields.string, element.utf8) }
            writer.text(8, name)
            return writer.message
        case .sequence(let elements):
            var writer = WireWriter()
            writer.text(1, name)
            let form = elements.first?.form ?? .tensor
            writer.number(2, Int64(form.rawValue))
            for (number, element) in elements.enumerated() {
                guard element.form == form else {
                    throw ONNXError(
                        .unsupportedType,
                        "element \(number) of a sequence is a \(element.form) and the first is a \(form); the format "
                            + "has no such sequences")
                }
                writer.bytes(form.field, try element.encoded())
            }
            return writer.message
        case .optional(let value):
            var writer = WireWriter()
            writer.text(1, name)
            guard let value else { return writer.message }
            writer.number(2, Int64(value.form.rawValue))
            writer.bytes(value.form.field, try value.encoded())
            return writer.message
        }
    }

    private var form: DataForm {
        switch self {
        case .tensor, .text: .tensor
        case .sequence: .sequence
        case .optional: .optional
        }
    }

    /// Fields 1 and 2 of a TensorProto.
    private static func header(_ dimensions: [Int], _ element: ONNXElementType) -> WireWriter {
        var writer = WireWriter()
        for extent in dimensions { writer.number(1, Int64(extent)) }
        writer.number(2, Int64(element.rawValue))
        return writer
    }

    private static func encoded(
        _ element: ONNXElementType, _ literal: Literal, _ name: String
    ) throws(ONNXError) -> [UInt8] {
        guard element.carrier == literal.type.scalarType else {
            throw ONNXError(
                .invalidTensor, "elements of type \(element) cannot be held by a tensor \(literal.type); see carrier")
        }
        let storage: LiteralStorage
        let count: Int
        let dimensions: [Int]
        do throws(GraphError) {
            count = try literal.type.elementCount()
            dimensions = try literal.type.shape.extents()
            storage = try literal.denseStorage()
        } catch {
            throw ONNXError(.invalidTensor, error.message)
        }
        var writer = header(dimensions, element)
        writer.text(8, name)
        storage.withBytes { bytes in
            if element.scalarType != nil || element.bitWidth == 8 {
                writer.bytes(9, bytes)
                return
            }
            // One code per byte here, packed from the low bits on in the format.
            let width = element.bitWidth
            var packed = [UInt8](repeating: 0, count: (count * width + 7) / 8)
            let mask = UInt16(1) << UInt16(width) - 1
            for index in 0..<count {
                let (byte, bit) = (index * width).quotientAndRemainder(dividingBy: 8)
                let shifted = (UInt16(bytes[index]) & mask) << UInt16(bit)
                packed[byte] |= UInt8(truncatingIfNeeded: shifted)
                if bit + width > 8 { packed[byte + 1] |= UInt8(truncatingIfNeeded: shifted >> 8) }
            }
            writer.bytes(9, packed)
        }
        return writer.message
    }
}
