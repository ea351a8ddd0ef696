// Heterodyne: the report as text that people read.
// SPDX-License-Identifier: Apache-2.0

extension CompilationReport {
    /// Entries of one group that the text shows unless everything is asked for.
    private static let shownEntryCount = 12

    /// The report as lines of text: the summary, what is not free, each device's share, then the rest, where the costliest
    /// decisions stand for the others.
    public var text: String { text(isVerbose: false) }

    /// The report as lines of text; with `isVerbose` every entry and every pass has its line, in full.
    public func text(isVerbose: Bool) -> String {
        var lines = [summary]
        lines += section("not free", entries.filter { !$0.isFree }, isVerbose)
        lines += deviceLines
        lines += section("decisions", entries.filter(\.isFree), isVerbose)
        lines += passLines(isVerbose)
        return lines.joined(separator: "\n")
    }

    // MARK: - Decisions

    /// Decisions that share a line above them.
    private struct Group: Hashable {
        var kind: Entry.Kind
        var device: String
        var rule: String
        var reason: String

        var heading: String {
            let name = "\(kind.rawValue) \(kind.preposition) \(device)"
            return "\(name)\(rule.isEmpty ? "" : ", \(rule)"): \(reason)"
        }
    }

    /// The order of kinds in the text.
    private static func rank(_ kind: Entry.Kind) -> Int {
        switch kind {
        case .shard: 0
        case .fallback: 1
        case .transfer: 2
        case .legalization: 3
        case .placement: 4
        case .recognition: 5
        case .decomposition: 6
        case .fusion: 7
        }
    }

    private func section(_ title: String, _ entries: [Entry], _ isVerbose: Bool) -> [String] {
        guard !entries.isEmpty else { return [] }
        var groups: [(Group, [Entry])] = []
        var positions: [Group: Int] = [:]
        for entry in entries {
            // Each fusion has its own words for how many nodes it took in; one group has them all.
            let reason = entry.kind == .fusion ? "nodes that became one" : entry.reason
            let group = Group(kind: entry.kind, device: entry.device, rule: entry.rule, reason: reason)
            if let position = positions[group] {
                groups[position].1.append(entry)
            } else {
                positions[group] = groups.count
                groups.append((group, [entry]))
            }
        }
        // Sorting is stable only by position.
        let sorted = groups.enumerated().sorted {
            (Self.rank($0.element.0.kind), $0.offset) < (Self.rank($1.element.0.kind), $1.offset)
        }
        var lines = ["", title]
        for (_, (group, members)) in sorted {
            lines.append("  \(group.heading)")
            lines += Self.entryLines(members, isVerbose)
        }
        return lines
    }

    private static func entryLines(_ entries: [Entry], _ isVerbose: Bool) -> [String] {
        let sorted = entries.enumerated().sorted { a, b in
            let (x, y) = (a.element, b.element)
            if x.seconds ?? 0 != y.seconds ?? 0 { return x.seconds ?? 0 > y.seconds ?? 0 }
            if x.operationCount != y.operationCount { return x.operationCount > y.operationCount }
            if x.byteCount != y.byteCount { return x.byteCount > y.byteCount }
            return a.offset < b.offset
        }.map(\.element)
        // A line that says how much is left out is worth it for more than one line.
        let isCut = !isVerbose && sorted.count > shownEntryCount + 1
        let shown = isCut ? sorted.prefix(shownEntryCount) : sorted[...]
        var columns = ReportColumns(rightAligned: [0, 3, 4, 5])
        for entry in shown {
            columns.rows.append([
                "\(entry.count) x", shortened(entry.operation, 40, isVerbose),
                "-> " + shortened(entry.resultTypes, 44, isVerbose),
                entry.operationCount == 0 ? "" : quantity(entry.operationCount) + "op",
                quantity(entry.byteCount) + "B", entry.seconds.map { quantity($0) + "s" } ?? "",
                entry.location ?? "",
            ])
        }
        var lines = columns.lines(indent: "    ")
        if isCut {
            let rest = sorted[shown.count...]
            let count = rest.reduce(0) { $0 + $1.count }
            let operations = quantity(rest.reduce(0) { $0 + $1.operationCount })
            let bytes = quantity(rest.reduce(0) { $0 + $1.byteCount })
            lines.append(
                "    … and \(counted(count, "more node")) of \(counted(rest.count, "kind")), \(operations)op, \(bytes)B"
            )
        }
        return lines
    }

    private static func shortened(_ text: String, _ limit: Int, _ isVerbose: Bool) -> String {
        isVerbose || text.count <= limit ? text : text.prefix(limit - 1) + "…"
    }

    // MARK: - Devices and passes

    private var deviceLines: [String] {
        let totals = deviceTotals
        guard !totals.isEmpty else { return [] }
        var columns = ReportColumns(rightAligned: [1, 2, 3, 4, 5, 6])
        let hasSeconds = totals.contains { $0.seconds != nil }
        columns.rows.append(["", "nodes", "operations", "traffic", hasSeconds ? "estimate" : "", "memory", "constants"])
        for total in totals {
            columns.rows.append([
                total.device, "\(total.nodeCount)", Self.quantity(total.operationCount) + "op",
                Self.quantity(total.byteCount) + "B", total.seconds.map { Self.quantity($0) + "s" } ?? "",
                Self.quantity(Double(total.arenaByteCount)) + "B", Self.quantity(Double(total.constantByteCount)) + "B",
            ])
        }
        var lines = ["", "devices"] + columns.lines(indent: "  ")
        let transfers = entries.filter { $0.kind == .transfer }
        if !transfers.isEmpty {
            let count = transfers.reduce(0) { $0 + $1.count }
            let seconds = transfers.compactMap(\.seconds).reduce(0, +)
            let time = seconds > 0 ? ", \(Self.quantity(seconds))s" : ""
            lines.append(
                "  between them: \(Self.counted(count, "transfer")) of \(Self.quantity(transferredByteCount))B\(time)")
        }
        return lines
    }

    private func passLines(_ isVerbose: Bool) -> [String] {
        guard !passes.isEmpty else { return [] }
        var columns = ReportColumns(rightAligned: [1, 2])
        if isVerbose {
            for pass in passes {
                columns.rows.append([
                    pass.name, Self.counted(pass.nodeCount, "node"), Self.quantity(pass.seconds) + "s",
                ])
            }
        } else {
            for name in Self.unique(passes.map(\.name)) {
                let runs = passes.filter { $0.name == name }
                columns.rows.append([
                    name, Self.counted(runs.count, "run"), Self.quantity(runs.reduce(0) { $0 + $1.seconds }) + "s",
                ])
            }
        }
        return ["", "compiled in \(Self.quantity(seconds))s; passes"] + columns.lines(indent: "  ")
    }

    /// `value` with three digits and a decimal prefix.
    static func quantity(_ value: Double) -> String {
        let prefixes: [(Double, String)] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m")]
        guard value != 0 else { return "0 " }
        let (scale, prefix) = prefixes.first { abs(value) >= $0.0 } ?? (1e-6, "u")
        let scaled = value / scale
        let rounded = scaled >= 100 ? scaled.rounded() : (scaled * 100).rounded() / 100
        let isWhole = rounded == rounded.rounded() && abs(rounded) < 1e15
        return isWhole ? "\(Int(rounded)) \(prefix)" : "\(rounded) \(prefix)"
    }
}
