// Heterodyne: the arithmetic of integers and truth values.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    func integerUnary(_ op: HeterodyneGraph.UnaryOperator, _ x: KernelValue, _ type: ScalarType) -> KernelValue {
        let negated = wrapped(x.like(0) - x, to: type)
        if op == .negate { return negated }
        return type.isSignedInteger ? select(x .< 0, negated, x) : x
    }

    func integerBinary(
        _ op: HeterodyneGraph.BinaryOperator, _ a: KernelValue, _ b: KernelValue, _ type: ScalarType
    ) -> KernelValue {
        switch op {
        case .add: wrapped(a + b, to: type)
        case .subtract: wrapped(a - b, to: type)
        case .multiply: wrapped(a * b, to: type)
        case .divide: wrapped(select(b .== 0, ones(a), a / divisor(a, b, type)), to: type)
        case .remainder: select(b .== 0, a, a % divisor(a, b, type))
        case .power: power(a, b, type)
        case .maximum: select(a .< b, b, a)
        case .minimum: select(b .< a, b, a)
        case .and: a & b
        case .or: a | b
        case .xor: a ^ b
        case .shiftLeft: wrapped(select(isShift(b, type), a << b, a.like(0)), to: type)
        case .shiftRight: rightShift(a, b, type)
        }
    }

    /// Conjunction, disjunction and exclusive disjunction.
    func logical(_ op: HeterodyneGraph.BinaryOperator, _ a: KernelValue, _ b: KernelValue) -> KernelValue {
        switch op {
        case .and, .multiply, .minimum: a & b
        case .or, .maximum: a | b
        case .xor, .add, .subtract, .divide, .remainder, .power, .shiftLeft, .shiftRight: a ^ b
        }
    }

    private func ones(_ x: KernelValue) -> KernelValue { ~x.like(0) }

    /// The divisor, but 1 where division would be undefined: by zero, and of the least number by -1.
    private func divisor(_ a: KernelValue, _ b: KernelValue, _ type: ScalarType) -> KernelValue {
        var isUndefined = b .== 0
        if type.isSignedInteger, type.bitWidth >= 32 {
            let least = builder.constant(bits: UInt64(1) << UInt64(type.bitWidth - 1), a.type)
            isUndefined = isUndefined | ((a .== least) & (b .== ones(b)))
        }
        return select(isUndefined, b.like(1), b)
    }

    /// Whether an amount is at least 0 and below the width.
    private func isShift(_ amount: KernelValue, _ type: ScalarType) -> KernelValue {
        let unsigned: ScalarType = amount.type.bits == 64 ? .uint64 : .uint32
        let bits = amount.converted(to: unsigned)
        return bits .< bits.like(type.bitWidth)
    }

    private func rightShift(_ a: KernelValue, _ b: KernelValue, _ type: ScalarType) -> KernelValue {
        let isInside = isShift(b, type)
        if type.isSignedInteger { return a >> select(isInside, b, b.like(a.type.bits - 1)) }
        return select(isInside, a >> b, a.like(0))
    }

    /// a^b modulo 2^bits, by squaring; a negative exponent gives the truncated quotient of 1 by the exact power, and 0
    /// to it is 1 / 0.
    private func power(_ a: KernelValue, _ b: KernelValue, _ type: ScalarType) -> KernelValue {
        let (zero, one) = (a.like(0), a.like(1))
        let isNegative = type.isSignedInteger ? b .< 0 : nil
        let result = builder.variable(one)
        let square = builder.variable(a)
        let exponent = builder.variable(isNegative.map { select($0, zero, b) } ?? b)
        builder.while(single.any(exponent.value .!= 0)) {
            let isOdd = (exponent.value & 1) .!= 0
            result.value = select(isOdd, result.value * square.value, result.value)
            square.value = square.value * square.value
            exponent.value = exponent.value >> 1
        }
        let positive = wrapped(result.value, to: type)
        guard let isNegative else { return positive }
        let alternating = select((b & 1) .== 0, one, a)
        var negative = select(a .== ones(a), alternating, zero)
        negative = select(a .== one, one, negative)
        negative = select(a .== zero, ones(a), negative)
        return select(isNegative, negative, positive)
    }
}
