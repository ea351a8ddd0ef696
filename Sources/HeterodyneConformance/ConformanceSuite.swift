// Heterodyne: the cases that every device is measured by, and running them.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph
public import HeterodyneRuntime

/// A case that is known to fail on a device. It fails the run when it starts to pass, so that the list stays true.
public struct ExpectedFailure: Sendable, Hashable {
    /// The device's identifier, or `*`.
    public var device: String
    /// The case's identifier; `*` stands for any text.
    public var pattern: String
    /// Why the case fails, and what will mend it.
    public var reason: String

    /// A failure that is known.
    public init(device: String, pattern: String, reason: String) {
        self.device = device
        self.pattern = pattern
        self.reason = reason
    }

    func matches(_ id: String, on device: String) -> Bool {
        CasePattern(self.device).matches(device) && CasePattern(pattern).matches(id)
    }
}

/// Cases that devices are measured by.
public struct ConformanceSuite: Sendable {
    /// The cases, in the order in which they run.
    public var cases: [ConformanceCase]

    /// A suite of the given cases.
    public init(_ cases: [ConformanceCase]) { self.cases = cases }

    /// Every case of this library: primitives, composites, chains, control, conduct.
    public static let standard = ConformanceSuite(
        ConductCases.all + ElementwiseCases.all + MovementCases.all + IndexingCases.all + ContractionCases.all
            + ControlCases.all + CompositeCases.all)

    /// The cases of the quick set.
    public var quick: ConformanceSuite { ConformanceSuite(cases.filter(\.isQuick)) }

    /// The cases whose identifiers contain `filter`; with `*` in it, those that match it as a
    /// whole, `*` standing for any text.
    public func filtered(_ filter: String) -> ConformanceSuite {
        let pattern = CasePattern(filter.contains("*") ? filter : "*\(filter)*")
        return ConformanceSuite(cases.filter { pattern.matches($0.id) })
    }

    /// The cases whose graphs touch a type of which `conditions` hide something. Throws what building a graph throws.
    public func touching(_ conditions: MissingTypes) throws(GraphError) -> ConformanceSuite {
        var chosen: [ConformanceCase] = []
        for test in cases {
            if let program = try test.program(), conditions.touches(program.graph) { chosen.append(test) }
        }
        return ConformanceSuite(chosen)
    }

    /// Runs the cases on `device`, without fallback to another unless `conditions` name some.
    ///
    /// - Parameters:
    ///   - device: What is measured.
    ///   - conditions: What is hidden of the device and what its owner allows then.
    ///   - oracle: Evaluates graphs by definition: the reference evaluator.
    ///   - expectedFailures: Cases that are known to fail.
    ///   - progress: Called after each case with its result and the number of cases done.
    /// - Throws: What asking the device for its capabilities throws.
    public func run(
        on device: Device, under conditions: MissingTypes = .none, oracle: any Evaluator,
        expectedFailures: [ExpectedFailure] = [],
        progress: (CaseResult, Int) -> Void = { _, _ in }
    ) throws(BackendError) -> DeviceReport {
        let device = conditions.masks.isEmpty ? device : device.masking(conditions.masks)
        let runner = try CaseRunner(device: device, conditions: conditions, oracle: oracle)
        let start = ContinuousClock.now
        var results: [CaseResult] = []
        results.reserveCapacity(cases.count)
        for test in cases {
            var result = runner.run(test)
            if let expected = expectedFailures.first(where: { $0.matches(test.id, on: device.id) }) {
                switch result.status {
                case .failed:
                    result.status = .expectedFailure
                    result.reason = "\(expected.reason) [\(result.reason ?? "")]"
                case .passed:
                    result.status = .failed
                    result.reason = "passes although it is listed as an expected failure: \(expected.reason)"
                case .skipped, .refused, .expectedFailure: break
                }
            }
            results.append(result)
            progress(result, results.count)
        }
        let duration = start.duration(to: .now).components
        return DeviceReport(
            device: device.descriptor, conditions: conditions, results: results,
            seconds: Double(duration.seconds) + Double(duration.attoseconds) * 1e-18)
    }
}

/// Text in which `*` stands for any text.
struct CasePattern {
    private let parts: [Substring]

    init(_ pattern: String) { parts = pattern.split(separator: "*", omittingEmptySubsequences: false) }

    func matches(_ text: String) -> Bool {
        guard let first = parts.first, let last = parts.last else { return true }
        if parts.count == 1 { return text == first }
        guard text.hasPrefix(first), text.hasSuffix(last), text.utf8.count >= first.utf8.count + last.utf8.count else {
            return false
        }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = Self.range(of: part, in: rest) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }

    private static func range(of part: Substring, in text: Substring) -> Range<Substring.Index>? {
        text.ranges(of: part).first
    }
}
