// Heterodyne: reports on the ONNX suite for programs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension ONNXReport {
    /// The value of the key `onnx` in the document of `DeviceReport.json`: the totals over all devices (`passed`, `total`,
    /// `failed`, `errors`, `declined`, `notATest`), `classic` with the same of the classic subset, `devices` with these and
    /// `groups` for each device, and `cases` with `id`, `device`, `outcome`, `seconds` and, where it did not pass, `reason`
    /// and `largestDifference`.
    static func json(_ reports: [ONNXReport]) -> String {
        func totals(_ counts: [Counts]) -> String {
            let sum = { (outcome: ONNXCaseResult.Outcome) in counts.reduce(0) { $0 + $1[outcome] } }
            return "\"passed\": \(sum(.passed)), \"total\": \(counts.reduce(0) { $0 + $1.total }), "
                + "\"failed\": \(sum(.failed)), \"errors\": \(sum(.error)), \"declined\": \(sum(.declined)), "
                + "\"notATest\": \(sum(.notATest))"
        }
        let devices = reports.map { report in
            let groups = report.groups.map { "\(JSONText.quoted($0.name)): {\(totals([$0.counts]))}" }
            return "      {\"id\": \(JSONText.quoted(report.device.id)), \(totals([report.counts])), "
                + "\"classic\": {\(totals([report.classic]))}, \"groups\": {\(groups.joined(separator: ", "))}, "
                + "\"seconds\": \(JSONText.number(report.seconds))}"
        }
        let cases = reports.flatMap { report in report.results.map { "      \(json($0))" } }
        return """
            {
                "version": \(JSONText.quoted(reports.first?.version ?? "")),
                \(totals(reports.map(\.counts))),
                "classic": {\(totals(reports.map(\.classic)))},
                "devices": [
            \(devices.joined(separator: ",\n"))
                ],
                "cases": [
            \(cases.joined(separator: ",\n"))
                ]
              }
            """
    }

    private static func json(_ result: ONNXCaseResult) -> String {
        var fields = [
            "\"id\": \(JSONText.quoted(result.id))", "\"device\": \(JSONText.quoted(result.device))",
            "\"outcome\": \"\(result.outcome.rawValue)\"", "\"seconds\": \(JSONText.number(result.seconds))",
        ]
        if let reason = result.reason { fields.append("\"reason\": \(JSONText.quoted(reason))") }
        if let difference = result.largestDifference {
            fields.append("\"largestDifference\": \(JSONText.number(difference))")
        }
        return "{\(fields.joined(separator: ", "))}"
    }
}
