// Heterodyne: the ways to run a computation as a table of text.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The ways to run a computation as a table of text.
public struct PolicyTable: Sendable {
    /// The rows.
    public var runs: [PolicyRun]
    /// Names of the columns of counts, in order.
    public var countColumns: [String]
    /// What one call of the program is, for instance `step`.
    public var call: String

    /// A table of runs.
    public init(_ runs: [PolicyRun], countColumns: [String] = [], call: String) {
        self.runs = runs
        self.countColumns = countColumns
        self.call = call
    }

    /// What errors are compared with: those of the first run that gave any.
    public var base: PolicyRun? { runs.first { $0.measurement != nil } }

    /// The table, followed by why each way that did not run was refused.
    public var text: String {
        let header =
            ["policy", "computed on"] + countColumns
            + ["largest error", "x \(base?.name ?? "first")", "seconds", "transfers/\(call)", "bytes/\(call)"]
        var rows = [header]
        var notes: [String] = []
        for run in runs {
            guard let measurement = run.measurement else {
                rows.append([run.name, "did not run"])
                notes.append("\(run.name): \(run.refusal ?? "")")
                continue
            }
            let transfers = measurement.report.transfers
            rows.append(
                [run.name, measurement.report.computingDevices.joined(separator: " + ")]
                    + countColumns.map { measurement.counts[$0].map(String.init) ?? "" }
                    + [
                        String(format: "%.2e", measurement.largestError), ratio(measurement),
                        String(format: "%.2f", measurement.seconds), "\(transfers.count)",
                        String(format: "%.0f", transfers.byteCount),
                    ])
        }
        let lines = Self.aligned(rows)
        return (lines + (notes.isEmpty ? [] : [""] + notes)).joined(separator: "\n")
    }

    private func ratio(_ measurement: PolicyMeasurement) -> String {
        guard let least = base?.measurement?.largestError, least > 0 else { return "" }
        let ratio = measurement.largestError / least
        return String(format: ratio < 1000 ? "%.2f" : "%.1e", ratio)
    }

    /// Rows as lines, the first two columns to the left and the others to the right.
    private static func aligned(_ rows: [[String]]) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (column < 2 ? cell + gap : gap + cell)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
