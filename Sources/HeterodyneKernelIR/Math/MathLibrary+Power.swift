// Heterodyne: power in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension MathLibrary {
    /// a b - product, exactly, by Dekker's splitting: right with fused multiply-add and without.
    func productError(_ a: KernelValue, _ b: KernelValue, _ product: KernelValue) -> KernelValue {
        let (sa, sb) = (a * 134_217_729.0, b * 134_217_729.0)
        let (ah, bh) = (sa - (sa - a), sb - (sb - b))
        let (al, bl) = (a - ah, b - bh)
        let head = ah * bh - product
        return ((head + ah * bl) + al * bh) + al * bl
    }

    /// x^y as IEEE 754 `pow` has it, within 4 ULP.
    public func power(_ x: KernelValue, _ y: KernelValue) -> KernelValue {
        if isSingle(x) {
            let (wideX, wideY) = (x.magnitude.converted(to: .float64), y.converted(to: .float64))
            let r = exponential(wideY * logarithm(wideX)).converted(to: .float32)
            return powerSpecials(x, y, r)
        }
        let ax = x.magnitude
        let (k, f) = split(ax)
        let d = 2.0 + f
        let dLow = f - (d - 2.0)
        let s = quotient(f, d)
        let sd = s * d
        let residue = ((f - sd) - productError(s, d, sd)) - s * dLow
        let sLow = quotient(residue, d)
        let z = s * s
        let tail = (s * z) * logarithmTail(z)
        // k ln2_hi is exact; hi + lo = k ln2 + 2 s + tail
        let kh = k * MathTables.ln2Hi64
        let s2 = 2.0 * s
        let sum = kh + s2
        let carried = sum - kh
        let error = (kh - (sum - carried)) + (s2 - carried)
        let rest = error + (muladd(k, MathTables.ln2Lo64, 2.0 * sLow) + tail)
        let hi = sum + rest
        let lo = rest - (hi - sum)
        var product = y * hi
        var low = productError(y, hi, product) + y * lo
        let large = !(product.magnitude .< 800.0)
        product = pick(large, y * (hi + lo), product)
        low = pick(large | !(low.magnitude .< 1.0), x.like(0.0), low)
        var r = exponential(product, low: low)
        let (zero, infinity) = (x.like(0.0), x.like(Double.infinity))
        let isPositive = y .> 0.0
        let isEdge = (ax .== 0.0) | (ax .== infinity)
        r = pick(isEdge, pick((ax .== 0.0) .== isPositive, zero, infinity), r)
        r = pick(y.magnitude .== infinity, pick((ax .< 1.0) .== isPositive, zero, infinity), r)
        return powerSpecials(x, y, r)
    }

    /// What IEEE 754 says about pow beside exp(y log|x|).
    private func powerSpecials(_ x: KernelValue, _ y: KernelValue, _ magnitude: KernelValue) -> KernelValue {
        let (ax, ay) = (x.magnitude, y.magnitude)
        let (half, infinity) = (0.5 * y, x.like(Double.infinity))
        let isInteger = y.truncated .== y
        let isOdd = isInteger & (half.truncated .!= half)
        let isNegative = integer(x) .< 0
        var r = pick(isOdd & isNegative, -magnitude, magnitude)
        let isOutside = ((x .< 0.0) & (ax .< infinity)) & !isInteger
        r = pick(isOutside, x.like(Double.nan), r)
        r = pick((x .!= x) | (y .!= y), x + y, r)
        let isOne = ((x .== 1.0) | (y .== 0.0)) | ((ax .== 1.0) & (ay .== infinity))
        return pick(isOne, x.like(1.0), r)
    }
}
