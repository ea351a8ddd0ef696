// Heterodyne: constants and polynomials of emulated float64; written by scripts/emulation_coefficients.py.
// SPDX-License-Identifier: Apache-2.0

/// What the functions of `DoubleSingle` are made of.
enum Coefficients {
    /// (expm1(r) - r) / r^2 in r, |r| <= ln2 / 2, relative to expm1.
    /// The fit's error is 1.82e-17.
    static let exponential = Polynomial(
        singles: [
            0x1.ae6baep-26,
            0x1.28a236p-22,
            0x1.71de88p-19,
            0x1.a019a8p-16,
        ],
        pairs: [
            (0x1.a01a02p-13, -0x1.164b9p-38),
            (0x1.6c16c2p-10, -0x1.0214cep-35),
            (0x1.111112p-7, -0x1.ddcdeep-32),
            (0x1.555556p-5, -0x1.555bb4p-30),
            (0x1.555556p-3, -0x1.555558p-28),
            (0x1p-1, 0x1.2d417ap-51),
        ])
    /// (2 atanh(s) - 2 s) / s^3 in z = s^2, |s| <= 3 - 2 sqrt(2), relative to atanh.
    /// The fit's error is 4.54e-18.
    static let logarithm = Polynomial(
        singles: [
            0x1.2f51c6p-3,
            0x1.399d12p-3,
            0x1.746648p-3,
        ],
        pairs: [
            (0x1.c71c52p-3, 0x1.72efd4p-28),
            (0x1.24924ap-2, -0x1.809886p-27),
            (0x1.99999ap-2, -0x1.99ee1ep-28),
            (0x1.555556p-1, -0x1.55555p-26),
        ])
    /// (sin(r) - r) / r^3 in z = r^2, |r| <= pi/4, relative to sin.
    /// The fit's error is 4.17e-18.
    static let sine = Polynomial(
        singles: [
            0x1.5d7d6ap-33,
            -0x1.ae5e1cp-26,
        ],
        pairs: [
            (0x1.71de36p-19, -0x1.cbe67ap-44),
            (-0x1.a01a02p-13, 0x1.91660cp-39),
            (0x1.111112p-7, -0x1.dde15ap-32),
            (-0x1.555556p-3, 0x1.555558p-28),
        ])
    /// (cos(r) - 1) / r^2 in z = r^2, |r| <= pi/4, relative to cos.
    /// The fit's error is 1.29e-16.
    static let cosine = Polynomial(
        singles: [
            0x1.1b79d8p-29,
            -0x1.27df1ap-22,
        ],
        pairs: [
            (0x1.a019f8p-16, -0x1.bd3c4ap-44),
            (-0x1.6c16c2p-10, 0x1.37ae12p-35),
            (0x1.555556p-5, -0x1.556096p-30),
            (-0x1p-1, 0x1.2a42f8p-48),
        ])
    /// ln 2 as a sum; multiples of the first two by integers of 8 bits are exact.
    static let logarithmOfTwo: [Float] = [0x1.62e4p-1, 0x1.7f7cp-20, 0x1.1cf79ap-36]
    /// pi / 2 as a sum of float32 numbers.
    static let halfPi: [Float] = [0x1.921fb6p0, -0x1.777a5cp-25, -0x1.ee59dap-50, 0x1.98a2ep-77]
    /// 1 / ln 2
    static let inverseLogarithmOfTwo: Float = 0x1.715476p0
    /// 2 / pi
    static let inverseHalfPi: Float = 0x1.45f306p-1
}
