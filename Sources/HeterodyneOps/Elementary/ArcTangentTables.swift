// Heterodyne: polynomials for atan, asin and acos, made by scripts/atan_coefficients.py.
// SPDX-License-Identifier: Apache-2.0

/// Coefficients, lowest power first. Made by `scripts/atan_coefficients.py`; do not edit.
enum ArcTangentTables {
    /// `(atan(t)/t - 1)/t²` in powers of `t²`; error 2.7e-9 of atan.
    static let atanFloat32: [Double] = [
        -0.33333331761161183,
        0.1999954048196227,
        -0.14263955539545425,
        0.10743730859149465,
        -0.06451926114689661,
    ]

    /// `(atan(t)/t - 1)/t²` in powers of `t²`; error 5.4e-18 of atan.
    static let atanFloat64: [Double] = [
        -0.3333333333333333,
        0.1999999999999552,
        -0.14285714284666534,
        0.11111111015255669,
        -0.09090904578095735,
        0.07692183190171728,
        -0.06664511438164644,
        0.05858148832731273,
        -0.05085449318930035,
        0.039231646190551486,
        -0.019176872294336067,
    ]
}
