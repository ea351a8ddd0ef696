// Heterodyne: ONNX operators: conversions between element types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Conversions between element types.
    static let conversions: [OperatorRule] = [
        .values("Cast", since: 6) { (context) throws(GraphError) in
            guard let element = try context.optionalElementType("to") else {
                throw GraphError(.invalidAttribute, "attribute 'to' is missing")
            }
            return [try context.cast(to: element)]
        },
        .values("Cast", since: 1) { (context) throws(GraphError) in
            // Types were named then.
            guard let name = try context.optionalString("to") else {
                throw GraphError(.invalidAttribute, "attribute 'to' is missing")
            }
            guard let element = ONNXElementType(formatName: name) else {
                throw GraphError(.invalidAttribute, "attribute 'to' is \(quoted(name)), which is no element type")
            }
            return [try context.cast(to: element)]
        },
        .values("CastLike", since: 15) { (context) throws(GraphError) in
            if case .text = try context.value(1) { return [try context.cast(to: .string)] }
            return [try context.cast(to: try context.tensor(1).element)]
        },
        .values("BitCast", since: 26) { (context) throws(GraphError) in
            guard let element = try context.optionalElementType("to") else {
                throw GraphError(.invalidAttribute, "attribute 'to' is missing")
            }
            return [.tensor(try context.tensor(0).reinterpreted(as: element))]
        },
    ]
}

extension OperatorContext {
    /// Input 0 in another element type.
    fileprivate func cast(to element: ONNXElementType) throws(GraphError) -> ImportedValue {
        let saturate = try bool("saturate", default: true)
        let rounding = try choice(
            "round_mode", default: "up",
            ["up": PowerRounding.up, "down": PowerRounding.down, "nearest": PowerRounding.nearest])
        if case .text(let text) = try value(0) {
            if element == .string { return .text(text) }
            // Types that are narrower than a byte are reached from one that holds their numbers.
            let read: ScalarType
            switch element {
            case .int4, .uint4, .int2, .uint2: read = .int32
            case .complex64, .complex128:
                throw GraphError(.invalidType, "cannot convert text to \(element)")
            default:
                read = element.scalarType.flatMap { $0.bitWidth >= 16 || !$0.isFloatingPoint ? $0 : nil } ?? .float32
            }
            let numbers = ImportedTensor(try builder.constant(try TextNumbers.literal(text, read)))
            return .tensor(try numbers.converted(to: element, saturate: saturate, rounding: rounding))
        }
        let tensor = try tensor(0)
        guard element == .string else {
            return .tensor(try tensor.converted(to: element, saturate: saturate, rounding: rounding))
        }
        return .text(try TextNumbers.text(try literal(try tensor.decodedForComputation())))
    }
}

extension ONNXElementType {
    /// The type with the name that the format's definition gives it, such as `FLOAT` or `INT64`.
    fileprivate init?(formatName: String) {
        switch formatName {
        case "FLOAT": self = .float32
        case "UINT8": self = .uint8
        case "INT8": self = .int8
        case "UINT16": self = .uint16
        case "INT16": self = .int16
        case "INT32": self = .int32
        case "INT64": self = .int64
        case "BOOL": self = .bool
        case "FLOAT16": self = .float16
        case "DOUBLE": self = .float64
        case "UINT32": self = .uint32
        case "UINT64": self = .uint64
        default: return nil
        }
    }
}
