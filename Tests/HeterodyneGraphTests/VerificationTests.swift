// Heterodyne: the verifier finds every kind of broken graph.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct VerificationTests {
    static let type = TensorType(.float32, [2])
    static let x = Node(operation: .parameter(index: 0, name: "x", type: type), operands: [], resultTypes: [type])
    static let y = Node(operation: .parameter(index: 1, name: "y", type: type), operands: [], resultTypes: [type])
    static let sum = Node(
        operation: .primitive(.binary(.add)), operands: [Value(node: 0), Value(node: 1)], resultTypes: [type],
        location: SourceLocation(file: "M/F.swift", line: 7))
    static let out = [GraphOutput(name: "z", value: Value(node: 2))]
    static let inputs = [Value(node: 0), Value(node: 1)]

    @Test func goodGraphsPass() throws {
        let graph = try Graph(verifying: [Self.x, Self.y, Self.sum], inputs: Self.inputs, outputs: Self.out)
        #expect(graph.inputNames == ["x", "y"])
        let builder = GraphBuilder()
        let z = try builder.input("x", Self.type) + builder.input("y", Self.type)
        try builder.output("z", z)
        #expect(try builder.build() == graph)
    }

    @Test func mistakesInNodesNameTheNodeAndItsLocation() {
        let broken: [(Node, GraphError.Kind, String)] = [
            (Self.sum.with(operands: [0, 2]), .malformedGraph, "not defined before"),
            (Self.sum.with(operands: [0, 9]), .malformedGraph, "not defined before"),
            (Self.sum.with(operands: [0, -1]), .malformedGraph, "not defined before"),
            (Self.sum.with(operandValues: [Value(node: 0), Value(node: 1, result: 1)]), .malformedGraph, "result 1"),
            (Self.sum.with(operands: [0]), .operandCount, "takes 2"),
            (Self.sum.with(types: [.scalar(.float32)]), .malformedGraph, "inference gives"),
            (Self.sum.with(types: []), .malformedGraph, "inference gives"),
        ]
        for (node, kind, text) in broken {
            let found = error { () throws(GraphError) in
                _ = try Graph(verifying: [Self.x, Self.y, node], inputs: Self.inputs, outputs: Self.out)
            }
            #expect(found?.kind == kind)
            #expect(found?.message.contains(text) == true, "\(found?.description ?? "no error")")
            #expect(found?.operation?.contains("= add(%0") == true)
            #expect(found?.location == SourceLocation(file: "M/F.swift", line: 7))
        }
    }

    @Test func mistakesInInputsAndOutputs() {
        let x = Value(node: 0)
        let twin = Node(
            operation: .parameter(index: 1, name: "x", type: Self.type), operands: [], resultTypes: [Self.type])
        let broken: [([Node], [Value], [GraphOutput], String)] = [
            ([Self.x, Self.y, Self.sum], [x], Self.out, "number 1"),
            ([Self.x, Self.y, Self.sum], [x, x], Self.out, "number 1"),
            ([Self.x, Self.y, Self.sum], Self.inputs + [x], Self.out, "3 inputs"),
            ([Self.y, Self.x, Self.sum], Self.inputs, Self.out, "index 1 where 0"),
            ([Self.x, twin, Self.sum], Self.inputs, Self.out, "two inputs called 'x'"),
            ([Self.x, Self.y, Self.sum], Self.inputs, [], "at least one output"),
            ([Self.x, Self.y, Self.sum], Self.inputs, [GraphOutput(name: "z", value: Value(node: 3))], "not exist"),
            ([Self.x, Self.y, Self.sum], Self.inputs, [GraphOutput(name: "z", value: Value(node: -1))], "not exist"),
            ([Self.x, Self.y, Self.sum], Self.inputs, Self.out + Self.out, "two outputs called 'z'"),
            ([], [], Self.out, "not exist"),
        ]
        for (nodes, inputs, outputs, text) in broken {
            let found = error { () throws(GraphError) in
                _ = try Graph(verifying: nodes, inputs: inputs, outputs: outputs)
            }
            #expect(found?.kind == .malformedGraph)
            #expect(found?.message.contains(text) == true, "\(found?.description ?? "no error") for \(text)")
        }
    }

    @Test func regionsNestToTheLimitAndNoDeeper() throws {
        var region = try GraphBuilder.region([.scalar(.float32)]) { (_, x) throws(GraphError) in [try x[0].negate()] }
        for depth in 1...Graph.maximumRegionDepth {
            region = try Self.nested(region)
            #expect(region.regionDepth == depth)
        }
        try region.verify()
        let found = error { () throws(GraphError) in region = try Self.nested(region) }
        #expect(found?.message.contains("nested 65 deep") == true)
    }

    static func nested(_ region: Graph) throws(GraphError) -> Graph {
        try GraphBuilder.region([.scalar(.float32)]) { (builder, x) throws(GraphError) in
            let yes = try builder.constant(Literal(true))
            return try builder.conditional(yes, x, then: region, otherwise: region)
        }
    }
}

extension Node {
    fileprivate func with(operands: [Int]) -> Node { with(operandValues: operands.map { Value(node: $0) }) }
    fileprivate func with(operandValues: [Value]) -> Node {
        Node(operation: operation, operands: operandValues, resultTypes: resultTypes, location: location)
    }
    fileprivate func with(types: [TensorType]) -> Node {
        Node(operation: operation, operands: operands, resultTypes: types, location: location)
    }
}
