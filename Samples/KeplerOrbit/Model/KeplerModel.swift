// Heterodyne: revolutions of planets by a symplectic method of order eight, as plain tensor code.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne
import SamplePolicies

/// Revolutions of planets around a star. Nothing here knows which device runs it or how it computes float64.
public struct KeplerModel: Sendable {
    /// The orbits.
    public let problem: KeplerProblem
    /// The type that everything is computed in.
    public let scalarType: ScalarType

    /// A model in the given type. Throws for a type other than float64 and float32.
    public init(_ problem: KeplerProblem, scalarType: ScalarType = .float64) throws(KeplerProblemError) {
        guard scalarType == .float64 || scalarType == .float32 else {
            throw KeplerProblemError(description: "orbits in \(scalarType); they are computed in float64 or float32")
        }
        self.problem = problem
        self.scalarType = scalarType
    }

    /// The method: 15 steps of Störmer and Verlet, whose lengths add up to 1 and whose errors cancel up to the eighth order (M. Suzuki and K.
    /// Umeno 1993; Hairer, Lubich, Wanner, "Geometric Numerical Integration", V.3.11).
    static let substeps: [Double] = {
        let half = [
            0.74167036435061295345, -0.40910082580003159400, 0.19075471029623837995, -0.57386247111608226666,
            0.29906418130365592384, 0.33462491824529818378, 0.31529309239676659663, -0.79688793935291635402,
        ]
        return half + half.dropLast().reversed()
    }()

    /// The types of the arguments of `revolution`: places and velocities, [2, planets] each.
    public var argumentTypes: [TensorType] {
        [TensorType](repeating: TensorType(scalarType, [2, problem.eccentricities.count]), count: 2)
    }

    /// Places and velocities one revolution later.
    public func revolution(_ place: Tensor, _ velocity: Tensor) -> [Tensor] {
        let end = Tensor.loop([place, velocity, Tensor(Int32(0))]) { state in
            state[2] .< Tensor(Int32(problem.stepsPerRevolution))
        } body: { state in
            let (place, velocity) = step(state[0], state[1])
            return [place, velocity, state[2] + Tensor(Int32(1))]
        }
        return Array(end[..<2])
    }

    /// Places and velocities one step later: drifts q += c h v and kicks v -= d h q / |q|³ in turn. Neighbouring drifts are one.
    ///
    /// |q|² is needed under both coordinates, so each coordinate adds the square of the other: q² + (q reversed)². That is
    /// elementwise, and a kick therefore one pass over memory.
    func step(_ place: Tensor, _ velocity: Tensor) -> (place: Tensor, velocity: Tensor) {
        var (place, velocity) = (place, velocity)
        var previous = 0.0
        for part in Self.substeps {
            place += constant((previous + part) / 2 * problem.timeStep) * velocity
            let other = place.reverse([0])
            let square = place * place + other * other
            velocity -= constant(part * problem.timeStep) / (square * square.sqrt()) * place
            previous = part
        }
        place += constant(previous / 2 * problem.timeStep) * velocity
        return (place, velocity)
    }

    private func constant(_ value: Double) -> Tensor { Tensor(rounding: value, to: scalarType) }
}
