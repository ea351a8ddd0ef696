// Heterodyne: an outgoing model as a message of the ONNX format.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import SwiftProtobuf

/// Encodes models. Field numbers are those of the format's ModelProto, GraphProto, NodeProto, AttributeProto and
/// TensorProto; leaves are encoded by swift-protobuf.
struct ModelEncoder {
    /// A tensor whose data go into the file beside the model.
    struct ExternalTensor {
        let storage: LiteralStorage
        let offset: Int
    }

    /// The file that large tensors go to; nil where everything stays in the model.
    var externalFile: String?
    /// Tensors of at least this size go to the external file, where there is one.
    var externalMinimum = 0
    /// Where tensors begin in the external file: on pages, so that they can be mapped.
    static let externalAlignment = 4096

    private(set) var external: [ExternalTensor] = []
    private var externalEnd = 0

    init(externalFile: String? = nil, externalMinimum: Int = 0) {
        self.externalFile = externalFile
        self.externalMinimum = externalMinimum
    }

    mutating func encode(_ model: OutgoingModel) throws(ONNXError) -> WireMessage {
        var header = Heterodyne_Onnx_Model()
        header.irVersion = model.irVersion
        header.producerName = model.options.producerName
        if !model.options.producerVersion.isEmpty { header.producerVersion = model.options.producerVersion }
        if !model.options.documentation.isEmpty { header.docString = model.options.documentation }
        var opset = Heterodyne_Onnx_OperatorSet()
        opset.domain = ""
        opset.version = Int64(model.opset)
        header.opsetImport = [opset]
        header.metadataProps = model.metadata.map { entry in
            var message = Heterodyne_Onnx_Entry()
            (message.key, message.value) = (entry.key, entry.value)
            return message
        }
        var message = try WireMessage(header)
        message.append(7, try encode(model.graph))
        return message
    }

    private mutating func encode(_ graph: OutgoingGraph) throws(ONNXError) -> WireMessage {
        var message = WireMessage()
        for node in graph.nodes {
            message.append(
                1, try within(ONNXNode.label(node.name, node.opType)) { () throws(ONNXError) in try encode(node) })
        }
        message.append(2, graph.name)
        for constant in graph.initializers {
            let (name, value) = (constant.name, constant.value)
            message.append(
                5, try within("tensor \(quoted(name))") { () throws(ONNXError) in try encode(value, name: name) })
        }
        for value in graph.inputs { message.append(11, try encode(value)) }
        for value in graph.outputs { message.append(12, try encode(value)) }
        return message
    }

    private mutating func encode(_ node: OutgoingNode) throws(ONNXError) -> WireMessage {
        var header = Heterodyne_Onnx_Node()
        header.input = node.inputs
        header.output = node.outputs
        header.name = node.name
        header.opType = node.opType
        if !node.documentation.isEmpty { header.docString = node.documentation }
        var message = try WireMessage(header)
        for entry in node.attributes { message.append(5, try encode(entry.value, name: entry.name)) }
        return message
    }

    private mutating func encode(_ value: OutgoingAttribute, name: String) throws(ONNXError) -> WireMessage {
        var header = Heterodyne_Onnx_Attribute()
        header.name = name
        switch value {
        case .int(let number):
            header.type = ONNXAttribute.Kind.int.rawValue
            header.i = Int64(number)
        case .ints(let numbers):
            header.type = ONNXAttribute.Kind.ints.rawValue
            header.ints = numbers.map { Int64($0) }
        case .float(let number):
            header.type = ONNXAttribute.Kind.float.rawValue
            header.f = Float(number)
        case .floats(let numbers):
            header.type = ONNXAttribute.Kind.floats.rawValue
            header.floats = numbers.map { Float($0) }
        case .string(let text):
            header.type = ONNXAttribute.Kind.string.rawValue
            var message = try WireMessage(header)
            message.append(4, text)
            return message
        case .strings(let texts):
            header.type = ONNXAttribute.Kind.strings.rawValue
            var message = try WireMessage(header)
            for text in texts { message.append(9, text) }
            return message
        case .tensor(let literal):
            header.type = ONNXAttribute.Kind.tensor.rawValue
            var message = try WireMessage(header)
            message.append(5, try encode(literal, name: ""))
            return message
        case .graph(let graph):
            header.type = ONNXAttribute.Kind.graph.rawValue
            var message = try WireMessage(header)
            message.append(6, try encode(graph))
            return message
        }
        return try WireMessage(header)
    }

    private mutating func encode(_ literal: Literal, name: String) throws(ONNXError) -> WireMessage {
        let storage: LiteralStorage
        var header = Heterodyne_Onnx_TensorHeader()
        do throws(GraphError) {
            storage = try literal.denseStorage()
            header.dims = try literal.type.shape.extents().map { Int64($0) }
        } catch { throw ONNXError(.invalidTensor, error.message) }
        header.dataType = ONNXElementType(literal.type.scalarType).rawValue
        if !name.isEmpty { header.name = name }
        let size = storage.bytes.count
        guard let file = externalFile, !name.isEmpty, size >= max(externalMinimum, 1) else {
            var message = try WireMessage(header)
            message.append(9, storage)
            return message
        }
        let step = Self.externalAlignment
        let offset = (externalEnd + step - 1) / step * step
        external.append(ExternalTensor(storage: storage, offset: offset))
        externalEnd = offset + size
        header.dataLocation = 1
        for (key, value) in [("location", file), ("offset", String(offset)), ("length", String(size))] {
            var entry = Heterodyne_Onnx_Entry()
            (entry.key, entry.value) = (key, value)
            header.externalData.append(entry)
        }
        return try WireMessage(header)
    }

    private func encode(_ value: OutgoingValue) throws(ONNXError) -> WireMessage {
        var tensor = Heterodyne_Onnx_Type.Tensor()
        tensor.elemType = ONNXElementType(value.type.scalarType).rawValue
        tensor.shape = Heterodyne_Onnx_Shape()
        for extent in value.type.shape.dimensions {
            var dimension = Heterodyne_Onnx_Shape.Dimension()
            switch extent {
            case .fixed(let number): dimension.dimValue = Int64(number)
            case .symbolic(let expression): dimension.dimParam = expression.description
            }
            tensor.shape.dim.append(dimension)
        }
        var info = Heterodyne_Onnx_ValueInfo()
        info.name = value.name
        info.type = Heterodyne_Onnx_Type()
        info.type.tensorType = tensor
        return try WireMessage(info)
    }
}
