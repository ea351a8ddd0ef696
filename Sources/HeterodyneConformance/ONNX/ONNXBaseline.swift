// Heterodyne: the cases of the ONNX suite that are known not to pass.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

/// The cases that are known not to pass, so that a run can tell what has become worse.
///
/// As text: one case a line, `DEVICE CASE OUTCOME REASON`, where the device may be `*` for all; `#` begins a comment.
public struct ONNXBaseline: Sendable, Hashable {
    /// A case that is known not to pass.
    public struct Entry: Sendable, Hashable {
        /// The device's identifier, or `*`.
        public var device: String
        /// The case's identifier.
        public var id: String
        /// What came of it.
        public var outcome: ONNXCaseResult.Outcome
        /// Why.
        public var reason: String

        /// A case that is known not to pass.
        public init(device: String, id: String, outcome: ONNXCaseResult.Outcome, reason: String) {
            self.device = device
            self.id = id
            self.outcome = outcome
            self.reason = reason
        }
    }

    /// The cases.
    public var entries: [Entry]

    /// Reads the text of a baseline.
    public init(_ text: String) throws(ONNXSuiteError) {
        entries = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: true)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count >= 3, let outcome = ONNXCaseResult.Outcome(rawValue: String(words[2])),
                outcome != .passed
            else {
                throw ONNXSuiteError(
                    description: "line \(index + 1) of the baseline: expected a device, a case, an outcome (failed, "
                        + "error, declined or notATest) and a reason")
            }
            entries.append(
                Entry(
                    device: String(first), id: String(words[1]), outcome: outcome,
                    reason: words.count > 3 ? String(words[3]) : ""))
        }
    }

    /// What did not pass in `reports`; what is the same on all devices once, where there are several.
    public init(_ reports: [ONNXReport]) {
        var found: [(entry: Entry, devices: [String])] = []
        var positions: [Entry: Int] = [:]
        for report in reports {
            for result in report.results where result.outcome != .passed {
                let entry = Entry(
                    device: "*", id: result.id, outcome: result.outcome,
                    reason: (result.reason ?? "").replacing("\n", with: " "))
                if let position = positions[entry] {
                    found[position].devices.append(report.device.id)
                } else {
                    positions[entry] = found.count
                    found.append((entry, [report.device.id]))
                }
            }
        }
        entries = []
        for (entry, devices) in found.sorted(by: { $0.entry.id < $1.entry.id }) {
            if devices.count == reports.count && reports.count > 1 {
                entries.append(entry)
            } else {
                for device in devices {
                    var own = entry
                    own.device = device
                    entries.append(own)
                }
            }
        }
    }

    /// The baseline as text, which `init` reads.
    public var text: String {
        let lines = entries.map { "\($0.device) \($0.id) \($0.outcome.rawValue) \($0.reason)" }
        return "# Cases of the ONNX suite that are known not to pass: device, case, outcome, reason.\n"
            + "# Written by heterodyne conformance --baseline FILE --update-baseline.\n"
            + lines.joined(separator: "\n") + (lines.isEmpty ? "" : "\n")
    }

    /// What a run shows against a baseline.
    public struct Comparison: Sendable {
        /// Cases that did not pass and are not listed: regressions.
        public var regressions: [ONNXCaseResult] = []
        /// Listed cases that passed: the list should be updated.
        public var improvements: [ONNXCaseResult] = []
        /// Listed cases whose outcome is not the listed one.
        public var changes: [ONNXCaseResult] = []
    }

    /// Compares runs with the baseline.
    public func compare(_ reports: [ONNXReport]) -> Comparison {
        var known: [String: Entry] = [:]
        for entry in entries { known["\(entry.device) \(entry.id)"] = entry }
        var comparison = Comparison()
        for result in reports.flatMap(\.results) {
            let entry = known["\(result.device) \(result.id)"] ?? known["* \(result.id)"]
            switch (entry, result.outcome) {
            case (nil, .passed): break
            case (nil, _): comparison.regressions.append(result)
            case (_?, .passed): comparison.improvements.append(result)
            case (let entry?, let outcome): if entry.outcome != outcome { comparison.changes.append(result) }
            }
        }
        return comparison
    }
}
