// Heterodyne: power in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension MathLibrary {
    /// a b - product, exactly, by Dekker's splitting: right with fused multiply-add and without.
    func productError(_ a: KernelValue, _ b: KernelValue, _ product: KernelValue) -> KernelValue {
        let splitter: Double = isSingle(a) ? 4097 : 134_217_729
        let (sa, sb) = (a * splitter, b * splitter)
        let (ah, bh) = (sa - (sa - a), sb - (sb - b))
        let (al, bl) = (a - ah, b - bh)
        let head = ah * bh - product
        return ((head + ah * bl) + al * bh) + al * bl
    }

    /// x^y as IEEE 754 `pow` has it, within 4 ULP: exp(y log|x|) with the logarithm and the product in two parts.
    public func power(_ x: KernelValue, _ y: KernelValue) -> KernelValue {
        if isEmulated(x) { return x.binary(.power, y) }
        let single = isSingle(x)
        let ax = x.magnitude
        let (hi, lo) = logarithmInTwo(ax)
        var product = y * hi
        var low = productError(y, hi, product) + y * lo
        let large = !(product.magnitude .< (single ? 120.0 : 800.0))
        product = pick(large, y * (hi + lo), product)
        low = pick(large | !(low.magnitude .< 1.0), x.like(0.0), low)
        var r = exponential(product, low: low)
        let (zero, infinity) = (x.like(0.0), x.like(Double.infinity))
        let isPositive = y .> 0.0
        let isEdge = (ax .== 0.0) | isInfinite(x)
        r = pick(isEdge, pick((ax .== 0.0) .== isPositive, zero, infinity), r)
        r = pick(isInfinite(y), pick((ax .< 1.0) .== isPositive, zero, infinity), r)
        return powerSpecials(x, y, r)
    }

    /// log(x) as a sum of two numbers, to about 2^-66 (float32: 2^-33) of itself; x positive and finite.
    ///
    /// s = f / (2 + f) with its error; log(1 + f) = 2 s + s^3 (2/3 + 2/5 s^2 + ...).
    private func logarithmInTwo(_ x: KernelValue) -> (high: KernelValue, low: KernelValue) {
        let single = isSingle(x)
        let (k, f) = split(x)
        let d = 2.0 + f
        let dLow = f - (d - 2.0)
        let s = quotient(f, d)
        let sd = s * d
        let residue = ((f - sd) - productError(s, d, sd)) - s * dLow
        let sLow = quotient(residue, d)
        let z = s * s
        let s2 = 2.0 * s
        let kh = k * (single ? MathTables.ln2Hi32 : MathTables.ln2Hi64)
        // k ln2_hi is exact; sum + error = k ln2_hi + 2 s
        var sum = kh + s2
        let carried = sum - kh
        var error = (kh - (sum - carried)) + (s2 - carried)
        let small = muladd(k, single ? MathTables.ln2Lo32 : MathTables.ln2Lo64, 2.0 * sLow)
        // The first term of the tail is too large for one rounding: s^3 times its factor, in two parts.
        let terms = single ? Self.tail32 : MathTables.log64
        let rest = single ? Self.twoThirdsRest : 0
        let zLow = productError(s, s, z) + s2 * sLow
        let cube = s * z
        let cubeLow = productError(s, z, cube) + (s * zLow + sLow * z)
        let main = cube * terms[0]
        let mainLow = productError(cube, cube.like(terms[0]), main) + (cubeLow * terms[0] + cube * rest)
        let before = sum
        sum = before + main
        error = error + ((before - sum) + main)
        var tail = mainLow + (cube * z) * polynomial(z, Array(terms.dropFirst()))
        tail = error + (small + tail)
        let high = sum + tail
        return (high, tail - (high - sum))
    }

    /// The factors of s^3, s^5, ... in float32, the first one's rounded value.
    private static let tail32 = [0x1.555556p-1, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13]
    /// What is missing of 2/3.
    private static let twoThirdsRest = -0x1.555556p-26

    /// What IEEE 754 says about pow beside exp(y log|x|).
    private func powerSpecials(_ x: KernelValue, _ y: KernelValue, _ magnitude: KernelValue) -> KernelValue {
        let ax = x.magnitude
        let half = 0.5 * y
        let isInteger = y.truncated .== y
        let isOdd = isInteger & (half.truncated .!= half)
        let isNegative = integer(x) .< 0
        var r = pick(isOdd & isNegative, -magnitude, magnitude)
        let isOutside = ((x .< 0.0) & isFinite(x)) & !isInteger
        r = pick(isOutside, x.like(Double.nan), r)
        r = pick(isNaN(x) | isNaN(y), x.like(Double.nan), r)
        let isOne = ((x .== 1.0) | (y .== 0.0)) | ((ax .== 1.0) & isInfinite(y))
        return pick(isOne, x.like(1.0), r)
    }
}
