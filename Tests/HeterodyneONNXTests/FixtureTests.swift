// Heterodyne: models that the onnx package wrote.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import Testing

extension ONNXReaderTests {
    @Suite struct FixtureTests {
        /// The format's names of the element types, which are not all ours.
        static let names: [ONNXElementType: String] = [
            .float32: "FLOAT", .float64: "DOUBLE", .float8e4m3fn: "FLOAT8E4M3FN", .float8e4m3fnuz: "FLOAT8E4M3FNUZ",
            .float8e5m2: "FLOAT8E5M2", .float8e5m2fnuz: "FLOAT8E5M2FNUZ",
        ]

        @Test("Every element type, raw and as numbers", arguments: ONNXElementType.allCases.filter { $0 != .string })
        func everyType(type: ONNXElementType) throws {
            let name = Self.names[type] ?? "\(type)".uppercased()
            let json = try JSONSerialization.jsonObject(with: Data(try contents(fixture("types.json"))))
            let hex = try #require((json as? [String: String])?[name])
            let expected = stride(from: 0, to: hex.count, by: 2).compactMap {
                UInt8(hex.dropFirst($0).prefix(2), radix: 16)
            }
            let model = try ONNXModel.load(fixture("types.onnx"))
            for form in ["raw", "data"] {
                let tensor = try #require(model.graph.initializers.first { $0.name == "\(name)_\(form)" })
                #expect(tensor.elementType == type)
                #expect(tensor.dimensions == [7])
                #expect(tensor.byteCount == expected.count)
                #expect(bytes(try tensor.packed()) == expected, "\(tensor.name)")
                if let scalarType = type.scalarType {
                    let literal = try tensor.literal()
                    #expect(literal.type == TensorType(scalarType, [7]))
                    #expect(bytes(try literal.denseStorage()) == expected)
                } else {
                    expectError(.unsupportedType, [tensor.name, "\(type)"]) { () throws(ONNXError) in
                        _ = try tensor.literal()
                    }
                }
            }
        }

        @Test func text() throws {
            let model = try ONNXModel.load(fixture("types.onnx"))
            #expect(model.irVersion == 14)
            #expect(model.opsets == ["": 26])
            let tensor = try #require(model.graph.initializers.last)
            #expect(tensor.elementType == .string && tensor.elementCount == 2)
            expectError(.unsupportedType, ["STRING_data", "string"]) { () throws(ONNXError) in _ = try tensor.literal()
            }
        }

        @Test func layers() throws {
            let model = try ONNXModel.load(fixture("mlp.onnx"))
            #expect(model.irVersion == 7 && model.producerName == "heterodyne" && model.opsets == ["": 13])
            #expect(model.metadata == ["task": "test", "author": "us"])
            let graph = model.graph
            #expect(graph.name == "mlp" && graph.documentation == "two layers")
            #expect(graph.inputs.map(\.name) == ["x"])
            #expect(graph.inputs.first?.type == .tensor(.float32, [.symbol("batch"), .fixed(4)]))
            #expect(graph.outputs.first?.type == .tensor(.float32, [.symbol("batch"), .unknown]))
            #expect(graph.values.first?.type == .tensor(.float32, [.symbol("batch"), .fixed(3)]))
            #expect(graph.nodes.map(\.opType) == ["Gemm", "Clip"])
            #expect(graph.nodes.map(\.domain) == ["", ""])
            #expect(graph.nodes.last?.inputs == ["y", "", "max"])
            guard case .float(let alpha)? = graph.nodes.first?.attributes["alpha"],
                case .int(let transposed)? = graph.nodes.first?.attributes["transB"]
            else {
                Issue.record("attributes are missing")
                return
            }
            #expect(alpha == 0.5 && transposed == 0)
            let weights: [Float] = (0..<12).map { Float($0) / 8 }
            #expect(try graph.initializers[0].literal().scalars(as: Float.self) == weights)
            #expect(try graph.initializers[1].literal().scalars(as: Float.self) == [1, 2, 3])
            #expect(graph.initializers[2].dimensions == [])
        }

        @Test func captures() throws {
            let graph = try ONNXModel.load(fixture("control.onnx")).graph
            #expect(graph.captures == [])
            let attributes = graph.nodes[1].attributes
            #expect(attributes["then_branch"]?.subgraphs.map(\.captures) == [["one", "x"]])
            #expect(attributes["else_branch"]?.subgraphs.map(\.captures) == [["c", "one", "outer", "x"]])
            let nested = try #require(attributes["else_branch"]?.subgraphs.first?.nodes.first)
            #expect(nested.attributes["then_branch"]?.subgraphs.map(\.captures) == [["outer", "x"]])
        }

        @Test func functions() throws {
            let model = try ONNXModel.load(fixture("functions.onnx"))
            #expect(model.opsets == ["": 21, "test.local": 1])
            let function = try #require(model.functions.first)
            #expect(
                function.identifier
                    == ONNXFunction.Identifier(domain: "test.local", name: "ScaledSquare", overload: "float"))
            #expect(function.inputs == ["a"] && function.outputs == ["r"] && function.parameters == ["factor"])
            #expect(function.opsets == ["": 21])
            #expect(function.nodes.map(\.opType) == ["Mul", "Constant", "Mul"])
            guard case .parameter("factor", .float)? = function.nodes[1].attributes["value_float"],
                case .int(3)? = function.defaults["unused"]
            else {
                Issue.record("the attributes are others")
                return
            }
            #expect(model.graph.nodes.first?.overload == "float")
        }

        @Test func everyAttribute() throws {
            let model = try ONNXModel.load(fixture("attributes.onnx"))
            let attributes = try #require(model.graph.nodes.first).attributes
            #expect(Set(attributes.values.map(\.kind)) == Set(ONNXAttribute.Kind.allCases))
            guard case .float(1.5)? = attributes["f"], case .int(-7)? = attributes["i"],
                case .string(let text)? = attributes["s"], case .floats(let floats)? = attributes["fs"],
                case .ints(let ints)? = attributes["is"], case .strings(let strings)? = attributes["ss"],
                case .tensors(let tensors)? = attributes["ts"], case .type(let type)? = attributes["ty"],
                case .sparseTensor(let sparse)? = attributes["sp"]
            else {
                Issue.record("the attributes are others")
                return
            }
            #expect(text == Array("text".utf8) && floats == [1, -2.5] && ints == [1, -1, 1 << 40])
            #expect(strings == [[97], [98, 99]])
            #expect(try tensors.map { try $0.literal().scalars(as: Int64.self) } == [[3, -4], [3, -4]])
            #expect(type == .tensor(.float32, [.symbol("n"), .fixed(2)]))
            #expect(try sparse.literal().scalars(as: Float.self) == [0, 0, 5, 0])
            #expect(attributes["g"]?.subgraphs.map(\.captures) == [["x"]])
        }

        @Test func sparse() throws {
            let tensors = try ONNXModel.load(fixture("sparse.onnx")).graph.sparseInitializers
            #expect(tensors.map(\.name) == ["linear", "rows"])
            #expect(try tensors[0].literal().scalars(as: Float.self) == [1, 0, 0, 0, 2, 3])
            #expect(try tensors[1].literal().scalars(as: Int8.self) == [0, 7, 0, 0, 0, -7])
            expectError(.limitExceeded, ["linear"]) { () throws(ONNXError) in _ = try tensors[0].literal(byteLimit: 23)
            }
        }

        @Test func containers() throws {
            let inputs = try ONNXModel.load(fixture("containers.onnx")).graph.inputs
            let tensor = ONNXType.tensor(.float32, nil)
            #expect(
                inputs.map(\.type) == [
                    .sequence(tensor), .optional(.sequence(tensor)), .map(key: .int64, value: tensor),
                    .sparseTensor(.float32, [.symbol("k"), .fixed(4)]),
                ])
        }

        @Test func externalData() throws {
            let model = try ONNXModel.load(fixture("external/model.onnx"))
            #expect(model.graph.initializers.map(\.isExternal) == [true, true])
            let values = try model.graph.initializers.map { try $0.literal().scalars(as: Float.self) }
            let expected: [[Float]] = [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]]
            #expect(values == expected)
            expectError(.externalData, ["weights.bin", "'a'"]) { () throws(ONNXError) in
                _ = try ONNXModel.decode((try? contents(fixture("external/model.onnx"))) ?? [])
            }
        }
    }
}
