// Heterodyne: the math library for kernels; what its families share.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Elementary functions as kernel code, by the algorithms of docs/MathFunctions.md, in float32 and float64.
///
/// They use nothing of the device but add, subtract, multiply, multiply-add, integers, and division, so that
/// they give the same bits on every device that rounds correctly. float32 needs nothing of 64 bits; float64 needs
/// 64-bit integers. Vectors are computed component by component.
public struct MathLibrary {
    /// The kernel under construction.
    public let builder: KernelBuilder
    /// Whether divisions inside functions are made exact by `divide`; for devices whose own division is loose.
    public var usesExactDivision: Bool
    /// Whether float64 is going to be emulated (`Kernel.emulating`). Its functions then stay whole operations, which the
    /// emulation computes in its own format: the algorithms of this library count on 53 bits and their places.
    public var emulatesFloat64: Bool

    /// The library for a kernel.
    public init(_ builder: KernelBuilder, usesExactDivision: Bool = false, emulatesFloat64: Bool = false) {
        self.builder = builder
        self.usesExactDivision = usesExactDivision
        self.emulatesFloat64 = emulatesFloat64
    }

    /// Whether functions of the value are left to the emulation of float64.
    func isEmulated(_ x: KernelValue) -> Bool { emulatesFloat64 && x.type.scalar == .float64 }

    func isSingle(_ x: KernelValue) -> Bool {
        if x.type.scalar != .float32, x.type.scalar != .float64 {
            builder.fail(.typeMismatch("the math library works on f32 and f64, not on \(x.type)"))
        }
        return x.type.scalar != .float64
    }

    /// a / b within a unit, for b well inside the normal range; where the device's own division is loose, by a step
    /// of Newton's method.
    func quotient(_ a: KernelValue, _ b: KernelValue) -> KernelValue {
        if !usesExactDivision || isEmulated(a) { return a / b }
        let reciprocal = 1.0 / b
        let q = a * reciprocal
        return muladd(muladd(-q, b, a), reciprocal, q)
    }

    func muladd(_ a: KernelValue, _ b: KernelValue, _ c: KernelValue) -> KernelValue { builder.multiplyAdd(a, b, c) }
    func muladd(_ a: KernelValue, _ b: Double, _ c: KernelValue) -> KernelValue { muladd(a, a.like(b), c) }

    /// c[0] + c[1] x + ... by Horner's rule.
    func polynomial(_ x: KernelValue, _ coefficients: [Double]) -> KernelValue {
        var sum = x.like(coefficients.last ?? 0)
        for coefficient in coefficients.dropLast().reversed() { sum = muladd(sum, x, x.like(coefficient)) }
        return sum
    }

    /// The bits as a signed integer.
    func integer(_ x: KernelValue) -> KernelValue {
        x.bitcast(to: x.type.with(scalar: x.type.bits == 64 ? .int64 : .int32))
    }
    /// The bits as an unsigned integer.
    func word(_ x: KernelValue) -> KernelValue {
        x.bitcast(to: x.type.with(scalar: x.type.bits == 64 ? .uint64 : .uint32))
    }
    /// Bits as a float.
    func float(_ x: KernelValue) -> KernelValue {
        x.bitcast(to: x.type.with(scalar: x.type.bits == 64 ? .float64 : .float32))
    }

    /// A function of scalars, component by component.
    func each(_ operands: [KernelValue], _ function: ([KernelValue]) -> KernelValue) -> KernelValue {
        guard let width = operands.first?.type.width, width > 1 else { return function(operands) }
        return joined((0..<width).map { part in function(operands.map { $0[part] }) })
    }

    /// A vector of scalars, or the only one.
    func joined(_ parts: [KernelValue]) -> KernelValue {
        guard parts.count > 1, let type = parts.first?.type else { return parts[0] }
        return builder.define(.construct(parts.map(\.id)), type.with(width: parts.count))
    }

    /// Whether a component is true.
    public func any(_ condition: KernelValue) -> KernelValue {
        var result = condition.type.width > 1 ? condition[0] : condition
        for part in 1..<max(condition.type.width, 1) { result = result | condition[part] }
        return result
    }

    func pick(_ condition: KernelValue, _ a: KernelValue, _ b: KernelValue) -> KernelValue {
        builder.select(condition, a, b)
    }
    /// NaN stays NaN.
    func atLeast(_ x: KernelValue, _ bound: Double) -> KernelValue { pick(x .< bound, x.like(bound), x) }
    /// NaN stays NaN.
    func atMost(_ x: KernelValue, _ bound: Double) -> KernelValue { pick(x .> bound, x.like(bound), x) }

    /// Bits of |x| without the sign's place, and those of infinity: comparing them is what drivers that assume finite
    /// numbers cannot optimize away.
    private func doubled(_ x: KernelValue) -> (bits: KernelValue, infinity: KernelValue) {
        let bits = word(x) << 1
        return (bits, builder.constant(bits: x.type.bits == 64 ? 0xffe0_0000_0000_0000 : 0xff00_0000, bits.type))
    }
    func isFinite(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return !(x.isNaN | x.isInfinite) }
        let (bits, infinity) = doubled(x)
        return bits .< infinity
    }
    func isInfinite(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.isInfinite }
        let (bits, infinity) = doubled(x)
        return bits .== infinity
    }
    func isNaN(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.isNaN }
        let (bits, infinity) = doubled(x)
        return bits .> infinity
    }

    /// |x| with the sign of another number.
    func withSign(_ x: KernelValue, of sign: KernelValue) -> KernelValue {
        if isEmulated(x) {
            let size = x.magnitude
            return pick(isNegative(sign), -size, size)
        }
        let bits = integer(x)
        let mask = builder.constant(bits: 1 << UInt64(x.type.bits - 1), bits.type)
        return float((bits & ~mask) | (integer(sign) & mask))
    }

    /// Whether the sign bit is set.
    func isNegative(_ x: KernelValue) -> KernelValue { integer(x) .< 0 }

    /// Adding it moves the integer part of a small number into the low bits.
    func magic(_ x: KernelValue) -> Double { isSingle(x) ? 12_582_912 : 6_755_399_441_055_744 }

    /// An integer-valued small float as an integer; garbage for NaN.
    func wholeNumber(_ n: KernelValue) -> KernelValue {
        let bits = integer(n + magic(n))
        return bits - builder.constant(bits: n.type.bits == 64 ? 0x4338_0000_0000_0000 : 0x4b40_0000, bits.type)
    }

    /// 2^i for an exponent in the normal range.
    func powerOfTwo(_ exponent: KernelValue) -> KernelValue {
        let (bias, shift) = exponent.type.bits == 64 ? (1023, 52) : (127, 23)
        return float((exponent + bias) << shift)
    }
}
