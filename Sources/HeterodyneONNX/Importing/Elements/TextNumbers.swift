// Heterodyne: numbers as text and text as numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Conversion between numbers and text, while a model is imported.
enum TextNumbers {
    /// The numbers that text spells, as elements of `scalarType`, which is not a 4-bit integer. Throws `invalidLiteral`
    /// for other text. Floats round once; integers saturate; a fraction is cut off.
    static func literal(_ text: ONNXText, _ scalarType: ScalarType) throws(GraphError) -> Literal {
        var codes: [UInt64] = []
        codes.reserveCapacity(text.elements.count)
        for element in text.elements { codes.append(try bits(element, scalarType)) }
        let width = scalarType.bitWidth / 8
        let storage = LiteralStorage(count: codes.count * width) { destination in
            for (index, code) in codes.enumerated() {
                for byte in 0..<width {
                    destination[index * width + byte] = UInt8(truncatingIfNeeded: code >> UInt64(8 * byte))
                }
            }
        }
        return try Literal(type: TensorType(scalarType, text.dimensions), storage: storage)
    }

    private static func bits(_ text: String, _ scalarType: ScalarType) throws(GraphError) -> UInt64 {
        let spelling = trimmed(text)
        if scalarType.isInteger {
            if let number = Int64(spelling) {
                if scalarType == .int64 { return UInt64(bitPattern: number) }
                // Exact in 53 bits or saturating, except beside 2^63.
                if scalarType != .uint64 { return scalarType.bits(of: Double(number)) }
                return UInt64(max(number, 0))
            }
            if scalarType == .uint64, let number = UInt64(spelling) { return number }
        }
        if scalarType == .float32, let number = Float(spelling) { return UInt64(number.bitPattern) }
        if let number = Double(spelling) { return scalarType.bits(of: number) }
        switch spelling.lowercased() {
        case "inf", "+inf", "infinity", "+infinity": return scalarType.bits(of: .infinity)
        case "-inf", "-infinity": return scalarType.bits(of: -.infinity)
        case "nan", "+nan", "-nan": return scalarType.bits(of: .nan)
        case "true" where scalarType == .bool: return 1
        case "false" where scalarType == .bool: return 0
        default:
            throw GraphError(.invalidLiteral, "the text \(quoted(text)) is no number, and \(scalarType) is needed")
        }
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = text.drop(while: isSpace)
        guard let last = start.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(start[...last])
    }

    /// The elements as text: the shortest decimal number that reads back as the same element.
    static func text(_ literal: Literal) throws(GraphError) -> ONNXText {
        let scalarType = literal.type.scalarType
        let count = try literal.type.elementCount()
        guard count <= TextBroadcast.countLimit else {
            throw GraphError(.overflow, "a tensor of text of \(count) elements is too large")
        }
        var elements: [String] = []
        elements.reserveCapacity(count)
        for index in 0..<count { elements.append(spelling(literal.bits(at: index), scalarType)) }
        return ONNXText(dimensions: try literal.type.shape.extents(), elements: elements)
    }

    private static func spelling(_ bits: UInt64, _ scalarType: ScalarType) -> String {
        switch scalarType {
        case .bool: bits & 0xFF == 0 ? "False" : "True"
        case .float64: Double(bitPattern: bits).description
        case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: bits)).description
        case .float16: Float16(bitPattern: UInt16(truncatingIfNeeded: bits)).description
        case .bfloat16, .float8e4m3fn, .float8e5m2: Float(scalarType.number(fromBits: bits)).description
        case .uint64: bits.description
        case .int64: Int64(bitPattern: bits).description
        case .int4, .uint4, .int8, .int16, .int32, .uint8, .uint16, .uint32:
            Int(scalarType.number(fromBits: bits)).description
        }
    }
}
