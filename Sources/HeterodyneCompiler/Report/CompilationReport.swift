// Heterodyne: what the compiler decided and why.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What the compiler decided for one program and why: nothing happens silently.
public struct CompilationReport: Sendable, Hashable, Codable {
    /// One decision.
    public struct Entry: Sendable, Hashable, Codable {
        /// The kinds of decisions.
        public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
            /// A node runs on the device that was asked for.
            case placement
            /// A node runs on another device.
            case fallback
            /// A composite was put where the graph writes it out.
            case recognition
            /// A composite was replaced by its definition.
            case decomposition
            /// Nodes became one that makes one pass over memory.
            case fusion
            /// Another scalar type was put in place of one that the device lacks.
            case legalization
            /// Data moves between devices.
            case transfer
            /// A device runs a share of the rows of a batch; what it runs follows in the entries of its own.
            case shard = "split"

            /// Whether such decisions cost nothing that the user did not ask for, unless they say otherwise.
            public var isFree: Bool {
                switch self {
                case .placement, .recognition, .decomposition, .fusion, .shard: true
                case .fallback, .legalization, .transfer: false
                }
            }
        }

        /// The kind of decision.
        public var kind: Kind
        /// The operation or operations that it concerns.
        public var operation: String
        /// How many nodes it concerns.
        public var count: Int
        /// Types of the first such node's results.
        public var resultTypes: String
        /// Where the first such node was built, where known.
        public var location: String?
        /// The device that runs it.
        public var device: String
        /// The rule that decided: for a legalization the type and the owner's rule, for instance `float64=emulate`;
        /// empty where there is none.
        public var rule: String
        /// Why.
        public var reason: String
        /// Whether the decision costs nothing that the user did not ask for; strict compilation refuses the others.
        public var isFree: Bool
        /// Arithmetic operations of all such nodes, estimated.
        public var operationCount: Double
        /// Bytes read and written by all such nodes, estimated.
        public var byteCount: Double
        /// Seconds that all such nodes take, estimated from what was measured on the device; nil where nothing was.
        public var seconds: Double?
    }

    /// The graph's name, for people.
    public var label: String
    /// The devices that the program runs on, the first being the one that was asked for.
    public var devices: [String]
    /// The decisions.
    public var entries: [Entry] = []
    /// What each pass did, in order: name and node count after it.
    public var passes: [PassRecord] = []
    /// Intermediate memory of one invocation on each device, in bytes.
    public var arenaByteCounts: [String: Int] = [:]
    /// Constants that the program keeps on each device besides those that it shares with the graph, in bytes.
    public var constantByteCounts: [String: Int] = [:]
    /// Seconds that compilation took.
    public var seconds: Double = 0

    /// The effect of one pass.
    public struct PassRecord: Sendable, Hashable, Codable {
        /// The pass.
        public var name: String
        /// Nodes after it, those in regions included.
        public var nodeCount: Int
        /// Seconds that it took.
        public var seconds: Double
    }

    /// An empty report.
    public init(label: String, devices: [String]) {
        self.label = label
        self.devices = devices
    }

    /// Records a decision; decisions that agree in kind, operation, device and reason become one entry with a count.
    mutating func record(
        _ kind: Entry.Kind, _ node: Node, operandTypes: [TensorType], device: String, rule: String = "",
        reason: String, isFree: Bool? = nil, seconds: Double? = nil
    ) {
        record(
            kind, Self.title(of: node.operation), NodeCost(node, operandTypes: operandTypes),
            resultTypes: node.resultTypes, location: node.location, device: device, rule: rule, reason: reason,
            isFree: isFree ?? kind.isFree, seconds: seconds)
    }

    /// Records that a value is copied to `device`.
    mutating func recordTransfer(
        of value: Value, in graph: Graph, to device: String, reason: String, seconds: Double? = nil
    ) {
        let (node, type) = (graph.node(of: value), graph.type(of: value))
        record(
            .transfer, Self.title(of: node.operation), NodeCost(transferOf: type), resultTypes: [type],
            location: node.location, device: device, rule: "", reason: reason, isFree: false, seconds: seconds)
    }

    private mutating func record(
        _ kind: Entry.Kind, _ operation: String, _ cost: NodeCost, resultTypes: [TensorType],
        location: SourceLocation?, device: String, rule: String, reason: String, isFree: Bool, seconds: Double?
    ) {
        if let index = entries.firstIndex(where: {
            $0.kind == kind && $0.operation == operation && $0.device == device && $0.reason == reason
                && $0.rule == rule && $0.isFree == isFree
        }) {
            entries[index].count += 1
            entries[index].operationCount += cost.operationCount
            entries[index].byteCount += cost.byteCount
            if let seconds { entries[index].seconds = (entries[index].seconds ?? 0) + seconds }
        } else {
            entries.append(
                Entry(
                    kind: kind, operation: operation, count: 1,
                    resultTypes: resultTypes.map(\.description).joined(separator: ", "),
                    location: location?.description, device: device, rule: rule, reason: reason,
                    isFree: isFree, operationCount: cost.operationCount, byteCount: cost.byteCount, seconds: seconds))
        }
    }

    /// The operation's name; for a fused region the names inside it.
    static func title(of operation: NodeOperation) -> String {
        guard let region = operation.composite(as: FusedRegion.self) else { return operation.name }
        var names: [String] = []
        for node in region.body.nodes {
            switch node.operation {
            case .parameter, .primitive(.constant), .primitive(.broadcast): continue
            case .primitive, .composite: names.append(node.operation.name)
            }
        }
        return "fused(\(names.joined(separator: " ")))"
    }

    /// The entries that are not free; strict compilation refuses to run with any of them.
    public var costlyEntries: [Entry] { entries.filter { !$0.isFree } }

    /// One line: how many nodes run where, and what is not free.
    public var summary: String {
        var placed: [(device: String, count: Int)] = []
        for entry in entries where entry.kind == .placement || entry.kind == .fallback {
            if let index = placed.firstIndex(where: { $0.device == entry.device }) {
                placed[index].count += entry.count
            } else {
                placed.append((entry.device, entry.count))
            }
        }
        let places = placed.map { "\($0.count) nodes on \($0.device)" }.joined(separator: ", ")
        let costly = costlyEntries.reduce(0) { $0 + $1.count }
        return "\(label): \(places.isEmpty ? "no nodes" : places)"
            + (costly == 0 ? ", nothing fell back" : ", \(costly) decisions that are not free")
    }

    /// The whole report as lines of text.
    public var text: String {
        var lines = [summary]
        for entry in entries {
            let location = entry.location.map { "  \($0)" } ?? ""
            lines.append(
                "  \(entry.kind.rawValue): \(entry.count) x \(entry.operation) -> \(entry.resultTypes) on "
                    + "\(entry.device): \(entry.reason) "
                    + "[\(Self.quantity(entry.operationCount))op, \(Self.quantity(entry.byteCount))B]\(location)")
        }
        for (device, bytes) in arenaByteCounts.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "  memory: \(Self.quantity(Double(bytes)))B of intermediate results and "
                    + "\(Self.quantity(Double(constantByteCounts[device] ?? 0)))B of own constants on \(device)")
        }
        for pass in passes {
            lines.append("  pass \(pass.name): \(pass.nodeCount) nodes, \(Self.quantity(pass.seconds))s")
        }
        return lines.joined(separator: "\n")
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
