// Heterodyne: error bounds of the math library (docs/MathFunctions.md) against extended precision.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

#if arch(x86_64)
typealias Extended = Float80
#else
typealias Extended = Double
#endif

/// A function, its oracle, the range that is sampled, and the bounds (units in the last place) that we promise.
struct MathCase: CustomTestStringConvertible, Sendable {
    let name: String
    let op: Int
    let oracle: @Sendable (Extended) -> Extended
    let low: Double
    let high: Double
    /// Samples are spread evenly over the logarithm instead of the range.
    let logarithmic: Bool
    let bound: Double
    var testDescription: String { "\(name) \(low)...\(high)" }

    init(
        _ name: String, _ op: Int, _ low: Double, _ high: Double, logarithmic: Bool = false, bound: Double,
        _ oracle: @escaping @Sendable (Extended) -> Extended
    ) {
        (self.name, self.op, self.low, self.high) = (name, op, low, high)
        (self.logarithmic, self.bound, self.oracle) = (logarithmic, bound, oracle)
    }
}

let mathCases: [MathCase] = [
    MathCase("exp", HK_OP_EXP, -103, 88.7, bound: 2) { exp($0) },
    MathCase("log", HK_OP_LOG, 1e-44, 3e38, logarithmic: true, bound: 2) { log($0) },
    MathCase("log", HK_OP_LOG, 0.5, 2, bound: 2) { log($0) },
    MathCase("sin", HK_OP_SIN, -40, 40, bound: 4) { sin($0) },
    MathCase("sin", HK_OP_SIN, 1e-30, 1e38, logarithmic: true, bound: 4) { sin($0) },
    MathCase("cos", HK_OP_COS, -40, 40, bound: 4) { cos($0) },
    MathCase("cos", HK_OP_COS, 1e-30, 1e38, logarithmic: true, bound: 4) { cos($0) },
    MathCase("tanh", HK_OP_TANH, -10, 10, bound: 4) { tanh($0) },
    MathCase("tanh", HK_OP_TANH, 1e-40, 10, logarithmic: true, bound: 4) { tanh($0) },
    MathCase("erf", HK_OP_ERF, -5, 5, bound: 4) { erf($0) },
    MathCase("erf", HK_OP_ERF, 1e-40, 5, logarithmic: true, bound: 4) { erf($0) },
    MathCase("expm1", HK_OP_EXPM1, -20, 88, bound: 3) { expm1($0) },
    MathCase("expm1", HK_OP_EXPM1, 1e-40, 1, logarithmic: true, bound: 3) { expm1($0) },
    MathCase("log1p", HK_OP_LOG1P, -0.999, 2, bound: 3) { log1p($0) },
    MathCase("log1p", HK_OP_LOG1P, 1e-40, 1e38, logarithmic: true, bound: 3) { log1p($0) },
    MathCase("sigmoid", HK_OP_SIGMOID, -86, 20, bound: 4) { 1 / (1 + exp(-$0)) },
    MathCase("silu", HK_OP_SILU, -80, 20, bound: 5) { $0 / (1 + exp(-$0)) },
    MathCase("softplus", HK_OP_SOFTPLUS, -80, 80, bound: 4) { max($0, 0) + log1p(exp(-abs($0))) },
    MathCase("sqrt", HK_OP_SQRT, 1e-44, 3e38, logarithmic: true, bound: 0.51) { $0.squareRoot() },
    MathCase("rsqrt", HK_OP_RSQRT, 1e-37, 3e38, logarithmic: true, bound: 2) { 1 / $0.squareRoot() },
]

/// Distance in units of the last place of the format, at the exact value.
func ulps(_ got: Double, _ exact: Extended, digits: Int, least: Int) -> Double {
    if got.isNaN || exact.isNaN { return got.isNaN && exact.isNaN ? 0 : .infinity }
    if got.isInfinite {
        return abs(exact) > Extended(digits == 24 ? 0x1.fffffep127 : .greatestFiniteMagnitude) ? 0 : .infinity
    }
    let exponent = exact == 0 ? least : max(Int(exact.exponent), least)
    let unit = Extended(sign: .plus, exponent: Extended.Exponent(exponent - digits + 1), significand: 1)
    return Double(abs(Extended(got) - exact) / unit)
}

extension HostKernels {
    @Suite struct Math {
        /// 0.5 x (1 + tanh(u)) without its cancellation: x / (1 + exp(-2 u)).
        func geluTanh(_ x: Double) -> Double {
            x / (1 + exp(-2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }

        static func samples(_ math: MathCase, _ count: Int) -> [Double] {
            var random = Random(math.op)
            return (0..<count).map { _ in
                math.logarithmic
                    ? exp(random.uniform(log(math.low), log(math.high))) * (math.low > 0 ? 1 : -1)
                    : random.uniform(math.low, math.high)
            }
        }

        @Test(arguments: mathCases, levels)
        func float32(math: MathCase, level: Int) {
            let count = 8001
            let x = Storage(.float32, numbers: Self.samples(math, count))
            let y = Storage(.float32, count: count)
            atLevel(level) {
                #expect(hk_apply(UInt16(math.op), UInt8(HK_F32), 0, y.base, x.base, nil, nil, Int64(count)) == HK_OK)
            }
            #expect(y.guardsIntact)
            var worst = (0.0, 0.0)
            for i in 0..<count {
                let error = ulps(Double(y.floats[i]), math.oracle(Extended(x.floats[i])), digits: 24, least: -126)
                if error > worst.0 { worst = (error, Double(x.floats[i])) }
            }
            #expect(worst.0 <= math.bound, "\(worst.0) ULP at \(worst.1)")
        }

        #if arch(x86_64)
        @Test(arguments: mathCases, levels)
        func float64(math: MathCase, level: Int) {
            let count = 8001
            let x = Storage(.float64, numbers: Self.samples(math, count))
            let y = Storage(.float64, count: count)
            atLevel(level) {
                #expect(hk_apply(UInt16(math.op), UInt8(HK_F64), 0, y.base, x.base, nil, nil, Int64(count)) == HK_OK)
            }
            #expect(y.guardsIntact)
            var worst = (0.0, 0.0)
            for i in 0..<count {
                let error = ulps(y.doubles[i], math.oracle(Extended(x.doubles[i])), digits: 53, least: -1022)
                if error > worst.0 { worst = (error, x.doubles[i]) }
            }
            #expect(worst.0 <= math.bound, "\(worst.0) ULP at \(worst.1)")
        }
        #endif

        /// Wide ranges that only float64 has.
        @Test(arguments: levels)
        func float64Extremes(level: Int) {
            let count = 4001
            var random = Random(9)
            let x = Storage(.float64, numbers: random.floats(count, -744, 709))
            let y = Storage(.float64, count: count)
            atLevel(level) {
                #expect(hk_apply(UInt16(HK_OP_EXP), UInt8(HK_F64), 0, y.base, x.base, nil, nil, Int64(count)) == HK_OK)
            }
            for i in 0..<count {
                #expect(ulps(y.doubles[i], exp(Extended(x.doubles[i])), digits: 53, least: -1022) <= 2)
            }
            let large = Storage(.float64, numbers: (0..<count).map { _ in exp(random.uniform(10, 700)) })
            atLevel(level) {
                #expect(
                    hk_apply(UInt16(HK_OP_SIN), UInt8(HK_F64), 0, y.base, large.base, nil, nil, Int64(count)) == HK_OK)
            }
            for i in 0..<count {
                // the C library's double sine reduces exactly, too
                #expect(ulps(y.doubles[i], Extended(sin(large.doubles[i])), digits: 53, least: -1022) <= 4.5)
            }
        }

        @Test(arguments: levels)
        func power(level: Int) {
            var random = Random(11)
            let count = 10001
            for (type, digits, least) in [(Scalar.float32, 24, -126), (Scalar.float64, 53, -1022)] {
                let x = Storage(type, numbers: (0..<count).map { _ in exp(random.uniform(-8, 8)) })
                let y = Storage(type, numbers: random.floats(count, -10, 10))
                let z = Storage(type, count: count)
                atLevel(level) {
                    #expect(
                        hk_apply(UInt16(HK_OP_POWER), type.code, 0, z.base, x.base, y.base, nil, Int64(count)) == HK_OK)
                }
                let (a, b, c) = (x.numbers, y.numbers, z.numbers)
                for i in 0..<count {
                    let error = ulps(c[i], pow(Extended(a[i]), Extended(b[i])), digits: digits, least: least)
                    #expect(error <= 4, "\(a[i]) ^ \(b[i])")
                }
                // everything special against everything special
                let values: [Double] = [
                    0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, .infinity, -.infinity, .nan, 1e30, -1e30,
                ]
                let pairs = values.flatMap { p in values.map { (p, $0) } }
                let p = Storage(type, numbers: pairs.map(\.0))
                let q = Storage(type, numbers: pairs.map(\.1))
                let r = Storage(type, count: pairs.count)
                atLevel(level) {
                    #expect(
                        hk_apply(UInt16(HK_OP_POWER), type.code, 0, r.base, p.base, q.base, nil, Int64(pairs.count))
                            == HK_OK)
                }
                for (i, pair) in pairs.enumerated() {
                    let (u, v) = (p.numbers[i], q.numbers[i])
                    let want = type.number(type.bits(pow(u, v)))
                    let got = r.numbers[i]
                    let near = ulps(got, Extended(want), digits: digits, least: least) <= 2 && got.sign == want.sign
                    #expect((got.isNaN && want.isNaN) || got == want || near, "\(pair): \(got), not \(want)")
                }
            }
        }

        @Test(arguments: mathCases, levels)
        func specials(math: MathCase, level: Int) {
            let values: [Double] = [
                0, -0.0, .infinity, -.infinity, .nan, 1, -1, 0x1p-149, 0x1p-126, 0x1.fffffep127, -0x1.fffffep127,
            ]
            for (type, digits, least) in [(Scalar.float32, 24, -126), (Scalar.float64, 53, -1022)] {
                let x = Storage(type, numbers: values)
                let y = Storage(type, count: values.count)
                atLevel(level) {
                    #expect(
                        hk_apply(UInt16(math.op), type.code, 0, y.base, x.base, nil, nil, Int64(values.count)) == HK_OK)
                }
                for (i, value) in values.enumerated() {
                    // Reference deals with the exact limits: x sigmoid(x) at -infinity is -infinity * 0.
                    if math.op == HK_OP_SILU && value == -.infinity { continue }
                    let exact = math.oracle(Extended(value))
                    let want = type.number(type.bits(Double(exact)))
                    let got = y.numbers[i]
                    if want.isNaN || want.isInfinite || want == 0 {
                        #expect(
                            (got.isNaN && want.isNaN) || (got == want && got.sign == want.sign)
                                || (want == 0 && abs(got) <= type.number(1)),
                            "\(math.name)(\(value)) = \(got), not \(want)")
                    } else {
                        #expect(
                            ulps(got, exact, digits: digits, least: least) <= math.bound,
                            "\(math.name)(\(value)) = \(got)")
                    }
                }
            }
        }

        /// gelu: the left tail of the float32 form stays accurate; the tanh form and float64 are judged absolutely.
        @Test(arguments: levels)
        func gelu(level: Int) {
            var random = Random(13)
            let count = 8001
            let x = Storage(.float32, numbers: random.floats(count, -13, 8))
            let y = Storage(.float32, count: count)
            let t = Storage(.float32, count: count)
            atLevel(level) {
                #expect(
                    hk_apply(UInt16(HK_OP_GELU_ERF), UInt8(HK_F32), 0, y.base, x.base, nil, nil, Int64(count)) == HK_OK)
                #expect(
                    hk_apply(UInt16(HK_OP_GELU_TANH), UInt8(HK_F32), 0, t.base, x.base, nil, nil, Int64(count)) == HK_OK
                )
            }
            for i in 0..<count {
                let v = Double(x.floats[i])
                let exact = v * 0.5 * erfc(-v * 0.5.squareRoot())
                // relative 5e-6 where exp(-x^2 / 2) is tiny, a few ULP elsewhere
                let limit = max(abs(exact) * (v < -4 ? 5e-6 : 6e-7), 1e-44)
                #expect(abs(Double(y.floats[i]) - exact) <= limit, "gelu(\(v))")
                let inner = (2 / Double.pi).squareRoot() * (v + 0.044715 * v * v * v)
                let tanhForm = geluTanh(v)
                // the exponential turns a rounding of its argument 2 u into a relative error of 2 u eps
                let tanhLimit = max(abs(tanhForm) * 4e-7 * (1 + 2 * abs(inner)), 1e-44)
                #expect(abs(Double(t.floats[i]) - tanhForm) <= tanhLimit, "gelu tanh(\(v))")
            }
            let wide = Storage(.float64, numbers: random.floats(count, -13, 8))
            let result = Storage(.float64, count: count)
            atLevel(level) {
                #expect(
                    hk_apply(UInt16(HK_OP_GELU_ERF), UInt8(HK_F64), 0, result.base, wide.base, nil, nil, Int64(count))
                        == HK_OK)
            }
            for i in 0..<count {
                let v = wide.doubles[i]
                #expect(abs(result.doubles[i] - v * 0.5 * erfc(-v * 0.5.squareRoot())) <= 4e-16 * max(1, abs(v)))
            }
        }
    }
}
