// Heterodyne: builds graphs, never storing the same node twice.
// SPDX-License-Identifier: Apache-2.0

/// Builds a graph node by node. Types are inferred and checked at every step, and a node that exists already is
/// returned instead of being added again, so common subexpressions never exist twice.
///
/// Not thread-safe: one builder belongs to one thread at a time.
public final class GraphBuilder {
    private struct Key: Hashable {
        let operation: NodeOperation
        let operands: [Value]
    }

    /// The nodes so far.
    public private(set) var nodes: [Node] = []
    private var interned: [Key: Int] = [:]
    private var inputs: [Value] = []
    private var outputs: [GraphOutput] = []
    private var inputNames: Set<String> = []
    private var outputNames: Set<String> = []
    /// The source location that nodes get from now on unless the call gives its own.
    public var currentLocation: SourceLocation?

    /// An empty builder.
    public init() {}

    /// The type of a value of this builder.
    public func type(of value: Value) -> TensorType { nodes[Int(value.node)].resultTypes[Int(value.result)] }

    /// Adds an input. Throws `invalidType`, or `malformedGraph` where the name is taken.
    public func input(
        _ name: String, _ type: TensorType, location: SourceLocation? = nil
    ) throws(GraphError) -> Term {
        guard !inputNames.contains(name) else {
            throw GraphError(.malformedGraph, "input '\(name)' exists already", location: location)
        }
        let values = try add(.parameter(index: inputs.count, name: name, type: type), [], location: location)
        inputs.append(values[0])
        inputNames.insert(name)
        return Term(self, values[0])
    }

    /// Names a result. Throws `malformedGraph` where the name is taken.
    public func output(_ name: String, _ term: Term) throws(GraphError) {
        guard term.builder === self else {
            throw GraphError(.malformedGraph, "output '\(name)' belongs to another graph")
        }
        guard outputNames.insert(name).inserted else {
            throw GraphError(.malformedGraph, "output '\(name)' exists already")
        }
        outputs.append(GraphOutput(name: name, value: term.value))
    }

    /// Adds a node, or finds the equal one, and returns its results. Throws what type inference throws, with the
    /// operation's name and `location`.
    public func add(
        _ operation: NodeOperation, _ operands: [Value], location: SourceLocation? = nil
    ) throws(GraphError) -> [Value] {
        let key = Key(operation: operation, operands: operands)
        if let existing = interned[key] { return values(of: existing) }
        let location = location ?? currentLocation
        var types: [TensorType] = []
        types.reserveCapacity(operands.count)
        for operand in operands {
            guard operand.node >= 0, operand.node < nodes.count, operand.result >= 0,
                operand.result < nodes[Int(operand.node)].resultTypes.count
            else {
                throw GraphError(
                    .malformedGraph, "operand \(operand.node).\(operand.result) does not exist",
                    operation: operation.name, location: location)
            }
            types.append(type(of: operand))
        }
        let results: [TensorType]
        do { results = try operation.inferTypes(types) } catch {
            throw error.at(operation: operation.name, location: location)
        }
        guard nodes.count < Int(Int32.max) - 1 else {
            throw GraphError(.overflow, "a graph holds at most 2^31 nodes", operation: operation.name)
        }
        interned[key] = nodes.count
        nodes.append(Node(operation: operation, operands: operands, resultTypes: results, location: location))
        return values(of: nodes.count - 1)
    }

    private func values(of node: Int) -> [Value] {
        nodes[node].resultTypes.indices.map { Value(node: node, result: $0) }
    }

    /// Adds a primitive with one result.
    public func add(
        _ primitive: Primitive, _ operands: [Term], location: SourceLocation? = nil
    ) throws(GraphError) -> Term {
        try addAll(.primitive(primitive), operands, location: location)[0]
    }

    /// Adds a composite with one result.
    public func add(
        _ composite: some Composite, _ operands: [Term], location: SourceLocation? = nil
    ) throws(GraphError) -> Term {
        let results = try addAll(.composite(composite), operands, location: location)
        guard let first = results.first else {
            throw GraphError(.malformedGraph, "has no result", operation: composite.name, location: location)
        }
        return first
    }

    /// Adds an operation and returns all its results. Throws `malformedGraph` for terms of another builder.
    public func addAll(
        _ operation: NodeOperation, _ operands: [Term], location: SourceLocation? = nil
    ) throws(GraphError) -> [Term] {
        for operand in operands where operand.builder !== self {
            throw GraphError(
                .malformedGraph, "an operand belongs to another graph; regions take their operands as inputs",
                operation: operation.name, location: location)
        }
        return try add(operation, operands.map(\.value), location: location).map { Term(self, $0) }
    }

    /// A constant.
    public func constant(_ literal: Literal) throws(GraphError) -> Term { try add(.constant(literal), []) }

    /// `number` converted to `type`'s scalar type and repeated over its shape.
    public func constant(_ number: Double, _ type: TensorType) throws(GraphError) -> Term {
        try constant(Literal(number: number, type: type))
    }

    /// Builds a region: `body` gets one input term per type and returns the results.
    public static func region(
        _ inputs: [TensorType], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in inputs.enumerated() { terms.append(try builder.input("arg\(index)", type)) }
        let results = try body(builder, terms)
        for (index, result) in results.enumerated() { try builder.output("result\(index)", result) }
        return try builder.build()
    }

    /// The graph of everything added so far. Throws `malformedGraph` where it has no outputs, or regions nested more
    /// than `Graph.maximumRegionDepth` deep.
    public func build() throws(GraphError) -> Graph {
        guard !outputs.isEmpty else { throw GraphError(.malformedGraph, "a graph needs at least one output") }
        let graph = Graph(nodes: nodes, inputs: inputs, outputs: outputs)
        try graph.checkRegionDepth()
        return graph
    }

    /// Copies the nodes of `graph` into this builder with its inputs replaced by `arguments`, and returns its outputs.
    public func inline(_ graph: Graph, _ arguments: [Term]) throws(GraphError) -> [Term] {
        guard arguments.map(\.type) == graph.inputTypes else {
            throw GraphError(
                .shapeMismatch,
                "a graph of inputs \(Rules.list(graph.inputTypes)) is given \(Rules.list(arguments.map(\.type)))")
        }
        var mapped: [[Value]] = []
        mapped.reserveCapacity(graph.nodes.count)
        for node in graph.nodes {
            if case .parameter(let index, _, _) = node.operation {
                mapped.append([arguments[index].value])
            } else {
                let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
                mapped.append(try add(node.operation, operands, location: node.location))
            }
        }
        return graph.outputs.map { Term(self, mapped[Int($0.value.node)][Int($0.value.result)]) }
    }
}
