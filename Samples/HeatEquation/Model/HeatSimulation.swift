// Heterodyne: runs the heat equation on a device and measures its error.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne
public import SamplePolicies

/// What a simulation found.
public struct HeatResult: Sendable {
    /// The largest difference to the exact solution after each step, in Double on the host.
    public var errors: [Double]
    /// The solver's iterations in each step.
    public var iterations: [Int]
    /// The residual |b - A u| / |b| that was left after each step.
    public var residuals: [Double]
    /// The last values, row by row.
    public var values: [Double]
    /// Seconds of computing, compilation not among them.
    public var seconds: Double
    /// What the compiler decided.
    public var report: CompilationReport

    /// The numbers for a table.
    public var measurement: PolicyMeasurement {
        PolicyMeasurement(
            errors: errors, counts: [Self.iterationColumn: iterations.reduce(0, +)], seconds: seconds, report: report)
    }

    /// The name of the count of iterations.
    public static let iterationColumn = "CG iterations"
}

/// The heat equation on one device: one compiled program, called once per step. The state stays in place.
public final class HeatSimulation: Sendable {
    /// The equation.
    public let model: HeatModel
    private let function: CompiledFunction
    private let device: Device

    /// A simulation on `device`. Nothing is compiled before the first question.
    public init(_ model: HeatModel, device: Device, options: ProgramOptions = ProgramOptions()) {
        self.model = model
        self.device = device
        function = compile(device: device, donating: [0], options: options) { arguments in
            model.step(arguments[0], endingAt: arguments[1])
        }
    }

    /// What the compiler decides. Throws what compiling throws; nothing runs.
    public func report() throws(HeterodyneError) -> CompilationReport { try function.report(for: model.argumentTypes) }

    /// Runs some steps from the exact solution at time 0. `progress` hears how many are done.
    public func run(steps: Int, progress: ((Int) -> Void)? = nil) throws(HeterodyneError) -> HeatResult {
        let problem = model.problem
        var result = HeatResult(
            errors: [], iterations: [], residuals: [], values: problem.shapeValues, seconds: 0, report: try report())
        let shape = problem.shapeValues
        var state = Tensor(rounding: shape, shape: [problem.size, problem.size], to: model.scalarType)
        for step in 1...max(1, steps) {
            let time = Double(step) * problem.timeStep
            let start = ContinuousClock.now
            let results = try function.results([state, model.constant(time)])
            result.seconds += start.duration(to: .now).inSeconds
            result.values = try results[0].doubles()
            state = results[0]
            let growth = 1 + time
            result.errors.append(
                zip(result.values, shape).reduce(0) { largest, pair in
                    let error = (pair.0 - growth * pair.1).magnitude
                    return error.isNaN || largest.isNaN ? .nan : max(largest, error)
                })
            result.iterations.append(Int(try results[1].item(as: Int32.self)))
            result.residuals.append(try results[2].doubles().first ?? .nan)
            progress?(step)
        }
        return result
    }
}
