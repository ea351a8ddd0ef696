// Heterodyne: normalizations as ONNX operators.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeRules {
    static let normalization: [CompositeRule] = [
        axis(Softmax.self, "Softmax", Kernels.wideFloats), axis(LogSoftmax.self, "LogSoftmax", Kernels.wideFloats),
        axis(Hardmax.self, "Hardmax", [.float32]),
        CompositeRule(LayerNormalization.self) { (e, norm, x, results) throws(ONNXError) in
            // The statistics are computed in float32, so float64 keeps its decomposition.
            let axis = norm.axis
            return try e.inFloats(x, results, half: !norm.statistics && x.count == 1) { (x) throws(ONNXError) in
                let type = x[0].type.with(Shape(Array(x[0].shape.dimensions[axis...])))
                var operands: [Port?] = [x[0]]
                operands.append(try e.parameter(x.count > 1 ? x[1] : nil, 1, type))
                if x.count > 2 { operands.append(try e.parameter(x[2], 0, type)) }
                let types: [TensorType?] =
                    [x[0].type] + results.dropFirst().map { TensorType(.float32, $0.shape) }
                return try e.nodes(
                    "LayerNormalization", operands, [("axis", .int(axis)), ("epsilon", .float(norm.epsilon))],
                    results: types)
            }
        },
        CompositeRule(RMSNormalization.self, since: 23) { (e, norm, x, results) throws(ONNXError) in
            try e.inFloats(x, results, half: x.count == 1) { (x) throws(ONNXError) in
                let type = x[0].type.with(Shape(Array(x[0].shape.dimensions[norm.axis...])))
                let scale = try e.parameter(x.count > 1 ? x[1] : nil, 1, type)
                return [
                    try e.node(
                        "RMSNormalization", [x[0], scale],
                        [("axis", .int(norm.axis)), ("epsilon", .float(norm.epsilon))], x[0].type)
                ]
            }
        },
        CompositeRule(BatchNormalization.self) { (e, norm, x, results) throws(ONNXError) in
            try e.inFloats(x, results, types: Kernels.wideFloats) { (x) throws(ONNXError) in
                [try e.node("BatchNormalization", x, [("epsilon", .float(norm.epsilon))], x[0].type)]
            }
        },
        CompositeRule(GroupNormalization.self, since: 21) { (e, norm, x, results) throws(ONNXError) in
            try e.inFloats(x, results) { (x) throws(ONNXError) in
                let type = x[0].type.with(Shape([x[0].shape[1]]))
                let scale = try e.parameter(x.count > 1 ? x[1] : nil, 1, type)
                let bias = try e.parameter(x.count > 2 ? x[2] : nil, 0, type)
                return [
                    try e.node(
                        "GroupNormalization", [x[0], scale, bias],
                        [("epsilon", .float(norm.epsilon)), ("num_groups", .int(norm.groups))], x[0].type)
                ]
            }
        },
        CompositeRule(InstanceNormalization.self) { (e, norm, x, results) throws(ONNXError) in
            guard x[0].rank >= 3 else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                let type = x[0].type.with(Shape([x[0].shape[1]]))
                let scale = try e.parameter(x.count > 1 ? x[1] : nil, 1, type)
                let bias = try e.parameter(x.count > 2 ? x[2] : nil, 0, type)
                return [
                    try e.node(
                        "InstanceNormalization", [x[0], scale, bias], [("epsilon", .float(norm.epsilon))], x[0].type)
                ]
            }
        },
        CompositeRule(MeanVarianceNormalization.self) { (e, norm, x, results) throws(ONNXError) in
            // The operator has a number of its own under the root, and no attribute for another.
            guard norm.epsilon == 1e-9, !norm.axes.isEmpty else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                [try e.node("MeanVarianceNormalization", x, [("axes", .ints(norm.axes))], x[0].type)]
            }
        },
        CompositeRule(LocalResponseNormalization.self) { (e, norm, x, results) throws(ONNXError) in
            // ONNX Runtime has images and odd windows only.
            guard norm.size % 2 == 1, x[0].rank == 4 else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                [
                    try e.node(
                        "LRN", x,
                        [
                            ("alpha", .float(norm.alpha)), ("beta", .float(norm.beta)), ("bias", .float(norm.bias)),
                            ("size", .int(norm.size)),
                        ], x[0].type)
                ]
            }
        },
    ]

    private static func axis<T: AxisComposite>(
        _ composite: T.Type, _ opType: String, _ types: Set<ScalarType>
    ) -> CompositeRule {
        CompositeRule(composite) { (e, composite, x, results) throws(ONNXError) in
            try e.inFloats(x, results, types: types) { (x) throws(ONNXError) in
                [try e.node(opType, x, [("axis", .int(composite.axis))], x[0].type)]
            }
        }
    }
}

extension GraphEmitter {
    /// A scale or bias in the whole shape of `type`; where none is given, `number` everywhere.
    func parameter(_ given: Port?, _ number: Double, _ type: TensorType) throws(ONNXError) -> Port {
        guard let given else { return Port(Literal(number: number, type: type)) }
        if given.shape == type.shape { return given }
        let start = type.rank - given.rank
        return try broadcast(given, type.shape, Array(start..<type.rank))
    }
}
