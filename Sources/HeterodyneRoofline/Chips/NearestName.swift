// Heterodyne: which known name somebody may have meant.
// SPDX-License-Identifier: Apache-2.0

/// Which known name somebody may have meant.
enum NearestName {
    /// The names among `names` that differ from `name` in few letters or contain it, nearest first, at most `limit`.
    static func suggestions(for name: String, among names: some Sequence<String>, limit: Int = 3) -> [String] {
        let wanted = folded(name)
        guard !wanted.isEmpty, wanted.count <= 64 else { return [] }
        var found: [(distance: Int, name: String)] = []
        for candidate in names {
            let known = folded(candidate)
            // One letter of three may be wrong; a part of a name counts as one wrong letter.
            let isPart = wanted.count >= 3 && known.count >= 3 && (contains(known, wanted) || contains(wanted, known))
            let distance = isPart ? 1 : editDistance(wanted, known)
            if distance <= max(1, wanted.count / 3) { found.append((distance, candidate)) }
        }
        return found.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(limit).map(\.name)
    }

    /// `name` in lower case, without anything but letters and digits, so that `TPU v5e` equals `tpuv5e`.
    static func folded(_ name: String) -> [Character] { name.lowercased().filter { $0.isLetter || $0.isNumber } }

    private static func contains(_ text: [Character], _ part: [Character]) -> Bool {
        guard part.count <= text.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0..<($0 + part.count)].elementsEqual(part) }
    }

    /// Insertions, deletions and replacements that lead from one to the other (Wagner and Fischer, 1974).
    private static func editDistance(_ first: [Character], _ second: [Character]) -> Int {
        var previous = Array(0...second.count)
        for (row, letter) in first.enumerated() {
            var current = [row + 1]
            for (column, other) in second.enumerated() {
                let replaced = previous[column] + (letter == other ? 0 : 1)
                current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[second.count]
    }
}
