// Heterodyne: the list and the registry of every composite that this library defines.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The composites that this library defines.
public enum StandardComposites {
    /// Those that compute each result element from the operands' elements at the same index.
    public static let elementwise: [any ElementwiseComposite.Type] = [
        Erf.self, Erfc.self, Log1p.self, Expm1.self, Reciprocal.self, ReciprocalSquareRoot.self, Ceil.self,
        RoundEven.self, Sign.self, IsNaN.self, IsInfinite.self, IsFinite.self, Sinh.self, Cosh.self, Tan.self,
        Asin.self, Acos.self, Atan.self, Asinh.self, Acosh.self, Atanh.self, Sigmoid.self, Silu.self, Gelu.self,
        Softplus.self, Softsign.self, Mish.self, Elu.self, Celu.self, Selu.self, Relu.self, LeakyRelu.self, Prelu.self,
        Clip.self, HardSigmoid.self, HardSwish.self, ThresholdedRelu.self, Shrink.self,
    ]

    /// All of them, the elementwise ones first.
    public static let all: [any Composite.Type] = elementwise + normalization + windows + data + generation

    private static let normalization: [any Composite.Type] = [
        Softmax.self, LogSoftmax.self, Hardmax.self, LayerNormalization.self, RMSNormalization.self,
        BatchNormalization.self, GroupNormalization.self, InstanceNormalization.self, LpNormalization.self,
        MeanVarianceNormalization.self, LocalResponseNormalization.self,
    ]

    private static let windows: [any Composite.Type] = [
        Convolution.self, ConvolutionTranspose.self, MaxPool.self, AveragePool.self, LpPool.self,
        Resize.self, GridSample.self, SpaceToDepth.self, DepthToSpace.self,
    ]

    private static let data: [any Composite.Type] = [
        ArgMax.self, ArgMin.self, TopK.self, SortValues.self, OneHot.self,
        CumulativeSum.self, CumulativeProduct.self, CumulativeMax.self, CumulativeMin.self,
        Take.self, GatherElements.self, ScatterElements.self, GatherND.self, ScatterND.self, Trilu.self, Tile.self,
        ReduceMean.self, ReduceVariance.self, LogSumExp.self, Quantize.self, Dequantize.self,
    ]

    private static let generation: [any Composite.Type] = [
        Einsum.self, Attention.self, Scan.self, RNN.self, GRU.self, LSTM.self,
        Threefry2x32.self, ThreefryBits.self, RandomUniform.self, RandomNormal.self,
    ]
}

extension CompositeRegistry {
    /// Every composite that this library defines; what readers of text and files use unless told otherwise.
    public static let standard = CompositeRegistry(StandardComposites.all)
}
