// Heterodyne: configurations of composites that are not elementwise: neural networks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// A composite with attributes, and the operands that it is run on.
struct CompositeConfiguration: Sendable {
    /// An operand: shape and values; of the case's scalar type unless it has its own.
    struct Operand: Sendable {
        let shape: [Int]
        let values: ValueClass
        let scalarType: ScalarType?

        init(_ shape: [Int], _ values: ValueClass = .normal, _ scalarType: ScalarType? = nil) {
            self.shape = shape
            self.values = values
            self.scalarType = scalarType
        }
    }

    let composite: any Composite
    let name: String
    let operands: [Operand]
    var types = CaseTable.floats
    var values = "normal"
    var isExact = false
    /// Makes the composite for a scalar type, where an attribute depends on it.
    var make: (@Sendable (ScalarType) -> any Composite)?

    init(_ composite: any Composite, _ operands: [Operand]) { self.init(composite, "default", operands) }

    init(_ composite: any Composite, _ name: String, _ operands: [Operand]) {
        self.composite = composite
        self.name = name
        self.operands = operands
    }

    /// The configuration for other scalar types.
    func of(_ types: [ScalarType]) -> CompositeConfiguration {
        var copy = self
        copy.types = types
        return copy
    }

    /// The configuration with results that must be those of the definition, bit by bit.
    var exactly: CompositeConfiguration {
        var copy = self
        copy.isExact = true
        return copy
    }

    /// The configuration under another name for its values.
    func valued(_ name: String) -> CompositeConfiguration {
        var copy = self
        copy.values = name
        return copy
    }

    /// The configuration with an attribute that depends on the scalar type.
    func made(_ make: @escaping @Sendable (ScalarType) -> any Composite) -> CompositeConfiguration {
        var copy = self
        copy.make = make
        return copy
    }
}

extension CompositeConfiguration {
    static var neural: [CompositeConfiguration] { softmaxes + normalizations + convolutions + pools + attentions }

    private static var softmaxes: [CompositeConfiguration] {
        [
            Self(Softmax(axis: 1), [Operand([7, 33])]), Self(Softmax(axis: 0), "first-axis", [Operand([9, 5])]),
            Self(Softmax(axis: 2), "last-axis", [Operand([2, 3, 65], .range(-20, 20))]),
            Self(Softmax(axis: 1), "one-wide", [Operand([5, 1])]), Self(Softmax(axis: 1), "empty", [Operand([0, 5])]),
            Self(Softmax(axis: 1), [Operand([7, 9], .nan)]).valued("nan"),
            Self(Softmax(axis: 1), [Operand([2, 4], .list([1, -.infinity, 2, 0.5]))]).valued("masked"),
            Self(LogSoftmax(axis: 1), [Operand([7, 33])]),
            Self(LogSoftmax(axis: 0), "first-axis", [Operand([9, 5], .range(-20, 20))]),
            Self(Hardmax(axis: 1), [Operand([7, 9])]), Self(LogSumExp(axes: [1]), [Operand([7, 33])]),
            Self(LogSumExp(axes: [0, 2], keepDimensions: true), "kept", [Operand([3, 5, 7], .range(-30, 30))]),
        ]
    }

    private static var normalizations: [CompositeConfiguration] {
        let channels = Operand([5])
        let positive = Operand([5], .range(0.2, 3))
        return [
            Self(LayerNormalization(axis: 1), [Operand([7, 33]), Operand([33]), Operand([33])]),
            Self(LayerNormalization(axis: 2), "without-scale", [Operand([2, 3, 65])]),
            Self(LayerNormalization(axis: 1, epsilon: 1e-3), "two-axes", [Operand([3, 5, 7]), Operand([5, 7])]),
            Self(LayerNormalization(axis: 1, statistics: true), "statistics", [Operand([4, 31])]),
            Self(RMSNormalization(axis: 1), [Operand([7, 33]), Operand([33])]),
            Self(RMSNormalization(axis: 2), "without-scale", [Operand([2, 3, 31])]),
            Self(BatchNormalization(), [Operand([3, 5, 7]), channels, channels, channels, positive]),
            Self(GroupNormalization(groups: 2), [Operand([2, 6, 5]), Operand([6]), Operand([6])]),
            Self(GroupNormalization(groups: 3), "without-scale", [Operand([2, 6, 3, 3])]),
            Self(InstanceNormalization(), [Operand([2, 5, 9]), channels, channels]),
            Self(LpNormalization(axis: 1), [Operand([7, 9])]),
            Self(LpNormalization(axis: 0, p: 1), "p1", [Operand([7, 9])]),
            Self(LpNormalization(axis: 1, p: 3), "p3", [Operand([3, 7])]),
            Self(MeanVarianceNormalization(axes: [0, 2]), [Operand([3, 5, 7])]),
            Self(LocalResponseNormalization(size: 3), [Operand([2, 7, 3, 3])]),
            Self(LocalResponseNormalization(size: 2, alpha: 0.5, beta: 0.5, bias: 2), "even", [Operand([1, 5, 4])]),
        ]
    }

    private static var convolutions: [CompositeConfiguration] {
        func plain(_ rank: Int, stride: Int = 1, dilation: Int = 1, padding: Int = 0, groups: Int = 1) -> Convolution {
            let repeated = { (value: Int) in [Int](repeating: value, count: rank) }
            return Convolution(
                strides: repeated(stride), dilations: repeated(dilation), low: repeated(padding),
                high: repeated(padding), groups: groups)
        }
        return [
            Self(plain(2), [Operand([2, 3, 9, 7]), Operand([5, 3, 3, 3]), Operand([5])]),
            Self(plain(2, padding: 1), "padded", [Operand([1, 4, 8, 8]), Operand([8, 4, 3, 3])]),
            Self(plain(2, stride: 2, padding: 1), "strided", [Operand([1, 3, 9, 9]), Operand([4, 3, 3, 3])]),
            Self(plain(2, dilation: 2), "dilated", [Operand([1, 2, 9, 8]), Operand([3, 2, 3, 2])]),
            Self(plain(2, padding: 1, groups: 2), "grouped", [Operand([2, 4, 5, 5]), Operand([6, 2, 3, 3])]),
            Self(plain(2, padding: 1, groups: 5), "depthwise", [Operand([1, 5, 7, 7]), Operand([5, 1, 3, 3])]),
            Self(plain(2), "pointwise", [Operand([2, 7, 3, 5]), Operand([9, 7, 1, 1]), Operand([9])]),
            Self(plain(1, padding: 1), "one-dimension", [Operand([2, 3, 17]), Operand([4, 3, 3])]),
            Self(plain(3), "three-dimensions", [Operand([1, 2, 4, 5, 3]), Operand([3, 2, 2, 2, 2])]),
            Self(plain(2), "empty-batch", [Operand([0, 3, 5, 5]), Operand([2, 3, 3, 3])]),
            Self(
                ConvolutionTranspose(
                    strides: [2, 2], dilations: [1, 1], low: [1, 1], high: [1, 1], outputPadding: [1, 1]),
                [Operand([1, 4, 5, 5]), Operand([4, 3, 3, 3]), Operand([3])]),
            Self(
                ConvolutionTranspose(
                    strides: [1], dilations: [2], low: [0], high: [1], outputPadding: [0], groups: 2), "grouped",
                [Operand([2, 4, 7]), Operand([4, 3, 3])]),
        ]
    }

    private static var pools: [CompositeConfiguration] {
        let square = PoolingWindows(kernel: [2, 2], strides: [2, 2])
        let padded = PoolingWindows(kernel: [3, 3], strides: [2, 2], low: [1, 1], ceilMode: true)
        return [
            Self(MaxPool(square), [Operand([2, 3, 8, 6])]).exactly,
            Self(MaxPool(padded), "padded", [Operand([1, 3, 9, 8])]).exactly,
            Self(MaxPool(padded, indices: true), "indices", [Operand([1, 2, 7, 7])]).exactly,
            Self(MaxPool(PoolingWindows(kernel: [3], dilations: [2])), "dilated", [Operand([2, 2, 11])]).exactly,
            Self(MaxPool(square), [Operand([1, 2, 6, 6], .nan)]).valued("nan").exactly,
            Self(AveragePool(square), [Operand([2, 3, 8, 6])]),
            Self(AveragePool(padded), "padded", [Operand([1, 3, 9, 8])]),
            Self(AveragePool(padded, countsPadding: true), "counting", [Operand([1, 3, 9, 8])]),
            Self(LpPool(square), [Operand([1, 3, 8, 6])]), Self(LpPool(square, p: 1), "p1", [Operand([1, 2, 6, 6])]),
        ]
    }

    private static var attentions: [CompositeConfiguration] {
        let query = Operand([2, 3, 7, 8])
        let key = Operand([2, 3, 9, 8])
        return [
            Self(Attention(), [query, key, Operand([2, 3, 9, 5])]),
            Self(Attention(causality: .topLeft), "causal", [query, Operand([2, 3, 7, 8]), Operand([2, 3, 7, 8])]),
            Self(Attention(causality: .bottomRight, scale: 0.3), "causal-end", [query, key, key]),
            Self(Attention(softcap: 5), "softcap", [query, key, key]),
            Self(Attention(), "float-mask", [query, key, key, Operand([2, 1, 7, 9])]),
            Self(
                Attention(), "bool-mask",
                [query, key, key, Operand([1, 1, 1, 9], .list([1, 0, 1, 1, 0, 1, 1, 1, 1]), .bool)]),
            Self(Attention(), "grouped", [Operand([1, 4, 3, 8]), Operand([1, 2, 5, 8]), Operand([1, 2, 5, 8])]),
            Self(
                Attention(), "one-query", [Operand([2, 3, 1, 16]), Operand([2, 3, 33, 16]), Operand([2, 3, 33, 16])]),
        ]
    }
}
