// Heterodyne: math functions with more precision than the result keeps.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

#if arch(x86_64) || arch(i386)
/// The widest float with math functions: 64 significant bits, so that a float64 result is off by at most 0.51 units in
/// the last place. (The C library's own float64 functions are within 1, `tanh` within 2.)
typealias WidestFloat = Float80
#else
/// The widest float with math functions: float64, whose C library functions are within 1 or 2 units in the last place.
typealias WidestFloat = Double
#endif

/// The transcendental functions on float64, rounded from `WidestFloat`.
enum WideMath {
    static func exponential(_ x: Double) -> Double { Double(exp(WidestFloat(x))) }
    static func logarithm(_ x: Double) -> Double { Double(log(WidestFloat(x))) }
    static func sine(_ x: Double) -> Double { Double(sin(WidestFloat(x))) }
    static func cosine(_ x: Double) -> Double { Double(cos(WidestFloat(x))) }
    static func hyperbolicTangent(_ x: Double) -> Double { Double(tanh(WidestFloat(x))) }
    /// IEEE 754 `pow`: powers of negative bases exist for integral exponents, and `x^0` and `1^y` are 1.
    static func power(_ x: Double, _ y: Double) -> Double { Double(pow(WidestFloat(x), WidestFloat(y))) }
}

/// The transcendental functions for float32 and narrower: float64's are within two units in its last place, which after
/// rounding leaves at most 0.5 + 2^-27 units in float32's last place.
enum NarrowMath {
    static func exponential(_ x: Double) -> Double { exp(x) }
    static func logarithm(_ x: Double) -> Double { log(x) }
    static func sine(_ x: Double) -> Double { sin(x) }
    static func cosine(_ x: Double) -> Double { cos(x) }
    static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
    static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
}
