// Heterodyne: models that are wrong in one place.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneONNX
import Testing

extension ONNXReaderTests {
    @Suite struct HostileModelTests {
        func expect(
            _ kind: ONNXError.Kind, _ parts: [String], _ message: Message,
            sourceLocation: Testing.SourceLocation = #_sourceLocation
        ) {
            expectError(kind, parts, sourceLocation: sourceLocation) { () throws(ONNXError) in
                _ = try ONNXModel.decode(message.bytes)
            }
        }

        @Test func versions() throws {
            for version in Int64(3)...14 {
                #expect(try ONNXModel.decode(Message.model(Message(), ir: version).bytes).irVersion == Int(version))
            }
            for version in [Int64.min, -1, 0, 2, 15, Int64.max] {
                expect(.unsupportedVersion, ["\(version)"], .model(Message(), ir: version))
            }
            for opset in [Int64.min, -1, 0, Int64.max] {
                expect(.unsupportedVersion, ["\(opset)"], .model(Message(), opset: opset))
            }
            expect(.malformed, ["empty"], Message())
            expect(.unsupportedVersion, ["IR version"], Message().text(2, "producer"))
            expect(.missingPart, ["graph"], Message().int(1, 8))
            let foreign = Message.node("Foo", [], ["y"]).text(7, "com.example")
            expect(.unsupportedVersion, ["com.example", "node-Foo"], .model(Message().message(1, foreign)))
        }

        @Test func encoding() {
            let graph = Message().message(1, .node("Neg", ["x"], ["y"])).message(11, .value("x"))
            let model = Message.model(graph).bytes
            for count in 0..<model.count {
                // Cut before the operator sets, the node's has no version; any other cut breaks a field or leaves out a part.
                #expect(throws: ONNXError.self) { try ONNXModel.decode(Array(model.prefix(count))) }
            }
            expect(.malformed, ["field 7", "twice"], Message.model(Message()).message(7, Message()))
            expect(.malformed, ["UTF-8"], Message.model(Message()).raw(2, [0xFF, 0xFE]))
            expect(.malformed, ["64 bits"], Message(bytes: [8] + [UInt8](repeating: 0xFF, count: 11)))
            expect(.malformed, ["encoding"], Message(bytes: [0x0B, 0x0C]))
            expect(.malformed, ["wrong encoding"], Message().int(1, 8).int(7, 5))
        }

        @Test func names() {
            func graph(_ nodes: [Message], _ inputs: [String] = ["x"], _ outputs: [String] = []) -> Message {
                var graph = nodes.reduce(Message()) { $0.message(1, $1) }
                for name in inputs { graph = graph.message(11, .value(name)) }
                for name in outputs { graph = graph.message(12, .value(name)) }
                return .model(graph)
            }
            expect(.undefinedValue, ["'q'", "node-Neg"], graph([.node("Neg", ["q"], ["y"])]))
            expect(.undefinedValue, ["'z'", "output"], graph([], ["x"], ["z"]))
            expect(
                .duplicateName, ["'y'", "node-Abs"], graph([.node("Neg", ["x"], ["y"]), .node("Abs", ["x"], ["y"])]))
            expect(.duplicateName, ["'x'"], graph([.node("Neg", ["x"], ["x"])]))
            expect(.duplicateName, ["'x'"], graph([], ["x", "x"]))
            expect(.missingPart, ["name"], graph([], [""]))
            expect(
                .unordered, ["'b'", "node-Neg", "node-Abs"],
                graph([.node("Neg", ["b"], ["a"]), .node("Abs", ["a"], ["b"])]))
            expect(.unordered, ["node-Neg"], graph([.node("Neg", ["y"], ["y"])]))
            expect(.missingPart, ["operator type"], graph([Message().text(1, "x")]))
            let tensor = Message().int(2, 1).int(1, 0).text(8, "w")
            expect(.duplicateName, ["'w'"], .model(Message().message(5, tensor).message(5, tensor)))
        }

        @Test func tensors() {
            func model(_ tensor: Message) -> Message { .model(Message().message(5, tensor.text(8, "w"))) }
            let float = Message().int(2, 1)
            expect(.invalidTensor, ["'w'", "no data"], model(float.int(1, 3)))
            expect(.invalidTensor, ["'w'", "-1"], model(float.int(1, -1)))
            expect(.invalidTensor, ["'w'", "8 bytes"], model(float.int(1, 3).raw(9, Array(repeating: 0, count: 8))))
            expect(.invalidTensor, ["2^63"], model(float.int(1, .max).int(1, .max)))
            expect(.invalidTensor, ["memory"], model(float.int(1, .max).raw(9, [0])))
            expect(.limitExceeded, ["65 dimensions"], model((0..<65).reduce(float) { message, _ in message.int(1, 1) }))
            expect(.unsupportedType, ["number 99"], model(Message().int(2, 99)))
            expect(.invalidType, ["number 0"], model(Message().int(2, 0)))
            expect(.invalidTensor, ["field 5"], model(float.int(1, 1).int(5, 1)))
            expect(.invalidTensor, ["several"], model(float.int(1, 1).raw(4, [0, 0, 0, 0]).raw(9, [0, 0, 0, 0])))
            expect(.invalidTensor, ["several"], model(float.int(1, 1).raw(4, [0, 0, 0, 0]).int(5, 1)))
            expect(.malformed, ["numbers"], model(float.int(1, 1).raw(4, [0, 0, 0])))
            expect(.malformed, ["numbers"], model(Message().int(2, 7).int(1, 1).raw(7, [0x80])))
            expect(.malformed, ["numbers"], model(float.int(1, 1).int(4, 1)))
            expect(.unsupportedType, ["segment"], model(float.message(3, Message().int(1, 0))))
            expect(.invalidTensor, ["text"], model(Message().int(2, 8).int(1, 1).raw(9, [0])))
            expect(.invalidTensor, ["location 7"], model(float.int(14, 7)))
        }

        @Test(
            "Numbers that the type cannot hold",
            arguments: [(3, 128), (2, -1), (4, 65536), (5, -32769), (9, 2), (22, 256), (27, 64), (10, -1)]
                as [(Int64, Int64)])
        func range(type: Int64, number: Int64) throws {
            let tensor = Message().int(2, type).int(1, 1).text(8, "w").int(5, number)
            let read = try #require(
                try ONNXModel.decode(Message.model(Message().message(5, tensor)).bytes).graph.initializers.first)
            expectError(.invalidTensor, ["'w'"]) { () throws(ONNXError) in
                if type == 9 { _ = try read.literal() } else { _ = try read.packed() }
            }
        }

        @Test func unpackedAndMixedNumbers() throws {
            let tensor = Message().int(2, 7).int(1, 4).text(8, "w").int(7, -1).raw(7, [5, 6]).int(7, 7)
            let read = try #require(
                try ONNXModel.decode(Message.model(Message().message(5, tensor)).bytes).graph.initializers.first)
            #expect(try read.literal().scalars(as: Int64.self) == [-1, 5, 6, 7])
        }

        @Test func sparse() throws {
            func model(_ indices: [Int64], _ shape: [Int64], type: Int64 = 7) -> Message {
                let values = Message().int(2, 1).int(1, 2).text(8, "s").raw(9, Array(repeating: 1, count: 8))
                let start = shape.reduce(Message().int(2, type)) { $0.int(1, $1) }
                let encoded = indices.reduce(start) { $0.int(7, $1) }
                return .model(
                    Message().message(15, Message().message(1, values).message(2, encoded).int(3, 2).int(3, 3)))
            }
            expect(.invalidTensor, ["'s'", "shape"], model([0, 1, 2], [3]))
            expect(.missingPart, ["sparse"], .model(Message().message(15, Message())))
            let cases: [([Int64], [Int64])] = [
                ([0, 6], [2]), ([-1, 2], [2]), ([3, 3], [2]), ([4, 1], [2]), ([0, 0, 2, 0], [2, 2]),
                ([0, 3, 1, 0], [2, 2]),
            ]
            for (indices, shape) in cases {
                let read = try ONNXModel.decode(model(indices, shape).bytes).graph.sparseInitializers
                expectError(.invalidTensor, ["'s'", "index"]) { () throws(ONNXError) in _ = try read[0].literal() }
            }
        }

        @Test func attributes() {
            func model(_ attributes: Message...) -> Message {
                let node = attributes.reduce(Message.node("Neg", [], ["y"])) { $0.message(5, $1) }
                return .model(Message().message(1, node))
            }
            let name = Message().text(1, "axis")
            expect(.invalidAttribute, ["'axis'", "node-Neg", "graph"], model(name.int(20, 5)))
            expect(.invalidAttribute, ["'axis'", "tensor"], model(name.int(20, 4)))
            expect(.invalidAttribute, ["'axis'", "number 99"], model(name.int(20, 99)))
            expect(.invalidAttribute, ["'axis'", "kind"], model(name.int(20, 1).int(3, 4)))
            expect(.invalidAttribute, ["'axis'", "0 values"], model(name))
            expect(.invalidAttribute, ["'axis'", "2 values"], model(name.int(3, 1).text(4, "a")))
            expect(.duplicateName, ["'axis'"], model(name.int(3, 1), name.int(3, 2)))
            expect(.missingPart, ["name"], model(Message().int(3, 1)))
            expect(.invalidAttribute, ["'alpha'", "functions"], model(name.int(20, 2).text(21, "alpha")))
        }

        @Test func depth() {
            func nested(_ depth: Int) -> Message {
                var graph = Message()
                for _ in 0..<depth {
                    let attribute = Message().text(1, "body").int(20, 5).message(6, graph)
                    graph = Message().message(1, Message.node("Loop", [], []).message(5, attribute))
                }
                return .model(graph)
            }
            #expect(throws: Never.self) { try ONNXModel.decode(nested(32).bytes) }
            expect(.limitExceeded, ["deep", "node-Loop"], nested(33))
            expect(.limitExceeded, ["deep"], nested(300))
            var type = Message().message(1, Message().int(1, 1))
            for _ in 0..<5000 { type = Message().message(4, Message().message(1, type)) }
            expect(.limitExceeded, ["deep"], .model(Message().message(11, Message.value("x").message(2, type))))
        }

        @Test func recursion() {
            func function(_ name: String, calls callee: String) -> Message {
                Message().text(1, name).text(10, "f").message(7, Message.node(callee, [], []).text(7, "f"))
                    .message(9, Message().text(1, "f").int(2, 1))
            }
            let model = Message.model(Message())
            expect(.recursiveFunction, ["'a'"], model.message(25, function("a", calls: "a")))
            expect(
                .recursiveFunction, ["function"],
                model.message(25, function("a", calls: "b")).message(25, function("b", calls: "a")))
            expect(
                .duplicateName, ["'a'"],
                model.message(25, function("a", calls: "b")).message(25, function("a", calls: "c")))
            // A long chain is no circle, and no deep recursion of the reader.
            let chain = (0..<2000).reduce(model) { $0.message(25, function("f\($1)", calls: "f\($1 + 1)")) }
            #expect(throws: Never.self) { try ONNXModel.decode(chain.bytes) }
        }
    }
}
