// Heterodyne: which composites ONNX has operators for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The composites that ONNX has operators for. All others are written as their decompositions.
enum CompositeRules {
    static func emit(
        _ composite: any Composite, _ operands: [Port], _ results: [TensorType], in emitter: GraphEmitter
    ) throws(ONNXError) -> [Port]? {
        nil
    }
}
