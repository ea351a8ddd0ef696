// Heterodyne: the report as JSON.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension CompilationReport {
    /// The version of the JSON form. It grows when a field changes its meaning or goes; fields may be added without.
    public static let schema = 1

    /// The report as a JSON object, described in `docs/CompilationReport.md`. Besides sums it has the fields of the
    /// `Codable` form, so `JSONDecoder` reads it back to an equal report.
    public var json: String { json(indent: "") + "\n" }

    /// A JSON document of several reports: a model may be compiled in several parts.
    public static func json(of reports: [CompilationReport]) -> String {
        let bodies = reports.map { "    " + $0.json(indent: "    ") }.joined(separator: ",\n")
        let list = bodies.isEmpty ? "[]" : "[\n\(bodies)\n  ]"
        return "{\n  \"schema\": \(schema),\n  \"reports\": \(list)\n}\n"
    }

    private func json(indent: String) -> String {
        let inner = indent + "  "
        func list(_ items: [String]) -> String {
            items.isEmpty ? "[]" : "[\n" + items.map { "\(inner)  \($0)" }.joined(separator: ",\n") + "\n\(inner)]"
        }
        let fields: [(String, String)] = [
            ("schema", "\(Self.schema)"), ("label", JSONText.quoted(label)),
            ("summary", JSONText.quoted(summary)),
            ("devices", "[\(devices.map(JSONText.quoted).joined(separator: ", "))]"),
            ("totals", list(deviceTotals.map(Self.object))),
            ("transferredByteCount", Self.number(transferredByteCount)),
            ("costlyCount", "\(costlyEntries.reduce(0) { $0 + $1.count })"),
            ("entries", list(entries.map(Self.object))),
            (
                "passes",
                list(
                    passes.map {
                        Self.object([
                            ("name", JSONText.quoted($0.name)), ("nodeCount", "\($0.nodeCount)"),
                            ("seconds", Self.number($0.seconds)),
                        ])
                    })
            ),
            ("arenaByteCounts", Self.object(arenaByteCounts)), ("constantByteCounts", Self.object(constantByteCounts)),
            ("seconds", Self.number(seconds)),
        ]
        return "{\n" + fields.map { "\(inner)\(JSONText.quoted($0.0)): \($0.1)" }.joined(separator: ",\n")
            + "\n\(indent)}"
    }

    private static func object(_ entry: Entry) -> String {
        var fields = [
            ("kind", JSONText.quoted(entry.kind.rawValue)), ("operation", JSONText.quoted(entry.operation)),
            ("count", "\(entry.count)"), ("resultTypes", JSONText.quoted(entry.resultTypes)),
        ]
        if let location = entry.location { fields.append(("location", JSONText.quoted(location))) }
        fields += [
            ("device", JSONText.quoted(entry.device)), ("rule", JSONText.quoted(entry.rule)),
            ("reason", JSONText.quoted(entry.reason)), ("isFree", "\(entry.isFree)"),
            ("operationCount", number(entry.operationCount)), ("byteCount", number(entry.byteCount)),
        ]
        if let seconds = entry.seconds { fields.append(("seconds", number(seconds))) }
        return object(fields)
    }

    private static func object(_ total: DeviceTotal) -> String {
        var fields = [
            ("device", JSONText.quoted(total.device)), ("nodeCount", "\(total.nodeCount)"),
            ("operationCount", number(total.operationCount)), ("byteCount", number(total.byteCount)),
        ]
        if let seconds = total.seconds { fields.append(("seconds", number(seconds))) }
        fields += [
            ("arenaByteCount", "\(total.arenaByteCount)"), ("constantByteCount", "\(total.constantByteCount)"),
        ]
        return object(fields)
    }

    private static func object(_ counts: [String: Int]) -> String {
        object(counts.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") })
    }

    private static func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\(JSONText.quoted($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
    }

    /// A number; JSON has no infinities and no NaN, so that estimates beyond all bounds become the largest number and
    /// what is none becomes zero.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "0" }
        if let whole = Int(exactly: value), abs(value) < 1e15 { return "\(whole)" }
        let limit = Double.greatestFiniteMagnitude
        return JSONText.number(min(max(value, -limit), limit))
    }
}
