// Heterodyne: exp, expm1, tanh and sigmoid in kernels.
// SPDX-License-Identifier: Apache-2.0

extension MathLibrary {
    /// x = n ln2 + r: n, and expm1(r). `low` is a correction that is added to r.
    func exponentialCore(_ x: KernelValue, low: KernelValue? = nil) -> (n: KernelValue, q: KernelValue) {
        let single = isSingle(x)
        let log2e = single ? MathTables.log2e32 : MathTables.log2e64
        let high = single ? MathTables.ln2Hi32 : MathTables.ln2Hi64
        let rest = single ? MathTables.ln2Lo32 : MathTables.ln2Lo64
        let whole = low.map { x + $0 } ?? x
        let n = muladd(whole, log2e, x.like(magic(x))) - magic(x)
        var r = muladd(n, -rest, muladd(n, -high, x))
        if let low { r = r + low }
        let p = polynomial(r, single ? MathTables.expm132 : MathTables.expm164)
        return (n, muladd(r * r, p, r))
    }

    /// p 2^n, rounded once.
    func scaled(_ p: KernelValue, _ n: KernelValue) -> KernelValue {
        let i = wholeNumber(n)
        let half = i >> 1
        return p * powerOfTwo(half) * powerOfTwo(i - half)
    }

    func exponential(_ x: KernelValue, low: KernelValue?) -> KernelValue {
        let limits = isSingle(x) ? (-104.5, 89.5) : (-746.0, 710.5)
        let (n, q) = exponentialCore(atMost(atLeast(x, limits.0), limits.1), low: low)
        return scaled(q + 1.0, n)
    }

    /// e^x, within 2 ULP.
    public func exponential(_ x: KernelValue) -> KernelValue {
        isEmulated(x) ? x.unary(.exponential) : exponential(x, low: nil)
    }

    /// e^x - 1, within 3 ULP; keeps -0 and denormals.
    public func exponentialMinusOne(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) {
            // 2 t / (1 - t) with t = tanh(x / 2) where subtracting 1 would cancel.
            let t = (0.5 * x).unary(.hyperbolicTangent)
            let near = pick(x .== 0.0, x, (2.0 * t) / (1.0 - t))
            return pick(x.magnitude .< 1.0, near, exponential(x) - 1.0)
        }
        let limits = isSingle(x) ? (-20.0, 88.8) : (-40.0, 709.9)
        let (n, core) = exponentialCore(atMost(atLeast(x, limits.0), limits.1))
        let q = pick(x .== 0.0, x, core)
        let s = powerOfTwo(wholeNumber(n) - 1)
        return pick(n .== 0.0, q, 2.0 * muladd(s, q, s - 0.5))
    }

    /// tanh(x), within 4 ULP; keeps -0 and denormals.
    public func hyperbolicTangent(_ x: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.unary(.hyperbolicTangent) }
        let t = exponentialMinusOne(2.0 * atMost(x.magnitude, isSingle(x) ? 10 : 20))
        return withSign(quotient(t, t + 2.0), of: x)
    }

    /// 1 / (1 + e^-x), within 4 ULP.
    public func sigmoid(_ x: KernelValue) -> KernelValue {
        let e = exponential(-x.magnitude)
        let r = quotient(x.like(1.0), 1.0 + e)
        return pick(x .< 0.0, e * r, r)
    }
}
