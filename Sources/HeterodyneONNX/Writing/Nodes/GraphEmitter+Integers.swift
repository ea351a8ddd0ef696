// Heterodyne: integer arithmetic, where ONNX leaves open what the graph language defines.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    /// `b` with 1 where division would stop the program or overflow, and where that is.
    private struct Divisor {
        let safe: Port
        let isZero: Port?
        let isMinusOne: Port?
    }

    private func divisor(_ b: Port) throws(ONNXError) -> Divisor {
        let isSigned = b.scalarType.isSignedInteger
        let known = b.knownIntegers
        let one = number(1, like: b)
        var safe = b
        var (isZero, isMinusOne): (Port?, Port?)
        if known?.contains(0) ?? true {
            let hits = try relation("Equal", b, number(0, like: b))
            safe = try choose(hits, one, safe)
            isZero = hits
        }
        if isSigned, known?.contains(-1) ?? true {
            let hits = try relation("Equal", b, number(-1, like: b))
            safe = try choose(hits, one, safe)
            isMinusOne = hits
        }
        return Divisor(safe: safe, isZero: isZero, isMinusOne: isMinusOne)
    }

    /// The quotient truncated toward zero; all bits set for division by zero; `minimum / -1` wraps.
    func divide(_ a: Port, _ b: Port) throws(ONNXError) -> Port {
        let divisor = try divisor(b)
        var quotient = try arithmetic("Div", a, divisor.safe)
        if let hits = divisor.isMinusOne {
            quotient = try choose(hits, try arithmetic("Sub", number(0, like: a), a), quotient)
        }
        if let hits = divisor.isZero { quotient = try choose(hits, bits(.max, like: a), quotient) }
        return quotient
    }

    /// `a - b * trunc(a / b)`; `a` for division by zero.
    func remainder(_ a: Port, _ b: Port) throws(ONNXError) -> Port {
        let divisor = try divisor(b)
        // By 1, which stands in for -1, the remainder is 0 as it is by -1.
        let quotient = try arithmetic("Div", a, divisor.safe)
        let rest = try arithmetic("Sub", a, try arithmetic("Mul", quotient, divisor.safe))
        guard let hits = divisor.isZero else { return rest }
        return try choose(hits, a, rest)
    }

    /// `a` by `b` bits; what leaves the width is gone, and amounts out of range leave only the fill.
    func shift(_ a: Port, _ b: Port, isLeft: Bool) throws(ONNXError) -> Port {
        let type = a.scalarType
        let width = type.bitWidth
        let fillsSign = type.isSignedInteger && !isLeft
        let unsigned: ScalarType = width == 64 ? .uint64 : width == 8 ? .uint8 : .uint32
        // The complement of a negative number has zeros where it has its sign.
        let isNegative = fillsSign ? try relation("Less", a, number(0, like: a)) : nil
        var value = a
        if let isNegative { value = try choose(isNegative, try arithmetic("BitwiseNot", a), a) }
        // Narrow numbers lie in wider unsigned ones; sign bits above them are shifted out or cut off.
        value = try cast(value, unsigned)
        if width == 16, !type.isSignedInteger || isLeft {
            value = try arithmetic("BitwiseAnd", value, number(0xFFFF, like: value))
        }
        var amount = try cast(b, unsigned)
        let known = b.knownIntegers
        let isInRange = known.map { $0.allSatisfy { (0..<width).contains($0) } } ?? false
        var outside: Port?
        if !isInRange {
            // As unsigned numbers, negative amounts are the largest of all.
            let far = try relation("GreaterOrEqual", amount, number(Double(width), like: amount))
            amount = try choose(far, number(fillsSign ? Double(width - 1) : 0, like: amount), amount)
            if !fillsSign { outside = far }
        }
        var result = try elementwise(
            "BitShift", [value, amount], [("direction", .string(isLeft ? "LEFT" : "RIGHT"))],
            result: value.scalarType)
        if let outside { result = try choose(outside, number(0, like: result), result) }
        result = try cast(result, type)
        if let isNegative { result = try choose(isNegative, try arithmetic("BitwiseNot", result), result) }
        return result
    }

    /// `a^b` by squaring, wrapping; a negative exponent gives the truncated quotient `1 / a^|b|`.
    ///
    /// A loop over the bits of the exponent, on 64 bits, of which the low ones are those of every narrower type.
    func power(_ a: Port, _ b: Port) throws(ONNXError) -> Port {
        let type = a.scalarType
        let base = try whole(try cast(a, .int64))
        let exponent = try whole(try cast(b, .uint64))
        let shape = a.shape
        let integers = TensorType(.int64, shape)
        let naturals = TensorType(.uint64, shape)
        let truth = TensorType(.bool, .scalar)
        let body = try subgraph("body", inputs: [.scalar(.int64), truth, integers, integers, naturals]) {
            (inner, x) throws(ONNXError) in
            let (result, base, exponent) = (x[2], x[3], x[4])
            let low = try inner.arithmetic("BitwiseAnd", exponent, inner.number(1, like: exponent))
            let isSet = try inner.relation("Equal", low, inner.number(1, like: low))
            let next = try inner.choose(isSet, try inner.arithmetic("Mul", result, base), result)
            let squared = try inner.arithmetic("Mul", base, base)
            let rest = try inner.elementwise(
                "BitShift", [exponent, inner.number(1, like: exponent)], [("direction", .string("RIGHT"))],
                result: .uint64)
            return [x[1], next, squared, rest]
        }
        let count = Port(Literal(Int64(type.bitWidth)))
        let start = try whole(number(1, like: base))
        let results = try nodes(
            "Loop", [count, Port(Literal(true)), start, base, exponent], [("body", .graph(body))],
            results: [integers, integers, naturals])
        let positive = try cast(results[0], type)
        guard type.isSignedInteger else { return positive }
        // 1 / a^n: all bits set for 0, 1 for 1, the sign of an odd power for -1, and 0 beyond.
        let isNegative = try relation("Less", b, number(0, like: b))
        let isOdd = try relation(
            "Equal", try arithmetic("BitwiseAnd", b, number(1, like: b)), number(1, like: b))
        var inverse = try choose(try relation("Equal", a, number(1, like: a)), number(1, like: a), number(0, like: a))
        let sign = try choose(isOdd, number(-1, like: a), number(1, like: a))
        inverse = try choose(try relation("Equal", a, number(-1, like: a)), sign, inverse)
        inverse = try choose(try relation("Equal", a, number(0, like: a)), bits(.max, like: a), inverse)
        return try choose(isNegative, inverse, positive)
    }
}
