// Heterodyne: orbits of many planets around one star, whose return is known exactly.
// SPDX-License-Identifier: Apache-2.0

/// A mistake in what was asked for.
public struct KeplerProblemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what is allowed.
    public let description: String
}

/// Planets of different eccentricities around one star, in units in which every planet takes 2π for a revolution:
///
///     x'' = -x / |x|³,    x(0) = (1 - e, 0),    x'(0) = (0, √((1 + e) / (1 - e)))
///
/// After each whole revolution a planet is where it started, its energy is -1/2 and its angular momentum √(1 - e²): the errors
/// of a run need no other computation to be known.
public struct KeplerProblem: Sendable, Hashable {
    /// The eccentricity of each orbit.
    public let eccentricities: [Double]
    /// Steps in a revolution.
    public let stepsPerRevolution: Int

    /// The largest eccentricity: more elongated orbits need steps of changing length.
    public static let largestEccentricity = 0.5

    /// Orbits of `count` eccentricities, evenly spread from 0 to `eccentricity`. Throws where a number is out of range.
    public init(
        count: Int, eccentricity: Double = 0.3, stepsPerRevolution: Int = 100
    ) throws(KeplerProblemError) {
        guard (1...1 << 20).contains(count) else {
            throw KeplerProblemError(description: "\(count) orbits; there are 1 to \(1 << 20)")
        }
        guard eccentricity >= 0, eccentricity <= Self.largestEccentricity else {
            throw KeplerProblemError(
                description: "an eccentricity of \(eccentricity); it is 0 to \(Self.largestEccentricity)")
        }
        guard (10...100_000).contains(stepsPerRevolution) else {
            throw KeplerProblemError(
                description: "\(stepsPerRevolution) steps in a revolution; there are 10 to 100000")
        }
        eccentricities = (0..<count).map { eccentricity * Double($0) / Double(max(1, count - 1)) }
        self.stepsPerRevolution = stepsPerRevolution
    }

    /// The length of a step.
    public var timeStep: Double { 2 * Double.pi / Double(stepsPerRevolution) }

    /// The places at the start and after every whole revolution: x of every planet, then y of every planet.
    public var startingPlaces: [Double] {
        eccentricities.map { 1 - $0 } + [Double](repeating: 0, count: eccentricities.count)
    }

    /// The velocities at the start and after every whole revolution, in the same order.
    public var startingVelocities: [Double] {
        [Double](repeating: 0, count: eccentricities.count)
            + eccentricities.map { ((1 + $0) / (1 - $0)).squareRoot() }
    }

    /// The largest distance of a planet to where it started, and the largest error of an energy relative to 1/2, for
    /// places and velocities after whole revolutions. NaN where any number is, and where there are not two numbers per planet.
    public func errors(places: [Double], velocities: [Double]) -> (distance: Double, energy: Double) {
        let count = eccentricities.count
        guard places.count == 2 * count, velocities.count == 2 * count else { return (.nan, .nan) }
        let exact = startingPlaces
        var worst = (distance: 0.0, energy: 0.0)
        for index in eccentricities.indices {
            let (x, y) = (places[index], places[count + index])
            let (vx, vy) = (velocities[index], velocities[count + index])
            let (dx, dy) = (x - exact[index], y - exact[count + index])
            let distance = (dx * dx + dy * dy).squareRoot()
            let energy = (vx * vx + vy * vy) / 2 - 1 / (x * x + y * y).squareRoot()
            let relative = (energy + 0.5).magnitude / 0.5
            guard !distance.isNaN, !relative.isNaN else { return (.nan, .nan) }
            worst = (max(worst.distance, distance), max(worst.energy, relative))
        }
        return worst
    }
}
