// Heterodyne: correctly rounded division and square root, and exact remainders, in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What the functions of this file need to know of a format.
private struct Format {
    let bias: Int
    /// Bits of the fraction, without the leading one.
    let fraction: Int
    /// The integer type that holds the bits.
    let word: KernelType

    init(_ type: KernelType) {
        let isWide = type.bits == 64
        (bias, fraction) = isWide ? (1023, 52) : (127, 23)
        word = type.with(scalar: isWide ? .uint64 : .uint32)
    }
}

extension MathLibrary {
    private func signed(_ x: KernelValue) -> KernelValue { integer(x) }

    /// A positive finite number as an integer significand in [2^fraction, 2^(fraction + 1)) and a biased exponent;
    /// that of a denormal is below 1.
    private func significand(_ x: KernelValue, _ format: Format) -> (s: KernelValue, exponent: KernelValue) {
        let unit = builder.constant(bits: UInt64(1) << UInt64(format.fraction), format.word)
        let bits = (word(x) << 1) >> 1
        // A denormal is read as an integer: devices may flush it in arithmetic.
        let isTiny = bits .< unit
        let normal = pick(isTiny, word(bits.converted(to: x.type.scalar)), bits)
        let zero = unit.like(0)
        let adjusted = pick(isTiny, zero + (format.bias + format.fraction - 1), zero)
        let mantissa = (normal & (unit - 1)) | unit
        return (mantissa, signed(normal >> format.fraction) - signed(adjusted))
    }

    /// bits / 2^amount to nearest, ties to even; 0 < amount < width.
    private func shifted(_ bits: KernelValue, _ amount: KernelValue) -> KernelValue {
        let one = bits.like(1)
        let odd = (bits >> amount) & one
        return (bits + ((one << (amount - one)) - one) + odd) >> amount
    }

    /// Whether any bit beside the sign is set: right for denormals on devices that flush them.
    private func isNonzero(_ x: KernelValue) -> KernelValue { (word(x) << 1) .!= 0 }

    /// Bits of the magnitude, as an integer that orders like it: infinity is `limit`, NaN above.
    private func ordered(_ x: KernelValue) -> (bits: KernelValue, limit: KernelValue) {
        let bits = (word(x) << 1) >> 1
        let infinity: UInt64 = x.type.bits == 64 ? 0x7ff0_0000_0000_0000 : 0x7f80_0000
        return (bits, builder.constant(bits: infinity, bits.type))
    }

    private func signBit(_ x: KernelValue) -> KernelValue {
        let bits = word(x)
        return bits & builder.constant(bits: UInt64(1) << UInt64(x.type.bits - 1), bits.type)
    }

    /// a / b rounded to nearest, ties to even, denormals and specials included, whatever the device's own division
    /// does, as long as it is within 16 units for numbers between 1 and 2.
    ///
    /// The device's quotient is an estimate; its residue, exact in integers modulo 2^32 (2^64), corrects it.
    public func divide(_ a: KernelValue, _ b: KernelValue) -> KernelValue {
        if isEmulated(a) { return a / b }
        let format = Format(a.type)
        let (x, ea) = significand(a, format)
        let (y, eb) = significand(b, format)
        let isBelow = x .< y
        let one = x.like(1)
        // 2^(fraction + 1) <= q < 2^(fraction + 2): one bit more than the result has.
        let amount = pick(isBelow, x.like(format.fraction + 2), x.like(format.fraction + 1))
        let (fx, fy) = (x.converted(to: a.type.scalar), y.converted(to: a.type.scalar))
        let lift = pick(
            isBelow, fx.like(Double(sign: .plus, exponent: format.fraction + 2, significand: 1)),
            fx.like(Double(sign: .plus, exponent: format.fraction + 1, significand: 1)))
        var q = ((fx / fy) * lift).converted(to: format.word.scalar)
        var rest = signed((x << amount) - q * y)
        let step = (rest.converted(to: a.type.scalar) / fy).floor.converted(to: rest.type.scalar)
        q = q + word(step)
        rest = rest - step * signed(y)
        let isOver = rest .< 0
        q = pick(isOver, q - one, q)
        rest = pick(isOver, rest + signed(y), rest)
        let isUnder = rest .>= signed(y)
        q = pick(isUnder, q + one, q)
        rest = pick(isUnder, rest - signed(y), rest)
        // One bit for the rounding, one for what lies beyond.
        let wide = (q << 1) | pick(rest .!= 0, one, x.like(0))
        let exponent = ea - eb + format.bias - pick(isBelow, signed(one), signed(x.like(0)))
        // Beyond two bits, a denormal result loses those below its unit.
        let lost = (exponent.like(1) - exponent).maximum(exponent.like(0)).minimum(exponent.like(format.fraction + 4))
        let fraction = shifted(wide, word(lost + 2))
        let base = (exponent - 1).maximum(exponent.like(0))
        let regular = fraction + (word(base) << format.fraction)
        let (ma, infinity) = ordered(a)
        let (mb, _) = ordered(b)
        let zero = x.like(0)
        let isLarge = exponent .>= exponent.like(2 * format.bias + 1)
        var magnitude = pick(isLarge, infinity, regular)
        magnitude = pick((ma .== 0) | (mb .== infinity), zero, magnitude)
        magnitude = pick((mb .== 0) | (ma .== infinity), infinity, magnitude)
        let isInvalid =
            ((ma .> infinity) | (mb .> infinity))
            | (((ma .== 0) & (mb .== 0)) | ((ma .== infinity) & (mb .== infinity)))
        let quiet = infinity | (infinity >> 1)
        magnitude = pick(isInvalid, quiet, magnitude)
        return float(magnitude | (signBit(a) ^ signBit(b)))
    }

    /// The square root rounded to nearest, denormals and specials included, whatever the device's own does, as long
    /// as it is within 16 units for numbers of ordinary size.
    public func squareRoot(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.squareRoot }
        let format = Format(x.type)
        let (s, biased) = significand(x, format)
        let exponent = biased - format.bias
        let isOdd = (exponent & 1) .!= 0
        // n = s 2^(fraction + 2 or 3), whose root has one bit more than the result; n itself is known modulo a word.
        let amount = pick(isOdd, s.like(format.fraction + 3), s.like(format.fraction + 2))
        let m = pick(isOdd, s << 1, s).converted(to: x.type.scalar)
        let lift = Double(sign: .plus, exponent: format.fraction / 2 + 1, significand: 1)
        // fraction is odd in float32 and even in float64: the root of a last factor of two is put into m.
        let isUneven = format.fraction % 2 != 0
        let estimate = (isUneven ? m * 2.0 : m).squareRoot * lift
        var r = estimate.converted(to: format.word.scalar)
        var rest = signed((s << amount) - r * r)
        let step = (rest.converted(to: x.type.scalar) / (estimate * 2.0)).floor.converted(to: rest.type.scalar)
        rest = rest - step * (signed(r << 1) + step)
        r = r + word(step)
        let one = r.like(1)
        for _ in 0..<2 {
            let isOver = rest .< 0
            rest = pick(isOver, rest + signed((r << 1) - one), rest)
            r = pick(isOver, r - one, r)
        }
        for _ in 0..<2 {
            let isUnder = rest .> signed(r << 1)
            rest = pick(isUnder, rest - signed((r << 1) + one), rest)
            r = pick(isUnder, r + one, r)
        }
        let wide = (r << 1) | pick(rest .!= 0, one, r.like(0))
        let fraction = shifted(wide, r.like(2))
        let half = (exponent >> 1) + (format.bias - 1)
        let regular = fraction + (word(half) << format.fraction)
        let (magnitude, infinity) = ordered(x)
        let sign = signBit(x)
        var bits = pick(magnitude .< infinity, regular, infinity)
        bits = pick((sign .!= 0) | (magnitude .> infinity), infinity | (infinity >> 1), bits)
        return float(pick(magnitude .== 0, sign, bits))
    }

    /// x - y trunc(x / y) with the sign of x, exactly; NaN where x is infinite or y is zero, x where y is infinite.
    ///
    /// Long division in integers, some 20 (50) bits of the quotient at a time.
    public func remainder(_ x: KernelValue, _ y: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.binary(.floatRemainder, y) }
        let format = Format(x.type)
        let (mx, ex) = significand(x, format)
        let (my, ey) = significand(y, format)
        let digits = x.type.bits == 64 ? 50 : 20
        let divisor = my.converted(to: x.type.scalar)
        let zero = ex.like(0)
        let (ax, infinity) = ordered(x)
        let (ay, _) = ordered(y)
        let isRegular = ((ax .>= ay) & (ax .< infinity)) & (ay .!= 0)
        // The dividend is below the divisor from the start on.
        let isAbove = mx .>= my
        let rest = builder.variable(pick(isAbove, mx - my, mx))
        let left = builder.variable(pick(isRegular, ex - ey, zero))
        builder.while(any(left.value .> zero)) {
            let amount = left.value.minimum(zero.like(digits)).maximum(zero)
            let old = rest.value
            let scale = powerOfTwo(amount)
            let q = ((old.converted(to: x.type.scalar) / divisor) * scale).converted(to: format.word.scalar)
            var new = signed((old << word(amount)) - q * my)
            for _ in 0..<2 { new = pick(new .< zero, new + signed(my), new) }
            for _ in 0..<2 { new = pick(new .>= signed(my), new - signed(my), new) }
            rest.value = word(new)
            left.value = left.value - amount
        }
        let value = rest.value
        // value 2^(ey - bias - fraction): its own exponent comes from the conversion.
        let own = (word(value.converted(to: x.type.scalar)) >> format.fraction)
        let position = signed(own) - format.bias
        let up = (position.like(format.fraction) - position).maximum(zero)
        let exponent = ey - up
        let normalized = value << word(up.minimum(zero.like(format.fraction)))
        let down = (zero.like(1) - exponent).maximum(zero).minimum(zero.like(format.fraction + 1))
        let base = (exponent - 1).maximum(zero)
        let regular = (normalized >> word(down)) + (word(base) << format.fraction)
        var bits = pick(value .== 0, value.like(0), regular)
        bits = pick(isRegular, bits, ax)
        let isInvalid = ((ax .>= infinity) | (ay .> infinity)) | (ay .== 0)
        bits = pick(isInvalid, infinity | (infinity >> 1), bits)
        return float(bits | signBit(x))
    }
}
