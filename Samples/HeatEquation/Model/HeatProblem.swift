// Heterodyne: a heat equation whose solution is known, on a grid that makes no error of its own.
// SPDX-License-Identifier: Apache-2.0

/// A mistake in what was asked for.
public struct HeatProblemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what is allowed.
    public let description: String
}

/// The heat equation u_t = Δu + f on the unit square with given values on the boundary, for a solution that is known:
///
///     u(x, y, t) = (1 + t) p(x, y),    p(x, y) = (1 + x - x³)(1 + y² - y³),    f = u_t - Δu = p - (1 + t) Δp
///
/// The grid has `size` points inside along each side, h = 1 / (size + 1). The difference quotient of five points is exact
/// for polynomials of degree three in each variable, since its error is h²/12 (u_xxxx + u_yyyy) + …, and backward Euler for what is linear in time.
/// So the exact solution solves the discrete equations too, and whatever error a run shows is that of its arithmetic and
/// of the solver's tolerance.
public struct HeatProblem: Sendable, Hashable {
    /// Points inside the square along each side.
    public let size: Int
    /// The length of a step in time.
    public let timeStep: Double

    /// The largest size: 2²⁰ unknowns.
    public static let largestSize = 1024

    /// A problem. Throws where the size or the time step is out of range.
    public init(size: Int, timeStep: Double = 0.01) throws(HeatProblemError) {
        guard (2...Self.largestSize).contains(size) else {
            throw HeatProblemError(
                description: "a grid of \(size) x \(size) points; the size is 2 to \(Self.largestSize)")
        }
        guard timeStep >= 1e-6, timeStep <= 10 else {
            throw HeatProblemError(description: "a time step of \(timeStep); it is 1e-6 to 10")
        }
        self.size = size
        self.timeStep = timeStep
    }

    /// The distance of neighbouring points.
    public var spacing: Double { 1 / Double(size + 1) }
    /// τ / h², the weight of a neighbour in a step of length τ.
    public var coupling: Double { timeStep * Double(size + 1) * Double(size + 1) }

    private static func shape(_ x: Double, _ y: Double) -> Double {
        (1 + x - x * x * x) * (1 + y * y - y * y * y)
    }

    /// Δp = -6x (1 + y² - y³) + (1 + x - x³)(2 - 6y).
    private static func laplacian(_ x: Double, _ y: Double) -> Double {
        -6 * x * (1 + y * y - y * y * y) + (1 + x - x * x * x) * (2 - 6 * y)
    }

    /// A function's values on the points inside, row by row; x counts rows.
    private func values(_ function: (Double, Double) -> Double) -> [Double] {
        var result: [Double] = []
        result.reserveCapacity(size * size)
        for row in 1...size {
            for column in 1...size {
                result.append(function(Double(row) * spacing, Double(column) * spacing))
            }
        }
        return result
    }

    /// p on the points inside.
    public var shapeValues: [Double] { values(Self.shape) }
    /// Δp on the points inside.
    public var laplacianValues: [Double] { values(Self.laplacian) }

    /// For each point inside, the sum of p over those of its four neighbours that lie on the boundary.
    public var boundarySums: [Double] {
        var result = [Double](repeating: 0, count: size * size)
        for index in 0..<size {
            let place = Double(index + 1) * spacing
            result[index] += Self.shape(0, place)
            result[(size - 1) * size + index] += Self.shape(1, place)
            result[index * size] += Self.shape(place, 0)
            result[index * size + size - 1] += Self.shape(place, 1)
        }
        return result
    }

    /// The solution at a time, on the points inside.
    public func solution(at time: Double) -> [Double] { shapeValues.map { (1 + time) * $0 } }
}
