// Heterodyne: sin and cos in kernels, for arguments of any size.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension MathLibrary {
    /// sin(x), within 4 ULP over the whole range; NaN for infinities; keeps -0 and denormals.
    public func sine(_ x: KernelValue) -> KernelValue { each([x]) { scalarSine($0[0]) } }

    private func scalarSine(_ x: KernelValue) -> KernelValue {
        let (r, quadrant) = reduceAngle(x)
        return pick(x .== 0.0, x, sine(r, quadrant: quadrant))
    }

    /// cos(x), within 4 ULP over the whole range; NaN for infinities.
    public func cosine(_ x: KernelValue) -> KernelValue { each([x]) { scalarCosine($0[0]) } }

    private func scalarCosine(_ x: KernelValue) -> KernelValue {
        let (r, quadrant) = reduceAngle(x)
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

    /// x = r + quadrant pi/2 (modulo 2 pi), the quadrant as i32. float32 goes through float64.
    private func reduceAngle(_ x: KernelValue) -> (r: KernelValue, quadrant: KernelValue) {
        let single = isSingle(x)
        let wide = x.converted(to: .float64)
        let moved = muladd(wide, MathTables.twoOverPi, wide.like(magic(wide)))
        let n = moved - magic(wide)
        var near = muladd(n, -MathTables.pio21, wide)
        near = muladd(n, -MathTables.pio22, near)
        if !single { near = muladd(n, -MathTables.pio23, near) }
        let r = builder.variable(near)
        let quadrant = builder.variable(integer(moved).converted(to: .int32))
        let size = wide.magnitude
        builder.if((size .> 1_048_576.0) & (size .< Double.infinity)) {
            let (far, which) = reduceHuge(wide)
            r.value = far
            quadrant.value = which
        }
        let angle = pick(size .< Double.infinity, r.value, wide - wide)
        return (angle.converted(to: x.type.scalar), quadrant.value)
    }

    /// a b as two words.
    private func product(_ a: KernelValue, _ b: KernelValue) -> (high: KernelValue, low: KernelValue) {
        let mask = 0xffff_ffff
        let (a0, a1, b0, b1) = (a & mask, a >> 32, b & mask, b >> 32)
        let middle = a1 * b0 + ((a0 * b0) >> 32)
        let other = a0 * b1 + (middle & mask)
        return (a1 * b1 + (middle >> 32) + (other >> 32), a * b)
    }

    /// Payne and Hanek: x (2/pi) modulo 4 from the bits of 2/pi that matter, in integers; |x| > 2^20 and finite.
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
