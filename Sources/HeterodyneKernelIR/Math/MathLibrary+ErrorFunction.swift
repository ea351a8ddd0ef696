// Heterodyne: erf in kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension MathLibrary {
    /// The error function, within 4 ULP; keeps -0 and denormals.
    public func errorFunction(_ x: KernelValue) -> KernelValue {
        if isSingle(x) {
            let a = atMost(x.magnitude, 4)
            return withSign(exponentialMinusOne(-(a * polynomial(a, MathTables.erf32))), of: x)
        }
        return each([x]) { wideErrorFunction($0[0]) }
    }

    private func wideErrorFunction(_ x: KernelValue) -> KernelValue {
        // erf(x) = x P_i(t), t = |x| - centre of the i-th of 8 intervals of width 3/4
        let inside = x.magnitude .< 5.999
        let a = pick(inside, x.magnitude, x.like(5.999))
        let whole: KernelValue
        let index: KernelValue
        if isEmulated(x) {
            whole = pick(isNaN(a), a.like(0.0), (a * (4.0 / 3.0)).floor)
            index = whole.converted(to: .int32)
        } else {
            let moved = (a * (4.0 / 3.0) - 0.5) + magic(a)
            whole = moved - magic(a)
            let zero = builder.constant(0, .i64)
            let seven = builder.constant(7, .i64)
            index = wholeNumber(whole).maximum(zero).minimum(seven)
        }
        let t = a - (whole * 0.75 + 0.375)
        let table = builder.table("erf", .f64, MathTables.erf64.map(\.bitPattern))
        var p = table[index + 15 * 8]
        for row in (0..<15).reversed() { p = muladd(p, t, table[index + row * 8]) }
        let y = pick(inside, a * p, x.like(1.0))
        return pick(isNaN(x), x, withSign(y, of: x))
    }
}
