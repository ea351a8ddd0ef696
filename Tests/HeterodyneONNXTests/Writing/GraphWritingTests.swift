// Heterodyne: what a written model says, read back by the reader.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import HeterodyneOps
import Testing

@Suite("Writing graphs as ONNX")
struct GraphWritingTests {
    static let float = TensorType(.float32, [2, 3])

    @Test("Inputs and outputs keep their names, types and symbols")
    func ports() throws {
        let type = TensorType(.float32, Shape([.symbol("batch"), 3]))
        let model = try written([type, .scalar(.int64)]) { _, x in [try x[0].exp(), x[1]] }
        #expect(model.graph.inputs.map(\.name) == ["x0", "x1"])
        #expect(model.graph.outputs.map(\.name) == ["y0", "y1"])
        #expect(model.graph.inputs[0].type == .tensor(.float32, [.symbol("batch"), .fixed(3)]))
        #expect(model.graph.outputs[0].type == .tensor(.float32, [.symbol("batch"), .fixed(3)]))
        #expect(model.graph.outputs[1].type == .tensor(.int64, []))
        #expect(model.operators == ["Exp", "Identity"])
    }

    @Test("The operator set decides the version of the format", arguments: [(18, 10), (21, 10), (23, 11), (26, 13)])
    func versions(_ opset: Int, _ ir: Int) throws {
        let model = try written([Self.float], options: ONNXWriteOptions(opset: opset)) { _, x in [try x[0].exp()] }
        #expect(model.opsets == ["": opset])
        #expect(model.irVersion == ir)
        #expect(model.producerName == "Heterodyne")
    }

    @Test("Operator sets that cannot be written are refused", arguments: [0, 17, 27])
    func unknownOpset(_ opset: Int) throws {
        let graph = try sourceGraph([Self.float]) { _, x in [try x[0].exp()] }
        #expect(throws: ONNXError.self) { try graph.onnx(ONNXWriteOptions(opset: opset)) }
    }

    @Test("The same graph gives the same bytes")
    func deterministic() throws {
        func make() throws -> [UInt8] {
            try sourceGraph([Self.float, Self.float]) { b, x in
                [try x[0].softmax() + x[1].layerNormalization(), try x[0].sortPermutation(dimension: 1)]
            }.onnx()
        }
        #expect(try make() == make())
    }

    @Test("Repeated constants are stored once, as scalars, and broadcasting is left to the operators")
    func splats() throws {
        let model = try written([Self.float]) { b, x in
            let bias = try b.constant(Literal([Float(1), 2, 3], shape: [3]))
            return [try (x[0] * 2 + bias.broadcast(to: x[0].shape)) * 2]
        }
        #expect(model.operators == ["Mul", "Add", "Mul"])
        #expect(model.graph.initializers.map(\.dimensions) == [[], [3]])
    }

    @Test("Source locations become documentation, unless they are not wanted")
    func locations() throws {
        let builder = GraphBuilder()
        builder.currentLocation = SourceLocation(file: "Model/Layers.swift", line: 12)
        try builder.output("y", builder.input("x", Self.float).exp())
        let graph = try builder.build()
        #expect(try ONNXModel.decode(graph.onnx()).graph.nodes[0].documentation == "Model/Layers.swift:12")
        var options = ONNXWriteOptions()
        options.writesLocations = false
        #expect(try ONNXModel.decode(graph.onnx(options)).graph.nodes[0].documentation == "")
    }

    @Test("Other names for inputs and outputs are taken; a wrong number of them is refused")
    func names() throws {
        let graph = try sourceGraph([Self.float]) { _, x in [try x[0].exp()] }
        var options = ONNXWriteOptions()
        options.inputNames = ["pixels"]
        options.outputNames = ["logits"]
        let model = try ONNXModel.decode(graph.onnx(options))
        #expect(model.graph.inputs.map(\.name) == ["pixels"])
        #expect(model.graph.outputs.map(\.name) == ["logits"])
        options.outputNames = ["a", "b"]
        let error = #expect(throws: ONNXError.self) { try graph.onnx(options) }
        #expect(error?.message.contains("2 names are given for 1 outputs") == true)
    }

    @Test("An output that has an input's name gets another")
    func collidingNames() throws {
        let builder = GraphBuilder()
        try builder.output("x", builder.input("x", Self.float).exp())
        let model = try ONNXModel.decode(builder.build().onnx())
        #expect(model.graph.inputs.map(\.name) == ["x"])
        #expect(model.graph.outputs.map(\.name) == ["x_2"])
    }

    @Test("One value may be several outputs, and constants may be outputs")
    func sharedOutputs() throws {
        let model = try written([Self.float]) { b, x in
            let y = try x[0].exp()
            return [y, y, x[0], x[0], try b.constant(1, Self.float)]
        }
        #expect(model.graph.outputs.count == 5)
        #expect(Set(model.graph.outputs.map(\.name)).count == 5)
    }

    @Test("Symbols that are needed as data are read from the inputs' shapes")
    func symbolicShapes() throws {
        let batch = Extent.symbol("batch")
        let type = TensorType(.float32, Shape([batch, 3]))
        let model = try written([type]) { _, x in
            [try x[0].broadcast([batch, batch, 3], dimensions: [1, 2]).exp().reverse([0])]
        }
        #expect(model.operators.contains("Shape"))
        #expect(model.operators.contains("Expand"))
        let flat = try written([type]) { _, x in [try x[0].reshape([batch.multiplied(by: 3)]).exp()] }
        #expect(flat.operators == ["Reshape", "Exp"])
    }

    @Test("A symbol that no input has is an error that says what to do")
    func unknownSymbol() throws {
        let graph = try sourceGraph([.scalar(.float32)]) { _, x in [try x[0].broadcast([.symbol("n")], dimensions: [])]
        }
        let error = #expect(throws: ONNXError.self) { try graph.onnx() }
        #expect(error?.kind == .notExpressible)
        #expect(error?.message.contains("'n'") == true)
    }

    @Test("Bits of floats raise the operator set, and an older one is refused with the node's name")
    func bits() throws {
        let graph = try sourceGraph([Self.float]) { _, x in [try x[0].bitcast(.int32)] }
        let model = try ONNXModel.decode(graph.onnx())
        #expect(model.opsets == ["": 26])
        #expect(model.operators == ["BitCast"])
        let error = #expect(throws: ONNXError.self) { try graph.onnx(ONNXWriteOptions(opset: 21)) }
        #expect(error?.kind == .notExpressible)
        #expect(error?.place.contains { $0.contains("bitcast") } == true)
    }

    @Test("Regions become graphs within nodes")
    func control() throws {
        let scalar = TensorType.scalar(.float32)
        let model = try written([.scalar(.bool), scalar]) { b, x in
            let then = try GraphBuilder.region([scalar]) { (_, x) throws(GraphError) in [try x[0].exp()] }
            let otherwise = try GraphBuilder.region([scalar]) { (_, x) throws(GraphError) in [try x[0] + 1] }
            let condition = try GraphBuilder.region([scalar]) { (_, x) throws(GraphError) in
                [try x[0].compare(.less, 10)]
            }
            let chosen = try b.conditional(x[0], [x[1]], then: then, otherwise: otherwise)
            return try b.loop(chosen, condition: condition, body: otherwise)
        }
        #expect(model.operators == ["If", "Add", "Exp", "Less", "Loop", "Add", "Less"])
    }

    @Test("Large constants go to a file beside the model, each on a page of its own, and are read back")
    func externalData() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "onnx-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let values = (0..<1500).map { Float($0) }
        let graph = try sourceGraph([TensorType(.float32, [1500])]) { b, x in
            let (a, c) = (try b.constant(Literal(values)), try b.constant(Literal(values.map { -$0 })))
            return [try x[0] * a + c]
        }
        var options = ONNXWriteOptions()
        options.inlineLimit = 1000
        let path = folder.appendingPathComponent("m.onnx").path
        try graph.writeONNX(to: path, options: options)
        let model = try ONNXModel.load(path)
        #expect(model.graph.initializers.map(\.isExternal) == [true, true])
        #expect(try model.graph.initializers[0].literal().scalars(as: Float.self) == values)
        #expect(try model.graph.initializers[1].literal().scalars(as: Float.self) == values.map { -$0 })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["m.onnx", "m.onnx.data"])
        let size = try FileManager.default.attributesOfItem(atPath: path + ".data")[.size] as? Int
        #expect(size == 8192 + 6000)
    }

    @Test("A folder that does not exist is an error that names the path")
    func unwritable() throws {
        let graph = try sourceGraph([Self.float]) { _, x in [try x[0].exp()] }
        let error = #expect(throws: ONNXError.self) { try graph.writeONNX(to: "/nonexistent/folder/m.onnx") }
        #expect(error?.kind == .inputOutput)
        #expect(error?.path == "/nonexistent/folder/m.onnx")
    }
}
