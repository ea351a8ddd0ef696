// Heterodyne: the device-agnostic op graph.
// SPDX-License-Identifier: Apache-2.0

/// One result of one node.
public struct Value: Sendable, Hashable, Comparable {
    /// Index of the node in its graph.
    public let node: Int32
    /// Which of the node's results.
    public let result: Int32

    /// The `result`-th result of node number `node`.
    public init(node: Int, result: Int = 0) {
        self.node = Int32(truncatingIfNeeded: node)
        self.result = Int32(truncatingIfNeeded: result)
    }

    /// Order of definition.
    public static func < (a: Value, b: Value) -> Bool { (a.node, a.result) < (b.node, b.result) }
}

/// One operation applied to operands.
public struct Node: Sendable, Hashable {
    /// What the node does.
    public let operation: NodeOperation
    /// Its operands, all defined earlier.
    public let operands: [Value]
    /// The types of its results.
    public let resultTypes: [TensorType]
    /// Where in the user's source it was built. Not part of equality.
    public let location: SourceLocation?

    /// A node as a deserializer reads it. Nothing is checked here: `Graph(verifying:inputs:outputs:)` does that.
    public init(
        operation: NodeOperation, operands: [Value], resultTypes: [TensorType], location: SourceLocation? = nil
    ) {
        self.operation = operation
        self.operands = operands
        self.resultTypes = resultTypes
        self.location = location
    }

    /// Same operation, operands and result types.
    public static func == (a: Node, b: Node) -> Bool {
        a.operation == b.operation && a.operands == b.operands && a.resultTypes == b.resultTypes
    }

    /// NodeOperation and operands.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(operation)
        hasher.combine(operands)
    }
}

/// A named result of a graph.
public struct GraphOutput: Sendable, Hashable {
    /// The name, unique among the outputs.
    public let name: String
    /// The value.
    public let value: Value

    /// The value under a name.
    public init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

/// A device-agnostic computation: an append-only arena of nodes in topological order, with named inputs and outputs.
///
/// A value type with structural equality. Made by `GraphBuilder`, which never stores the same node twice, or by
/// parsing the text form; either way `verify()` has passed.
public struct Graph: Sendable, Hashable {
    /// The nodes; operands come before their users.
    public let nodes: [Node]
    /// The parameter nodes in order of their index.
    public let inputs: [Value]
    /// The results.
    public let outputs: [GraphOutput]
    /// How deeply regions lie within this graph: 0 where there are none.
    public let regionDepth: Int
    private let cachedHash: Int

    init(nodes: [Node], inputs: [Value], outputs: [GraphOutput]) {
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        regionDepth = nodes.reduce(0) { depth, node in
            node.operation.regions.reduce(depth) { max($0, $1.regionDepth + 1) }
        }
        var hasher = Hasher()
        hasher.combine(nodes)
        hasher.combine(outputs)
        cachedHash = hasher.finalize()
    }

    /// The node that defines `value`.
    public func node(of value: Value) -> Node { nodes[Int(value.node)] }

    /// The type of `value`.
    public func type(of value: Value) -> TensorType { nodes[Int(value.node)].resultTypes[Int(value.result)] }

    /// The types of the inputs, in order.
    public var inputTypes: [TensorType] { inputs.map(type(of:)) }

    /// The names of the inputs, in order.
    public var inputNames: [String] {
        inputs.map { if case .parameter(_, let name, _) = node(of: $0).operation { name } else { "" } }
    }

    /// The types of the outputs, in order.
    public var outputTypes: [TensorType] { outputs.map { type(of: $0.value) } }

    /// For every node, how often its results are used as operands or outputs.
    public func useCounts() -> [Int] {
        var counts = [Int](repeating: 0, count: nodes.count)
        for node in nodes { for operand in node.operands { counts[Int(operand.node)] += 1 } }
        for output in outputs { counts[Int(output.value.node)] += 1 }
        return counts
    }

    /// Number of nodes, those inside regions included.
    public var totalNodeCount: Int {
        nodes.reduce(0) { total, node in
            total + 1 + node.operation.regions.reduce(0) { $0 + $1.totalNodeCount }
        }
    }

    /// Structural equality; source locations do not count.
    public static func == (a: Graph, b: Graph) -> Bool {
        a.cachedHash == b.cachedHash && a.outputs == b.outputs && a.nodes == b.nodes
    }

    /// The hash of the structure, computed once.
    public func hash(into hasher: inout Hasher) { hasher.combine(cachedHash) }
}
