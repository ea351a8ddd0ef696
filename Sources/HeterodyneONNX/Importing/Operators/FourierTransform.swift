// Heterodyne: discrete Fourier transforms as matrix products.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Points on the unit circle.
enum UnitCircle {
    /// Cosine and sine of `2 π numerator / denominator`, for a numerator from 0 below the denominator. Points that are
    /// mirror images of each other have coordinates that are so exactly.
    static func point(_ numerator: Int, of denominator: Int) -> (cosine: Double, sine: Double) {
        // In quarters of the circle: the quarter and how far into it.
        let (quarter, rest) = (4 * numerator).quotientAndRemainder(dividingBy: denominator)
        let (c, s): (Double, Double)
        if 2 * rest <= denominator {
            let angle = Double.pi / 2 * (Double(rest) / Double(denominator))
            (c, s) = (cos(angle), sin(angle))
        } else {
            let angle = Double.pi / 2 * (Double(denominator - rest) / Double(denominator))
            (c, s) = (sin(angle), cos(angle))
        }
        switch quarter {
        case 0: return (c, s)
        case 1: return (-s, c)
        case 2: return (-c, -s)
        default: return (s, -c)
        }
    }
}

/// Complex vectors [batch, n] in float64.
struct ComplexTerm {
    var real: Term
    /// Nil for real vectors.
    var imaginary: Term?

    /// The imaginary parts.
    func imaginaryOrZero() throws(GraphError) -> Term {
        if let imaginary { return imaginary }
        return try real.like(0)
    }

    /// The same vectors with `count` elements: cut off, or with zeros at the end.
    func resized(_ count: Int) throws(GraphError) -> ComplexTerm {
        func resized(_ term: Term) throws(GraphError) -> Term {
            let present = try Shape([term.shape[1]]).extents()[0]
            return try term.pad(0, low: [0, 0], high: [0, count - present])
        }
        var copy = self
        copy.real = try resized(real)
        if let imaginary { copy.imaginary = try resized(imaginary) }
        return copy
    }

    /// The spectra of `n` elements of real signals, from their first `n / 2 + 1` elements: the others are conjugates.
    func hermitian(_ n: Int) throws(GraphError) -> ComplexTerm {
        // Elements n/2 + 1 … n - 1 are the conjugates of elements n - n/2 - 1 … 1.
        func mirrored(_ term: Term) throws(GraphError) -> Term {
            try term.slice(dimension: 1, from: 1, to: .fixed(max(1, n - n / 2))).reverse([1])
        }
        let builder = real.builder
        var copy = self
        copy.real = try builder.concatenate([real, mirrored(real)], dimension: 1)
        if let imaginary {
            copy.imaginary = try builder.concatenate([imaginary, mirrored(imaginary).negate()], dimension: 1)
        }
        return copy
    }

    /// The product with a table [n] or [m, n] of complex constants, repeated over the dimensions before it.
    func times(_ table: [(cosine: Double, sine: Double)], _ shape: Shape) throws(GraphError) -> ComplexTerm {
        let builder = real.builder
        let places = Array(real.rank - shape.rank..<real.rank)
        let c = try builder.constant(try Literal(table.map(\.cosine), shape: shape))
            .broadcast(real.shape, dimensions: places)
        let s = try builder.constant(try Literal(table.map(\.sine), shape: shape))
            .broadcast(real.shape, dimensions: places)
        guard let imaginary else { return ComplexTerm(real: try real * c, imaginary: try real * s) }
        return ComplexTerm(real: try real * c - imaginary * s, imaginary: try real * s + imaginary * c)
    }

    /// Both parts changed alike.
    func map(_ transform: (Term) throws(GraphError) -> Term) throws(GraphError) -> ComplexTerm {
        var copy = self
        copy.real = try transform(real)
        if let imaginary { copy.imaginary = try transform(imaginary) }
        return copy
    }
}

/// The discrete Fourier transform of vectors: `X[k] = Σ x[j] e^(∓2 π i j k / n)`, for the inverse divided by `n`.
///
/// Short and prime lengths are one product with a table; a length `a b` is `b` transforms of length `a`, a twist, and
/// `a` transforms of length `b` (Cooley and Tukey 1965); long prime lengths become a convolution of a length that is a
/// power of two (Bluestein 1970). The tables are exact to a rounding.
struct FourierTransform {
    var isInverse: Bool

    /// Up to this length one product is as fast as a division in two.
    private static let directLength = 64
    /// The longest prime length that is one product.
    private static let directPrimeLength = 512

    /// The transforms along the last dimension of [batch, n].
    func transform(_ x: ComplexTerm) throws(GraphError) -> ComplexTerm {
        let n = try Shape([x.real.shape[1]]).extents()[0]
        let result = try unscaled(x, n)
        guard isInverse else { return result }
        return try result.map { (term) throws(GraphError) in try term / Double(n) }
    }

    /// The point of the unit circle at `numerator` of `denominator`, turning in the transform's direction.
    private func point(_ numerator: Int, _ denominator: Int) -> (cosine: Double, sine: Double) {
        let (c, s) = UnitCircle.point(numerator, of: denominator)
        return (c, isInverse ? s : -s)
    }

    private func unscaled(_ x: ComplexTerm, _ n: Int) throws(GraphError) -> ComplexTerm {
        if n == 1 { return x }
        if n <= Self.directLength { return try direct(x, n) }
        var divisor = 1
        var candidate = 2
        while candidate * candidate <= n {
            if n % candidate == 0 { divisor = candidate }
            candidate += 1
        }
        if divisor > 1 { return try divided(x, n / divisor, divisor) }
        return n <= Self.directPrimeLength ? try direct(x, n) : try convolved(x, n)
    }

    /// One product with the table of all powers; real and imaginary parts side by side.
    private func direct(_ x: ComplexTerm, _ n: Int) throws(GraphError) -> ComplexTerm {
        let builder = x.real.builder
        let parts = x.imaginary == nil ? 1 : 2
        var table = [Double](repeating: 0, count: parts * n * 2 * n)
        for j in 0..<n {
            for k in 0..<n {
                let (c, s) = point(j * k % n, n)
                table[j * 2 * n + k] = c
                table[j * 2 * n + n + k] = s
                if parts == 2 {
                    table[(n + j) * 2 * n + k] = -s
                    table[(n + j) * 2 * n + n + k] = c
                }
            }
        }
        let matrix = try builder.constant(try Literal(table, shape: Shape([parts * n, 2 * n])))
        let input = try builder.concatenate([x.real] + (x.imaginary.map { [$0] } ?? []), dimension: 1)
        let output = try input.matrixProduct(matrix)
        return ComplexTerm(
            real: try output.slice(dimension: 1, from: 0, to: .fixed(n)),
            imaginary: try output.slice(dimension: 1, from: .fixed(n), to: .fixed(2 * n)))
    }

    /// With `j = j1 b + j2` and `k = k1 + a k2`: `X[k] = Σ_j2 w_b^(j2 k2) w_n^(j2 k1) Σ_j1 x[j] w_a^(j1 k1)`.
    private func divided(_ x: ComplexTerm, _ a: Int, _ b: Int) throws(GraphError) -> ComplexTerm {
        let n = a * b
        let batch = x.real.shape[0]
        let count = (try batch.multiplied(by: .fixed(a)), try batch.multiplied(by: .fixed(b)))
        let columns = try x.map { (term) throws(GraphError) in
            try term.reshape(Shape([batch, .fixed(a), .fixed(b)])).transpose([0, 2, 1])
                .reshape(Shape([count.1, .fixed(a)]))
        }
        var twist: [(cosine: Double, sine: Double)] = []
        for j in 0..<b { for k in 0..<a { twist.append(point(j * k % n, n)) } }
        let inner = try unscaled(columns, a).map { (term) throws(GraphError) in
            try term.reshape(Shape([batch, .fixed(b), .fixed(a)]))
        }
        let rows = try inner.times(twist, Shape([b, a])).map { (term) throws(GraphError) in
            try term.transpose([0, 2, 1]).reshape(Shape([count.0, .fixed(b)]))
        }
        return try unscaled(rows, b).map { (term) throws(GraphError) in
            try term.reshape(Shape([batch, .fixed(a), .fixed(b)])).transpose([0, 2, 1])
                .reshape(Shape([batch, .fixed(n)]))
        }
    }

    /// `j k = (j² + k² - (k - j)²) / 2` makes the sum a convolution with a chirp, which a transform of a power of two
    /// computes.
    private func convolved(_ x: ComplexTerm, _ n: Int) throws(GraphError) -> ComplexTerm {
        var length = 1
        while length < 2 * n - 1 { length *= 2 }
        // e^(∓π i j² / n), with the exponent reduced exactly.
        let chirp = (0..<n).map { point(Int($0.multipliedFullWidth(by: $0).low % UInt(2 * n)), 2 * n) }
        var kernel = [(cosine: Double, sine: Double)](repeating: (0, 0), count: length)
        for (j, value) in chirp.enumerated() {
            kernel[j] = (value.cosine, -value.sine)
            if j > 0 { kernel[length - j] = kernel[j] }
        }
        let builder = x.real.builder
        let line = Shape([1, length])
        let forward = FourierTransform(isInverse: false)
        let spectrum = try forward.unscaled(
            ComplexTerm(
                real: try builder.constant(try Literal(kernel.map(\.cosine), shape: line)),
                imaginary: try builder.constant(try Literal(kernel.map(\.sine), shape: line))), length)
        let twisted = try x.times(chirp, Shape([n])).resized(length)
        let transformed = try forward.unscaled(twisted, length)
        guard let (kr, ki) = spectrum.parts, let (xr, xi) = transformed.parts else {
            throw GraphError(.malformedGraph, "a complex transform lost its imaginary part")
        }
        func spread(_ term: Term) throws(GraphError) -> Term { try term.broadcast(to: xr.shape) }
        let product = ComplexTerm(
            real: try xr * spread(kr) - xi * spread(ki), imaginary: try xr * spread(ki) + xi * spread(kr))
        let convolution = try FourierTransform(isInverse: true).transform(product)
        return try convolution.resized(n).times(chirp, Shape([n]))
    }
}

extension ComplexTerm {
    fileprivate var parts: (Term, Term)? { imaginary.map { (real, $0) } }
}
