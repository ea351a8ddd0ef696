// Heterodyne: log and log1p in kernels.
// SPDX-License-Identifier: Apache-2.0

extension MathLibrary {
    /// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt 2
    func split(_ x: KernelValue) -> (k: KernelValue, f: KernelValue) {
        let single = isSingle(x)
        let tiny = x .< (single ? 0x1p-126 : 0x1p-1022)
        let bits = integer(pick(tiny, x * (single ? 0x1p25 : 0x1p54), x))
        let root = builder.constant(bits: single ? 0x3f35_04f3 : 0x3fe6_a09e_667f_3bcd, bits.type)
        let shift = single ? 23 : 52
        let e = (bits - root) >> shift
        let f = float(bits - (e << shift)) - 1.0
        let k = e.converted(to: x.type.scalar) - pick(tiny, x.like(single ? 25 : 54), x.like(0.0))
        return (k, f)
    }

    /// (2 atanh(s) - 2 s) / s^3 in z = s^2
    func logarithmTail(_ z: KernelValue) -> KernelValue { polynomial(z, MathTables.log64) }

    /// The natural logarithm, within 2 ULP; -inf at 0, NaN below.
    public func logarithm(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.unary(.logarithm) }
        let (k, f) = split(x)
        var y: KernelValue
        if isSingle(x) {
            let z = f * f
            y = muladd(f * z, polynomial(f, MathTables.log32), k * MathTables.ln2Lo32)
            y = muladd(z, -0.5, y)
            y = muladd(k, MathTables.ln2Hi32, f + y)
        } else {
            let s = quotient(f, 2.0 + f)
            let z = s * s
            let halfSquare = 0.5 * f * f
            let rest = s * muladd(z, logarithmTail(z), halfSquare)
            y = muladd(k, MathTables.ln2Lo64, rest) - halfSquare
            y = muladd(k, MathTables.ln2Hi64, f + y)
        }
        // Positive and finite by the bits; what a device flushes is zero to it.
        let bits = word(x)
        let infinity: UInt64 = isSingle(x) ? 0x7f80_0000 : 0x7ff0_0000_0000_0000
        let special = pick(bits .== builder.constant(bits: infinity, bits.type), x, x.like(Double.nan))
        y = pick((bits - 1) .< builder.constant(bits: infinity - 1, bits.type), y, special)
        return pick(x .== 0.0, x.like(-Double.infinity), y)
    }

    /// log(1 + x), within 3 ULP; keeps -0 and denormals.
    public func logarithmOnePlus(_ x: KernelValue) -> KernelValue {
        let u = 1.0 + x
        let c = pick(x .< 1.0, x - (u - 1.0), 1.0 - (u - x))
        let regular = (u .!= 0.0) & isFinite(u)
        let correction = pick(regular, quotient(c, u), x.like(0.0))
        // Where u is 1, x itself is within half a unit; -0 and denormals stay.
        return pick(u .== 1.0, x, logarithm(u) + correction)
    }
}
