// Heterodyne: elementwise composites as ONNX operators.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeRules {
    static let elementwise: [CompositeRule] = [
        unary(Erf.self, "Erf"), unary(Reciprocal.self, "Reciprocal", Kernels.wideFloats),
        unary(Ceil.self, "Ceil", Kernels.wideFloats), unary(RoundEven.self, "Round", Kernels.wideFloats),
        unary(Sinh.self, "Sinh"), unary(Cosh.self, "Cosh"), unary(Tan.self, "Tan"), unary(Asin.self, "Asin"),
        unary(Acos.self, "Acos"), unary(Atan.self, "Atan"), unary(Asinh.self, "Asinh"), unary(Acosh.self, "Acosh"),
        unary(Atanh.self, "Atanh"), unary(Sigmoid.self, "Sigmoid", Kernels.wideFloats),
        unary(Softplus.self, "Softplus"), unary(Softsign.self, "Softsign"), unary(Mish.self, "Mish"),
        unary(HardSwish.self, "HardSwish"),
        CompositeRule(Relu.self) { (e, _, x, _) throws(ONNXError) in
            guard x[0].scalarType.isFloatingPoint || x[0].scalarType.isSignedInteger else { return nil }
            if x[0].scalarType == .int64 || x[0].scalarType == .int16 { return nil }
            return try e.unaryNative("Relu", x[0], types: [.float32, .float64, .int8, .int32])
        },
        CompositeRule(Sign.self) { (e, _, x, _) throws(ONNXError) in
            // ONNX says nothing of NaN, which the composite keeps.
            x[0].scalarType.isFloatingPoint ? nil : [try e.elementwise("Sign", x, result: x[0].scalarType)]
        },
        CompositeRule(IsNaN.self) { (e, _, x, _) throws(ONNXError) in
            [try e.elementwise("IsNaN", [x[0]], result: .bool)]
        },
        CompositeRule(IsInfinite.self, since: 20) { (e, _, x, _) throws(ONNXError) in
            [try e.elementwise("IsInf", [x[0]], result: .bool)]
        },
        CompositeRule(Silu.self) { (e, silu, x, results) throws(ONNXError) in
            try e.inFloats(x, results, types: Kernels.wideFloats) { (x) throws(ONNXError) in
                if e.model.opset >= 24 && x[0].scalarType != .float64 {
                    return [
                        try e.elementwise(
                            "Swish", x, silu.beta == 1 ? [] : [("alpha", .float(silu.beta))], result: x[0].scalarType)
                    ]
                }
                let scaled =
                    silu.beta == 1 ? x[0] : try e.arithmetic("Mul", x[0], e.number(silu.beta, like: x[0]))
                let gate = try e.elementwise("Sigmoid", [scaled], result: scaled.scalarType)
                return [try e.arithmetic("Mul", x[0], gate)]
            }
        },
        CompositeRule(Gelu.self, since: 20) { (e, gelu, x, _) throws(ONNXError) in
            let attributes: [(String, OutgoingAttribute)] =
                gelu.approximation == .tanh ? [("approximate", .string("tanh"))] : []
            return try e.unaryNative("Gelu", x[0], attributes)
        },
        CompositeRule(Elu.self) { (e, elu, x, _) throws(ONNXError) in
            try e.unaryNative("Elu", x[0], [("alpha", .float(elu.alpha))])
        },
        CompositeRule(Celu.self) { (e, celu, x, _) throws(ONNXError) in
            try e.unaryNative("Celu", x[0], [("alpha", .float(celu.alpha))], half: false)
        },
        CompositeRule(Selu.self) { (e, selu, x, _) throws(ONNXError) in
            try e.unaryNative("Selu", x[0], [("alpha", .float(selu.alpha)), ("gamma", .float(selu.gamma))])
        },
        CompositeRule(LeakyRelu.self) { (e, relu, x, _) throws(ONNXError) in
            try e.unaryNative("LeakyRelu", x[0], [("alpha", .float(relu.alpha))])
        },
        CompositeRule(HardSigmoid.self) { (e, sigmoid, x, _) throws(ONNXError) in
            try e.unaryNative(
                "HardSigmoid", x[0], [("alpha", .float(sigmoid.alpha)), ("beta", .float(sigmoid.beta))])
        },
        CompositeRule(ThresholdedRelu.self) { (e, relu, x, _) throws(ONNXError) in
            try e.unaryNative("ThresholdedRelu", x[0], [("alpha", .float(relu.alpha))])
        },
        CompositeRule(Shrink.self) { (e, shrink, x, _) throws(ONNXError) in
            try e.unaryNative(
                "Shrink", x[0], [("lambd", .float(shrink.threshold)), ("bias", .float(shrink.bias))])
        },
        CompositeRule(Prelu.self) { (e, _, x, results) throws(ONNXError) in
            guard x[0].scalarType.isFloatingPoint else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in
                // The slope broadcasts in ONNX too, but only to the operand, which must be whole.
                [try e.elementwise("PRelu", [try e.whole(x[0]), x[1]], result: x[0].scalarType)]
            }
        },
        CompositeRule(Clip.self) { (e, clip, x, results) throws(ONNXError) in
            // With bounds in the wrong order, the result differs between versions of ONNX.
            guard (clip.minimum ?? -.infinity) <= (clip.maximum ?? .infinity) else { return nil }
            let types: Set<ScalarType> = [
                .float32, .float64, .int8, .uint8, .int32, .uint32, .int64, .uint64, .float16,
            ]
            // A bound that is left out is the largest finite number to ONNX Runtime, which is not infinity.
            func bound(_ number: Double?, _ other: Double, _ type: ScalarType) -> Port? {
                (number ?? (type.isFloatingPoint ? other : nil)).map { Port(Literal(number: $0, type: .scalar(type))) }
            }
            guard clip.minimum != nil || clip.maximum != nil else { return x }
            func emit(_ x: Port) throws(ONNXError) -> [Port] {
                let low = bound(clip.minimum, -.infinity, x.scalarType)
                let high = bound(clip.maximum, .infinity, x.scalarType)
                let held = try e.node(
                    "Clip", [Port(try e.name(of: x), x.type.with(x.held)), low, high], [], x.type.with(x.held))
                return [Port(try e.name(of: held), x.type, held: x.held)]
            }
            if types.contains(x[0].scalarType) { return try emit(x[0]) }
            guard x[0].scalarType.isFloatingPoint else { return nil }
            return try e.inFloats(x, results) { (x) throws(ONNXError) in try emit(x[0]) }
        },
    ]

    private static func unary<T: Composite>(
        _ composite: T.Type, _ opType: String, _ types: Set<ScalarType> = [.float32]
    ) -> CompositeRule {
        CompositeRule(composite) { (e, _, x, _) throws(ONNXError) in
            try e.unaryNative(opType, x[0], types: types)
        }
    }
}

extension GraphEmitter {
    /// A native operator of one operand whose result has its type; nil where the type cannot be computed in.
    func unaryNative(
        _ opType: String, _ x: Port, _ attributes: [(String, OutgoingAttribute)] = [],
        types: Set<ScalarType> = [.float32], half: Bool = true
    ) throws(ONNXError) -> [Port]? {
        if types.contains(x.scalarType) { return [try elementwise(opType, [x], attributes, result: x.scalarType)] }
        guard x.scalarType.isFloatingPoint else { return nil }
        return try inFloats([x], [x.type], types: types, half: half) { (x) throws(ONNXError) in
            [try elementwise(opType, x, attributes, result: x[0].scalarType)]
        }
    }
}
