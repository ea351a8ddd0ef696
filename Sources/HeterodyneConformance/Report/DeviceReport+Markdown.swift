// Heterodyne: conformance reports for people.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneRuntime

extension DeviceReport {
    /// One line: `openblas: 1200 passed, 0 failed, 31 skipped, 0 expected failures in 12.3 s`.
    public var summary: String {
        let refusals = count(.refused) > 0 ? "\(count(.refused)) refused as the policy asks, " : ""
        return "\(title): \(count(.passed)) passed, \(count(.failed)) failed, \(count(.skipped)) skipped, \(refusals)"
            + "\(count(.expectedFailure)) expected failures in \(Self.decimal(seconds)) s"
    }

    /// The device, and what was hidden of it.
    var title: String {
        if conditions.masks.isEmpty { return device.id }
        let masks = conditions.masks.map(\.description).joined(separator: ",")
        let rules = conditions.types.sorted { $0.name < $1.name }.map { "\($0)=\(conditions.policy[$0].rawValue)" }
        return "\(device.id) without \(masks), \(rules.joined(separator: ","))"
    }

    /// The report as Markdown: the device, totals, a table by operation and scalar type, failures, and why cases were
    /// skipped.
    public var markdown: String {
        var lines = [
            "## \(Self.escaped(title)): \(Self.escaped(device.name))", "",
            "Backend `\(device.backend)`, vendor \(Self.escaped(device.vendor)), fingerprint `\(device.fingerprint)`.",
            "",
            "| passed | failed | skipped | refused | expected failures |", "| ---: | ---: | ---: | ---: | ---: |",
            "| \(count(.passed)) | \(count(.failed)) | \(count(.skipped)) | \(count(.refused)) | \(count(.expectedFailure)) |",
            "",
            "Errors are the largest seen, in units in the last place of the result type, beside the limit; for sums",
            "and composites the largest part of the bound of running error analysis that was used.", "",
            "| operation | type | passed | failed | skipped | expected | error | limit |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for row in rows {
            let cell = row.cell
            let count = { (status: CaseResult.Status) in cell.counts[status] ?? 0 }
            let hasRun = count(.passed) + count(.failed) + count(.expectedFailure) > 0
            var (error, limit) = (hasRun ? "0" : "", hasRun ? "exact" : "")
            if let worst = cell.worstULP {
                (error, limit) = ("\(Self.decimal(worst.observed)) ULP", "\(Self.decimal(worst.limit)) ULP")
            } else if let ratio = cell.worstRatio {
                (error, limit) = ("\(Self.decimal(ratio * 100)) %", "bound")
            }
            if row.operation == "conduct" { (error, limit) = ("", "") }
            lines.append(
                "| \(row.operation) | \(row.operation == "conduct" ? "" : row.scalarType.name) | \(count(.passed)) | "
                    + "\(count(.failed)) | \(count(.skipped)) | \(count(.expectedFailure)) | \(error) | \(limit) |")
        }
        for (status, title) in [(CaseResult.Status.failed, "Failures"), (.expectedFailure, "Expected failures")] {
            let chosen = results.filter { $0.status == status }
            if chosen.isEmpty { continue }
            lines += ["", "### \(title)", ""]
            lines += chosen.map { "* `\($0.id)`: \(Self.escaped($0.reason ?? ""))" }
        }
        var reasons: [(reason: String, count: Int)] = []
        for result in results where result.status == .skipped {
            let reason = result.reason ?? ""
            if let index = reasons.firstIndex(where: { $0.reason == reason }) {
                reasons[index].count += 1
            } else {
                reasons.append((reason, 1))
            }
        }
        if !reasons.isEmpty {
            lines += ["", "### Skipped", ""]
            lines += reasons.map { "* \($0.count): \(Self.escaped($0.reason))" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("\n", with: " ")
    }

    /// Three decimals at most.
    static func decimal(_ number: Double) -> String {
        guard number.isFinite, number.magnitude < 1e12 else { return "\(number)" }
        let thousandths = (number * 1000).rounded()
        if thousandths == 0 && number != 0 { return number < 0 ? "-0.001" : "0.001" }
        let whole = Int64(thousandths / 1000)
        let part = Int64(thousandths.magnitude.truncatingRemainder(dividingBy: 1000))
        if part == 0 { return "\(whole)" }
        var digits = String(part + 1000).dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return "\(whole).\(digits)"
    }
}
