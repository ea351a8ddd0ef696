// Heterodyne: finds the entry of a report that a decision belongs to.
// SPDX-License-Identifier: Apache-2.0

/// Where the decisions of a report are, so that recording one takes the same time whatever the report's length.
///
/// It follows from the entries and is no part of a report's value: any two are equal.
struct EntryIndex: Sendable, Hashable {
    /// What decisions agree in to be one entry.
    private struct Key: Hashable {
        var kind: CompilationReport.Entry.Kind
        var operation: String
        var device: String
        var rule: String
        var reason: String
        var isFree: Bool
        /// Nil where the decision is free.
        var resultTypes: String?
        var location: String?

        init(_ entry: CompilationReport.Entry) {
            (kind, operation, device) = (entry.kind, entry.operation, entry.device)
            (rule, reason, isFree) = (entry.rule, entry.reason, entry.isFree)
            if !entry.isFree { (resultTypes, location) = (entry.resultTypes, entry.location) }
        }
    }

    private var positions: [Key: Int] = [:]
    private var count = 0

    /// The first of `entries` that `entry` belongs to.
    mutating func position(of entry: CompilationReport.Entry, in entries: [CompilationReport.Entry]) -> Int? {
        // The entries are public: others may have changed them.
        if count != entries.count { rebuild(entries) }
        let key = Key(entry)
        guard let found = positions[key] else { return nil }
        if Key(entries[found]) == key { return found }
        rebuild(entries)
        return positions[key]
    }

    /// Says that `entry` was appended.
    mutating func append(_ entry: CompilationReport.Entry) {
        positions[Key(entry)] = count
        count += 1
    }

    private mutating func rebuild(_ entries: [CompilationReport.Entry]) {
        (positions, count) = ([:], entries.count)
        for (position, entry) in entries.enumerated() where positions[Key(entry)] == nil {
            positions[Key(entry)] = position
        }
    }

    static func == (_: EntryIndex, _: EntryIndex) -> Bool { true }

    func hash(into _: inout Hasher) {}
}
