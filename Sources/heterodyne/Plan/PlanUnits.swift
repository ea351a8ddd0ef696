// Heterodyne: numbers with units, as people read them.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Numbers with units, three significant digits, decimal prefixes.
enum PlanUnits {
    /// `value` with a prefix and `unit`: `1.23 TFLOP/s`, `640 MB`, `12.5 ms`; what is not finite as `-`.
    static func text(_ value: Double, _ unit: String) -> String {
        guard value.isFinite else { return "-" }
        guard value != 0 else { return "0 \(unit)" }
        let prefixes: [(Double, String)] = [
            (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"),
            (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"),
        ]
        // 999.6 k is 1 M.
        let place = prefixes.firstIndex { abs(value) >= $0.0 * 0.9995 } ?? prefixes.count - 1
        let (scale, prefix) = prefixes[place]
        return "\(digits(value / scale)) \(prefix)\(unit)"
    }

    /// Bytes: as `text`, but never fractions of one.
    static func bytes(_ value: Double) -> String { text(value.rounded(), "B") }

    /// A number from 0 on with three significant digits: `0.0123`, `1.23`, `12.3`, `123`, `12,345`; from ten million on
    /// with a prefix, `12.3 M`.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        if value != 0, abs(value) < 0.0001 { return String(format: "%.2e", value) }
        if abs(value) >= 1e7 { return text(value, "") }
        guard abs(value) >= 999.5 else { return digits(value) }
        var text = String(Int(value.rounded()))
        var position = text.count - 3
        while position > (value < 0 ? 1 : 0) {
            text.insert(",", at: text.index(text.startIndex, offsetBy: position))
            position -= 3
        }
        return text
    }

    /// A share of 1 in percent: `42 %`, `3.1 %`, `<0.1 %`.
    static func percent(_ share: Double) -> String {
        guard share.isFinite else { return "-" }
        let value = share * 100
        if value > 0, value < 0.1 { return "<0.1 %" }
        return value >= 9.95 ? String(format: "%.0f %%", value) : String(format: "%.1f %%", value)
    }

    private static func digits(_ value: Double) -> String {
        let size = abs(value)
        if size >= 99.95 { return String(format: "%.0f", value) }
        if size >= 9.995 { return String(format: "%.1f", value) }
        if size >= 0.9995 || size == 0 { return String(format: "%.2f", value) }
        return String(format: "%.3g", value)
    }
}

/// Lines of text in aligned columns.
struct PlanColumns {
    /// The columns whose cells stand at the right; numbers do.
    var rightAligned: Set<Int> = []
    /// The lines, each with a cell for each column.
    var rows: [[String]] = []

    /// The lines, columns two spaces apart, those that are empty throughout (but for a title) left out.
    func lines(indent: String = "", hasTitles: Bool = true) -> [String] {
        let columnCount = rows.map(\.count).max() ?? 0
        var widths = [Int](repeating: 0, count: columnCount)
        var isUsed = [Bool](repeating: false, count: columnCount)
        for (index, row) in rows.enumerated() {
            for (column, cell) in row.enumerated() {
                widths[column] = max(widths[column], cell.count)
                if !cell.isEmpty, index > 0 || !hasTitles { isUsed[column] = true }
            }
        }
        return rows.map { row in
            var cells: [String] = []
            for (column, cell) in row.enumerated() where isUsed[column] {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                cells.append(rightAligned.contains(column) ? padding + cell : cell + padding)
            }
            let line = indent + cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
