// Heterodyne: what a device's arithmetic does, beside what it declares.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph
public import HeterodyneRuntime

/// What a device's arithmetic does, measured through the contract, beside what its `Numerics` declare.
///
/// Errors are measured over dense samples: for types of 16 bits over every number, for wider ones over numbers spread evenly
/// over all bit patterns and over the ranges in which functions vary. What is right is computed in float64 by the
/// reference; float64's own sums, products, quotients and square roots are measured exactly, by their residues.
public struct NumericsMeasurement: Sendable, Hashable {
    /// The largest error found of one operation.
    public struct ErrorRow: Sendable, Hashable {
        /// The primitive, or the elementwise composite that the device runs whole.
        public let operation: String
        /// Whether it is a composite.
        public let isComposite: Bool
        /// The type of operands and result; of `convert` the result.
        public let scalarType: ScalarType
        /// The largest error that the device declares, in units of the last place.
        public let declared: Double
        /// The largest error found; infinite where a result is of the wrong kind, a number in place of NaN say.
        public let measured: Double
        /// The operands of the largest error.
        public let worstOperands: [Double]
        /// The result there.
        public let worstResult: Double
        /// How many results were looked at.
        public let sampleCount: Int
        /// Whether the device is worse than it declares, by more than the oracle's own error.
        public let isWorse: Bool
    }

    /// A fact about a device's arithmetic that is no number.
    public struct Finding: Sendable, Hashable {
        /// What was looked at.
        public let subject: String
        /// In which type; nil where it concerns none in particular.
        public let scalarType: ScalarType?
        /// What the device declares.
        public let declared: String
        /// What was found.
        public let measured: String
        /// Whether the device is worse than it declares.
        public let isWorse: Bool
    }

    /// The device.
    public let device: String
    /// The largest errors, by operation and type.
    public var errors: [ErrorRow] = []
    /// Everything else.
    public var findings: [Finding] = []
    /// What could not be measured, and why.
    public var problems: [String] = []
    /// Seconds that it took.
    public var seconds: Double = 0

    /// Whether everything could be measured and nothing is worse than declared.
    public var isAsDeclared: Bool {
        problems.isEmpty && !errors.contains(where: \.isWorse) && !findings.contains(where: \.isWorse)
    }

    /// Measures a device.
    ///
    /// - Parameters:
    ///   - device: The device.
    ///   - oracle: Evaluates graphs; the reference.
    ///   - sampleCount: How many samples are taken of each range, rounded down to what a type has.
    ///   - progress: Called before each operation with its name and type.
    public init(
        of device: Device, oracle: any Evaluator, sampleCount: Int = 1 << 16,
        progress: (_ operation: String, _ scalarType: ScalarType) -> Void = { _, _ in }
    ) throws(BackendError) {
        self.device = device.id
        let start = ContinuousClock.now
        let probe = try NumericsProbe(device: device, oracle: oracle)
        let types = CaseTable.floats.filter { probe.computes($0) }
        for type in types {
            let look = FloatInspection(probe: probe, type: type)
            progress("denormals", type)
            let flushers = collect { () throws(ProbeError) in try look.flushers() }
            findings += collect { () throws(ProbeError) in try look.findings(flushers: flushers) }
            let survey = ErrorSurvey(
                probe: probe, type: type, sampleCount: max(1, sampleCount),
                ignoresSubnormals: !flushers.isEmpty || probe.capabilities.numerics.denormals == .flushed)
            for subject in survey.subjects {
                progress(subject.name, type)
                errors += collect { () throws(ProbeError) in try survey.row(of: subject).map { [$0] } ?? [] }
            }
        }
        for type in CaseTable.integers where probe.computes(type) {
            progress("integer edges", type)
            findings += collect { () throws(ProbeError) in [try IntegerInspection(probe: probe, type: type).finding()] }
        }
        if types.contains(.float32) {
            progress("error-free sums and products", .float32)
            findings += collect { () throws(ProbeError) in try ErrorFreeInspection(probe: probe).findings() }
        }
        let duration = start.duration(to: .now).components
        seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
    }

    /// What `body` finds; what it throws becomes a problem.
    private mutating func collect<Item>(_ body: () throws(ProbeError) -> [Item]) -> [Item] {
        do { return try body() } catch {
            problems.append(error.description)
            return []
        }
    }
}
