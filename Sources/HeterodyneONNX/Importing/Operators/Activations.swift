// Heterodyne: ONNX operators: activation functions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Activation functions.
    static let activations: [OperatorRule] = [
        .term("Relu") { (context) throws(GraphError) in try context.term(0).relu() },
        .term("LeakyRelu") { (context) throws(GraphError) in
            try context.term(0).leakyRelu(alpha: context.float("alpha", default: 0.01))
        },
        .term("PRelu", since: 7) { (context) throws(GraphError) in try context.prelu() },
        .term("PRelu", since: 1) { (context) throws(GraphError) in try context.channelPrelu() },
        .term("Elu") { (context) throws(GraphError) in
            try context.term(0).elu(alpha: context.float("alpha", default: 1))
        },
        .term("Selu", since: 6) { (context) throws(GraphError) in
            try context.selu(
                alpha: 1.67326319217681884765625, gamma: 1.05070102214813232421875)
        },
        .term("Selu", since: 1) { (context) throws(GraphError) in try context.selu(alpha: 1.6732, gamma: 1.0507) },
        .term("Celu", since: 12) { (context) throws(GraphError) in
            try context.term(0).celu(alpha: context.float("alpha", default: 1))
        },
        .term("Sigmoid") { (context) throws(GraphError) in try context.term(0).sigmoid() },
        .term("HardSigmoid") { (context) throws(GraphError) in
            try context.term(0).hardSigmoid(
                alpha: context.float("alpha", default: 0.2), beta: context.float("beta", default: 0.5))
        },
        .term("HardSwish", since: 14) { (context) throws(GraphError) in try context.term(0).hardSwish() },
        .term("Softplus") { (context) throws(GraphError) in try context.term(0).softplus() },
        .term("Softsign") { (context) throws(GraphError) in try context.term(0).softsign() },
        .term("Mish", since: 18) { (context) throws(GraphError) in try context.term(0).mish() },
        .term("Gelu", since: 20) { (context) throws(GraphError) in
            try context.term(0).gelu(
                approximation: context.choice(
                    "approximate", default: "none",
                    ["none": HeterodyneOps.Gelu.Approximation.none, "tanh": HeterodyneOps.Gelu.Approximation.tanh]))
        },
        .term("ThresholdedRelu", since: 10) { (context) throws(GraphError) in
            try context.term(0).thresholdedRelu(alpha: context.float("alpha", default: 1))
        },
        .term("Shrink", since: 9) { (context) throws(GraphError) in try context.shrink() },
        .term("Swish", since: 24) { (context) throws(GraphError) in
            try context.term(0).silu(beta: context.float("alpha", default: 1))
        },
        .term("SwiGLU", since: 28) { (context) throws(GraphError) in
            let gate = try context.term(0)
            let value = try context.term(1)
            guard gate.type == value.type else {
                throw GraphError(.shapeMismatch, "the gate \(gate.type) and the value \(value.type) must be alike")
            }
            return try gate.silu(beta: context.float("alpha", default: 1)) * value
        },
    ]
}

extension OperatorContext {
    fileprivate func selu(alpha: Double, gamma: Double) throws(GraphError) -> Term {
        let composite = Selu(
            alpha: try float("alpha", default: alpha), gamma: try float("gamma", default: gamma))
        return try builder.add(composite, [term(0)])
    }

    /// The slope broadcasts to `x`. Exporters also write a vector with one slope per channel, which does not broadcast
    /// by the standard's rule; it is taken along dimension 1.
    fileprivate func prelu() throws(GraphError) -> Term {
        let x = try term(0)
        let slope = try term(1)
        if slope.rank == 1, x.rank > 2, slope.shape[0] != 1, slope.shape[0] != x.shape[x.rank - 1],
            slope.shape[0] == x.shape[1]
        {
            return try x.prelu(slope.broadcast(x.shape, dimensions: [1]))
        }
        return try x.prelu(slope)
    }

    /// Before version 7 the slope is one number or one per channel.
    fileprivate func channelPrelu() throws(GraphError) -> Term {
        let x = try term(0)
        let slope = try term(1)
        if slope.shape.dimensions.allSatisfy({ $0 == 1 }) { return try x.prelu(slope.reshape(Shape.scalar)) }
        guard slope.rank == 1, x.rank > 1 else { return try x.prelu(slope) }
        return try x.prelu(slope.broadcast(x.shape, dimensions: [1]))
    }

    /// `x + bias` below -λ, else `x - bias` above λ, else 0; integers are computed as floats and truncated.
    fileprivate func shrink() throws(GraphError) -> Term {
        let input = try term(0)
        let threshold = try float("lambd", default: 0.5)
        let bias = try float("bias", default: 0)
        let x = try input.convert(input.scalarType.floatType)
        if threshold >= 0 { return try x.shrink(threshold: threshold, bias: bias).convert(input.scalarType) }
        // A negative λ makes the ranges overlap; the lower one wins.
        let above = try x.compare(.greater, threshold).select(x - bias, x.like(0))
        return try x.compare(.less, -threshold).select(x + bias, above).convert(input.scalarType)
    }
}
