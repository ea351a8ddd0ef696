// Heterodyne: the unary and binary primitives, and comparisons.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    /// A unary primitive.
    func unary(_ op: HeterodyneGraph.UnaryOperator, _ x: KernelValue, _ type: ScalarType) -> KernelValue {
        guard type.isFloatingPoint else { return integerUnary(op, x, type) }
        let math = math(type)
        switch op {
        case .negate:
            if target.emulates(x) { return -x }
            let bits = word(x)
            return float(bits ^ builder.constant(bits: UInt64(1) << UInt64(bits.type.bits - 1), bits.type))
        case .abs: return target.emulates(x) ? x.magnitude : float(magnitude(word(x)))
        case .floor: return x.floor
        case .exp: return rounded(math.exponential(x), to: type)
        case .log: return rounded(math.logarithm(x), to: type)
        case .sqrt: return rounded(squareRoot(x), to: type)
        case .sin: return rounded(math.sine(x), to: type)
        case .cos: return rounded(math.cosine(x), to: type)
        case .tanh: return rounded(math.hyperbolicTangent(x), to: type)
        }
    }

    /// A binary primitive.
    ///
    /// float32 has more than twice the bits of the narrow floats and two more, so that rounding a float32 result of
    /// `+ - * /` is rounding the exact one (Figueroa, "When is double rounding innocuous?", 1995).
    func binary(
        _ op: HeterodyneGraph.BinaryOperator, _ a: KernelValue, _ b: KernelValue, _ type: ScalarType
    ) -> KernelValue {
        if type == .bool { return logical(op, a, b) }
        guard type.isFloatingPoint else { return integerBinary(op, a, b, type) }
        switch op {
        case .add: return rounded(a + b, to: type)
        case .subtract: return rounded(a - b, to: type)
        case .multiply: return rounded(a * b, to: type)
        case .divide: return rounded(quotient(a, b), to: type)
        case .remainder: return math(type).remainder(a, b)
        case .power: return rounded(math(type).power(a, b), to: type)
        case .maximum: return extreme(a, b, isLarger: true)
        case .minimum: return extreme(a, b, isLarger: false)
        case .and, .or, .xor, .shiftLeft, .shiftRight:
            return float(integerBinary(op, word(a), word(b), a.type.bits == 64 ? .uint64 : .uint32))
        }
    }

    /// a / b, correctly rounded.
    func quotient(_ a: KernelValue, _ b: KernelValue) -> KernelValue {
        let isExact = a.type.bits == 64 ? target.arithmetic.dividesExactly64 : target.arithmetic.dividesExactly
        return isExact || target.emulates(a) ? a / b : single.divide(a, b)
    }

    /// The correctly rounded square root.
    func squareRoot(_ x: KernelValue) -> KernelValue {
        let isExact = x.type.bits == 64 ? target.arithmetic.rootsExactly64 : target.arithmetic.rootsExactly
        return isExact || target.emulates(x) ? x.squareRoot : single.squareRoot(x)
    }

    /// The larger or smaller of two floats: NaN where either is, +0 above -0.
    private func extreme(_ a: KernelValue, _ b: KernelValue, isLarger: Bool) -> KernelValue {
        // Emulated extrema are this.
        if target.emulates(a) { return isLarger ? a.maximum(b) : a.minimum(b) }
        let isFirst = (isLarger ? a .> b : a .< b) | isNaN(a)
        let (x, y) = (word(a), word(b))
        // Equal numbers have equal bits, but for zeros: of these the maximum joins the signs, the minimum either.
        let equal = isLarger ? x & y : x | y
        return float(select(a .== b, equal, select(isFirst, x, y)))
    }

    /// max(x, 0), +0 for -0, NaN for NaN: integers that are at most -infinity are replaced.
    func positivePart(_ x: KernelValue, _ type: ScalarType) -> KernelValue {
        guard type.isFloatingPoint else { return type.isSignedInteger ? select(x .> 0, x, x.like(0)) : x }
        if target.emulates(x) { return select(x .<= x.like(0.0), x.like(0.0), x) }
        let bits = word(x)
        let sign = builder.constant(bits: UInt64(1) << UInt64(bits.type.bits - 1), bits.type)
        return float(select((bits - sign) .<= infinity(bits), bits.like(0), bits))
    }

    /// A comparison primitive.
    func compare(
        _ direction: ComparisonDirection, _ a: KernelValue, _ b: KernelValue, _ type: ScalarType
    ) -> KernelValue {
        if type == .bool {
            switch direction {
            case .equal: return a .== b
            case .notEqual: return a .!= b
            case .less: return !a & b
            case .lessOrEqual: return !a | b
            case .greater: return a & !b
            case .greaterOrEqual: return a | !b
            }
        }
        switch direction {
        case .equal: return a .== b
        case .notEqual: return a .!= b
        case .less: return a .< b
        case .lessOrEqual: return a .<= b
        case .greater: return a .> b
        case .greaterOrEqual: return a .>= b
        }
    }
}
