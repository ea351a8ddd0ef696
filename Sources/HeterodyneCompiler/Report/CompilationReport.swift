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

    private enum CodingKeys: String, CodingKey {
        case label, devices, entries, passes, arenaByteCounts, constantByteCounts, seconds
    }

    /// Where each decision was recorded; see `merge`.
    private var index = EntryIndex()

    /// Records a decision about a node; see `merge` for what becomes one entry.
    mutating func record(
        _ kind: Entry.Kind, _ node: Node, operandTypes: [TensorType], device: String, rule: String = "",
        reason: String, isFree: Bool? = nil, seconds: Double? = nil
    ) {
        let cost = NodeCost(node, operandTypes: operandTypes)
        merge(
            Entry(
                kind: kind, operation: Self.title(of: node.operation), count: 1,
                resultTypes: Self.text(of: node.resultTypes), location: node.location?.description, device: device,
                rule: rule, reason: reason, isFree: isFree ?? kind.isFree, operationCount: cost.operationCount,
                byteCount: cost.byteCount, seconds: seconds))
    }

    /// Records that a value is copied to `device`.
    mutating func recordTransfer(
        of value: Value, in graph: Graph, to device: String, reason: String, isFree: Bool = false,
        seconds: Double? = nil
    ) {
        let (node, type) = (graph.node(of: value), graph.type(of: value))
        merge(
            Entry(
                kind: .transfer, operation: Self.title(of: node.operation), count: 1, resultTypes: type.description,
                location: node.location?.description, device: device, rule: "", reason: reason, isFree: isFree,
                operationCount: 0, byteCount: NodeCost(transferOf: type).byteCount, seconds: seconds))
    }

    /// Records decisions that were made elsewhere, of a part of the program say.
    mutating func merge(_ others: [Entry]) { for entry in others { merge(entry) } }

    /// Adds a decision to the entry that agrees with it in kind, operation, device, rule and reason, and appends one where
    /// there is none. Decisions that are not free agree in types and location besides, so that each of them has its place in
    /// the report; the others show those of the first.
    mutating func merge(_ entry: Entry) {
        if let position = index.position(of: entry, in: entries) {
            entries[position].count += entry.count
            entries[position].operationCount += entry.operationCount
            entries[position].byteCount += entry.byteCount
            if let seconds = entry.seconds {
                entries[position].seconds = (entries[position].seconds ?? 0) + seconds
            }
        } else {
            entries.append(entry)
            index.append(entry)
        }
    }

    private static func text(of types: [TensorType]) -> String {
        types.map(\.description).joined(separator: ", ")
    }

    /// The operation's name; for a fused region the names inside it, for an input its own.
    static func title(of operation: NodeOperation) -> String {
        if case .parameter(_, let name, _) = operation { return "input \(name)" }
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
}
