// Heterodyne: conversion between element types, by value and by bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    /// The value in another type: to floats rounded once, to nearest even; from floats to integers truncated and
    /// saturated, NaN to 0; between integers wrapped; to bool whether it is not zero.
    func convert(_ x: KernelValue, from: ScalarType, to: ScalarType) -> KernelValue {
        if from == to { return x }
        let register = Self.register(to).scalar
        if to == .bool { return isNonzero(x) }
        if from == .bool {
            let shape = Self.register(to).with(width: x.type.width)
            return select(x, builder.constant(1, shape), builder.constant(0, shape))
        }
        switch (from.isFloatingPoint, to.isFloatingPoint) {
        case (false, false): return wrapped(x.converted(to: register), to: to)
        case (true, false): return truncated(x, to)
        case (false, true): return integerToFloat(x, to)
        case (true, true):
            if from != .float64 { return to == .float64 ? x.converted(to: .float64) : rounded(x, to: to) }
            return to == .float32 ? x.converted(to: .float32) : rounded(roundedToOdd(x), to: to)
        }
    }

    /// The bits of the value as another type of the same width.
    func bitcast(_ x: KernelValue, from: ScalarType, to: ScalarType) -> KernelValue {
        if from == to { return x }
        let bits = bits(x, from)
        switch to {
        case .bool: return bits .!= 0
        case .int4, .int8, .int16, .int32, .int64, .uint4, .uint8, .uint16, .uint32, .uint64:
            return wrapped(bits.converted(to: Self.register(to).scalar), to: to)
        case .float8e4m3fn, .float8e5m2: return fromEightBits(bits, to)
        case .float16: return fromHalf(bits)
        case .bfloat16: return float(bits << 16)
        case .float32, .float64: return float(bits)
        }
    }

    /// The bits of a register's value in its tensor type, in a u32 or u64.
    private func bits(_ x: KernelValue, _ type: ScalarType) -> KernelValue {
        switch type {
        case .bool: return select(x, one(x, .uint32), zero(x, .uint32))
        case .int4, .int8, .int16: return x.converted(to: .uint32) & ((1 << type.bitWidth) - 1)
        case .int32, .uint4, .uint8, .uint16, .uint32: return x.converted(to: .uint32)
        case .int64, .uint64: return x.converted(to: .uint64)
        case .float8e4m3fn, .float8e5m2: return eightBits(x, type)
        case .float16: return half(x)
        case .bfloat16: return word(x) >> 16
        case .float32, .float64: return word(x)
        }
    }

    private func isNonzero(_ x: KernelValue) -> KernelValue {
        // By the bits, so that denormals count as they should on devices that flush them.
        if target.emulates(x) { return isNonzero(x.converted(to: .float32)) }
        return x.type.isFloat ? magnitude(word(x)) .!= 0 : x .!= 0
    }

    // MARK: Floats to integers

    private func truncated(_ x: KernelValue, _ type: ScalarType) -> KernelValue {
        let register = Self.register(type).with(width: x.type.width)
        let isSigned = type.isSignedInteger
        let high = x.like(Double(sign: .plus, exponent: type.bitWidth - (isSigned ? 1 : 0), significand: 1))
        let low = isSigned ? -Double(sign: .plus, exponent: type.bitWidth - 1, significand: 1) : 0
        let isInside = (x .> low) & (x .< high)
        let whole = select(isInside, x, x.like(0.0)).converted(to: register.scalar)
        // What is outside is above, below or NaN.
        let top = constant(bits: type.highestBits, type, width: x.type.width)
        let bottom = constant(bits: type.lowestBits, type, width: x.type.width)
        let outside = select(x .>= high, top, select(x .<= x.like(low), bottom, builder.constant(0, register)))
        return select(isInside, whole, outside)
    }

    // MARK: Integers to floats

    private func integerToFloat(_ x: KernelValue, _ type: ScalarType) -> KernelValue {
        if type == .float64 {
            guard x.type.bits == 64, !target.emulated.contains(.float64) else { return x.converted(to: .float64) }
            // Both halves are exact, the sum rounds once.
            let half: ScalarType = x.type.isSigned ? .int32 : .uint32
            let upper = (x >> 32).converted(to: half).converted(to: .float64)
            let lower = x.converted(to: .uint32).converted(to: .float64)
            return upper * 4_294_967_296.0 + lower
        }
        // float16 and the 8-bit floats are infinite, or NaN, long before float32 rounds integers.
        if x.type.bits == 32, type != .bfloat16 { return rounded(x.converted(to: .float32), to: type) }
        guard x.type.isSigned else { return rounded(folded(x, bits: type == .float32 ? 32 : 24), to: type) }
        let unsigned: ScalarType = x.type.bits == 64 ? .uint64 : .uint32
        let isNegative = x .< 0
        let size = select(isNegative, x.like(0) - x, x).converted(to: unsigned)
        let value = rounded(folded(size, bits: type == .float32 ? 32 : 24), to: type)
        return select(isNegative, unary(.negate, value, type), value)
    }

    /// An unsigned integer as float32, from its upper bits and one that says whether any of the lower ones is set: by
    /// 24 bits nothing is rounded yet, by 32 bits the conversion rounds once.
    private func folded(_ x: KernelValue, bits: Int) -> KernelValue {
        let position: KernelValue
        if x.type.bits == 64 {
            let (upper, lower) = ((x >> 32).converted(to: .uint32), x.converted(to: .uint32))
            position = select(upper .!= 0, upper.highestBit + 32, lower.highestBit & 31)
        } else {
            position = x.highestBit & 31
        }
        let least = position.like(bits - 1)
        let amount = position.maximum(least) - least
        let wide = amount.converted(to: x.type.scalar)
        let kept = x >> wide
        let isCut = (kept << wide) .!= x
        let sticky = select(isCut, kept | 1, kept).converted(to: .uint32)
        return sticky.converted(to: .float32) * float((amount + 127) << 23)
    }

    // MARK: float64 to narrow floats

    /// float64 as float32, truncated, with the last bit set where anything was lost: rounding that to a type at least
    /// two bits narrower is rounding the float64.
    private func roundedToOdd(_ x: KernelValue) -> KernelValue {
        let near = x.converted(to: .float32)
        let back = near.converted(to: .float64)
        let bits = word(near)
        if target.emulates(x) {
            let down = select(back.magnitude .> x.magnitude, bits - 1, bits)
            return float(select((back .!= x) & !x.isNaN, down | 1, bits))
        }
        let (size, wide) = (magnitude(word(x)), magnitude(word(back)))
        let down = select(wide .> size, bits - 1, bits)
        return float(select((wide .!= size) & (size .< infinity(size)), down | 1, bits))
    }
}
