// Heterodyne: activation functions of tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
    /// `max(x, 0)`.
    public func relu(file: String = #fileID, line: Int = #line) -> Tensor {
        map("relu", file: file, line: line) { (x) throws(GraphError) in try x.relu() }
    }
    /// `1 / (1 + e^-x)`.
    public func sigmoid(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sigmoid", file: file, line: line) { (x) throws(GraphError) in try x.sigmoid() }
    }
    /// `log(1 + e^x)`.
    public func softplus(file: String = #fileID, line: Int = #line) -> Tensor {
        map("softplus", file: file, line: line) { (x) throws(GraphError) in try x.softplus() }
    }
    /// `x / (1 + |x|)`.
    public func softsign(file: String = #fileID, line: Int = #line) -> Tensor {
        map("softsign", file: file, line: line) { (x) throws(GraphError) in try x.softsign() }
    }
    /// `x · tanh(softplus(x))`.
    public func mish(file: String = #fileID, line: Int = #line) -> Tensor {
        map("mish", file: file, line: line) { (x) throws(GraphError) in try x.mish() }
    }
    /// The scaled exponential linear unit.
    public func selu(file: String = #fileID, line: Int = #line) -> Tensor {
        map("selu", file: file, line: line) { (x) throws(GraphError) in try x.selu() }
    }
    /// `x · hardSigmoid(x)` with slope 1/6 and offset 1/2.
    public func hardSwish(file: String = #fileID, line: Int = #line) -> Tensor {
        map("hardSwish", file: file, line: line) { (x) throws(GraphError) in try x.hardSwish() }
    }
    /// `x · Φ(x)`, with the error function or its tanh approximation.
    public func gelu(
        approximation: Gelu.Approximation = .none, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("gelu", file: file, line: line) { (x) throws(GraphError) in try x.gelu(approximation: approximation) }
    }
    /// `x · sigmoid(beta · x)`.
    public func silu(beta: Double = 1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("silu", file: file, line: line) { (x) throws(GraphError) in try x.silu(beta: beta) }
    }
    /// `x` above zero, `alpha · x` below.
    public func leakyRelu(alpha: Double = 0.01, file: String = #fileID, line: Int = #line) -> Tensor {
        map("leakyRelu", file: file, line: line) { (x) throws(GraphError) in try x.leakyRelu(alpha: alpha) }
    }
    /// `x` above zero, `alpha · (e^x - 1)` below.
    public func elu(alpha: Double = 1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("elu", file: file, line: line) { (x) throws(GraphError) in try x.elu(alpha: alpha) }
    }
    /// Each element clamped between two numbers.
    public func clip(
        minimum: Double? = nil, maximum: Double? = nil, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("clip", file: file, line: line) { (x) throws(GraphError) in
            try x.clip(minimum: minimum, maximum: maximum)
        }
    }
    /// `min(max(x, 0), 6)`.
    public func relu6(file: String = #fileID, line: Int = #line) -> Tensor {
        map("relu6", file: file, line: line) { (x) throws(GraphError) in try x.relu6() }
    }
    /// `x` from zero on, `slope · x` below; `slope` broadcasts to this tensor.
    public func prelu(_ slope: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        map("prelu", with: [slope.adapted(to: self)], file: file, line: line) { (t) throws(GraphError) in
            try t[0].prelu(t[1].broadcast(to: t[0].shape))
        }
    }
    /// `max(x, 0) + min(0, alpha · (e^(x / alpha) - 1))`.
    public func celu(alpha: Double = 1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("celu", file: file, line: line) { (x) throws(GraphError) in try x.celu(alpha: alpha) }
    }
    /// `alpha · x + beta` clamped to [0, 1].
    public func hardSigmoid(
        alpha: Double = 0.2, beta: Double = 0.5, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("hardSigmoid", file: file, line: line) { (x) throws(GraphError) in
            try x.hardSigmoid(alpha: alpha, beta: beta)
        }
    }
    /// `x` above `alpha`, else 0.
    public func thresholdedRelu(alpha: Double = 1, file: String = #fileID, line: Int = #line) -> Tensor {
        map("thresholdedRelu", file: file, line: line) { (x) throws(GraphError) in
            try x.thresholdedRelu(alpha: alpha)
        }
    }
    /// `x + bias` below `-threshold`, `x - bias` above `threshold`, 0 between.
    public func shrink(
        threshold: Double = 0.5, bias: Double = 0, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("shrink", file: file, line: line) { (x) throws(GraphError) in
            try x.shrink(threshold: threshold, bias: bias)
        }
    }
}
