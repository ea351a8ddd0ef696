// Heterodyne: reading a model from its encoding.
// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Walks a model in its file, decodes the leaves, and keeps account of the memory that the result takes.
final class ModelReader {
    typealias Entry = Heterodyne_Onnx_Entry

    let file: DataFile
    let folder: ExternalFolder?
    let limits: ONNXLimits
    /// The estimated memory that the model takes so far, and how much it may take.
    private var retained = 0
    private let memoryLimit: Int

    init(_ file: DataFile, _ folder: ExternalFolder?, _ limits: ONNXLimits) {
        self.file = file
        self.folder = folder
        self.limits = limits
        let (product, overflow) = file.bytes.count.multipliedReportingOverflow(by: max(0, limits.memoryFactor))
        let (sum, overflowing) = product.addingReportingOverflow(max(0, limits.extraBytes))
        memoryLimit = overflow || overflowing ? Int.max : sum
    }

    /// Reads and checks the model in `file`.
    static func read(_ file: DataFile, folder: ExternalFolder?, limits: ONNXLimits) throws(ONNXError) -> ONNXModel {
        defer { withExtendedLifetime(file) {} }
        let reader = ModelReader(file, folder, limits)
        var model = try reader.model()
        try ModelChecker.check(&model)
        return model
    }

    /// Decodes the message at `range` without the parts that stay in the file.
    func decode<M: Message>(_: M.Type, _ kind: MessageKind, _ range: Range<Int>) throws(ONNXError) -> M {
        // While one message is decoded, its skeleton, the decoder's form of it and ours exist at once.
        let depth = 2 * limits.typeDepth + 4
        var skeleton = Skeleton(file.bytes, depthLimit: depth, costLimit: max(0, memoryLimit - retained) / 6)
        let encoded = try skeleton.encode(kind, range)
        retained += skeleton.cost
        do {
            var options = BinaryDecodingOptions()
            options.messageDepthLimit = depth + 8
            options.discardUnknownFields = true
            return try M(serializedBytes: encoded, options: options)
        } catch BinaryDecodingError.invalidUTF8 {
            throw ONNXError(.malformed, "a name or text of a \(kind) is not valid UTF-8; the file is damaged")
        } catch {
            throw ONNXError(.malformed, "a \(kind) at byte \(range.lowerBound) cannot be decoded; the file is damaged")
        }
    }

    /// Takes account of `count` bytes that the result takes.
    func charge(_ count: Int) throws(ONNXError) {
        retained += count
        guard retained <= memoryLimit else {
            throw ONNXError(
                .limitExceeded,
                "reading needs more than \(memoryLimit) bytes of memory for so small a file; raise ONNXLimits.extraBytes "
                    + "if the file is to be trusted")
        }
    }

    private func model() throws(ONNXError) -> ONNXModel {
        let whole = 0..<file.bytes.count
        guard !whole.isEmpty else { throw ONNXError(.malformed, "is empty; fetch the file again") }
        let model = try decode(Heterodyne_Onnx_Model.self, .model, whole)
        guard model.hasIrVersion else {
            throw ONNXError(.unsupportedVersion, "has no IR version; this is not an ONNX model, or a damaged one")
        }
        guard (3...14).contains(model.irVersion) else {
            throw ONNXError(
                .unsupportedVersion,
                "has IR version \(model.irVersion); versions 3 to 14 are read, so convert it with onnx.version_converter"
            )
        }
        guard model.hasGraph else { throw ONNXError(.missingPart, "has no graph; this is not an ONNX model") }
        let opsets = try opsets(model.opsetImport)
        let functions = try model.functions.map { (reference) throws(ONNXError) in
            try function(try range(of: reference))
        }
        let graph = try graph(try range(of: model.graph), depth: 0)
        return ONNXModel(
            irVersion: Int(model.irVersion), producerName: model.producerName,
            producerVersion: model.producerVersion, domain: model.domain, modelVersion: model.modelVersion,
            documentation: model.docString, opsets: opsets, graph: graph, functions: functions,
            metadata: try entries(model.metadataProps))
    }

    /// The graph at `range`, `depth` graphs within others.
    func graph(_ range: Range<Int>, depth: Int) throws(ONNXError) -> ONNXGraph {
        guard depth <= limits.graphDepth else {
            throw ONNXError(.limitExceeded, "graphs lie more than \(limits.graphDepth) deep within each other")
        }
        let header = try decode(Heterodyne_Onnx_GraphHeader.self, .graph, range)
        var graph = ONNXGraph()
        graph.name = header.name
        graph.documentation = header.docString
        graph.metadata = try entries(header.metadataProps)
        for annotation in header.quantizationAnnotation {
            let known = graph.quantization.updateValue(
                try entries(annotation.quantParameterTensorNames), forKey: annotation.tensorName)
            guard known == nil else {
                throw ONNXError(
                    .duplicateName, "has two quantization annotations for \(quoted(annotation.tensorName)); remove one")
            }
        }
        var reader = WireReader(file.bytes, range)
        while let field = try reader.next() {
            switch field.number {
            case 1: graph.nodes.append(try node(try field.contents(), number: graph.nodes.count, depth: depth))
            case 5:
                let number = graph.initializers.count
                graph.initializers.append(
                    try within("initializer \(number)") { () throws(ONNXError) in try tensor(try field.contents()) })
            case 15:
                let number = graph.sparseInitializers.count
                graph.sparseInitializers.append(
                    try within("sparse initializer \(number)") { () throws(ONNXError) in
                        try sparseTensor(try field.contents())
                    })
            case 11: graph.inputs.append(try value(try field.contents()))
            case 12: graph.outputs.append(try value(try field.contents()))
            case 13: graph.values.append(try value(try field.contents()))
            default: break
            }
        }
        return graph
    }

    private func function(_ range: Range<Int>) throws(ONNXError) -> ONNXFunction {
        let header = try decode(Heterodyne_Onnx_FunctionHeader.self, .function, range)
        return try within("function \(quoted(header.name))") { () throws(ONNXError) in
            guard !header.name.isEmpty else { throw ONNXError(.missingPart, "a function needs a name") }
            var nodes: [ONNXNode] = []
            var values: [ONNXValue] = []
            var defaults: [String: ONNXAttribute] = [:]
            var reader = WireReader(file.bytes, range)
            while let field = try reader.next() {
                switch field.number {
                case 7: nodes.append(try node(try field.contents(), number: nodes.count, depth: 0))
                case 12: values.append(try value(try field.contents()))
                case 11:
                    let encoded = try decode(Heterodyne_Onnx_Attribute.self, .attribute, try field.contents())
                    let attribute = try attribute(encoded, depth: 0)
                    guard defaults.updateValue(attribute, forKey: encoded.name) == nil else {
                        throw ONNXError(.duplicateName, "has two defaults for attribute \(quoted(encoded.name))")
                    }
                default: break
                }
            }
            return ONNXFunction(
                identifier: ONNXFunction.Identifier(
                    domain: canonicalDomain(header.domain), name: header.name, overload: header.overload),
                inputs: header.input, outputs: header.output, parameters: header.attribute, defaults: defaults,
                nodes: nodes, values: values, opsets: try opsets(header.opsetImport), documentation: header.docString,
                metadata: try entries(header.metadataProps))
        }
    }

    private func node(_ range: Range<Int>, number: Int, depth: Int) throws(ONNXError) -> ONNXNode {
        let encoded = try within("node \(number)") { () throws(ONNXError) in
            try decode(Heterodyne_Onnx_Node.self, .node, range)
        }
        return try within(ONNXNode.label(encoded.name, encoded.opType)) { () throws(ONNXError) in
            guard !encoded.opType.isEmpty else {
                throw ONNXError(.missingPart, "node \(number) has no operator type; the file is damaged")
            }
            var attributes: [String: ONNXAttribute] = [:]
            for attribute in encoded.attribute {
                guard !attribute.name.isEmpty else { throw ONNXError(.missingPart, "an attribute has no name") }
                let value = try self.attribute(attribute, depth: depth)
                guard attributes.updateValue(value, forKey: attribute.name) == nil else {
                    throw ONNXError(.duplicateName, "has two attributes named \(quoted(attribute.name))")
                }
            }
            return ONNXNode(
                name: encoded.name, opType: encoded.opType, domain: canonicalDomain(encoded.domain),
                overload: encoded.overload, inputs: encoded.input, outputs: encoded.output, attributes: attributes,
                documentation: encoded.docString, metadata: try entries(encoded.metadataProps))
        }
    }

    /// The range that the skeleton wrote for a message that stays in the file.
    func range(of reference: Heterodyne_Onnx_Reference) throws(ONNXError) -> Range<Int> {
        guard let begin = Int(exactly: reference.begin), let end = Int(exactly: reference.end), begin <= end,
            end <= file.bytes.count
        else { throw ONNXError(.malformed, "a part of the file is not where it should be") }
        return begin..<end
    }

    func entries(_ list: [Entry]) throws(ONNXError) -> [String: String] {
        var result: [String: String] = [:]
        for entry in list where result.updateValue(entry.value, forKey: entry.key) != nil {
            throw ONNXError(.duplicateName, "has two entries for the key \(quoted(entry.key)); remove one")
        }
        return result
    }

    private func opsets(_ list: [Heterodyne_Onnx_OperatorSet]) throws(ONNXError) -> [String: Int] {
        var result: [String: Int] = [:]
        for entry in list {
            let domain = canonicalDomain(entry.domain)
            guard (1...Int64(Int32.max)).contains(entry.version) else {
                throw ONNXError(
                    .unsupportedVersion, "imports version \(entry.version) of operator set \(quoted(domain))")
            }
            if let known = result.updateValue(Int(entry.version), forKey: domain), known != entry.version {
                throw ONNXError(
                    .duplicateName, "imports operator set \(quoted(domain)) in versions \(known) and \(entry.version)")
            }
        }
        return result
    }

    /// The main operator set has two spellings.
    private func canonicalDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }
}
