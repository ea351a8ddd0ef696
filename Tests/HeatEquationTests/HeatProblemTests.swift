// Heterodyne: the heat equation's data solve the discrete equations exactly, and its tensor code is what they say.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@testable import HeatEquationModel

/// The equations of one step in plain Swift.
enum HostHeat {
    /// (I - τ Δ_h) v with zeros around.
    static func applied(_ values: [Double], _ problem: HeatProblem) -> [Double] {
        let (size, c) = (problem.size, problem.coupling)
        func at(_ row: Int, _ column: Int) -> Double {
            (0..<size).contains(row) && (0..<size).contains(column) ? values[row * size + column] : 0
        }
        return (0..<size * size).map { index in
            let (row, column) = (index / size, index % size)
            let neighbours = at(row - 1, column) + at(row + 1, column) + at(row, column - 1) + at(row, column + 1)
            return values[index] + c * (4 * values[index] - neighbours)
        }
    }

    /// u + τ f + c (1 + t) (sums over the boundary), with u at the step's start and everything else at its end.
    static func right(_ values: [Double], endingAt time: Double, _ problem: HeatProblem) -> [Double] {
        let (shape, laplacian, sums) = (problem.shapeValues, problem.laplacianValues, problem.boundarySums)
        return values.indices.map { index in
            let source = shape[index] - (1 + time) * laplacian[index]
            return values[index] + problem.timeStep * source + problem.coupling * (1 + time) * sums[index]
        }
    }

    static func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}

@Suite("Heat equation")
struct HeatProblemTests {
    @Test("the known solution solves the discrete equations", arguments: [(2, 0.01), (9, 0.1), (33, 0.003)])
    func exactness(size: Int, timeStep: Double) throws {
        let problem = try HeatProblem(size: size, timeStep: timeStep)
        for step in 1...3 {
            let time = Double(step) * timeStep
            let left = HostHeat.applied(problem.solution(at: time), problem)
            let right = HostHeat.right(problem.solution(at: time - timeStep), endingAt: time, problem)
            let difference = zip(left, right).map { ($0 - $1).magnitude }.max() ?? .nan
            // Rounding alone: a few ulps of the largest term, 4 c u.
            #expect(difference <= 32 * Double.ulpOfOne * (1 + 8 * problem.coupling), "step \(step)")
        }
    }

    @Test("the tensor code applies the same matrix", arguments: Device.all.filter(\.hasFloat64))
    func matrix(device: Device) throws {
        let problem = try HeatProblem(size: 7, timeStep: 0.02)
        let model = try HeatModel(problem)
        var values: [Double] = []
        var seed: UInt64 = 1
        for _ in 0..<49 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            values.append(Double(seed >> 11) / Double(1 << 53) - 0.5)
        }
        let found = try model.applied(to: Tensor(values, shape: [7, 7])).scalars(as: Double.self, on: device)
        for (a, b) in zip(found, HostHeat.applied(values, problem)) {
            #expect((a - b).magnitude <= 16 * Double.ulpOfOne * (1 + 8 * problem.coupling))
        }
    }

    @Test("bad requests are errors that say what is allowed")
    func badRequests() throws {
        for size in [.min, -1, 0, 1, 1025, .max] {
            #expect(throws: HeatProblemError.self) { try HeatProblem(size: size) }
        }
        for step in [0, -1, .nan, .infinity, 1e-7] {
            #expect(throws: HeatProblemError.self) { try HeatProblem(size: 8, timeStep: step) }
        }
        let problem = try HeatProblem(size: 8)
        #expect(throws: HeatProblemError.self) { try HeatModel(problem, scalarType: .int32) }
        #expect(throws: HeatProblemError.self) { try HeatModel(problem, tolerance: .nan) }
        #expect(throws: HeatProblemError.self) { try HeatModel(problem, tolerance: 1) }
        #expect(throws: HeatProblemError.self) { try HeatModel(problem, mostIterations: 0) }
        #expect(throws: HeatProblemError.self) { try HeatModel(problem, mostIterations: .max) }
    }
}

extension Device {
    /// Whether the device computes in float64.
    var hasFloat64: Bool {
        (try? capabilities())?.scalarTypes[.float64]?.isSuperset(of: [.storage, .arithmetic, .accumulate]) == true
    }
}
