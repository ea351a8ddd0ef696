// Heterodyne: gelu and softplus in kernels.
// SPDX-License-Identifier: Apache-2.0

extension MathLibrary {
    /// log(1 + e^x) = max(x, 0) + log1p(e^-|x|), within 4 ULP.
    public func softplus(_ x: KernelValue) -> KernelValue {
        let positive = pick(x .< 0.0, x.like(0.0), x)
        return positive + logarithmOnePlus(exponential(-x.magnitude))
    }

    /// x Phi(x) = x erfc(-x / sqrt 2) / 2 in float32, within 6 ULP also in the left tail, where 1 + erf would cancel.
    ///
    /// With a = |x|, t = 1 / (1 + a / sqrt 8): Phi(-a) = exp(-a^2 / 2) t Q(t) / 2. The square is exp's argument
    /// without rounding: a = h + l, h of 12 bits, so that a^2 = h^2 + (a + h) l.
    public func gelu(_ x: KernelValue) -> KernelValue {
        guard isSingle(x) else { return 0.5 * x * (1.0 + errorFunction(x * 0.7071067811865476)) }
        let a = atMost(x.magnitude, 15)
        let t = quotient(x.like(1.0), muladd(a, 0.35355339059327373, x.like(1.0)))
        let p = polynomial(t, MathTables.erfc32)
        let bits = integer(a)
        let h = float(bits & builder.constant(bits: 0xffff_f000, bits.type))
        let l = a - h
        let main = (h * h) * -0.5
        let low = ((a + h) * -0.5) * l
        let (n, q) = exponentialCore(main, low: low)
        let tail = scaled(q + 1.0, n) * (0.5 * (t * p))
        return x * pick(x .< 0.0, tail, 1.0 - tail)
    }

    /// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): relative 4e-7 (1 + 2 |u|) in float32.
    public func geluTanh(_ x: KernelValue) -> KernelValue {
        let inner = muladd(x * x, 0.044715, x.like(1.0))
        return x * sigmoid((1.5957691216057308 * x) * inner)
    }
}
