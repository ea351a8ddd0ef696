// Heterodyne: the host's view of a graph as a graph.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

/// Stands for the host's memory that literals refer to, which the host keeps valid until the program is freed.
final class HostMemory: Sendable {}

/// Makes graphs of the host's views of them. Operations arrive as they left: attributes keep kinds and order, and literals
/// refer to the host's bytes. What does not hold together is an error.
struct GraphReader {
    /// More nodes than any program has, those of regions and definitions included and counted as often as they occur. Keeps
    /// graphs that contain each other many times over from taking for ever.
    static let maximumNodeCount = 1 << 24
    /// How deeply regions and definitions may lie within each other.
    static let maximumDepth = Graph.maximumRegionDepth + 32

    /// A graph that was read: hosts pass what occurs several times once.
    private struct Known {
        var graph: Graph
        var nodeCount: Int
    }

    /// Where a graph lies, and whether composites in it come with definitions.
    private struct Place: Hashable {
        var address: UnsafePointer<heterodyne_graph>
        var keepsDefinitions: Bool
    }

    private let memory = HostMemory()
    private var known: [Place: Known] = [:]
    private var nodeCount = 0
    /// Graphs that are being read, the outermost first.
    private var depth = 0
    /// The node of the outermost graph that is being read.
    private var outermost: Int?

    /// What the host asks to compile.
    mutating func unit(_ pointer: UnsafePointer<heterodyne_unit>?) throws(ViewFault) -> CompilationUnit {
        let view = try View.unit(pointer).pointee
        let graph = try graph(view.graph)
        var donated: Set<Int> = []
        for input in try View.list(view.donated_inputs, view.donated_input_count, "donated inputs") {
            guard let index = Int(exactly: input), index < graph.inputs.count else {
                throw ViewFault("input \(input) is donated and the graph has \(graph.inputs.count) inputs")
            }
            donated.insert(index)
        }
        return CompilationUnit(
            graph: graph, donatedInputs: donated, emulatedTypes: try View.scalarTypes(view.emulated_types),
            arithmetic: try View.bool(Int64(view.is_uncontracted), "is_uncontracted") ? .uncontracted : .fast,
            threads: view.threads == 0 ? nil : Int(view.threads), label: try View.text(view.label, "the label"))
    }

    /// Node number `index` of a graph, with the types of its operands: what a question about support is about.
    mutating func signature(
        _ pointer: UnsafePointer<heterodyne_graph>?, node index: UInt64
    ) throws(ViewFault) -> NodeSignature {
        let view = try View.graph(pointer).pointee
        let nodes = try View.list(view.nodes, view.node_count, "nodes")
        guard index < view.node_count else {
            throw ViewFault("node \(index) is asked about and the graph has \(view.node_count)")
        }
        let position = Int(index)
        // Regions of the node lie one level below the graph, which is not read as a whole.
        (depth, outermost) = (1, position)
        defer { (depth, outermost) = (0, nil) }
        let node = try View.node(nodes[position]).pointee
        var operands: [TensorType] = []
        for value in try View.list(node.operands, node.operand_count, "operands") {
            guard value.node < index else {
                throw ViewFault("an operand is a result of node \(value.node), not of an earlier one", node: position)
            }
            let producer = try View.node(nodes[Int(value.node)]).pointee
            let types = try View.list(producer.result_types, producer.result_count, "result types")
            guard value.result < producer.result_count else {
                throw ViewFault("an operand is result \(value.result) of a node that has fewer", node: position)
            }
            operands.append(try type(types[Int(value.result)]))
        }
        let parameter = try parameterIndex(of: index, view, nodes)
        let read = try self.node(node, operandTypes: operands, parameter: parameter, keepsDefinition: false)
        do {
            let inferred = try read.operation.inferTypes(operands)
            guard inferred == read.resultTypes else {
                throw ViewFault(
                    "\(read.operation.name): the result types are not those of the operation", node: position)
            }
        } catch let fault as ViewFault { throw fault } catch let error as GraphError {
            throw ViewFault("\(read.operation.name): \(error.message)", node: position)
        } catch { throw ViewFault("\(error)", node: position) }
        return NodeSignature(operation: read.operation, operandTypes: operands, resultTypes: read.resultTypes)
    }

    /// Which input node number `index` is, where it is one.
    private func parameterIndex(
        of index: UInt64, _ view: heterodyne_graph, _ nodes: UnsafeBufferPointer<UnsafePointer<heterodyne_node>?>
    ) throws(ViewFault) -> Int {
        let inputs = try View.list(view.inputs, view.input_count, "inputs")
        return inputs.firstIndex { UInt64($0.node) == index } ?? 0
    }

    /// A graph, checked as every graph from elsewhere is.
    mutating func graph(
        _ pointer: UnsafePointer<heterodyne_graph>?, keepsDefinitions: Bool = true
    ) throws(ViewFault) -> Graph {
        guard depth <= Self.maximumDepth else {
            throw ViewFault(
                "regions and definitions are nested more than \(Self.maximumDepth) deep", node: outermost)
        }
        let address = try View.graph(pointer)
        let place = Place(address: address, keepsDefinitions: keepsDefinitions)
        if let known = known[place] {
            try count(known.nodeCount)
            return known.graph
        }
        depth += 1
        defer { depth -= 1 }
        let before = nodeCount
        let graph = try newGraph(address.pointee, keepsDefinitions)
        known[place] = Known(graph: graph, nodeCount: nodeCount - before)
        return graph
    }

    private mutating func count(_ nodes: Int) throws(ViewFault) {
        nodeCount += nodes
        guard nodeCount <= Self.maximumNodeCount else {
            throw ViewFault("the graph has more than \(Self.maximumNodeCount) nodes", node: outermost)
        }
    }

    private mutating func newGraph(
        _ view: heterodyne_graph, _ keepsDefinitions: Bool
    ) throws(ViewFault) -> Graph {
        let views = try View.list(view.nodes, view.node_count, "nodes")
        try count(views.count)
        var nodes: [Node] = []
        nodes.reserveCapacity(views.count)
        var parameters = 0
        for (index, view) in views.enumerated() {
            if depth == 1 { outermost = index }
            do {
                let view = try View.node(view).pointee
                nodes.append(try node(view, in: nodes, parameters, keepsDefinitions))
            } catch { throw ViewFault(error.message, node: error.node ?? outermost) }
            if case .parameter = nodes[index].operation { parameters += 1 }
        }
        if depth == 1 { outermost = nil }
        var inputs: [Value] = []
        for value in try View.list(view.inputs, view.input_count, "inputs") {
            inputs.append(try self.value(value, before: nodes.count))
        }
        let values = try View.list(view.outputs, view.output_count, "outputs")
        let names = try View.list(view.output_names, view.output_count, "output names")
        var outputs: [GraphOutput] = []
        for (value, name) in zip(values, names) {
            outputs.append(
                GraphOutput(
                    name: try View.text(name, "the name of an output"),
                    value: try self.value(value, before: nodes.count)))
        }
        do { return try Graph(verifying: nodes, inputs: inputs, outputs: outputs) } catch {
            let place = error.operation.map { $0 + ": " } ?? ""
            throw ViewFault(place + error.message, node: outermost)
        }
    }

    private func value(_ value: heterodyne_value, before count: Int) throws(ViewFault) -> Value {
        guard Int(value.node) < count, value.result <= UInt32(Int32.max) else {
            throw ViewFault("node \(value.node) is used before it, where there are \(count)")
        }
        return Value(node: Int(value.node), result: Int(value.result))
    }

    private mutating func node(
        _ view: heterodyne_node, in nodes: [Node], _ parameters: Int, _ keepsDefinition: Bool
    ) throws(ViewFault) -> Node {
        var operands: [Value] = []
        var types: [TensorType] = []
        for operand in try View.list(view.operands, view.operand_count, "operands") {
            let value = try value(operand, before: nodes.count)
            let results = nodes[Int(value.node)].resultTypes
            guard Int(value.result) < results.count else {
                throw ViewFault("an operand is result \(value.result) of a node that has \(results.count)")
            }
            operands.append(value)
            types.append(results[Int(value.result)])
        }
        let read = try node(view, operandTypes: types, parameter: parameters, keepsDefinition: keepsDefinition)
        return Node(
            operation: read.operation, operands: operands, resultTypes: read.resultTypes,
            location: try location(view.location))
    }

    private mutating func node(
        _ view: heterodyne_node, operandTypes: [TensorType], parameter: Int, keepsDefinition: Bool
    ) throws(ViewFault) -> (operation: NodeOperation, resultTypes: [TensorType]) {
        var results: [TensorType] = []
        for pointer in try View.list(view.result_types, view.result_count, "result types") {
            results.append(try type(pointer))
        }
        let name = try View.text(view.name, "the name of a node")
        switch view.operation {
        case HETERODYNE_PARAMETER.rawValue:
            guard results.count == 1 else {
                throw ViewFault("input '\(name)' has \(results.count) types, not 1")
            }
            return (.parameter(index: parameter, name: name, type: results[0]), results)
        case HETERODYNE_COMPOSITE.rawValue:
            let attributes = try attributes(of: view, name, keepsDefinition)
            if name == FusedRegion.name {
                do { return (.composite(try FusedRegion(attributes: attributes)), results) } catch {
                    throw ViewFault("\(name): \(error.message)")
                }
            }
            var definition: Graph?
            if keepsDefinition, view.decomposition != nil {
                definition = try graph(view.decomposition)
                guard definition?.inputTypes == operandTypes, definition?.outputTypes == results else {
                    throw ViewFault("\(name): the definition takes or gives other types than the node")
                }
            }
            let composite = ForeignComposite(
                name: name, attributes: attributes, operandTypes: operandTypes, resultTypes: results,
                definition: definition)
            return (.composite(composite), results)
        default:
            guard let raw = UInt16(exactly: view.operation), let code = PrimitiveCode(rawValue: raw) else {
                throw ViewFault("there is no operation \(view.operation) ('\(name)') in version 1.0")
            }
            let attributes = try attributes(of: view, code.name, keepsDefinition)
            do { return (.primitive(try Primitive(code: code, attributes: attributes)), results) } catch {
                throw ViewFault("\(code.name): \(error.message)")
            }
        }
    }

    private func location(_ text: heterodyne_string) throws(ViewFault) -> SourceLocation? {
        guard text.size > 0 else { return nil }
        let text = try View.text(text, "a location")
        guard let colon = text.lastIndex(of: ":"), let line = Int(text[text.index(after: colon)...]) else {
            return SourceLocation(file: text, line: 0)
        }
        return SourceLocation(file: String(text[..<colon]), line: line)
    }

    /// A type.
    func type(_ pointer: UnsafePointer<heterodyne_type>?) throws(ViewFault) -> TensorType {
        let view = try View.type(pointer).pointee
        let scalarType = try View.scalarType(Int64(view.scalar_type))
        guard view.rank <= TensorType.maximumRank else {
            throw ViewFault("a type has rank \(view.rank); the limit is \(TensorType.maximumRank)")
        }
        let extents = try View.list(view.extents, UInt64(view.rank), "extents").map { Int($0) }
        let type = TensorType(scalarType, extents)
        do {
            try type.validate()
            let byteCount = try type.byteCount()
            guard view.byte_count == UInt64(byteCount) else {
                throw ViewFault("\(type) has \(byteCount) bytes, and the host says \(view.byte_count)")
            }
        } catch let fault as ViewFault { throw fault } catch let error as GraphError {
            throw ViewFault(error.message)
        } catch { throw ViewFault("\(error)") }
        return type
    }

    private func literal(_ pointer: UnsafePointer<heterodyne_literal>?) throws(ViewFault) -> Literal {
        let view = try View.literal(pointer).pointee
        let type = try type(view.type)
        guard let bytes = view.bytes else { return Literal(splatBits: view.splat_bits, type: type) }
        do {
            let buffer = UnsafeRawBufferPointer(start: bytes, count: try type.byteCount())
            return try Literal(type: type, storage: LiteralStorage(bytes: buffer, owner: memory))
        } catch { throw ViewFault(error.message) }
    }

    private mutating func attributes(
        of view: heterodyne_node, _ operation: String, _ keepsDefinitions: Bool
    ) throws(ViewFault) -> Attributes {
        var attributes = Attributes()
        for pointer in try View.list(view.attributes, view.attribute_count, "attributes") {
            let view = try View.attribute(pointer).pointee
            let name = try View.text(view.name, "the name of an attribute of \(operation)")
            let value: AttributeValue
            do {
                value = try self.value(of: view, name, keepsDefinitions)
                try attributes.append(name, value)
            } catch let fault as ViewFault {
                throw ViewFault("\(operation): \(fault.message)", node: fault.node)
            } catch { throw ViewFault("\(operation): \(error)") }
        }
        return attributes
    }

    private mutating func value(
        of view: heterodyne_attribute, _ name: String, _ keepsDefinitions: Bool
    ) throws(ViewFault) -> AttributeValue {
        switch view.kind {
        case HETERODYNE_ATTRIBUTE_BOOL.rawValue: return .bool(try View.bool(view.integer, "attribute '\(name)'"))
        case HETERODYNE_ATTRIBUTE_INTEGER.rawValue: return .integer(Int(view.integer))
        case HETERODYNE_ATTRIBUTE_NUMBER.rawValue: return .number(view.number)
        case HETERODYNE_ATTRIBUTE_STRING.rawValue:
            guard let text = try View.list(view.strings, 1, "strings").first else {
                throw ViewFault("attribute '\(name)' is missing its text")
            }
            return .string(try View.text(text, "attribute '\(name)'"))
        case HETERODYNE_ATTRIBUTE_INTEGERS.rawValue: return .integers(try integers(of: view))
        case HETERODYNE_ATTRIBUTE_NUMBERS.rawValue:
            return .numbers(Array(try View.list(view.numbers, view.count, "numbers")))
        case HETERODYNE_ATTRIBUTE_STRINGS.rawValue:
            var texts: [String] = []
            for text in try View.list(view.strings, view.count, "strings") {
                texts.append(try View.text(text, "attribute '\(name)'"))
            }
            return .strings(texts)
        case HETERODYNE_ATTRIBUTE_EXTENTS.rawValue: return .dimensions(try integers(of: view).map(Extent.fixed))
        case HETERODYNE_ATTRIBUTE_SCALAR_TYPE.rawValue: return .scalarType(try View.scalarType(view.integer))
        case HETERODYNE_ATTRIBUTE_TYPE.rawValue: return .type(try type(view.type))
        case HETERODYNE_ATTRIBUTE_LITERAL.rawValue: return .literal(try literal(view.literal))
        case HETERODYNE_ATTRIBUTE_GRAPH.rawValue:
            return .graph(try graph(view.graph, keepsDefinitions: keepsDefinitions))
        default: throw ViewFault("attribute '\(name)' has kind \(view.kind), which version 1.0 does not have")
        }
    }

    private func integers(of view: heterodyne_attribute) throws(ViewFault) -> [Int] {
        try View.list(view.integers, view.count, "integers").map { Int($0) }
    }
}
