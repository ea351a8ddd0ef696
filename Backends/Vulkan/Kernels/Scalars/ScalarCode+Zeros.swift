// Heterodyne: arithmetic with a constant zero, in integer code.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    /// The operand of a binary operation that is a constant zero, and which.
    struct ConstantZero {
        /// Whether the zero is the first operand.
        var isFirst: Bool
        /// Whether it is -0.
        var isNegative: Bool
    }

    /// `op` on `x` and a constant zero, nil where the operation has no such form.
    ///
    /// Drivers simplify sums, products and quotients with a constant zero as if there were neither NaN nor infinity nor
    /// -0, also where the module says that they must be preserved (Mesa's llvmpipe gives 0 for 1 / 0), so the float units
    /// never see the zero. The result is exact in every format: the other operand, a zero, infinity or NaN.
    func binary(
        _ op: HeterodyneGraph.BinaryOperator, _ x: KernelValue, _ zero: ConstantZero
    ) -> KernelValue? {
        if target.emulates(x) { return emulatedBinary(op, x, zero) }
        let bits = word(x)
        let signMask = builder.constant(bits: UInt64(1) << UInt64(bits.type.bits - 1), bits.type)
        let nothing = bits.like(0)
        let quiet =
            infinity(bits)
            | builder.constant(
                bits: UInt64(1) << UInt64(bits.type.bits == 64 ? 51 : 22), bits.type)
        let magnitude = magnitude(bits)
        /// The sign of the product or quotient.
        let sign = (zero.isNegative ? bits ^ signMask : bits) & signMask
        switch op {
        case .add: return float(sum(bits, isNegativeZero: zero.isNegative, signMask))
        case .subtract:
            // x - z = x + (-z), z - x = z + (-x).
            return zero.isFirst
                ? float(sum(bits ^ signMask, isNegativeZero: zero.isNegative, signMask))
                : float(sum(bits, isNegativeZero: !zero.isNegative, signMask))
        case .multiply:
            return float(select(magnitude .< infinity(bits), sign, quiet))
        case .divide:
            if zero.isFirst { return float(select(isNaN(x) | (magnitude .== nothing), quiet, sign)) }
            return float(select(isNaN(x) | (magnitude .== nothing), quiet, sign | infinity(bits)))
        default: return nil
        }
    }

    /// The same on a float64 that is going to be a pair: its number as float32 has its sign, and is zero, infinite or NaN
    /// where it is.
    private func emulatedBinary(
        _ op: HeterodyneGraph.BinaryOperator, _ x: KernelValue, _ zero: ConstantZero
    ) -> KernelValue? {
        let single = x.converted(to: .float32)
        func sum(_ value: KernelValue, isNegativeZero: Bool) -> KernelValue {
            let isZero = magnitude(word(single)) .== 0
            return isNegativeZero ? value : select(isZero, value.like(0.0), value)
        }
        switch op {
        case .add: return sum(x, isNegativeZero: zero.isNegative)
        case .subtract:
            return zero.isFirst
                ? sum(-x, isNegativeZero: zero.isNegative) : sum(x, isNegativeZero: !zero.isNegative)
        case .multiply, .divide: return binary(op, single, zero)?.converted(to: .float64)
        default: return nil
        }
    }

    /// The bits of a number, given by its bits, plus a zero: only -0 + 0 differs from the number.
    private func sum(_ bits: KernelValue, isNegativeZero: Bool, _ signMask: KernelValue) -> KernelValue {
        isNegativeZero ? bits : select(bits .== signMask, bits.like(0), bits)
    }
}
