// Heterodyne: the parts of an ONNX model that is being written.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The value of an attribute of a node that is being written.
indirect enum OutgoingAttribute {
    case int(Int)
    case ints([Int])
    case float(Double)
    case floats([Double])
    case string(String)
    case strings([String])
    case tensor(Literal)
    case graph(OutgoingGraph)
}

/// A named attribute of a node that is being written.
struct OutgoingEntry {
    var name: String
    var value: OutgoingAttribute
}

/// A constant of a model that is being written.
struct OutgoingConstant {
    var name: String
    var value: Literal
}

/// A node that is being written.
struct OutgoingNode {
    var name: String
    var opType: String
    var inputs: [String]
    var outputs: [String]
    var attributes: [OutgoingEntry]
    var documentation = ""
}

/// A named value with its type.
struct OutgoingValue {
    var name: String
    var type: TensorType
}

/// A graph that is being written: the model's own, or one within a node.
struct OutgoingGraph {
    var name: String
    var inputs: [OutgoingValue] = []
    var outputs: [OutgoingValue] = []
    var nodes: [OutgoingNode] = []
    var initializers: [OutgoingConstant] = []

    /// The graph with other names for some values, also where graphs within use them.
    func renaming(_ names: [String: String]) -> OutgoingGraph {
        if names.isEmpty { return self }
        var copy = self
        func renamed(_ name: String) -> String { names[name] ?? name }
        for i in copy.inputs.indices { copy.inputs[i].name = renamed(copy.inputs[i].name) }
        for i in copy.outputs.indices { copy.outputs[i].name = renamed(copy.outputs[i].name) }
        for i in copy.initializers.indices { copy.initializers[i].name = renamed(copy.initializers[i].name) }
        for i in copy.nodes.indices {
            copy.nodes[i].inputs = copy.nodes[i].inputs.map(renamed)
            copy.nodes[i].outputs = copy.nodes[i].outputs.map(renamed)
            for a in copy.nodes[i].attributes.indices {
                if case .graph(let graph) = copy.nodes[i].attributes[a].value {
                    copy.nodes[i].attributes[a].value = .graph(graph.renaming(names))
                }
            }
        }
        return copy
    }
}

/// A model that is being written.
struct OutgoingModel {
    var graph: OutgoingGraph
    var opset: Int
    var options: ONNXWriteOptions
    /// Entries of the metadata, in order.
    var metadata: [(key: String, value: String)] = []

    /// The version of the format that came with the operator set, at least 10.
    var irVersion: Int64 {
        switch opset {
        case ...22: 10
        case 23: 11
        case 24: 12
        default: 13
        }
    }
}
