// Heterodyne: the normal quantile by rational approximations.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The normal quantile of `0.5 + q` for `0 < q < 0.5`, in one float format.
struct NormalQuantile {
    let bitsType: ScalarType
    let significandBits: Int
    let exponentBias: Int
    /// Highest power in the series of the logarithm.
    let seriesLimit: Int
    /// Numerator and denominator in `0.425^2 - q^2`.
    let central: ([Double], [Double])
    /// Numerator and denominator in `sqrt(-log(0.5 - q)) - 1.6`.
    let middle: ([Double], [Double])
    /// Numerator and denominator in `sqrt(-log(0.5 - q)) - 5`, where q can come that close to 0.5.
    let tail: ([Double], [Double])?

    /// PPND7.
    static let float32 = NormalQuantile(
        bitsType: .uint32, significandBits: 23, exponentBias: 127, seriesLimit: 9,
        central: (
            [3.3871327179, 50.434271938, 159.29113202, 59.109374720], [1, 17.895169469, 78.757757664, 67.187563600]
        ),
        middle: ([1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103], [1, 0.73700164250, 0.12021132975]),
        tail: nil)

    /// PPND16.
    static let float64 = NormalQuantile(
        bitsType: .uint64, significandBits: 52, exponentBias: 1023, seriesLimit: 21,
        central: (
            [
                3.3871328727963666080e+0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
                4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3,
            ],
            [
                1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
                2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3,
            ]
        ),
        middle: (
            [
                1.42343711074968357734e+0, 4.63033784615654529590e+0, 5.76949722146069140550e+0,
                3.64784832476320460504e+0, 1.27045825245236838258e+0, 2.41780725177450611770e-1,
                2.27238449892691845833e-2, 7.74545014278341407640e-4,
            ],
            [
                1, 2.05319162663775882187e+0, 1.67638483018380384940e+0, 6.89767334985100004550e-1,
                1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
                1.05075007164441684324e-9,
            ]
        ),
        tail: (
            [
                6.65790464350110377720e+0, 5.46378491116411436990e+0, 1.78482653991729133580e+0,
                2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                2.71155556874348757815e-5, 2.01033439929228813265e-7,
            ],
            [
                1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
                2.04426310338993978564e-15,
            ]
        ))

    func evaluate(_ q: Term) throws(GraphError) -> Term {
        let inner = try q * Self.ratio(central, 0.180625 - q * q)
        let r = try negativeLogarithm(0.5 - q).sqrt()
        var outer = try Self.ratio(middle, r - 1.6)
        if let tail { outer = try r.compare(.lessOrEqual, 5).select(outer, Self.ratio(tail, r - 5)) }
        return try q.compare(.lessOrEqual, 0.425).select(inner, outer)
    }

    /// `-log(x)` of positive normal numbers: `x = m 2^e` with `m` within a factor of sqrt(2) around 1, and
    /// `log(m) = 2 atanh(s)`, `s = (m - 1) / (m + 1)`, by its power series.
    private func negativeLogarithm(_ x: Term) throws(GraphError) -> Term {
        let builder = x.builder
        let bits = try x.bitcast(bitsType)
        let fraction = try bits.and(builder.integer((1 << significandBits) - 1, bits.type))
        let half = try builder.integer((exponentBias - 1) << significandBits, bits.type)
        let low = try fraction.or(half).bitcast(x.scalarType)
        let isSmall = try low.compare(.less, 0.70710678)
        let m = try isSmall.select(low + low, low)
        let exponent = try bits.shiftedRight(significandBits).convert(x.scalarType) - Double(exponentBias - 1)
        let e = try isSmall.select(exponent - 1, exponent)
        let s = try (m - 1) / (m + 1)
        let z = try s * s
        var series = try x.like(1 / Double(seriesLimit))
        for power in stride(from: seriesLimit - 2, through: 3, by: -2) { series = try series * z + 1 / Double(power) }
        let logarithm = try s + series * z * s
        return try (e * 0.6931471805599453 + logarithm * 2).negate()
    }

    private static func ratio(_ coefficients: ([Double], [Double]), _ x: Term) throws(GraphError) -> Term {
        try x.polynomial(coefficients.0) / x.polynomial(coefficients.1)
    }
}
