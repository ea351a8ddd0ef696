// Heterodyne: sin and cos in kernels, for arguments of any size.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension MathLibrary {
    /// sin(x), within 4 ULP over the whole range; NaN for infinities; keeps -0 and denormals.
    public func sine(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.unary(.sine) }
        if !isSingle(x), x.type.width > 1 { return each([x]) { sine($0[0]) } }
        let (r, quadrant) = isSingle(x) ? reduceAngle32(x) : reduceAngle64(x)
        return pick(x .== 0.0, x, sine(r, quadrant: quadrant))
    }

    /// cos(x), within 4 ULP over the whole range; NaN for infinities.
    public func cosine(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.unary(.cosine) }
        if !isSingle(x), x.type.width > 1 { return each([x]) { cosine($0[0]) } }
        let (r, quadrant) = isSingle(x) ? reduceAngle32(x) : reduceAngle64(x)
        return sine(r, quadrant: quadrant + 1)
    }

    /// sin(r + quadrant pi/2), |r| <= pi/4
    private func sine(_ r: KernelValue, quadrant: KernelValue) -> KernelValue {
        let single = isSingle(r)
        let z = r * r
        let s = muladd(r * z, polynomial(z, single ? MathTables.sin32 : MathTables.sin64), r)
        var c = polynomial(z, single ? MathTables.cos32 : MathTables.cos64)
        if single {
            c = muladd(z * z, c, muladd(z, -0.5, z.like(1.0)))
        } else {
            let h = 0.5 * z
            let w = 1.0 - h
            c = w + (((1.0 - w) - h) + (z * z) * c)
        }
        let y = pick((quadrant & 1) .!= 0, c, s)
        return pick((quadrant & 2) .!= 0, -y, y)
    }

    /// float32 without float64: x = r + quadrant pi/2 (modulo 2 pi), the quadrant as i32.
    ///
    /// Up to 1024 quarter turns pi/2 is subtracted in pieces of 14 + 14 + 14 + 24 bits; products with the first three
    /// are exact, and what rounding their differences loses is put back at the end.
    private func reduceAngle32(_ x: KernelValue) -> (r: KernelValue, quadrant: KernelValue) {
        let moved = muladd(x, 0x1.45f306p-1, x.like(magic(x)))
        let n = moved - magic(x)
        let first = muladd(n, -0x1.9218p+0, x)
        let (second, third) = (n * 0x1.ed5p-14, n * 0x1.10ap-30)
        let r2 = first - second
        let r3 = r2 - third
        let lost = ((first - r2) - second) + ((r2 - r3) - third)
        let r = builder.variable(r3 + muladd(n, -0x1.4611a6p-42, lost))
        let quadrant = builder.variable(integer(moved))
        let size = x.magnitude
        let isHuge = (size .> 1607.0) & isFinite(x)
        builder.if(any(isHuge)) {
            let width = x.type.width
            // The table has no entries for other components.
            let huge = width == 1 ? x : pick(isHuge, x, x.like(4096.0))
            let parts = (0..<width).map { reduceHuge32(width == 1 ? huge : huge[$0]) }
            r.value = pick(isHuge, joined(parts.map(\.r)), r.value)
            quadrant.value = pick(isHuge, joined(parts.map(\.quadrant)), quadrant.value)
        }
        return (pick(isFinite(x), r.value, x.like(Double.nan)), quadrant.value)
    }

    /// float64: x = r + quadrant pi/2 (modulo 2 pi), the quadrant as i32.
    private func reduceAngle64(_ x: KernelValue) -> (r: KernelValue, quadrant: KernelValue) {
        let moved = muladd(x, MathTables.twoOverPi, x.like(magic(x)))
        let n = moved - magic(x)
        var near = muladd(n, -MathTables.pio21, x)
        near = muladd(n, -MathTables.pio22, near)
        near = muladd(n, -MathTables.pio23, near)
        let r = builder.variable(near)
        let quadrant = builder.variable(integer(moved).converted(to: .int32))
        let size = x.magnitude
        builder.if((size .> 1_048_576.0) & isFinite(x)) {
            let (far, which) = reduceHuge(x)
            r.value = far
            quadrant.value = which
        }
        return (pick(isFinite(x), r.value, x.like(Double.nan)), quadrant.value)
    }

    /// a b as two words, of the type of a and b.
    private func product(_ a: KernelValue, _ b: KernelValue) -> (high: KernelValue, low: KernelValue) {
        let half = a.type.bits / 2
        let mask = (1 << half) - 1
        let (a0, a1, b0, b1) = (a & mask, a >> half, b & mask, b >> half)
        let middle = a1 * b0 + ((a0 * b0) >> half)
        let other = a0 * b1 + (middle & mask)
        return (a1 * b1 + (middle >> half) + (other >> half), a * b)
    }

    /// Payne and Hanek: x (2/pi) modulo 4 from 96 bits of 2/pi, in 32-bit integers; |x| > 2 and finite.
    private func reduceHuge32(_ x: KernelValue) -> (r: KernelValue, quadrant: KernelValue) {
        let bits = word(x)
        let m = ((bits & 0x7f_ffff) | 0x80_0000) << 8
        // x = m 2^(e - 32). The bits of 2/pi from the one that m takes to 2^2 on; a word of zeros stands before.
        let start = ((bits >> 23) & 0xff) - 128
        let (place, shift) = (start >> 5, start & 31)
        var halves: [UInt64] = [0]
        for entry in MathTables.twoOverPiBits.prefix(4) { halves += [entry >> 32, entry & 0xffff_ffff] }
        let table = builder.table("two_over_pi_32", .u32, halves)
        let words = (0..<4).map { table[place + $0] }
        let rest = start.like(31) - shift
        let w = (0..<3).map { (words[$0] << shift) | ((words[$0 + 1] >> 1) >> rest) }
        let (high1, low1) = product(m, w[1])
        let low = low1 + product(m, w[2]).high
        let one = low.like(1)
        let top = m * w[0] + high1 + pick(low .< low1, one, one.like(0))
        // The fraction as a signed number, to the nearest quadrant.
        var (upper, lower) = ((top << 2) | (low >> 30), low << 2)
        let isFlipped = (upper >> 31) .!= 0
        let borrow = pick(lower .== 0, one, one.like(0))
        upper = pick(isFlipped, ~upper + borrow, upper)
        lower = pick(isFlipped, lower.like(0) - lower, lower)
        let quadrant = (top >> 30) + pick(isFlipped, one, one.like(0))
        // Normalized: 24 bits, then 24 more. No float32 comes nearer to a multiple of pi/2 than 2^-30.
        let zeros = one.like(31) - (upper | 1).highestBit
        let first = (upper << zeros) | ((lower >> 1) >> (one.like(31) - zeros))
        let second = lower << zeros
        let exponent = integer(zeros.like(0)) - integer(zeros)
        let fh = (first >> 8).converted(to: .float32) * powerOfTwo(exponent - 24)
        let fl = (((first & 0xff) << 16) | (second >> 16)).converted(to: .float32) * powerOfTwo(exponent - 48)
        let main = fh * 0x1.921fb6p+0
        let error = productError(fh, fh.like(0x1.921fb6p+0), main)
        let r = main + (error + (fh * -0x1.777a5cp-25 + fl * 0x1.921fb6p+0))
        let isNegative = (bits >> 31) .!= 0
        let signed = quadrant.converted(to: .int32)
        return (pick(isFlipped ^ isNegative, -r, r), pick(isNegative, signed.like(0) - signed, signed))
    }

    /// The same in float64, with 192 bits of 2/pi in 64-bit integers; |x| > 2^20 and finite.
    private func reduceHuge(_ x: KernelValue) -> (r: KernelValue, quadrant: KernelValue) {
        let bits = x.bitcast(to: .u64)
        let m = (bits & 0xf_ffff_ffff_ffff) | 0x10_0000_0000_0000
        // The words of 2/pi from bit e - 2 on, e the exponent of the last bit of m; a word of zeros stands before.
        let start = ((bits >> 52) & 0x7ff) - (1075 + 2 - 64)
        let (word, shift) = (start >> 6, start & 63)
        let table = builder.table("two_over_pi", .u64, [0] + MathTables.twoOverPiBits + [0, 0])
        let words = (0..<4).map { table[word + $0] }
        let rest = start.like(63) - shift
        let w = (0..<3).map { (words[$0] << shift) | ((words[$0 + 1] >> 1) >> rest) }
        let (high2, low2) = product(m, w[2])
        let (high1, low1) = product(m, w[1])
        let middle = low1 + high2
        let one = middle.like(1)
        let carry = pick(middle .< low1, one, middle.like(0))
        let top = m * w[0] + high1 + carry
        // The fraction as a signed number, to the nearest quadrant.
        var (high, low) = ((top << 2) | (middle >> 62), (middle << 2) | (low2 >> 62))
        let isFlipped = (high >> 63) .!= 0
        let borrow = pick(low .== 0, one, low.like(0))
        high = pick(isFlipped, ~high + borrow, high)
        low = pick(isFlipped, low.like(0) - low, low)
        let quadrant = (top >> 62) + pick(isFlipped, one, one - one)
        // Normalized: zeros before the first bit, then 53 bits, then 53 more.
        let upper = (high >> 32).converted(to: .uint32)
        let lower = high.converted(to: .uint32)
        let isUpper = upper .!= 0
        let position = pick(isUpper, upper.highestBit + 32, lower.highestBit & 31)
        let zeros = (position.like(63) - position).converted(to: .uint64)
        let first = (high << zeros) | ((low >> 1) >> (zeros.like(63) - zeros))
        let second = low << zeros
        let head = (first >> 11).converted(to: .float64)
        let tail = (((first & 0x7ff) << 42) | (second >> 22)).converted(to: .float64)
        let exponent = zeros.like(0).bitcast(to: .i64) - zeros.bitcast(to: .i64)
        let (fh, fl) = (head * powerOfTwo(exponent - 53), tail * powerOfTwo(exponent - 106))
        let main = fh * MathTables.pio2Hi
        let error = productError(fh, fh.like(MathTables.pio2Hi), main)
        let r = main + (error + (fh * MathTables.pio2Lo + fl * MathTables.pio2Hi))
        let isNegative = (bits >> 63) .!= 0
        let signed = quadrant.converted(to: .int32)
        return (pick(isFlipped ^ isNegative, -r, r), pick(isNegative, -signed, signed))
    }
}
