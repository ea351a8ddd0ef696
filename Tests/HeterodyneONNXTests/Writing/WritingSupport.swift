// Heterodyne: graphs that are written and read again by the tests of the writer.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneONNX
import HeterodyneOps

/// A graph of the inputs `x0`, `x1` … whose outputs are what `body` gives.
func written(
    _ types: [TensorType], options: ONNXWriteOptions = ONNXWriteOptions(),
    _ body: (GraphBuilder, [Term]) throws -> [Term]
) throws -> ONNXModel {
    let graph = try sourceGraph(types, body)
    return try ONNXModel.decode(graph.onnx(options))
}

func sourceGraph(_ types: [TensorType], _ body: (GraphBuilder, [Term]) throws -> [Term]) throws -> Graph {
    let builder = GraphBuilder()
    var terms: [Term] = []
    for (index, type) in types.enumerated() { terms.append(try builder.input("x\(index)", type)) }
    for (index, term) in try body(builder, terms).enumerated() { try builder.output("y\(index)", term) }
    return try builder.build()
}

extension ONNXModel {
    /// The operators of all nodes, those of graphs within included, in order.
    var operators: [String] { graph.operators }
}

extension ONNXGraph {
    var operators: [String] {
        nodes.flatMap { node in
            [node.opType]
                + node.attributes.sorted { $0.key < $1.key }.flatMap { $0.value.subgraphs.flatMap(\.operators) }
        }
    }
}
