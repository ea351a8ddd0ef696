// Heterodyne: what the tests of the ONNX reader share.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import Testing

/// The path of a fixture that `scripts/fixtures/onnx_models.py` made.
func fixture(_ name: String) -> String {
    Bundle.module.bundleURL.appendingPathComponent("Fixtures/\(name)").path
}

func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

let modelFixtures = [
    "types.onnx", "mlp.onnx", "control.onnx", "functions.onnx", "attributes.onnx", "sparse.onnx", "containers.onnx",
    "external/model.onnx",
]

/// All bytes of packed elements.
func bytes(_ storage: LiteralStorage) -> [UInt8] { storage.withBytes { Array($0) } }

/// The suites run one after the other, since one of them measures the memory of the process.
@Suite(.serialized) struct ONNXReaderTests {}

/// An encoded message, written field by field, so that tests can write what no library would.
struct Message {
    var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, result) = (value, [UInt8]())
        while rest >= 0x80 {
            result.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }

    func int(_ field: UInt64, _ value: Int64) -> Message {
        Message(bytes: bytes + Self.varint(field << 3) + Self.varint(UInt64(bitPattern: value)))
    }

    func raw(_ field: UInt64, _ contents: [UInt8]) -> Message {
        Message(bytes: bytes + Self.varint(field << 3 | 2) + Self.varint(UInt64(contents.count)) + contents)
    }

    func text(_ field: UInt64, _ value: String) -> Message { raw(field, Array(value.utf8)) }
    func message(_ field: UInt64, _ value: Message) -> Message { raw(field, value.bytes) }

    static func value(_ name: String) -> Message { Message().text(1, name) }

    static func node(_ op: String, _ inputs: [String], _ outputs: [String]) -> Message {
        let start = inputs.reduce(Message()) { $0.text(1, $1) }
        return outputs.reduce(start) { $0.text(2, $1) }.text(3, "node-\(op)").text(4, op)
    }

    static func model(_ graph: Message, ir: Int64 = 10, opset: Int64 = 21) -> Message {
        Message().int(1, ir).message(7, graph).message(8, Message().int(2, opset))
    }

    /// A model with one float initializer `w` of four elements as external data.
    static func external(_ location: String, offset: String? = nil, length: String? = nil) -> Message {
        func entry(_ key: String, _ value: String) -> Message { Message().text(1, key).text(2, value) }
        var tensor = Message().int(1, 4).int(2, 1).text(8, "w").int(14, 1).message(13, entry("location", location))
        if let offset { tensor = tensor.message(13, entry("offset", offset)) }
        if let length { tensor = tensor.message(13, entry("length", length)) }
        return model(Message().message(5, tensor))
    }
}

/// Expects an error of `kind` whose description contains every one of `parts`.
func expectError(
    _ kind: ONNXError.Kind, _ parts: [String], sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ body: () throws(ONNXError) -> Void
) {
    do throws(ONNXError) {
        try body()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(error.description.contains(part), "\(part) is not in: \(error)", sourceLocation: sourceLocation)
        }
    }
}

/// Reads every tensor of a model, as its user would, and returns how many bytes they had.
func touch(_ model: ONNXModel) -> Int {
    var total = 0
    func touch(_ tensor: ONNXTensor) {
        if let storage = try? tensor.packed() { total += bytes(storage).count }
        _ = try? tensor.literal()
    }
    func touch(_ sparse: ONNXSparseTensor) { _ = try? sparse.literal(byteLimit: 1 << 20) }
    func touch(_ nodes: [ONNXNode]) {
        for attribute in nodes.flatMap(\.attributes.values) {
            switch attribute {
            case .tensor(let tensor): touch(tensor)
            case .tensors(let tensors): tensors.forEach(touch)
            case .sparseTensor(let sparse): touch(sparse)
            case .sparseTensors(let list): list.forEach(touch)
            case .graph(let graph): touch(graph)
            case .graphs(let graphs): graphs.forEach(touch)
            default: break
            }
        }
    }
    func touch(_ graph: ONNXGraph) {
        graph.initializers.forEach(touch)
        graph.sparseInitializers.forEach(touch)
        touch(graph.nodes)
    }
    touch(model.graph)
    model.functions.forEach { touch($0.nodes) }
    return total
}
