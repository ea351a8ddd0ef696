// Heterodyne: lines of text in aligned columns.
// SPDX-License-Identifier: Apache-2.0

/// Lines of text in aligned columns.
struct ReportColumns {
    /// The columns whose cells stand at the right; numbers do.
    var rightAligned: Set<Int> = []
    /// The lines, each with a cell for each column.
    var rows: [[String]] = []

    /// The lines, columns two spaces apart, those that are empty throughout left out.
    func lines(indent: String) -> [String] {
        let columnCount = rows.map(\.count).max() ?? 0
        var widths = [Int](repeating: 0, count: columnCount)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        return rows.map { row in
            var cells: [String] = []
            for (column, cell) in row.enumerated() where widths[column] > 0 {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                cells.append(rightAligned.contains(column) ? padding + cell : cell + padding)
            }
            let line = indent + cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
