// Heterodyne: runs the orbits on a device and measures how far the planets are from where they should be.
// SPDX-License-Identifier: Apache-2.0

public import Heterodyne
public import SamplePolicies

/// What a simulation found.
public struct KeplerResult: Sendable {
    /// The largest distance of a planet to where it should be after each revolution, in Double on the host. The unit is half the
    /// long axis of the orbits.
    public var errors: [Double]
    /// The largest error of an energy after each revolution, relative.
    public var energyErrors: [Double]
    /// x of every planet at the end, then y of every planet.
    public var places: [Double]
    /// The velocities at the end in the same order.
    public var velocities: [Double]
    /// Seconds of computing, compilation not among them.
    public var seconds: Double
    /// What the compiler decided.
    public var report: CompilationReport

    /// The numbers for a table.
    public var measurement: PolicyMeasurement {
        PolicyMeasurement(errors: errors, seconds: seconds, report: report)
    }
}

/// The orbits on one device: one compiled program, called once per revolution. The state stays in place.
public final class KeplerSimulation: Sendable {
    /// The orbits.
    public let model: KeplerModel
    private let function: CompiledFunction

    /// A simulation on `device`. Nothing is compiled before the first question.
    public init(_ model: KeplerModel, device: Device, options: ProgramOptions = ProgramOptions()) {
        self.model = model
        function = compile(device: device, donating: [0, 1], options: options) { arguments in
            model.revolution(arguments[0], arguments[1])
        }
    }

    /// What the compiler decides. Throws what compiling throws; nothing runs.
    public func report() throws(HeterodyneError) -> CompilationReport { try function.report(for: model.argumentTypes) }

    /// Runs some revolutions from the start. `progress` hears how many are done.
    public func run(
        revolutions: Int, progress: ((Int) -> Void)? = nil
    ) throws(HeterodyneError) -> KeplerResult {
        let problem = model.problem
        var result = KeplerResult(
            errors: [], energyErrors: [], places: problem.startingPlaces, velocities: problem.startingVelocities,
            seconds: 0,
            report: try report())
        let shape = [2, problem.eccentricities.count]
        var state = [result.places, result.velocities].map {
            Tensor(rounding: $0, shape: shape, to: model.scalarType)
        }
        for revolution in 1...max(1, revolutions) {
            let start = ContinuousClock.now
            state = try function.results(state)
            result.seconds += start.duration(to: .now).inSeconds
            result.places = try state[0].doubles()
            result.velocities = try state[1].doubles()
            let errors = problem.errors(places: result.places, velocities: result.velocities)
            result.errors.append(errors.distance)
            result.energyErrors.append(errors.energy)
            progress?(revolution)
        }
        return result
    }
}
