// Heterodyne: polynomials whose first coefficients are pairs of float32 and whose others are float32.
// SPDX-License-Identifier: Apache-2.0

/// The coefficients of a polynomial, each list from the highest power down; the pairs are those of the lowest powers.
struct Polynomial {
    /// Coefficients of terms that are below 2^-25 of the result.
    let singles: [Float]
    /// The others.
    let pairs: [(high: Float, low: Float)]
}

/// A polynomial in lanes, with the same coefficients in all or chosen lane by lane.
struct PolynomialLanes<Lane: FloatLane> {
    let singles: [Lane]
    let pairs: [DoubleSingle<Lane>]

    /// The same coefficients in every lane.
    init(_ polynomial: Polynomial, like lane: Lane) {
        singles = polynomial.singles.map(lane.like)
        pairs = polynomial.pairs.map { DoubleSingle(high: lane.like($0.high), low: lane.like($0.low)) }
    }

    /// The first where the mask is true, else the second, of the same shape.
    init(_ mask: Lane.Mask, _ a: Polynomial, _ b: Polynomial, like lane: Lane) {
        let (x, y) = (Self(a, like: lane), Self(b, like: lane))
        singles = zip(x.singles, y.singles).map { Lane.select(mask, $0, $1) }
        pairs = zip(x.pairs, y.pairs).map { DoubleSingle.select(mask, $0, $1) }
    }
}
