// Heterodyne: reads graphs out of the C structs again, as a plugin would, for tests.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneGraph
import HeterodyneOps

/// Reads graphs out of the C structs again. Follows the header and nothing else.
struct GraphViewReader {
    /// What the structs contradict the header in.
    struct Fault: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    /// The composites that may occur.
    var composites = CompositeRegistry(StandardComposites.all + [FusedRegion.self, EveryKind.self])
    /// Called for every composite with its definition, read likewise.
    var checksDefinition: (any Composite, Graph) throws -> Void = { _, _ in }

    static func text(_ string: heterodyne_string) -> String {
        String(decoding: UnsafeRawBufferPointer(start: string.data, count: Int(string.size)), as: UTF8.self)
    }

    func graph(_ pointer: UnsafePointer<heterodyne_graph>?) throws -> Graph {
        guard let pointer, pointer.pointee.struct_size == MemoryLayout<heterodyne_graph>.size else {
            throw Fault("graph")
        }
        let graph = pointer.pointee
        var nodes: [Node] = []
        var parameterCount = 0
        for index in 0..<Int(graph.node_count) {
            guard let entry = graph.nodes[index] else { throw Fault("node \(index)") }
            let node = entry.pointee
            guard node.struct_size == MemoryLayout<heterodyne_node>.size, node.operands != nil else {
                throw Fault("node \(index)")
            }
            let operands = (0..<Int(node.operand_count)).map { value(node.operands[$0]) }
            let types = try (0..<Int(node.result_count)).map { try type(node.result_types[$0]) }
            let name = Self.text(node.name)
            let operation: NodeOperation
            switch node.operation {
            case HETERODYNE_PARAMETER.rawValue:
                operation = .parameter(index: parameterCount, name: name, type: types[0])
                parameterCount += 1
            case HETERODYNE_COMPOSITE.rawValue:
                let composite = try composites.make(name, attributes(node))
                operation = .composite(composite)
                try checksDefinition(composite, self.graph(node.decomposition))
            default:
                guard let code = UInt16(exactly: node.operation), let primitive = PrimitiveCode(rawValue: code),
                    primitive.name == name, node.decomposition == nil
                else { throw Fault("operation \(node.operation) '\(name)'") }
                operation = .primitive(try Primitive(code: primitive, attributes: attributes(node)))
            }
            var location: SourceLocation?
            let place = Self.text(node.location)
            if let colon = place.lastIndex(of: ":"), let line = Int(place[place.index(after: colon)...]) {
                location = SourceLocation(file: String(place[..<colon]), line: line)
            } else if !place.isEmpty {
                throw Fault("location '\(place)'")
            }
            nodes.append(Node(operation: operation, operands: operands, resultTypes: types, location: location))
        }
        let inputs = (0..<Int(graph.input_count)).map { value(graph.inputs[$0]) }
        let outputs = (0..<Int(graph.output_count)).map {
            GraphOutput(name: Self.text(graph.output_names[$0]), value: value(graph.outputs[$0]))
        }
        return try Graph(verifying: nodes, inputs: inputs, outputs: outputs)
    }

    private func value(_ value: heterodyne_value) -> Value { Value(node: Int(value.node), result: Int(value.result)) }

    private func type(_ pointer: UnsafePointer<heterodyne_type>?) throws -> TensorType {
        guard let type = pointer?.pointee, type.struct_size == MemoryLayout<heterodyne_type>.size,
            let code = UInt8(exactly: type.scalar_type), let scalarType = ScalarType(rawValue: code),
            (type.extents == nil) == (type.rank == 0)
        else { throw Fault("type") }
        let result = TensorType(scalarType, (0..<Int(type.rank)).map { Int(type.extents[$0]) })
        guard try result.byteCount() == Int(type.byte_count) else { throw Fault("byte_count of \(result)") }
        return result
    }

    private func attributes(_ node: heterodyne_node) throws -> Attributes {
        var result = Attributes()
        for index in 0..<Int(node.attribute_count) {
            guard let attribute = node.attributes[index]?.pointee,
                attribute.struct_size == MemoryLayout<heterodyne_attribute>.size
            else { throw Fault("attribute \(index)") }
            try result.append(Self.text(attribute.name), try value(attribute))
        }
        return result
    }

    private func value(_ attribute: heterodyne_attribute) throws -> AttributeValue {
        let count = Int(attribute.count)
        func integers() -> [Int] { (0..<count).map { Int(attribute.integers[$0]) } }
        switch heterodyne_attribute_kind(rawValue: attribute.kind) {
        case HETERODYNE_ATTRIBUTE_BOOL: return .bool(attribute.integer != 0)
        case HETERODYNE_ATTRIBUTE_INTEGER: return .integer(Int(attribute.integer))
        case HETERODYNE_ATTRIBUTE_NUMBER: return .number(attribute.number)
        case HETERODYNE_ATTRIBUTE_STRING: return .string(Self.text(attribute.strings[0]))
        case HETERODYNE_ATTRIBUTE_INTEGERS: return .integers(integers())
        case HETERODYNE_ATTRIBUTE_NUMBERS: return .numbers((0..<count).map { attribute.numbers[$0] })
        case HETERODYNE_ATTRIBUTE_STRINGS: return .strings((0..<count).map { Self.text(attribute.strings[$0]) })
        case HETERODYNE_ATTRIBUTE_EXTENTS: return .dimensions(integers().map(Extent.fixed))
        case HETERODYNE_ATTRIBUTE_SCALAR_TYPE:
            guard let code = UInt8(exactly: attribute.integer), let type = ScalarType(rawValue: code) else {
                throw Fault("scalar type \(attribute.integer)")
            }
            return .scalarType(type)
        case HETERODYNE_ATTRIBUTE_TYPE: return .type(try type(attribute.type))
        case HETERODYNE_ATTRIBUTE_LITERAL:
            guard let literal = attribute.literal?.pointee else { throw Fault("literal") }
            let type = try type(literal.type)
            guard let bytes = literal.bytes else {
                return .literal(Literal(splatBits: literal.splat_bits, type: type))
            }
            let raw = UnsafeRawBufferPointer(start: bytes, count: try type.byteCount())
            return .literal(try Literal(type: type, storage: LiteralStorage(copying: raw)))
        case HETERODYNE_ATTRIBUTE_GRAPH: return .graph(try graph(attribute.graph))
        default: throw Fault("kind \(attribute.kind)")
        }
    }
}

/// A composite with an attribute of every kind.
struct EveryKind: Composite {
    static let name = "everyKind"
    let attributes: Attributes

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { operands }

    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] { operands }
}

/// A composite that is defined by itself, which the interface cannot carry.
struct Endless: Composite {
    static let name = "endless"
    var attributes: Attributes { [:] }
    /// How often it was defined; a different value each time, so that nothing is found written already.
    var depth = 0

    init(attributes: Attributes) {}
    init(depth: Int) { self.depth = depth }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] { operands }

    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        try builder.addAll(.composite(Endless(depth: depth + 1)), operands)
    }
}
