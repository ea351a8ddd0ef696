// Heterodyne: the list of elementwise, normalisation, convolution, pooling and attention composites.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The composites of the elementary functions and of neural networks.
public enum NeuralComposites {
    /// Those that compute each result element from the operands' elements at the same index.
    public static let elementwise: [any ElementwiseComposite.Type] = [
        Erf.self, Erfc.self, Log1p.self, Expm1.self, Reciprocal.self, ReciprocalSquareRoot.self, Ceil.self,
        RoundEven.self, Sign.self, IsNaN.self, IsInfinite.self, IsFinite.self, Sinh.self, Cosh.self, Tan.self,
        Asin.self, Acos.self, Atan.self, Asinh.self, Acosh.self, Atanh.self, Sigmoid.self, Silu.self, Gelu.self,
        Softplus.self, Softsign.self, Mish.self, Elu.self, Celu.self, Selu.self, Relu.self, LeakyRelu.self, Prelu.self,
        Clip.self, HardSigmoid.self, HardSwish.self, ThresholdedRelu.self, Shrink.self,
    ]

    /// All of them.
    public static let all: [any Composite.Type] =
        elementwise + [
            Softmax.self, LogSoftmax.self, Hardmax.self, LogSumExp.self, LayerNormalization.self, RMSNormalization.self,
            BatchNormalization.self, GroupNormalization.self, InstanceNormalization.self, LpNormalization.self,
            MeanVarianceNormalization.self, LocalResponseNormalization.self, Convolution.self,
            ConvolutionTranspose.self, MaxPool.self, AveragePool.self, LpPool.self, Attention.self,
        ]
}
