// Heterodyne: conformance reports for programs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension DeviceReport {
    /// Reports as one JSON document, schema 1: `conformance` has the totals `passed`, `failed`, `skipped` and
    /// `expectedFailures`, `devices` one entry for each device with its own totals, and `cases` one entry for each
    /// case: `id`, `device`, `status`, `observed`, `limit`, `unit` (`ulp`, or `bound` where `observed` is the part of a bound
    /// that was used), `nmse`, `unbounded`, `reason`. Numbers that JSON does not have are `null`.
    public static func json(_ reports: [DeviceReport]) -> String {
        func totals(_ reports: [DeviceReport]) -> String {
            let count = { (status: CaseResult.Status) in reports.reduce(0) { $0 + $1.count(status) } }
            return "\"passed\": \(count(.passed)), \"failed\": \(count(.failed)), \"skipped\": \(count(.skipped)), "
                + "\"expectedFailures\": \(count(.expectedFailure))"
        }
        let devices = reports.map { report in
            "    {\"id\": \(quoted(report.device.id)), \"name\": \(quoted(report.device.name)), "
                + "\"backend\": \(quoted(report.device.backend)), "
                + "\"fingerprint\": \(quoted(report.device.fingerprint)), \(totals([report])), "
                + "\"seconds\": \(number(report.seconds))}"
        }
        let cases = reports.flatMap { report in report.results.map { "    \(json($0))" } }
        return """
            {
              "schema": 1,
              "conformance": {\(totals(reports))},
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
            "\"id\": \(quoted(result.id))", "\"device\": \(quoted(result.device))",
            "\"status\": \(quoted(result.status.rawValue))",
        ]
        if result.status != .skipped, let metric = result.metric {
            let isBound = metric == .bound
            fields.append("\"observed\": \(number(isBound ? result.deviation.ratio : result.deviation.ulp))")
            fields.append("\"limit\": \(number(isBound ? 1 : result.limit ?? 0))")
            fields.append("\"unit\": \"\(isBound ? "bound" : "ulp")\"")
            fields.append("\"nmse\": \(number(result.deviation.normalizedMeanSquare))")
            fields.append("\"unbounded\": \(result.deviation.unboundedCount)")
        }
        if let reason = result.reason { fields.append("\"reason\": \(quoted(reason))") }
        return "{\(fields.joined(separator: ", "))}"
    }

    private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
