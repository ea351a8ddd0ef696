// Heterodyne: whether an ONNX model trains.
// SPDX-License-Identifier: Apache-2.0

extension ONNXModel {
    /// Whether the model uses operators of ONNX's training domain, `ai.onnx.preview.training`: `Gradient` and the steps
    /// of optimizers. Bodies of control flow and of the model's own functions count.
    public var isForTraining: Bool {
        func trains(_ nodes: [ONNXNode]) -> Bool {
            nodes.contains { node in
                node.domain == "ai.onnx.preview.training"
                    || node.attributes.values.contains { $0.subgraphs.contains { trains($0.nodes) } }
            }
        }
        return trains(graph.nodes) || functions.contains { trains($0.nodes) }
    }
}
