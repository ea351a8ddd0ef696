// Heterodyne: element types that operators take, and conversions between them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// For which element types ONNX Runtime has kernels on CPUs. What is computed in another type is converted to one of
/// these in which the result is the same, and back. float16 is always left as it is: ONNX Runtime converts by itself, and
/// devices that have it should see it.
enum Kernels {
    static let wideFloats: Set<ScalarType> = [.float32, .float64]
    static let integers: Set<ScalarType> = [.int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64]
    static let numbers = wideFloats.union(integers)
    /// What most operators that move elements take.
    static let moved = numbers.union([.bool, .float16, .bfloat16])

    static let table: [String: Set<ScalarType>] = {
        var table: [String: Set<ScalarType>] = [:]
        for name in ["Add", "Sub", "Mul", "Div", "Mod", "Abs"] { table[name] = numbers }
        for name in ["Less", "LessOrEqual", "Greater", "GreaterOrEqual"] { table[name] = numbers }
        for name in ["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"] { table[name] = integers }
        for name in ["Floor", "Ceil", "Exp", "Log", "Sqrt", "Sin", "Cos", "Tanh", "Pow"] { table[name] = wideFloats }
        table["Equal"] = numbers.union([.bool])
        table["Neg"] = wideFloats.union([.int8, .int16, .int32, .int64])
        table["Max"] = numbers.subtracting([.int16, .uint16])
        table["Min"] = table["Max"]
        table["Where"] = wideFloats.union([.int8, .int32, .int64, .uint8, .uint32])
        for name in ["Slice", "Concat", "Gather", "GatherND", "GatherElements", "ScatterND", "ScatterElements"] {
            table[name] = moved
        }
        table["Reshape"] = moved.union([.float8e4m3fn, .float8e5m2])
        table["Transpose"] = moved.union([.float8e4m3fn, .float8e5m2, .int4, .uint4])
        table["Expand"] = moved.subtracting([.bfloat16])
        table["Tile"] = numbers.union([.bool])
        table["Pad"] = wideFloats.union([.int32, .int64, .uint32, .uint64, .int8, .uint8, .bool])
        table["ReduceSum"] = wideFloats.union([.int32, .int64])
        table["ReduceProd"] = table["ReduceSum"]
        table["ReduceMax"] = wideFloats.union([.int32, .int64, .int8, .uint8])
        table["ReduceMin"] = table["ReduceMax"]
        table["MatMul"] = wideFloats.union([.int32, .int64, .uint32, .uint64])
        table["TopK"] = wideFloats.union([.int8, .int16, .int32, .int64, .uint8])
        return table
    }()

    /// The type in which `opType` is to be computed for operands of `type`, nil where none has the same results. Types
    /// for `ordered` operators keep the order of values; the rest need only keep the bits.
    static func carrier(_ opType: String, _ type: ScalarType, ordered: Bool) -> ScalarType? {
        guard let known = table[opType], !known.contains(type), type != .float16 else { return type }
        let candidates: [ScalarType] =
            switch type {
            case .bool: [.uint8, .int32]
            case .int4: [.int8, .int32]
            case .uint4: [.uint8, .int32]
            case .int8, .int16: [.int32]
            case .uint8, .uint16: [.int32]
            case .int32: [.int64]
            case .uint32: ordered ? [.int64] : [.int32, .int64]
            case .int64: []
            case .uint64: ordered ? [] : [.int64]
            case .float8e4m3fn, .float8e5m2, .float16, .bfloat16: [.float32]
            case .float32: [.float64]
            case .float64: []
            }
        return candidates.first(where: known.contains)
    }
}

extension GraphEmitter {
    /// ONNX' `Cast`, with no rules of ours for what does not fit.
    func cast(_ x: Port, _ to: ScalarType) throws(ONNXError) -> Port {
        if x.scalarType == to { return x }
        if let literal = x.literal, let folded = Self.folded(literal, to) {
            var copy = x
            copy.type = x.type.with(to)
            copy.source = .literal(folded)
            return copy
        }
        var attributes: [(String, OutgoingAttribute)] = [("to", .int(Int(ONNXElementType(to).rawValue)))]
        // 8-bit floats take what does not fit as the graph language does: as infinity, or NaN where there is none.
        if to == .float8e4m3fn || to == .float8e5m2, model.opset >= 19 { attributes.append(("saturate", .int(0))) }
        return try elementwise("Cast", [x], attributes, result: to)
    }

    /// The constant in another type, where it is one element and converts exactly.
    private static func folded(_ literal: Literal, _ to: ScalarType) -> Literal? {
        guard let bits = literal.splatBits, literal.type.shape.fixedExtents != nil else { return nil }
        let from = literal.type.scalarType
        let number = from.number(fromBits: bits)
        guard from.bitWidth < 64 || abs(number) < 0x1p53 || from == .float64 else { return nil }
        let result = to.bits(of: number)
        guard to.number(fromBits: result) == number else { return nil }
        return Literal(splatBits: result, type: literal.type.with(to))
    }

    /// `body` on `x` in a type that `opType` takes, and its result in x's type again.
    func carried(
        _ opType: String, _ x: Port, ordered: Bool = false, _ body: (Port) throws(ONNXError) -> Port
    ) throws(ONNXError) -> Port {
        try carried(opType, [x], ordered: ordered) { (operands) throws(ONNXError) in try body(operands[0]) }
    }

    /// `body` on operands of one type in a type that `opType` takes, and its result in their type again.
    func carried(
        _ opType: String, _ operands: [Port], ordered: Bool = false, _ body: ([Port]) throws(ONNXError) -> Port
    ) throws(ONNXError) -> Port {
        guard let type = operands.first?.scalarType,
            let carrier = Kernels.carrier(opType, type, ordered: ordered), carrier != type
        else { return try body(operands) }
        var wide: [Port] = []
        for operand in operands { wide.append(try cast(operand, carrier)) }
        return try cast(try body(wide), type)
    }

    /// An elementwise operator whose result has the operands' type.
    func arithmetic(_ opType: String, _ operands: Port..., ordered: Bool = false) throws(ONNXError) -> Port {
        try carried(opType, operands, ordered: ordered) { (operands) throws(ONNXError) in
            try elementwise(opType, operands, result: operands[0].scalarType)
        }
    }

    /// An elementwise relation, whose result is bool.
    func relation(_ opType: String, _ a: Port, _ b: Port) throws(ONNXError) -> Port {
        let ordered = opType != "Equal"
        guard let carrier = Kernels.carrier(opType, a.scalarType, ordered: ordered), carrier != a.scalarType else {
            return try elementwise(opType, [a, b], result: .bool)
        }
        return try elementwise(opType, [try cast(a, carrier), try cast(b, carrier)], result: .bool)
    }

    /// `a` where the condition holds, else `b`.
    func choose(_ condition: Port, _ a: Port, _ b: Port) throws(ONNXError) -> Port {
        try carried("Where", [a, b]) { (pair) throws(ONNXError) in
            let inputs = [condition, pair[0], pair[1]]
            return try elementwise("Where", inputs, result: pair[0].scalarType)
        }
    }

    /// A number repeated over the shape of `x`, in its type.
    func number(_ value: Double, like x: Port) -> Port { Port(Literal(number: value, type: x.type)) }

    /// Bits repeated over the shape of `x`, in its type.
    func bits(_ bits: UInt64, like x: Port) -> Port { Port(Literal(splatBits: bits, type: x.type)) }

    /// Logical not.
    func not(_ x: Port) throws(ONNXError) -> Port { try elementwise("Not", [x], result: .bool) }

    /// Whether elements are NaN.
    func isNaN(_ x: Port) throws(ONNXError) -> Port { try not(try relation("Equal", x, x)) }
}
