// Heterodyne: conversions between element types by the rules of the graph language.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    /// Each element in another type: to floats rounded to nearest even; to integers truncated toward zero, saturating,
    /// NaN to 0; between integers wrapping; to bool `x != 0`.
    func convert(_ x: Port, _ to: ScalarType) throws(ONNXError) -> Port {
        let from = x.scalarType
        if from == to { return x }
        if to == .bool || to.isFloatingPoint {
            // Narrow formats go through one that has all their values.
            let step: ScalarType =
                switch from {
                case .int4: .int8
                case .uint4: .uint8
                case .float8e4m3fn, .float8e5m2, .bfloat16: to == .float32 ? from : .float32
                default: from
                }
            if to == .float8e5m2 { return try cast(try withInfinities(try cast(x, .float32)), to) }
            return try cast(try cast(x, step), to)
        }
        if from.isFloatingPoint { return try saturated(x, to) }
        guard to == .int4 || to == .uint4 else {
            let step: ScalarType = from == .int4 ? .int8 : from == .uint4 ? .uint8 : from
            return try cast(try cast(x, step), to)
        }
        // Wrapped by hand: what a conversion to 4 bits does with other numbers differs between programs.
        if to == .uint4 {
            let byte = try cast(try cast(x, from == .int4 ? .int8 : from), .uint8)
            return try cast(try arithmetic("BitwiseAnd", byte, number(15, like: byte)), .uint4)
        }
        let byte = try cast(try cast(x, from == .uint4 ? .uint8 : from), .int8)
        let low = try arithmetic("BitwiseAnd", byte, number(15, like: byte))
        let flipped = try arithmetic("BitwiseXor", low, number(8, like: low))
        return try cast(try arithmetic("Sub", flipped, number(8, like: low)), .int4)
    }

    /// What rounds beyond the largest float8e5m2 as an infinity, which ONNX Runtime would make NaN just above it.
    private func withInfinities(_ x: Port) throws(ONNXError) -> Port {
        let isBeyond = try relation("GreaterOrEqual", try arithmetic("Abs", x), number(61440, like: x))
        return try choose(isBeyond, try arithmetic("Mul", x, number(3e38, like: x)), x)
    }

    /// Floats as integers. ONNX leaves open what becomes of numbers that do not fit, so none is left when it converts.
    private func saturated(_ x: Port, _ to: ScalarType) throws(ONNXError) -> Port {
        let wide = try cast(x, x.scalarType == .float64 ? .float64 : .float32)
        let zero = number(0, like: wide)
        let real = try choose(try isNaN(wide), zero, wide)
        let lowest = to.number(fromBits: to.lowestBits)
        let bound = Double(sign: .plus, exponent: to.isSignedInteger ? to.bitWidth - 1 : to.bitWidth, significand: 1)
        let digits = wide.scalarType == .float64 ? 53 : 24
        let isExact = to.bitWidth - (to.isSignedInteger ? 1 : 0) <= digits
        // The largest float below the bound, where the largest integer is none itself.
        let highest =
            isExact
            ? bound - 1
            : wide.scalarType == .float64 ? bound.nextDown : Double(Float(bound).nextDown)
        let floor = Port(Literal(number: lowest, type: .scalar(wide.scalarType)))
        let ceiling = Port(Literal(number: highest, type: .scalar(wide.scalarType)))
        let clipped = try elementwise("Clip", [real, floor, ceiling], result: wide.scalarType)
        if to == .int4 || to == .uint4 {
            return try cast(try cast(clipped, to == .int4 ? .int8 : .uint8), to)
        }
        let result = try cast(clipped, to)
        if isExact { return result }
        let isBeyond = try relation("GreaterOrEqual", real, number(bound, like: real))
        return try choose(isBeyond, bits(to.highestBits, like: result), result)
    }

    /// The same bits as another type of the same width.
    func bitcast(_ x: Port, _ to: ScalarType) throws(ONNXError) -> Port {
        let from = x.scalarType
        if from == to { return x }
        if let bits = x.splatBits, x.held.rank == 0 {
            return Port(Literal(splatBits: bits, type: x.type.with(to)))
        }
        // Between integers of one width, the wrapping conversion keeps the bits.
        if !from.isFloatingPoint && !to.isFloatingPoint { return try convert(x, to) }
        guard model.opset >= 26 else {
            throw inexpressible(
                "the bits of \(from) as \(to) need operator set 26, and \(model.opset) is wanted; write with that")
        }
        let carrier: ScalarType? = [from, to].contains { $0 == .float8e4m3fn || $0 == .float8e5m2 } ? nil : from
        guard carrier != nil else {
            throw inexpressible("ONNX has no operator that reads the bits of \(from) as \(to); convert instead")
        }
        return try elementwise("BitCast", [x], [("to", .int(Int(ONNXElementType(to).rawValue)))], result: to)
    }
}
