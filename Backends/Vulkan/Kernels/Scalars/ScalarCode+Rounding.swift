// Heterodyne: registers brought to the values of narrow types, in integer code.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    /// An f32 or integer register brought to the values of a type: floats rounded to nearest, ties to even, integers
    /// wrapped.
    func rounded(_ value: KernelValue, to type: ScalarType) -> KernelValue {
        switch type {
        case .bool, .int32, .uint32, .int64, .uint64, .float32, .float64: value
        case .int4, .int8, .int16, .uint4, .uint8, .uint16: wrapped(value, to: type)
        case .bfloat16: roundedToBFloat16(value)
        case .float16:
            target.arithmetic.narrowsToHalfExactly && target.features.contains(.float16)
                ? value.converted(to: .float16).converted(to: .float32) : fromHalf(half(value))
        case .float8e4m3fn, .float8e5m2: fromEightBits(eightBits(value, type), type)
        }
    }

    /// A 32-bit integer register modulo 2^bits, in the range of the type.
    func wrapped(_ value: KernelValue, to type: ScalarType) -> KernelValue {
        let bits = type.bitWidth
        guard bits < 32 else { return value }
        if type.isSignedInteger { return (value << (32 - bits)) >> (32 - bits) }
        return value & ((1 << bits) - 1)
    }

    private func roundedToBFloat16(_ value: KernelValue) -> KernelValue {
        let bits = word(value)
        let nearest = bits + (((bits >> 16) & 1) + 0x7fff)
        let quiet = bits | 0x40_0000
        let mask = builder.constant(bits: 0xffff_0000, bits.type)
        return float(select(isNaN(value), quiet, nearest) & mask)
    }

    /// bits / 2^amount to nearest, ties to even; 0 < amount < 32.
    private func shifted(_ bits: KernelValue, _ amount: KernelValue) -> KernelValue {
        let one = bits.like(1)
        return (bits + ((one << (amount - 1)) - one) + ((bits >> amount) & 1)) >> amount
    }

    /// The bits of a finite magnitude, given by its bits, in a format with `fraction` bits behind the point and the
    /// least normal exponent `1 - bias`; beyond the largest finite number they go on as if there were more exponents.
    private func narrowed(_ bits: KernelValue, fraction: Int, bias: Int) -> KernelValue {
        let drop = 23 - fraction
        let rebias = (127 - bias) << fraction
        let normal = shifted(bits, bits.like(drop)) - bits.like(rebias)
        let exponent = bits >> 23
        // The unit of subnormals is 2^(1 - bias - fraction).
        let least = bits.like(128 - bias)
        let amount = ((least + drop) - exponent.minimum(least)).minimum(bits.like(31))
        let subnormal = shifted((bits & 0x7f_ffff) | 0x80_0000, amount)
        return select(exponent .< least, subnormal, normal)
    }

    /// The number that the bits of a narrow format's magnitude stand for. Needs neither denormals nor narrow floats of
    /// the device.
    private func widened(_ bits: KernelValue, fraction: Int, bias: Int) -> KernelValue {
        let unit = Double(sign: .plus, exponent: 1 - bias - fraction, significand: 1)
        let subnormal = bits.converted(to: .float32) * unit
        let normal = (bits << (23 - fraction)) + bits.like((127 - bias) << 23)
        return word(select(bits .< bits.like(1 << fraction), subnormal, float(normal)))
    }

    private func sign(_ bits: KernelValue) -> KernelValue {
        bits & builder.constant(bits: 0x8000_0000, bits.type)
    }

    // MARK: float16

    /// The bits of an f32 register as float16, in a u32. NaN keeps the upper bits of its payload.
    func half(_ value: KernelValue) -> KernelValue {
        let bits = word(value)
        let size = magnitude(bits)
        let infinite = size.like(0x7c00)
        let finite = narrowed(size, fraction: 10, bias: 15).minimum(infinite)
        let payload = ((size >> 13) & 0x3ff) | infinite
        let isQuiet = payload .!= infinite
        let noNumber = select(isQuiet, payload, payload | 0x200)
        let infinity = infinity(size)
        // Beyond 2^16 everything is infinite; the code above is made for less.
        let number = select(size .>= size.like(0x4780_0000), infinite, finite)
        return select(size .> infinity, noNumber, number) | (sign(bits) >> 16)
    }

    /// The f32 register of a float16's bits in a u32.
    func fromHalf(_ bits: KernelValue) -> KernelValue {
        let size = bits & 0x7fff
        let regular = widened(size, fraction: 10, bias: 15)
        let special = (size << 13) + size.like(224 << 23)
        let magnitude = select(size .>= size.like(0x7c00), special, regular)
        return float(magnitude | ((bits & 0x8000) << 16))
    }

    // MARK: 8-bit floats

    /// The bits of an f32 register as an 8-bit float, in a u32. float8e4m3fn has no infinities: what rounds beyond 448
    /// is NaN. float8e5m2 has them.
    func eightBits(_ value: KernelValue, _ type: ScalarType) -> KernelValue {
        let bits = word(value)
        let size = magnitude(bits)
        let sign = sign(bits) >> 24
        if type == .float8e4m3fn {
            let finite = narrowed(size, fraction: 3, bias: 7)
            // 464.0, the middle between 448 and the next number that there would be, goes to 448, which is even.
            return select(size .> size.like(0x43e8_0000), size.like(0x7f), finite) | sign
        }
        let finite = narrowed(size, fraction: 2, bias: 15)
        // 61440.0 is the middle between 57344 and 65536.
        let number = select(size .>= size.like(0x4770_0000), size.like(0x7c), finite)
        // NaN keeps what fits of its payload.
        let payload = (size >> 21) & 3
        let noNumber = select(payload .== 0, size.like(0x7e), payload | 0x7c)
        return select(size .> infinity(size), noNumber, number) | sign
    }

    /// The f32 register of an 8-bit float's bits in a u32.
    func fromEightBits(_ bits: KernelValue, _ type: ScalarType) -> KernelValue {
        let size = bits & 0x7f
        let sign = (bits & 0x80) << 24
        if type == .float8e4m3fn {
            let regular = widened(size, fraction: 3, bias: 7)
            return float(select(size .== 0x7f, size.like(0x7fc0_0000), regular) | sign)
        }
        let regular = widened(size, fraction: 2, bias: 15)
        let special = (size << 21) + size.like(224 << 23)
        return float(select(size .>= size.like(0x7c), special, regular) | sign)
    }
}
