// Heterodyne: a graph as the C structs of the plugin interface.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// A graph as the C structs of the plugin interface, with the graphs inside it. The structs are valid as long as the
/// view lives; they point at the bytes of literals, which live at least as long.
final class GraphView {
    /// The graph.
    let graph: UnsafePointer<heterodyne_graph>
    /// The storage of all constants that the structs point at.
    let literals: [LiteralStorage]
    /// Where the structs lie; whoever passes the graph on may put more there.
    let arena: ViewArena

    /// `graph`, composites with their definitions: what is compiled. Throws `unboundSymbol` where a shape is not known,
    /// `malformedGraph` where graphs nest too deeply, and what definitions throw.
    init(_ graph: Graph) throws(GraphError) {
        arena = ViewArena(byteCount: 512 * min(graph.nodes.count, 1 << 16))
        var writer = GraphViewWriter(arena, hasDefinitions: true)
        self.graph = try writer.write(graph, depth: 0)
        literals = writer.literals
    }

    /// A question about one node: a graph of parameters for the operands, and the node, which is the last.
    init(asking node: NodeSignature) throws(GraphError) {
        arena = ViewArena(byteCount: 2048)
        var writer = GraphViewWriter(arena, hasDefinitions: false)
        graph = try writer.write(question: node)
        literals = writer.literals
    }
}

/// Writes graphs into an arena. What occurs several times is written once.
struct GraphViewWriter {
    /// A graph by the memory of its nodes and outputs; such graphs are equal, locations included.
    private struct Identity: Hashable {
        let nodes: UnsafeRawPointer?
        let outputs: UnsafeRawPointer?

        init(_ graph: Graph) {
            nodes = graph.nodes.withUnsafeBytes(\.baseAddress)
            outputs = graph.outputs.withUnsafeBytes(\.baseAddress)
        }
    }

    /// A composite on operands of certain types.
    private struct Definition: Hashable {
        let operation: NodeOperation
        let operandTypes: [TensorType]
    }

    /// How deeply regions and definitions may lie within each other. Keeps the recursion shallow.
    private static let depthLimit = Graph.maximumRegionDepth + 32

    /// The storage of all constants so far.
    private(set) var literals: [LiteralStorage] = []
    private let arena: ViewArena
    private let hasDefinitions: Bool
    private var graphs: [Identity: UnsafePointer<heterodyne_graph>] = [:]
    /// Kept so that no other graph gets the memory by which one is known.
    private var known: [Graph] = []
    private var definitions: [Definition: UnsafePointer<heterodyne_graph>] = [:]
    private var types: [TensorType: UnsafePointer<heterodyne_type>] = [:]

    /// A writer.
    init(_ arena: ViewArena, hasDefinitions: Bool) {
        self.arena = arena
        self.hasDefinitions = hasDefinitions
    }

    // MARK: Graphs

    /// Writes a graph and what is inside it.
    mutating func write(_ graph: Graph, depth: Int) throws(GraphError) -> UnsafePointer<heterodyne_graph> {
        let identity = Identity(graph)
        if let written = graphs[identity] { return written }
        guard depth <= Self.depthLimit else {
            throw GraphError(
                .malformedGraph,
                "regions and definitions of composites nest deeper than \(Self.depthLimit); is one defined by itself?")
        }
        let nodes = arena.room(graph.nodes.count, of: UnsafePointer<heterodyne_node>?.self)
        for (index, node) in graph.nodes.enumerated() {
            do {
                let operandTypes: [TensorType]
                if case .composite = node.operation {
                    operandTypes = node.operands.map(graph.type(of:))
                } else {
                    operandTypes = []
                }
                (nodes + index).initialize(to: try write(node, operandTypes, depth: depth))
            } catch { throw error.at(operation: graph.nodeText(index), location: node.location) }
        }
        let written = place(
            nodes, count: graph.nodes.count, inputs: graph.inputs, outputs: graph.outputs.map(\.value),
            names: graph.outputs.map(\.name))
        graphs[identity] = written
        known.append(graph)
        return written
    }

    // Names of a question's inputs and outputs, made once for most.
    private static let operandNames = (0..<8).map { "operand\($0)" }
    private static let resultNames = (0..<8).map { "result\($0)" }

    private static func name(_ index: Int, of names: [String], _ stem: String) -> String {
        names.indices.contains(index) ? names[index] : "\(stem)\(index)"
    }

    /// Writes parameters for the operands of a node, and the node.
    mutating func write(question: NodeSignature) throws(GraphError) -> UnsafePointer<heterodyne_graph> {
        let count = question.operandTypes.count
        let nodes = arena.room(count + 1, of: UnsafePointer<heterodyne_node>?.self)
        for (index, type) in question.operandTypes.enumerated() {
            let parameter = Node(
                operation: .parameter(
                    index: index, name: Self.name(index, of: Self.operandNames, "operand"), type: type),
                operands: [],
                resultTypes: [type])
            (nodes + index).initialize(to: try write(parameter, [], depth: 0))
        }
        let inputs = (0..<count).map { Value(node: $0) }
        let node = Node(operation: question.operation, operands: inputs, resultTypes: question.resultTypes)
        (nodes + count).initialize(to: try write(node, question.operandTypes, depth: 0))
        let results = question.resultTypes.indices.map { Value(node: count, result: $0) }
        return place(
            nodes, count: count + 1, inputs: inputs, outputs: results,
            names: results.map { Self.name(Int($0.result), of: Self.resultNames, "result") })
    }

    private func place(
        _ nodes: UnsafeMutablePointer<UnsafePointer<heterodyne_node>?>, count: Int, inputs: [Value], outputs: [Value],
        names: [String]
    ) -> UnsafePointer<heterodyne_graph> {
        var result = heterodyne_graph()
        result.struct_size = MemoryLayout<heterodyne_graph>.size
        result.node_count = UInt64(count)
        result.nodes = UnsafePointer(nodes)
        result.input_count = UInt64(inputs.count)
        result.inputs = values(inputs)
        result.output_count = UInt64(outputs.count)
        result.outputs = values(outputs)
        result.output_names = arena.place(names.map(arena.text))
        return arena.place(result)
    }

    private func values(_ values: [Value]) -> UnsafePointer<heterodyne_value> {
        arena.place(
            values.lazy.map {
                heterodyne_value(
                    node: UInt32(truncatingIfNeeded: $0.node), result: UInt32(truncatingIfNeeded: $0.result))
            })
    }

    // MARK: Nodes

    private mutating func write(
        _ node: Node, _ operandTypes: [TensorType], depth: Int
    ) throws(GraphError) -> UnsafePointer<heterodyne_node> {
        var result = heterodyne_node()
        result.struct_size = MemoryLayout<heterodyne_node>.size
        let attributes = node.operation.attributes.entries
        let pointers = arena.room(attributes.count, of: UnsafePointer<heterodyne_attribute>?.self)
        for (index, entry) in attributes.enumerated() {
            (pointers + index).initialize(to: try write(entry, depth: depth))
        }
        switch node.operation {
        case .parameter(_, let name, _):
            result.operation = HETERODYNE_PARAMETER.rawValue
            result.name = arena.text(name)
        case .primitive(let primitive):
            result.operation = UInt32(primitive.code.rawValue)
            result.name = arena.text(primitive.code.name)
        case .composite(let composite):
            result.operation = HETERODYNE_COMPOSITE.rawValue
            result.name = arena.text(composite.name)
            if hasDefinitions {
                result.decomposition = try definition(of: composite, node, operandTypes, depth: depth)
            }
        }
        result.operand_count = UInt64(node.operands.count)
        result.operands = values(node.operands)
        let types = arena.room(node.resultTypes.count, of: UnsafePointer<heterodyne_type>?.self)
        for (index, type) in node.resultTypes.enumerated() { (types + index).initialize(to: try write(type)) }
        result.result_count = UInt64(node.resultTypes.count)
        result.result_types = UnsafePointer(types)
        result.attribute_count = UInt64(attributes.count)
        result.attributes = UnsafePointer(pointers)
        if let location = node.location { result.location = arena.text(location.description) }
        return arena.place(result)
    }

    /// The definition of a composite; that of a fused region is its body.
    private mutating func definition(
        of composite: any Composite, _ node: Node, _ operandTypes: [TensorType], depth: Int
    ) throws(GraphError) -> UnsafePointer<heterodyne_graph> {
        if let region = composite as? FusedRegion { return try write(region.body, depth: depth + 1) }
        let key = Definition(operation: node.operation, operandTypes: operandTypes)
        if let written = definitions[key] { return written }
        let graph = try GraphBuilder.region(operandTypes) { (builder, operands) throws(GraphError) in
            try composite.decompose(operands, in: builder)
        }
        guard graph.outputTypes == node.resultTypes else {
            throw GraphError(
                .malformedGraph, "its definition gives \(graph.outputTypes), its inference \(node.resultTypes)",
                operation: composite.name)
        }
        let written = try write(graph, depth: depth + 1)
        definitions[key] = written
        return written
    }

    /// Writes a type once.
    private mutating func write(_ type: TensorType) throws(GraphError) -> UnsafePointer<heterodyne_type> {
        if let written = types[type] { return written }
        let extents = try type.shape.extents()
        var result = heterodyne_type()
        result.struct_size = MemoryLayout<heterodyne_type>.size
        result.scalar_type = UInt32(type.scalarType.rawValue)
        result.rank = UInt32(extents.count)
        result.extents = extents.isEmpty ? nil : arena.place(extents.lazy.map(Int64.init))
        result.byte_count = UInt64(try type.byteCount())
        let written = arena.place(result)
        types[type] = written
        return written
    }

    // MARK: Attributes

    private mutating func write(
        _ entry: Attributes.Entry, depth: Int
    ) throws(GraphError) -> UnsafePointer<heterodyne_attribute> {
        var result = heterodyne_attribute()
        result.struct_size = MemoryLayout<heterodyne_attribute>.size
        result.name = arena.text(entry.name)
        func set(_ kind: heterodyne_attribute_kind, count: Int = 0) {
            result.kind = kind.rawValue
            result.count = UInt64(count)
        }
        switch entry.value {
        case .bool(let value):
            set(HETERODYNE_ATTRIBUTE_BOOL)
            result.integer = value ? 1 : 0
        case .integer(let value):
            set(HETERODYNE_ATTRIBUTE_INTEGER)
            result.integer = Int64(value)
        case .number(let value):
            set(HETERODYNE_ATTRIBUTE_NUMBER)
            result.number = value
        case .string(let value):
            set(HETERODYNE_ATTRIBUTE_STRING, count: 1)
            result.strings = arena.place(arena.text(value))
        case .integers(let values):
            set(HETERODYNE_ATTRIBUTE_INTEGERS, count: values.count)
            result.integers = arena.place(values.lazy.map(Int64.init))
        case .numbers(let values):
            set(HETERODYNE_ATTRIBUTE_NUMBERS, count: values.count)
            result.numbers = arena.place(values)
        case .strings(let values):
            set(HETERODYNE_ATTRIBUTE_STRINGS, count: values.count)
            result.strings = arena.place(values.map(arena.text))
        case .dimensions(let extents):
            set(HETERODYNE_ATTRIBUTE_EXTENTS, count: extents.count)
            result.integers = arena.place(try Shape(extents).extents().map(Int64.init))
        case .scalarType(let type):
            set(HETERODYNE_ATTRIBUTE_SCALAR_TYPE)
            result.integer = Int64(type.rawValue)
        case .type(let type):
            set(HETERODYNE_ATTRIBUTE_TYPE)
            result.type = try write(type)
        case .literal(let literal):
            set(HETERODYNE_ATTRIBUTE_LITERAL)
            result.literal = try write(literal)
        case .graph(let graph):
            set(HETERODYNE_ATTRIBUTE_GRAPH)
            result.graph = try write(graph, depth: depth + 1)
        }
        return arena.place(result)
    }

    /// Writes a constant that points at its bytes.
    private mutating func write(_ literal: Literal) throws(GraphError) -> UnsafePointer<heterodyne_literal> {
        var result = heterodyne_literal()
        result.struct_size = MemoryLayout<heterodyne_literal>.size
        result.type = try write(literal.type)
        switch literal.contents {
        case .splat(let bits): result.splat_bits = bits
        case .dense(let storage):
            literals.append(storage)
            // No bytes may have no address; the pointer then only says that there is no splat.
            result.bytes = storage.bytes.baseAddress ?? UnsafeRawPointer(arena.room(1, of: UInt64.self))
        }
        return arena.place(result)
    }
}
