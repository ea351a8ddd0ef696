// Heterodyne: what the ONNX suite showed on one device.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend

/// What the ONNX suite showed on one device.
public struct ONNXReport: Sendable {
    /// The device.
    public let device: DeviceDescriptor
    /// The version of the package that the cases are from.
    public let version: String
    /// One result for each case, sorted by group and name.
    public let results: [ONNXCaseResult]
    /// How long the run took.
    public let seconds: Double

    /// Outcomes by kind.
    public struct Counts: Sendable, Hashable {
        /// The number of cases with each outcome.
        public var outcomes: [ONNXCaseResult.Outcome: Int] = [:]
        /// The number of cases.
        public var total: Int { outcomes.values.reduce(0, +) }
        /// The number of cases with `outcome`.
        public subscript(outcome: ONNXCaseResult.Outcome) -> Int { outcomes[outcome] ?? 0 }

        init(_ results: some Sequence<ONNXCaseResult>) {
            for result in results { outcomes[result.outcome, default: 0] += 1 }
        }
    }

    /// What the suite's own runner would count.
    public var counts: Counts { Counts(results.filter(\.test.isCounted)) }
    /// The classic subset.
    public var classic: Counts { Counts(results.filter(\.test.isClassic)) }
    /// The groups with their counts, sorted; among them the one that is not counted.
    public var groups: [(name: String, counts: Counts)] {
        Set(results.map(\.test.group)).sorted().map { name in
            (name, Counts(results.filter { $0.test.group == name }))
        }
    }

    /// One line: `reference: ONNX 2,001 of 2,033 passed …`.
    public var summary: String {
        let counts = counts
        let classic = classic
        return "\(device.id): ONNX suite \(version): \(counts[.passed]) of \(counts.total) passed "
            + "(\(Self.percent(counts)) %), \(counts[.failed]) failed, \(counts[.error]) errors, "
            + "\(counts[.declined]) declined, \(counts[.notATest]) not tests; classic subset \(classic[.passed]) of "
            + "\(classic.total) (\(Self.percent(classic)) %); \(DeviceReport.decimal(seconds)) s"
    }

    /// The part that passed, in hundredths, one decimal, rounded down: nothing but all is 100.
    static func percent(_ counts: Counts) -> String {
        guard counts.total > 0 else { return "0" }
        let tenths = counts[.passed] * 1000 / counts.total
        return "\(tenths / 10).\(tenths % 10)"
    }
}
