// Heterodyne: a step of the heat equation by conjugate gradients, as plain tensor code.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne
import SamplePolicies

/// One step of backward Euler: (I - τ Δ_h) u' = u + τ f + boundary terms, solved by conjugate gradients without a matrix.
///
/// Nothing here knows which device runs it or how it computes float64.
public struct HeatModel: Sendable {
    /// The equation and its grid.
    public let problem: HeatProblem
    /// The type that everything is computed in.
    public let scalarType: ScalarType
    /// The residual, relative to the right-hand side, at which the solver is done.
    public let tolerance: Double
    /// The solver gives up after this many iterations.
    public let mostIterations: Int
    /// The solver gives up after this many iterations in a row that do not lower its smallest residual.
    public static let patience = 100

    private let shape: Tensor
    private let laplacian: Tensor
    private let boundary: Tensor

    /// A model in the given type. Throws for a type that is no float, a tolerance that is not in 0..<1, and a number of iterations
    /// that is not in 1...1000000.
    public init(
        _ problem: HeatProblem, scalarType: ScalarType = .float64, tolerance: Double = 1e-12,
        mostIterations: Int = 10_000
    ) throws(HeatProblemError) {
        guard scalarType == .float64 || scalarType == .float32 else {
            throw HeatProblemError(description: "the equation in \(scalarType); it is solved in float64 or float32")
        }
        guard tolerance >= 0, tolerance < 1 else {
            throw HeatProblemError(description: "a tolerance of \(tolerance); it is at least 0 and below 1")
        }
        guard (1...1_000_000).contains(mostIterations) else {
            throw HeatProblemError(description: "\(mostIterations) iterations at most; give 1 to 1000000")
        }
        self.problem = problem
        self.scalarType = scalarType
        self.tolerance = tolerance
        self.mostIterations = mostIterations
        let extents = [problem.size, problem.size]
        shape = Tensor(rounding: problem.shapeValues, shape: extents, to: scalarType)
        laplacian = Tensor(rounding: problem.laplacianValues, shape: extents, to: scalarType)
        boundary = Tensor(rounding: problem.boundarySums, shape: extents, to: scalarType)
    }

    /// The types of the arguments of `step`: the grid's values and the time at the end of the step.
    public var argumentTypes: [TensorType] {
        [TensorType(scalarType, [problem.size, problem.size]), TensorType(scalarType, [])]
    }

    /// The values at the end of a step, the solver's iterations (int32), and the residual that is left, |b - A u'| / |b|.
    public func step(_ values: Tensor, endingAt time: Tensor) -> [Tensor] {
        let growth = time + constant(1)
        let source = shape - growth * laplacian
        let right =
            values + constant(problem.timeStep) * source + (constant(problem.coupling) * growth) * boundary
        let (solution, iterations) = solve(right, from: values)
        let rest = right - applied(to: solution)
        return [solution, iterations, (Self.dot(rest, rest) / Self.dot(right, right)).sqrt()]
    }

    /// A v = v - τ Δ_h v with zeros around: (1 + 4c) v - c (the four neighbours), c = τ / h².
    func applied(to values: Tensor) -> Tensor {
        let size = problem.size
        let padded = values.pad(low: [1, 1], high: [1, 1])
        let vertical = padded[0..<size, 1..<size + 1] + padded[2..<size + 2, 1..<size + 1]
        let horizontal = padded[1..<size + 1, 0..<size] + padded[1..<size + 1, 2..<size + 2]
        return constant(1 + 4 * problem.coupling) * values - constant(problem.coupling) * (vertical + horizontal)
    }

    /// Conjugate gradients (Hestenes and Stiefel 1952) for A x = b.
    ///
    /// The loop ends where the residual is small enough, after `mostIterations`, after `patience` iterations that did not lower
    /// the smallest residual, and where anything becomes NaN, since comparisons with NaN are false.
    private func solve(_ right: Tensor, from guess: Tensor) -> (solution: Tensor, iterations: Tensor) {
        let residual = right - applied(to: guess)
        let square = Self.dot(residual, residual)
        let goal = constant(tolerance * tolerance) * Self.dot(right, right)
        let zero = Tensor(Int32(0))
        let state = [guess, residual, residual, square, square, goal, zero, zero]
        let end = Tensor.loop(state) { state in
            let (square, goal, count, stalled) = (state[3], state[5], state[6], state[7])
            return (square .> goal) .& (count .< Tensor(Int32(mostIterations)))
                .& (stalled .< Tensor(Int32(Self.patience)))
        } body: { state in
            let (solution, residual, direction, square) = (state[0], state[1], state[2], state[3])
            let (smallest, goal, count, stalled) = (state[4], state[5], state[6], state[7])
            let image = applied(to: direction)
            let length = square / Self.dot(direction, image)
            let nextResidual = residual - length * image
            let nextSquare = Self.dot(nextResidual, nextResidual)
            return [
                solution + length * direction, nextResidual, nextResidual + (nextSquare / square) * direction,
                nextSquare, smallest.minimum(nextSquare), goal, count + Tensor(Int32(1)),
                (nextSquare .< smallest).select(Tensor(Int32(0)), stalled + Tensor(Int32(1))),
            ]
        }
        return (end[0], end[6])
    }

    private static func dot(_ a: Tensor, _ b: Tensor) -> Tensor { (a * b).sum() }

    /// A scalar of the model's type.
    func constant(_ value: Double) -> Tensor { Tensor(rounding: value, to: scalarType) }
}
