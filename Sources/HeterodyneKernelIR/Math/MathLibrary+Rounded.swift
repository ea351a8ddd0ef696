// Heterodyne: correctly rounded division and square root in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What the functions of this file need to know of a format.
private struct Format {
    let bias: Int
    let fraction: Int
    let unsigned: KernelType
    let epsilon: Double

    init(isSingle: Bool) {
        (bias, fraction) = isSingle ? (127, 23) : (1023, 52)
        unsigned = isSingle ? .u32 : .u64
        epsilon = isSingle ? 0x1p-23 : 0x1p-52
    }
}

extension MathLibrary {
    /// A positive finite number as 2^exponent times a significand in [1, 2).
    private func significand(_ x: KernelValue, _ format: Format) -> (s: KernelValue, exponent: KernelValue) {
        let unit = builder.constant(bits: UInt64(1) << UInt64(format.fraction), format.unsigned)
        let bits = x.magnitude.bitcast(to: format.unsigned)
        // A denormal is read as an integer: devices may flush it in arithmetic.
        let isTiny = bits .< unit
        let scaled = bits.converted(to: x.type.scalar)
        let normal = pick(isTiny, scaled.bitcast(to: format.unsigned), bits)
        let adjusted = pick(isTiny, unit.like(format.bias + format.fraction - 1), unit.like(0))
        let mantissa = (normal & (unit - 1)) | (unit.like(format.bias) << format.fraction)
        let exponent = integer((normal >> format.fraction).bitcast(to: format.unsigned))
        return (mantissa.bitcast(to: x.type), exponent - integer(adjusted) - format.bias)
    }

    /// q 2^exponent, q in [1/2, 2] off by less than half a unit in the direction of `residue`; rounded once, also
    /// into denormals, in integers.
    private func rounded(
        _ q: KernelValue, _ residue: KernelValue, _ exponent: KernelValue, _ format: Format
    ) -> KernelValue {
        let unit = builder.constant(bits: UInt64(1) << UInt64(format.fraction), format.unsigned)
        let bits = q.bitcast(to: format.unsigned)
        let own = integer(bits >> format.fraction) - format.bias
        let e = exponent + own + format.bias
        // Three more bits hold which side of q the true value is on.
        let side = pick(residue .> 0.0, unit.like(1), unit.like(0))
        let other = pick(residue .< 0.0, unit.like(1), unit.like(0))
        let wide = ((((bits & (unit - 1)) | unit) << 3) + side) - other
        let normal = (bits & (unit - 1)) + (e.bitcast(to: format.unsigned) << format.fraction)
        let lost = (e.like(1) - e).minimum(e.like(format.fraction + 3)).maximum(e.like(0)).bitcast(to: format.unsigned)
        let amount = lost + 3
        let down = wide >> amount
        let dropped = wide - (down << amount)
        let half = unit.like(1) << (amount - 1)
        let isUp = (dropped .> half) | ((dropped .== half) & ((down & 1) .== 1))
        let small = down + pick(isUp, unit.like(1), unit.like(0))
        let infinity = builder.constant(bits: UInt64(2 * format.bias + 1) << UInt64(format.fraction), format.unsigned)
        let limit = e.like(2 * format.bias + 1)
        let finite = pick(e .> 0, normal, small)
        return pick(e .>= limit, infinity, finite).bitcast(to: q.type)
    }

    /// a / b rounded to nearest, ties to even, denormals and specials included, whatever the device's own division
    /// does, as long as that is within 8 units. Needs fused multiply-add.
    public func divide(_ a: KernelValue, _ b: KernelValue) -> KernelValue {
        let format = Format(isSingle: isSingle(a))
        let (x, ea) = significand(a, format)
        let (y, eb) = significand(b, format)
        // Newton's step brings the quotient within a unit of the truth, the residue then says which neighbour is it.
        let reciprocal = 1.0 / y
        var q = x * reciprocal
        for _ in 0..<2 { q = muladd(muladd(-q, y, x), reciprocal, q) }
        let ulp = pick(q .< 1.0, q.like(format.epsilon / 2), q.like(format.epsilon))
        var residue = muladd(-q, y, x)
        let bound = 0.5 * (ulp * y)
        q = pick(residue .> bound, q + ulp, pick(residue .< -bound, q - ulp, q))
        residue = muladd(-q, y, x)
        let result = rounded(q, residue, ea - eb, format)
        let isRegular =
            (((a.magnitude .< Double.infinity) & (b.magnitude .< Double.infinity)) & isNonzero(a)) & isNonzero(b)
        let sign = builder.constant(bits: UInt64(1) << UInt64(a.type.bits - 1), format.unsigned)
        let signs = (a.bitcast(to: format.unsigned) ^ b.bitcast(to: format.unsigned)) & sign
        let regular = (result.bitcast(to: format.unsigned) | signs).bitcast(to: a.type)
        let isZero = (!isNonzero(a) & isNonzero(b)) | ((a.magnitude .< Double.infinity) & b.isInfinite)
        let isInvalid = ((a .!= a) | (b .!= b)) | ((!isNonzero(a) & !isNonzero(b)) | (a.isInfinite & b.isInfinite))
        let infinite = (a.like(Double.infinity).bitcast(to: format.unsigned) | signs).bitcast(to: a.type)
        let special = pick(isZero & !(b .!= b), signs.bitcast(to: a.type), infinite)
        return pick(isRegular, regular, pick(isInvalid, a.like(Double.nan), special))
    }

    /// Whether any bit beside the sign is set: right for denormals on devices that flush them.
    private func isNonzero(_ x: KernelValue) -> KernelValue {
        let bits = x.bitcast(to: x.type.bits == 64 ? .u64 : .u32)
        return (bits << 1) .!= 0
    }

    /// The square root rounded to nearest, denormals and specials included. Needs fused multiply-add.
    public func squareRoot(_ x: KernelValue) -> KernelValue {
        let format = Format(isSingle: isSingle(x))
        let (s, exponent) = significand(x, format)
        let isOdd = (exponent & 1) .!= 0
        let m = pick(isOdd, 2.0 * s, s)
        var r = m.squareRoot
        for _ in 0..<2 { r = muladd(muladd(-r, r, m), 0.5 / r, r) }
        let residue = muladd(-r, r, m)
        let bound = r * format.epsilon
        r = pick(residue .> bound, r + format.epsilon, pick(residue .< -bound, r - format.epsilon, r))
        let result = r * powerOfTwo(exponent >> 1)
        let regular = pick((x .> 0.0) | (isNonzero(x) & (integer(x.bitcast(to: format.unsigned)) .> 0)), result, x)
        let checked = pick(x .< Double.infinity, regular, x)
        return pick((x .< 0.0), x.like(Double.nan), checked)
    }
}
