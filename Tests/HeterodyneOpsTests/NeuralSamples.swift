// Heterodyne: one table of neural composites on operand types, for the type and error tests.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

/// A composite on operands, with the result types that it must give.
struct NeuralSample: Sendable, CustomTestStringConvertible {
    let composite: any Composite
    let operands: [TensorType]
    let results: [TensorType]

    init(_ composite: any Composite, _ operands: [TensorType], _ results: [TensorType]) {
        self.composite = composite
        self.operands = operands
        self.results = results
    }

    var testDescription: String {
        "\(composite.name)(\(operands.map(\.description).joined(separator: ", ")))"
    }
}

enum NeuralSamples {
    static let floats: [ScalarType] = [.float16, .bfloat16, .float32, .float64]
    static let batch = Extent.symbol("batch")

    static let all: [NeuralSample] = elementwise + floats.flatMap { normalization($0) + layers($0) } + symbolic

    /// A value of every elementwise composite.
    static let elementwiseValues: [any ElementwiseComposite] = [
        Erf(), Erfc(), Log1p(), Expm1(), Reciprocal(), ReciprocalSquareRoot(), Ceil(), RoundEven(), Sign(), IsNaN(),
        IsInfinite(), IsFinite(), Sinh(), Cosh(), Tan(), Asin(), Acos(), Atan(), Asinh(), Acosh(), Atanh(), Sigmoid(),
        Silu(), Silu(beta: 1.5), Gelu(), Gelu(approximation: .tanh), Softplus(), Softsign(), Mish(), Elu(alpha: 0.5),
        Celu(alpha: 2), Selu(), Relu(), LeakyRelu(alpha: 0.1), Prelu(), Clip(), Clip(minimum: -1), Clip(maximum: 6),
        Clip(minimum: 0, maximum: 6), HardSigmoid(), HardSwish(), ThresholdedRelu(alpha: 2),
        Shrink(threshold: 1, bias: 0.5),
    ]

    private static var elementwise: [NeuralSample] {
        var samples: [NeuralSample] = []
        for composite in elementwiseValues {
            let metatype = type(of: composite)
            for scalarType in ScalarType.allCases where metatype.takes(scalarType) {
                for shape: Shape in [[], [3], [2, 0, 4], [batch, 5]] {
                    samples.append(
                        NeuralSample(
                            composite,
                            [TensorType](repeating: TensorType(scalarType, shape), count: metatype.operandNames.count),
                            [TensorType(metatype.resultType(for: scalarType), shape)]))
                }
            }
        }
        return samples
    }

    private static func normalization(_ type: ScalarType) -> [NeuralSample] {
        func t(_ extents: Int...) -> TensorType { TensorType(type, extents) }
        func wide(_ extents: Int...) -> TensorType {
            TensorType(type == .float64 ? .float64 : .float32, extents)
        }
        let x = t(2, 6, 4)
        return [
            NeuralSample(Softmax(axis: 1), [x], [x]), NeuralSample(LogSoftmax(axis: 2), [x], [x]),
            NeuralSample(Hardmax(axis: 0), [x], [x]), NeuralSample(Softmax(axis: 0), [t(1)], [t(1)]),
            NeuralSample(LogSumExp(axes: [2, 0]), [x], [t(6)]),
            NeuralSample(LogSumExp(axes: [1], keepDimensions: true), [x], [t(2, 1, 4)]),
            NeuralSample(LogSumExp(axes: []), [x], [x]), NeuralSample(LogSumExp(axes: []), [t()], [t()]),
            NeuralSample(LayerNormalization(axis: 2), [x], [x]),
            NeuralSample(LayerNormalization(axis: 2), [x, t(4), wide(4)], [x]),
            NeuralSample(LayerNormalization(axis: 1), [x, t(1, 4), t(6, 1)], [x]),
            NeuralSample(
                LayerNormalization(axis: 1, statistics: true), [x, t(4)], [x, wide(2, 1, 1), wide(2, 1, 1)]),
            NeuralSample(LayerNormalization(axis: 0, statistics: true), [t(0)], [t(0), wide(1), wide(1)]),
            NeuralSample(RMSNormalization(axis: 2), [x, wide(4)], [x]),
            NeuralSample(RMSNormalization(axis: 0), [x], [x]),
            NeuralSample(BatchNormalization(), [x, t(6), t(6), wide(6), wide(6)], [x]),
            NeuralSample(BatchNormalization(), [t(2, 3), t(3), t(3), t(3), t(3)], [t(2, 3)]),
            NeuralSample(GroupNormalization(groups: 3), [x, t(6), t(6)], [x]),
            NeuralSample(GroupNormalization(groups: 2), [t(2, 6)], [t(2, 6)]),
            NeuralSample(InstanceNormalization(), [x, t(6)], [x]),
            NeuralSample(LpNormalization(axis: 1, p: 1), [x], [x]),
            NeuralSample(LpNormalization(axis: 0, p: 3), [x], [x]),
            NeuralSample(MeanVarianceNormalization(axes: [0, 2]), [x], [x]),
            NeuralSample(MeanVarianceNormalization(axes: []), [x], [x]),
            NeuralSample(LocalResponseNormalization(size: 3), [x], [x]),
            NeuralSample(LocalResponseNormalization(size: 1 << 40), [x], [x]),
            NeuralSample(LocalResponseNormalization(size: 5), [t(2, 0, 3)], [t(2, 0, 3)]),
        ]
    }

    static func plainConvolution(_ rank: Int, groups: Int = 1) -> Convolution {
        let (ones, zeros) = ([Int](repeating: 1, count: rank), [Int](repeating: 0, count: rank))
        return Convolution(strides: ones, dilations: ones, low: zeros, high: zeros, groups: groups)
    }

    private static func layers(_ type: ScalarType) -> [NeuralSample] {
        func t(_ extents: Int...) -> TensorType { TensorType(type, extents) }
        let strided = Convolution(strides: [2, 1], dilations: [1, 2], low: [1, 0], high: [0, 3], groups: 2)
        let transposed = ConvolutionTranspose(
            strides: [3], dilations: [2], low: [1], high: [0], outputPadding: [2], groups: 2)
        let windows = PoolingWindows(kernel: [3, 2], strides: [2, 2], low: [1, 0], high: [1, 1], ceilMode: true)
        return [
            NeuralSample(plainConvolution(1), [t(2, 3, 9), t(5, 3, 4)], [t(2, 5, 6)]),
            NeuralSample(strided, [t(1, 4, 7, 6), t(6, 2, 3, 2), t(6)], [t(1, 6, 3, 7)]),
            NeuralSample(plainConvolution(2), [t(0, 3, 4, 4), t(2, 3, 3, 3)], [t(0, 2, 2, 2)]),
            NeuralSample(plainConvolution(2), [t(1, 0, 4, 4), t(2, 0, 3, 3)], [t(1, 2, 2, 2)]),
            NeuralSample(plainConvolution(2), [t(1, 3, 4, 4), t(0, 3, 3, 3), t(0)], [t(1, 0, 2, 2)]),
            NeuralSample(
                plainConvolution(6), [t(1, 1, 2, 2, 2, 2, 2, 2), t(1, 1, 2, 2, 2, 2, 2, 2)],
                [t(1, 1, 1, 1, 1, 1, 1, 1)]),
            NeuralSample(plainConvolution(1), [t(1, 1, 5000), t(1, 1, 4000)], [t(1, 1, 1001)]),
            NeuralSample(transposed, [t(1, 4, 5), t(4, 3, 3), t(6)], [t(1, 6, 18)]),
            NeuralSample(
                ConvolutionTranspose(
                    strides: [1], dilations: [1], low: [0], high: [0], outputPadding: [0]),
                [t(1, 2, 0), t(2, 3, 4)], [t(1, 3, 3)]),
            NeuralSample(MaxPool(windows), [t(1, 2, 7, 5)], [t(1, 2, 4, 3)]),
            NeuralSample(
                MaxPool(windows, indices: true), [t(1, 2, 7, 5)],
                [t(1, 2, 4, 3), TensorType(.int64, [1, 2, 4, 3])]),
            NeuralSample(AveragePool(windows), [t(1, 2, 7, 5)], [t(1, 2, 4, 3)]),
            NeuralSample(AveragePool(windows, countsPadding: true), [t(1, 2, 7, 5)], [t(1, 2, 4, 3)]),
            NeuralSample(LpPool(windows, p: 3), [t(0, 2, 7, 5)], [t(0, 2, 4, 3)]),
            NeuralSample(AveragePool(PoolingWindows(kernel: [3000])), [t(1, 1, 3000)], [t(1, 1, 1)]),
            NeuralSample(Attention(), [t(2, 4, 3, 8), t(2, 2, 5, 8), t(2, 2, 5, 6)], [t(2, 4, 3, 6)]),
            NeuralSample(
                Attention(causality: .bottomRight, scale: 0.5, softcap: 3),
                [t(2, 4, 3, 8), t(2, 4, 5, 8), t(2, 4, 5, 8), TensorType(.bool, [4, 1, 5])], [t(2, 4, 3, 8)]),
            NeuralSample(
                Attention(causality: .topLeft), [t(1, 1, 0, 0), t(1, 1, 0, 0), t(1, 1, 0, 2), t(1, 1)],
                [t(1, 1, 0, 2)]),
        ]
    }

    /// Shapes with symbols that stay symbols through inference and decomposition.
    private static var symbolic: [NeuralSample] {
        func t(_ extents: Extent...) -> TensorType { TensorType(.float32, Shape(extents)) }
        let length = Extent.symbol("length")
        let same = Convolution(strides: [1, 1], dilations: [1, 1], low: [1, 1], high: [1, 1])
        return [
            NeuralSample(Softmax(axis: 1), [t(batch, length)], [t(batch, length)]),
            NeuralSample(Hardmax(axis: 1), [t(batch, length)], [t(batch, length)]),
            NeuralSample(LayerNormalization(axis: 2), [t(batch, length, 8), t(8), t(8)], [t(batch, length, 8)]),
            NeuralSample(GroupNormalization(groups: 2), [t(batch, 4, 3)], [t(batch, 4, 3)]),
            NeuralSample(same, [t(batch, 3, length, 5), t(4, 3, 3, 3), t(4)], [t(batch, 4, length, 5)]),
            NeuralSample(
                MaxPool(PoolingWindows(kernel: [2, 2], strides: [1, 2])), [t(batch, 3, 5, 4)], [t(batch, 3, 4, 2)]),
            NeuralSample(
                Attention(causality: .bottomRight),
                [t(batch, 4, length, 8), t(batch, 2, length, 8), t(batch, 2, length, 8)],
                [t(batch, 4, length, 8)]),
        ]
    }
}
