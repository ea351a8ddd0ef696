// Heterodyne: the scoreboard of the ONNX suite.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend

extension ONNXReport {
    /// The lines between which `rewritten` puts the scoreboard.
    public static let scoreboardMarkers = (begin: "<!-- onnx scoreboard -->", end: "<!-- end of onnx scoreboard -->")

    /// The scoreboard of several devices as Markdown: counts by group, and everything that did not pass, with the reason.
    public static func markdown(_ reports: [ONNXReport]) -> String {
        var lines: [String] = []
        let names = reports.flatMap { $0.groups.map(\.name) }
        let groups = Set(names).sorted()
        let header = ["device", "all", "classic subset"] + groups
        lines.append("| \(header.joined(separator: " | ")) |")
        lines.append("| --- |" + String(repeating: " ---: |", count: header.count - 1))
        for report in reports {
            var cells = ["`\(report.device.id)`"]
            for counts in [report.counts, report.classic] {
                cells.append("\(counts[.passed]) of \(counts.total) (\(percent(counts)) %)")
            }
            for group in groups {
                let counts = report.groups.first { $0.name == group }?.counts
                cells.append(counts.map { "\($0[.passed]) of \($0.total)" } ?? "")
            }
            lines.append("| \(cells.joined(separator: " | ")) |")
        }
        lines += ["", "What did not pass, by device:", ""]
        lines.append("| device | failed | error | declined | not a test |")
        lines.append("| --- | ---: | ---: | ---: | ---: |")
        for report in reports {
            let counts = report.counts
            lines.append(
                "| `\(report.device.id)` | \(counts[.failed]) | \(counts[.error]) | \(counts[.declined]) | "
                    + "\(counts[.notATest]) |")
        }
        for (outcome, title) in [
            (ONNXCaseResult.Outcome.failed, "Failed"), (.error, "Errors"), (.declined, "Declined"),
            (.notATest, "Not tests"),
        ] {
            let rows = rows(reports, outcome)
            if rows.isEmpty { continue }
            lines += ["", "#### \(title)", "", "| operator | devices | cases | reason |", "| --- | --- | --- | --- |"]
            for row in rows {
                lines.append(
                    "| \(row.subject) | \(row.devices.map { "`\($0)`" }.joined(separator: ", ")) | "
                        + "\(row.cases.map { "`\($0)`" }.joined(separator: ", ")) | \(escaped(row.reason)) |")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `document` with the scoreboard between its markers replaced; nil where it does not have both in order.
    public static func rewritten(_ document: String, _ reports: [ONNXReport]) -> String? {
        guard let begin = document.ranges(of: scoreboardMarkers.begin).first,
            let end = document[begin.upperBound...].ranges(of: scoreboardMarkers.end).first
        else { return nil }
        return document[..<begin.upperBound] + "\n\n" + markdown(reports) + "\n" + document[end.lowerBound...]
    }

    private struct Row {
        var subject: String
        var reason: String
        var devices: [String]
        var cases: [String]
    }

    /// Results with `outcome`, those of one operator for one reason and of the same devices together.
    private static func rows(_ reports: [ONNXReport], _ outcome: ONNXCaseResult.Outcome) -> [Row] {
        struct Key: Hashable {
            var id: String
            var subject: String
            var reason: String
        }
        var devices: [Key: [String]] = [:]
        for report in reports {
            for result in report.results where result.outcome == outcome {
                let key = Key(id: result.id, subject: result.subject, reason: result.reason ?? "")
                devices[key, default: []].append(report.device.id)
            }
        }
        var rows: [Row] = []
        for (key, ids) in devices.sorted(by: { ($0.key.subject, $0.key.id) < ($1.key.subject, $1.key.id) }) {
            if let index = rows.firstIndex(where: {
                $0.subject == key.subject && $0.reason == key.reason && $0.devices == ids
            }) {
                rows[index].cases.append(key.id)
            } else {
                rows.append(Row(subject: key.subject, reason: key.reason, devices: ids, cases: [key.id]))
            }
        }
        return rows
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("\n", with: " ").replacing("<", with: "&lt;")
    }
}
