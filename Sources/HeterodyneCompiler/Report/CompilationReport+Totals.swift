// Heterodyne: sums over a compilation report.
// SPDX-License-Identifier: Apache-2.0

extension CompilationReport {
    /// What one device does of a program.
    public struct DeviceTotal: Sendable, Hashable, Codable {
        /// The device.
        public var device: String
        /// Nodes placed there, by fallback or because it was asked for.
        public var nodeCount: Int
        /// Their arithmetic operations, estimated.
        public var operationCount: Double
        /// Bytes that they read and write, estimated.
        public var byteCount: Double
        /// Seconds that they take, estimated; nil where nothing was measured for any of them.
        public var seconds: Double?
        /// Intermediate memory of one invocation, in bytes.
        public var arenaByteCount: Int
        /// Constants that the program keeps there besides those shared with the graph, in bytes.
        public var constantByteCount: Int
    }

    /// What each device does: those of `devices` that do anything, in that order, then any others.
    public var deviceTotals: [DeviceTotal] {
        var totals: [String: DeviceTotal] = [:]
        var order = devices
        for entry in entries where entry.kind == .placement || entry.kind == .fallback {
            if !order.contains(entry.device) { order.append(entry.device) }
            var total = totals[entry.device] ?? emptyTotal(entry.device)
            total.nodeCount += entry.count
            total.operationCount += entry.operationCount
            total.byteCount += entry.byteCount
            if let seconds = entry.seconds { total.seconds = (total.seconds ?? 0) + seconds }
            totals[entry.device] = total
        }
        for device in Set(arenaByteCounts.keys).union(constantByteCounts.keys).sorted() where totals[device] == nil {
            if !order.contains(device) { order.append(device) }
            let total = emptyTotal(device)
            if total.arenaByteCount > 0 || total.constantByteCount > 0 { totals[device] = total }
        }
        var seen = Set<String>()
        return order.filter { seen.insert($0).inserted }.compactMap { totals[$0] }
    }

    private func emptyTotal(_ device: String) -> DeviceTotal {
        DeviceTotal(
            device: device, nodeCount: 0, operationCount: 0, byteCount: 0, seconds: nil,
            arenaByteCount: arenaByteCounts[device] ?? 0, constantByteCount: constantByteCounts[device] ?? 0)
    }

    /// Bytes that move between devices in one invocation.
    public var transferredByteCount: Double {
        entries.filter { $0.kind == .transfer }.reduce(0) { $0 + $1.byteCount }
    }

    /// The entries that are not free; strict compilation refuses to run with any of them.
    public var costlyEntries: [Entry] { entries.filter { !$0.isFree } }

    /// One or two lines: how many nodes run where, then what is not free.
    public var summary: String {
        let places = deviceTotals.filter { $0.nodeCount > 0 }.map {
            "\(Self.counted($0.nodeCount, "node")) on \($0.device)"
        }
        var parts = [places.isEmpty ? "no nodes" : places.joined(separator: ", ")]
        let shares = Set(entries.filter { $0.kind == .shard }.map(\.device)).count
        if shares > 0 { parts.append("the batch is split over \(Self.counted(shares, "device"))") }
        let conversions = entries.filter { $0.kind == .legalization && $0.isFree }.reduce(0) { $0 + $1.count }
        if conversions > 0 { parts.append("\(conversions) converted freely") }
        let costs = costSummary
        if costs.isEmpty { parts.append("nothing fell back") }
        let line = "\(label): \(parts.joined(separator: ", "))"
        return costs.isEmpty ? line : "\(line)\nnot free: \(costs)"
    }

    /// What is not free, in a few words; empty where everything is.
    public var costSummary: String {
        let costly = costlyEntries
        var parts: [String] = []
        for kind in Entry.Kind.allCases {
            let entries = costly.filter { $0.kind == kind }
            guard !entries.isEmpty else { continue }
            let count = entries.reduce(0) { $0 + $1.count }
            switch kind {
            case .legalization: parts += Self.legalizationSummaries(entries)
            case .transfer:
                let bytes = entries.reduce(0) { $0 + $1.byteCount }
                parts.append("\(Self.counted(count, "transfer")) of \(Self.quantity(bytes))B")
            case .fallback:
                let devices = Self.unique(entries.map(\.device)).joined(separator: ", ")
                parts.append("\(Self.counted(count, "fallback")) to \(devices)")
            case .placement, .recognition, .decomposition, .fusion, .shard:
                parts.append(Self.counted(count, kind.rawValue))
            }
        }
        return parts.joined(separator: ", ")
    }

    /// `12 emulated (float64, int64)`, one such text for each rule.
    private static func legalizationSummaries(_ entries: [Entry]) -> [String] {
        var order: [String] = []
        var counts: [String: Int] = [:]
        var types: [String: [String]] = [:]
        for entry in entries {
            let sides = entry.rule.split(separator: "=", maxSplits: 1)
            let verb = sides.count == 2 ? String(sides[1]) : entry.rule
            if counts[verb] == nil { order.append(verb) }
            counts[verb, default: 0] += entry.count
            if sides.count == 2 { types[verb, default: []].append(String(sides[0])) }
        }
        return order.map { verb in
            let word =
                switch verb {
                case ScalarTypePolicy.Rule.emulate.rawValue: "emulated"
                case ScalarTypePolicy.Rule.demote.rawValue: "demoted"
                default: verb.isEmpty ? "legalized" : verb
                }
            let names = unique(types[verb] ?? []).joined(separator: ", ")
            return "\(counts[verb] ?? 0) \(word)" + (names.isEmpty ? "" : " (\(names))")
        }
    }

    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    static func unique(_ texts: [String]) -> [String] {
        var seen = Set<String>()
        return texts.filter { seen.insert($0).inserted }
    }
}
