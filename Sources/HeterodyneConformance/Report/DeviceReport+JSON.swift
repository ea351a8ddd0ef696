// Heterodyne: conformance reports for programs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneRuntime

extension DeviceReport {
    /// Reports as one JSON document, schema 1: `conformance` has the totals `passed`, `failed`, `skipped`, `refused` and
    /// `expectedFailures`, `devices` one entry for each device with its own totals, and `cases` one entry for each
    /// case: `id`, `device`, `status`, `observed`, `limit`, `unit` (`ulp`, or `bound` where `observed` is the part of a bound
    /// that was used), `nmse`, `unbounded`, `reason`. Numbers that JSON does not have are `null`.
    /// With `onnx`, there is a key `onnx` for what the ONNX suite showed: see `ONNXReport.json`.
    public static func json(_ reports: [DeviceReport], onnx: [ONNXReport]? = nil) -> String {
        func totals(_ reports: [DeviceReport]) -> String {
            let count = { (status: CaseResult.Status) in reports.reduce(0) { $0 + $1.count(status) } }
            return "\"passed\": \(count(.passed)), \"failed\": \(count(.failed)), \"skipped\": \(count(.skipped)), "
                + "\"refused\": \(count(.refused)), "
                + "\"expectedFailures\": \(count(.expectedFailure))"
        }
        let devices = reports.map { report in
            "    {\"id\": \(JSONText.quoted(report.device.id)), \"name\": \(JSONText.quoted(report.device.name)), "
                + "\"backend\": \(JSONText.quoted(report.device.backend)), "
                + "\"fingerprint\": \(JSONText.quoted(report.device.fingerprint)), \(totals([report])), "
                + "\"masked\": \(JSONText.quoted(report.conditions.masks.map(\.description).joined(separator: ","))), "
                + "\"policy\": \(JSONText.quoted(report.conditions.policy.description)), "
                + "\"seconds\": \(JSONText.number(report.seconds))}"
        }
        let cases = reports.flatMap { report in report.results.map { "    \(json($0))" } }
        let suite = onnx.map { "\n  \"onnx\": \(ONNXReport.json($0))," } ?? ""
        return """
            {
              "schema": 1,
              "conformance": {\(totals(reports))},\(suite)
              "devices": [
            \(devices.joined(separator: ",\n"))
              ],
              "cases": [
            \(cases.joined(separator: ",\n"))
              ]
            }

            """
    }

    private static func json(_ result: CaseResult) -> String {
        var fields = [
            "\"id\": \(JSONText.quoted(result.id))", "\"device\": \(JSONText.quoted(result.device))",
            "\"status\": \(JSONText.quoted(result.status.rawValue))",
        ]
        if result.status != .skipped, result.status != .refused, let metric = result.metric {
            let isBound = metric == .bound
            fields.append("\"observed\": \(JSONText.number(isBound ? result.deviation.ratio : result.deviation.ulp))")
            fields.append("\"limit\": \(JSONText.number(isBound ? 1 : result.limit ?? 0))")
            fields.append("\"unit\": \"\(isBound ? "bound" : "ulp")\"")
            fields.append("\"nmse\": \(JSONText.number(result.deviation.normalizedMeanSquare))")
            fields.append("\"unbounded\": \(result.deviation.unboundedCount)")
        }
        if let reason = result.reason { fields.append("\"reason\": \(JSONText.quoted(reason))") }
        return "{\(fields.joined(separator: ", "))}"
    }
}
