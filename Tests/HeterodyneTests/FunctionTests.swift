// Heterodyne: every function of tensors gives the numbers of its formula, on every device.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("Functions of tensors")
struct FunctionTests {
    static let devices = Device.all

    @Test("elementary functions", arguments: devices) func elementary(device: Device) throws {
        let x: [Double] = [-2.5, -0.5, 0.25, 0.75, 3]
        let near: [Double] = [-0.75, -0.5, 0, 0.25, 0.5]
        let above: [Double] = [1, 1.5, 2, 5, 9]
        typealias Row = (String, [Double], @Sendable (Tensor) -> Tensor, @Sendable (Double) -> Double)
        let rows: [Row] = [
            ("abs", x, { $0.abs() }, { Swift.abs($0) }), ("floor", x, { $0.floor() }, { $0.rounded(.down) }),
            ("ceil", x, { $0.ceil() }, { $0.rounded(.up) }),
            ("roundEven", x, { $0.roundEven() }, { $0.rounded(.toNearestOrEven) }),
            ("sign", x, { $0.sign() }, { $0 < 0 ? -1 : 1 }), ("exp", x, { $0.exp() }, { Foundation.exp($0) }),
            ("expm1", x, { $0.expm1() }, { Foundation.expm1($0) }),
            ("log", above, { $0.log() }, { Foundation.log($0) }),
            ("log1p", near, { $0.log1p() }, { Foundation.log1p($0) }),
            ("sqrt", above, { $0.sqrt() }, { $0.squareRoot() }),
            ("rsqrt", above, { $0.rsqrt() }, { 1 / $0.squareRoot() }),
            ("reciprocal", x, { $0.reciprocal() }, { 1 / $0 }),
            ("square", x, { $0.square() }, { $0 * $0 }), ("sin", x, { $0.sin() }, { Foundation.sin($0) }),
            ("cos", x, { $0.cos() }, { Foundation.cos($0) }), ("tan", x, { $0.tan() }, { Foundation.tan($0) }),
            ("asin", near, { $0.asin() }, { Foundation.asin($0) }),
            ("acos", near, { $0.acos() }, { Foundation.acos($0) }),
            ("atan", x, { $0.atan() }, { Foundation.atan($0) }), ("sinh", x, { $0.sinh() }, { Foundation.sinh($0) }),
            ("cosh", x, { $0.cosh() }, { Foundation.cosh($0) }), ("tanh", x, { $0.tanh() }, { Foundation.tanh($0) }),
            ("asinh", x, { $0.asinh() }, { Foundation.asinh($0) }),
            ("acosh", above, { $0.acosh() }, { Foundation.acosh($0) }),
            ("atanh", near, { $0.atanh() }, { Foundation.atanh($0) }), ("erf", x, { $0.erf() }, { Foundation.erf($0) }),
            ("erfc", x, { $0.erfc() }, { Foundation.erfc($0) }), ("-", x, { -$0 }, { -$0 }),
        ]
        for (name, input, lift, scalar) in rows {
            try FunctionCase(name, [5], input.map(scalar), within: 1e-12) { lift(Tensor(input)) }.check(on: device)
        }
    }

    @Test("activations", arguments: devices) func activations(device: Device) throws {
        let x: [Double] = [-4, -1, -0.25, 0, 0.5, 2, 7]
        let sigmoid: @Sendable (Double) -> Double = { 1 / (1 + exp(-$0)) }
        let softplus: @Sendable (Double) -> Double = { log1p(exp($0)) }
        typealias Row = (String, @Sendable (Tensor) -> Tensor, @Sendable (Double) -> Double)
        let rows: [Row] = [
            ("relu", { $0.relu() }, { max($0, 0) }), ("relu6", { $0.relu6() }, { min(max($0, 0), 6) }),
            ("sigmoid", { $0.sigmoid() }, { sigmoid($0) }), ("softplus", { $0.softplus() }, { softplus($0) }),
            ("softsign", { $0.softsign() }, { $0 / (1 + abs($0)) }),
            ("mish", { $0.mish() }, { $0 * tanh(softplus($0)) }),
            (
                "selu", { $0.selu() },
                { 1.0507009873554805 * ($0 > 0 ? $0 : 1.6732632423543772 * expm1($0)) }
            ),
            ("hardSwish", { $0.hardSwish() }, { $0 * min(max($0 / 6 + 0.5, 0), 1) }),
            ("gelu", { $0.gelu() }, { $0 / 2 * (1 + erf($0 / sqrt(2))) }),
            (
                "gelu tanh", { $0.gelu(approximation: .tanh) },
                { $0 / 2 * (1 + tanh(sqrt(2 / Double.pi) * ($0 + 0.044715 * $0 * $0 * $0))) }
            ),
            ("silu", { $0.silu(beta: 2) }, { $0 * sigmoid(2 * $0) }),
            ("leakyRelu", { $0.leakyRelu(alpha: 0.5) }, { $0 < 0 ? $0 / 2 : $0 }),
            ("elu", { $0.elu(alpha: 2) }, { $0 > 0 ? $0 : 2 * expm1($0) }),
            ("celu", { $0.celu(alpha: 2) }, { max($0, 0) + min(0, 2 * expm1($0 / 2)) }),
            ("clip", { $0.clip(minimum: -1, maximum: 1) }, { min(max($0, -1), 1) }),
            ("prelu", { $0.prelu(0.25) }, { $0 < 0 ? $0 / 4 : $0 }),
            ("hardSigmoid", { $0.hardSigmoid(alpha: 0.5, beta: 0.25) }, { min(max($0 / 2 + 0.25, 0), 1) }),
            ("thresholdedRelu", { $0.thresholdedRelu(alpha: 1) }, { $0 > 1 ? $0 : 0 }),
            (
                "shrink", { $0.shrink(threshold: 0.5, bias: 0.25) },
                { $0 < -0.5 ? $0 + 0.25 : $0 > 0.5 ? $0 - 0.25 : 0 }
            ),
        ]
        for (name, lift, scalar) in rows {
            try FunctionCase(name, [7], x.map(scalar), within: 1e-12) { lift(Tensor(x)) }.check(on: device)
        }
    }

    @Test("tests of numbers, conversions, choices", arguments: devices) func choices(device: Device) throws {
        let odd = vector(1, .nan, .infinity, -.infinity)
        let cases = [
            FunctionCase("isNaN", [4], [0, 1, 0, 0]) { odd.isNaN() },
            FunctionCase("isInfinite", [4], [0, 0, 1, 1]) { odd.isInfinite() },
            FunctionCase("isFinite", [4], [1, 0, 0, 0]) { odd.isFinite() },
            FunctionCase("convert", [3], [-1, 0, 2]) { vector(-1.5, 0.5, 2.75).convert(.int32) },
            FunctionCase("bitcast", [1], [0x3F80_0000]) { Tensor([1] as [Float]).bitcast(.uint32) },
            FunctionCase("select", [3], [1, 20, 3]) {
                Tensor([true, false, true]).select(vector(1, 2, 3), vector(10, 20, 30))
            },
            FunctionCase("where", [2, 2], [1, -1, 3, -1]) {
                Tensor.where(Tensor([true, false]), tensor([1, 2, 3, 4], [2, 2]), -1)
            },
            FunctionCase("maximum", [2], [3, 2]) { vector(1, 2).maximum(vector(3, -1)) },
            FunctionCase("minimum", [2], [1, -1]) { vector(1, 2).minimum(vector(3, -1)) },
            FunctionCase("power", [2], [8, 9]) { vector(2, 3).power(vector(3, 2)) },
            FunctionCase("%", [2], [-1, 1]) { Tensor([-7, 7] as [Int32]) % 3 },
            FunctionCase("/", [2], [-2, 2]) { Tensor([-7, 7] as [Int32]) / 3 },
            FunctionCase("<<", [2], [4, 12]) { Tensor([1, 3] as [Int32]) << 2 },
            FunctionCase(">>", [2], [-2, 2]) { Tensor([-8, 8] as [Int32]) >> 2 },
            FunctionCase(".&", [2], [1, 0]) { Tensor([3, 4] as [UInt8]) .& 1 },
            FunctionCase(".|", [2], [3, 5]) { Tensor([3, 4] as [UInt8]) .| 1 },
            FunctionCase(".^", [2], [2, 5]) { Tensor([3, 4] as [UInt8]) .^ 1 },
            FunctionCase(".!", [2], [0, 1]) { .!Tensor([true, false]) },
            FunctionCase(".==", [3], [0, 1, 0]) { vector(1, 2, 3) .== 2 },
            FunctionCase(".!=", [3], [1, 0, 1]) { vector(1, 2, 3) .!= 2 },
            FunctionCase(".<", [3], [1, 0, 0]) { vector(1, 2, 3) .< 2 },
            FunctionCase(".<=", [3], [1, 1, 0]) { vector(1, 2, 3) .<= 2 },
            FunctionCase(".>", [3], [0, 0, 1]) { vector(1, 2, 3) .> 2 },
            FunctionCase(".>=", [3], [0, 1, 1]) { vector(1, 2, 3) .>= 2 },
            FunctionCase("compound", [2], [1.5, 3.5]) {
                var x = vector(1, 3)
                x += 1
                x *= 2
                x -= 1
                x /= 2
                return x
            },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("reductions and order", arguments: devices) func reductions(device: Device) throws {
        let x = tensor([1, 5, 2, 4, 3, 9], [2, 3])
        let cases = [
            FunctionCase("sum", [], [24]) { x.sum() }, FunctionCase("sum 0", [3], [5, 8, 11]) { x.sum([0]) },
            FunctionCase("sum -1 kept", [2, 1], [8, 16]) { x.sum([-1], keepDimensions: true) },
            FunctionCase("product", [2], [10, 108]) { x.product([1]) },
            FunctionCase("max", [3], [4, 5, 9]) { x.max([0]) }, FunctionCase("min", [3], [1, 3, 2]) { x.min([0]) },
            FunctionCase("all", [2], [0, 1]) { (x .> 1).all([1]) },
            FunctionCase("any", [2], [0, 1]) { (x .> 8).any([1]) }, FunctionCase("mean", [], [4]) { x.mean() },
            FunctionCase("variance", [2], [26 / 9.0, 62 / 9.0]) { x.variance([1]) },
            FunctionCase("variance of a sample", [2], [13 / 3.0, 31 / 3.0]) { x.variance([1], correction: 1) },
            FunctionCase("standardDeviation", [2], [(26 / 9.0).squareRoot(), (62 / 9.0).squareRoot()]) {
                x.standardDeviation([1])
            },
            FunctionCase("logSumExp", [2], [log(exp(1) + exp(5) + exp(2)), log(exp(4) + exp(3) + exp(9))]) {
                x.logSumExp([1])
            },
            FunctionCase("logSum", [2], [log(8), log(16)]) { x.logSum([1]) },
            FunctionCase("sumOfSquares", [2], [30, 106]) { x.sumOfSquares([1]) },
            FunctionCase("normL1", [2], [8, 16]) { (-x).normL1([1]) },
            FunctionCase("normL2", [2, 1], [sqrt(30), sqrt(106)]) {
                x.normL2([1], keepDimensions: true)
            },
            FunctionCase("argMax", [2], [1, 2]) { x.argMax() },
            FunctionCase("argMin", [3], [0, 1, 0]) { x.argMin(axis: 0) },
            FunctionCase("argMax last", [], [2]) { vector(7, 1, 7).argMax(selectLastIndex: true) },
            FunctionCase("topK", [2, 2], [5, 2, 9, 4]) { x.topK(2).values },
            FunctionCase("topK positions", [2, 1], [0, 1]) { x.topK(1, largest: false).indices },
            FunctionCase("sorted", [2, 3], [1, 2, 5, 3, 4, 9]) { x.sorted().values },
            FunctionCase("sorted positions", [2, 3], [1, 2, 0, 2, 0, 1]) { x.sorted(descending: true).indices },
            FunctionCase("cumulativeSum", [2, 3], [1, 6, 8, 4, 7, 16]) { x.cumulativeSum(axis: 1) },
            FunctionCase("cumulativeSum exclusive", [2, 3], [0, 1, 6, 0, 4, 7]) {
                x.cumulativeSum(axis: -1, exclusive: true)
            },
            FunctionCase("cumulativeProduct reverse", [2, 3], [10, 10, 2, 108, 27, 9]) {
                x.cumulativeProduct(axis: 1, reverse: true)
            },
            FunctionCase("cumulativeMax", [2, 3], [1, 5, 5, 4, 4, 9]) { x.cumulativeMax(axis: 1) },
            FunctionCase("cumulativeMin", [2, 3], [1, 1, 1, 4, 3, 3]) { x.cumulativeMin(axis: 1) },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("making and reshaping", arguments: devices) func shapes(device: Device) throws {
        let x = tensor([1, 2, 3, 4, 5, 6], [2, 3])
        let cases = [
            FunctionCase("full", [2], [7, 7]) { Tensor.full([2], 7 as Double) },
            FunctionCase("zeros", [2], [0, 0]) { Tensor.zeros([2]) },
            FunctionCase("ones", [1, 1], [1]) { .ones([1, 1]) },
            FunctionCase("arange", [3], [0, 1, 2]) { Tensor.arange(3) },
            FunctionCase("arange by", [3], [1, 0.5, 0]) { Tensor.arange(1, -0.25, by: -0.5, .float64) },
            FunctionCase("eye", [2, 2], [1, 0, 0, 1]) { Tensor.eye(2) },
            FunctionCase("reshape", [3, 2], [1, 2, 3, 4, 5, 6]) { x.reshape([3, -1]) },
            FunctionCase("transpose", [3, 2], [1, 4, 2, 5, 3, 6]) { x.transpose() },
            FunctionCase("transposeMatrices", [1, 3, 2], [1, 4, 2, 5, 3, 6]) {
                x.expandDimensions(0).transposeMatrices()
            },
            FunctionCase("broadcast", [2, 2], [1, 2, 1, 2]) { vector(1, 2).broadcast(to: [2, 2]) },
            FunctionCase("squeeze", [2], [1, 2]) { tensor([1, 2], [1, 2, 1]).squeeze() },
            FunctionCase("pad", [4], [9, 1, 2, 9]) { vector(1, 2).pad(low: [1], high: [1], value: 9) },
            FunctionCase("reverse", [2, 3], [3, 2, 1, 6, 5, 4]) { x.reverse([1]) },
            FunctionCase("slice", [1, 2], [4, 6]) { x.slice([1, 0], [2, 3], strides: [1, 2]) },
            FunctionCase("slice at", [1, 2], [5, 6]) { x.slice([Tensor(Int32(1)), 7], sizes: [1, 2]) },
            FunctionCase("split", [2, 1], [3, 6]) { x.split(2, axis: 1)[1] },
            FunctionCase("split sizes", [2, 2], [2, 3, 5, 6]) { x.split(sizes: [1, 2], axis: -1)[1] },
            FunctionCase("concatenate", [2, 4], [1, 2, 3, 0, 4, 5, 6, 0]) {
                Tensor.concatenate([x, .zeros([2, 1], .float64)], axis: -1)
            },
            FunctionCase("stack", [2, 2], [1, 3, 2, 4]) { Tensor.stack([vector(1, 2), vector(3, 4)], axis: 1) },
            FunctionCase("flatten", [2, 6], (0..<12).map(Double.init)) { counting([2, 2, 3]).flatten() },
            FunctionCase("tile", [2, 4], [1, 2, 1, 2, 1, 2, 1, 2]) { tensor([1, 2], [1, 2]).tile([2, 2]) },
            FunctionCase("upperTriangle", [2, 3], [1, 2, 3, 0, 5, 6]) { x.upperTriangle() },
            FunctionCase("lowerTriangle", [2, 3], [0, 0, 0, 4, 0, 0]) { x.lowerTriangle(-1) },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("indexing and updates", arguments: devices) func indexing(device: Device) throws {
        let x = tensor([1, 2, 3, 4, 5, 6], [2, 3])
        let cases = [
            FunctionCase("take", [2, 2], [3, 1, 6, 4]) { x.take(Tensor([-1, 0] as [Int64]), axis: 1) },
            FunctionCase("gatherElements", [1, 3], [4, 2, 6]) {
                x.gatherElements(Tensor([1, 0, 1] as [Int64], shape: [1, 3]))
            },
            FunctionCase("scatterElements", [2, 3], [1, 2, 13, 24, 5, 6]) {
                x.scatterElements(
                    Tensor([2, 0] as [Int64], shape: [2, 1]), tensor([10, 20], [2, 1]), axis: 1, mode: .add)
            },
            FunctionCase("gatherND", [2], [6, 2]) { x.gatherND(Tensor([[1, 2], [0, 1]] as [[Int64]])) },
            FunctionCase("scatterND", [2, 3], [1, 2, 3, 7, 8, 9]) {
                x.scatterND(Tensor([[1]] as [[Int64]]), tensor([7, 8, 9], [1, 3]))
            },
            FunctionCase("oneHot", [2, 3], [0, 1, 0, 0, 0, 1]) { Tensor([1, -1] as [Int64]).oneHot(3) },
            FunctionCase("updating", [2, 3], [1, 2, 3, 4, 0, 0]) {
                x.updating([1, 1], with: .zeros([1, 2], .float64))
            },
            FunctionCase("updating at", [2, 3], [1, 2, 3, 4, 0, 0]) {
                x.updating([Tensor(Int32(1)), 1], with: .zeros([1, 2], .float64))
            },
            FunctionCase("subscript", [2], [3, 6]) { x[.all, 2] },
            FunctionCase("subscript range", [1, 2], [4, 6]) { x[1..<2, .range(0, nil, by: 2)] },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("products, layers, normalisation", arguments: devices) func layers(device: Device) throws {
        let x = tensor([1, 2, 3, 4], [2, 2])
        let image = counting([1, 2, 2, 2])
        let (mean, deviation) = (1.5, sqrt(1.25))
        let group = (0..<8).map { (Double($0 % 4) - mean) / deviation }
        let cases = [
            FunctionCase("matmul", [2, 2], [7, 10, 15, 22]) { x.matmul(x) },
            FunctionCase("linear", [2, 2], [6, 12, 12, 26]) { x.linear(x, vector(1, 1)) },
            FunctionCase("einsum", [2], [5, 11]) { Tensor.einsum("ij,j->i", [x, vector(1, 2)]) },
            FunctionCase("softmax", [2], [1 / (1 + M_E), M_E / (1 + M_E)]) { vector(1, 2).softmax() },
            FunctionCase("logSoftmax", [2], [-log(1 + M_E), 1 - log(1 + M_E)]) { vector(1, 2).logSoftmax() },
            FunctionCase("hardmax", [2, 2], [0, 1, 0, 1]) { x.hardmax() },
            FunctionCase("layerNormalization", [2, 2], [-1, 3, -1, 3]) {
                x.layerNormalization(scale: vector(2, 2), bias: vector(1, 1), epsilon: 0)
            },
            FunctionCase("layerNormalization, bias only", [2, 2], [0, 2, 0, 2]) {
                x.layerNormalization(scale: vector(1, 1), bias: vector(1, 1), epsilon: 0)
            },
            FunctionCase("rmsNormalization", [1, 2], [3 / sqrt(12.5), 8 / sqrt(12.5)]) {
                tensor([3, 4], [1, 2]).rmsNormalization(scale: vector(1, 2), epsilon: 0)
            },
            FunctionCase("batchNormalization", [2, 2], [1, 1, 5, 5]) {
                x.batchNormalization(
                    scale: vector(2, 2), bias: vector(1, 1), mean: vector(1, 2), variance: vector(1, 1), epsilon: 0)
            },
            FunctionCase("groupNormalization", [1, 2, 2, 2], group) { image.groupNormalization(groups: 2, epsilon: 0) },
            FunctionCase("instanceNormalization", [1, 2, 2, 2], group.map { 2 * $0 + 1 }) {
                image.instanceNormalization(scale: vector(2, 2), bias: vector(1, 1), epsilon: 0)
            },
            FunctionCase("lpNormalization", [2], [0.6, 0.8]) { vector(3, 4).lpNormalization() },
            FunctionCase("meanVarianceNormalization", [2], [-1, 1]) {
                vector(1, 3).meanVarianceNormalization(axes: [0])
            },
            FunctionCase("localResponseNormalization", [1, 1, 1], [2 / 3.0]) {
                tensor([2], [1, 1, 1]).localResponseNormalization(size: 1, alpha: 0.5, beta: 1, bias: 1)
            },
            FunctionCase("attention", [1, 1, 1, 1], [15]) {
                tensor([0], [1, 1, 1, 1]).attention(
                    keys: tensor([1, 2], [1, 1, 2, 1]), values: tensor([10, 20], [1, 1, 2, 1]))
            },
            FunctionCase("attention, masked", [1, 1, 1, 1], [20]) {
                tensor([0], [1, 1, 1, 1]).attention(
                    keys: tensor([1, 2], [1, 1, 2, 1]), values: tensor([10, 20], [1, 1, 2, 1]),
                    mask: Tensor([false, true], shape: [1, 1, 1, 2]))
            },
            FunctionCase("convolution", [1, 1, 1, 1], [57]) {
                counting([1, 1, 3, 3])[.all, .all, 1..<3, 1..<3].convolution(tensor([1, 2, 3, 4], [1, 1, 2, 2]))
                    - 10
            },
            FunctionCase("convolution, bias", [1, 1, 2], [6, 8]) {
                tensor([1, 2, 3], [1, 1, 3]).convolution(tensor([1, 1], [1, 1, 2]), bias: vector(3))
            },
            FunctionCase("convolutionTranspose", [1, 1, 3], [1, 3, 2]) {
                tensor([1, 2], [1, 1, 2]).convolutionTranspose(tensor([1, 1], [1, 1, 2]))
            },
            FunctionCase("maxPool", [1, 1, 1, 1], [3]) { counting([1, 1, 2, 2]).maxPool(kernel: [2, 2]) },
            FunctionCase("maxPoolWithIndices", [1, 1, 1, 1], [3]) {
                counting([1, 1, 2, 2]).maxPoolWithIndices(kernel: [2, 2]).indices
            },
            FunctionCase("averagePool", [1, 1, 1, 1], [1.5]) { counting([1, 1, 2, 2]).averagePool(kernel: [2, 2]) },
            FunctionCase("lpPool", [1, 1, 1], [5]) { tensor([3, 4], [1, 1, 2]).lpPool(kernel: [2]) },
            FunctionCase("globalMaxPool", [1, 2, 1, 1], [3, 7]) { image.globalMaxPool() },
            FunctionCase("globalAveragePool", [1, 2, 1, 1], [1.5, 5.5]) { image.globalAveragePool() },
            FunctionCase("globalLpPool", [1, 2, 1, 1], [6, 22]) { image.globalLpPool(p: 1) },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("resampling, quantization, recurrence", arguments: devices) func others(device: Device) throws {
        let x = tensor([1, 2], [1, 1, 1, 2])
        let one = tensor([1], [1, 1, 1])
        let cases = [
            FunctionCase("resize", [1, 1, 1, 4], [1, 1, 2, 2]) { x.resize(axes: [3], sizes: [4]) },
            FunctionCase("resize by", [1, 1, 1, 4], [1, 1.25, 1.75, 2]) {
                x.resize(axes: [3], scales: [2], mode: .linear)
            },
            FunctionCase("gridSample", [1, 1, 1, 1], [1.5]) {
                x.gridSample(.zeros([1, 1, 1, 2], .float64))
            },
            FunctionCase("spaceToDepth", [1, 4, 1, 1], [0, 1, 2, 3]) {
                counting([1, 1, 2, 2]).spaceToDepth(blockSize: 2)
            },
            FunctionCase("depthToSpace", [1, 1, 2, 2], [0, 1, 2, 3]) {
                counting([1, 4, 1, 1]).depthToSpace(blockSize: 2)
            },
            FunctionCase("quantize", [3], [-2, 0, 127]) {
                Tensor([-1, 0, 100] as [Float]).quantize(scale: Tensor(Float(0.5)))
            },
            FunctionCase("dequantize", [2], [-1, 1]) {
                Tensor([1, 5] as [UInt8]).dequantize(scale: Tensor(Float(0.5)), zeroPoint: Tensor(UInt8(3)))
            },
            FunctionCase("dynamicQuantize", [3], [0, 85, 255]) {
                Tensor([0, 1, 3] as [Float]).dynamicQuantize().values
            },
            FunctionCase("rnn", [1, 1, 1, 1], [tanh(2.5)]) {
                one.rnn(one, one, bias: tensor([0.5, 0], [1, 2]), initialHidden: one).all
            },
            FunctionCase("gru", [1, 1, 1], [0.5 * tanh(1)]) {
                one.gru(tensor([0, 0, 1], [1, 3, 1]), .zeros([1, 3, 1], .float64)).last
            },
            FunctionCase("lstm cell", [1, 1, 1], [0.5 * tanh(1) + 1]) {
                one.lstm(
                    tensor([0, 0, 0, 1], [1, 4, 1]), .zeros([1, 4, 1], .float64), initialCell: tensor([2], [1, 1, 1])
                ).cell
            },
            FunctionCase("randomIntegers", [3], [5, 5, 5]) { Tensor.randomIntegers([3], from: 5, to: 6, seed: 1) },
            FunctionCase("randomBernoulli", [2], [1, 1]) { Tensor.randomBernoulli([2], probability: 1, seed: 1) },
        ]
        for one in cases { try one.check(on: device) }
    }

    @Test("loops and choices", arguments: devices) func control(device: Device) throws {
        let cases = [
            FunctionCase("scan, state", [], [6]) {
                Tensor.scan(states: [Tensor(Double(0))], sequences: [vector(1, 2, 3)]) { ([$0[0] + $1[0]], [$0[0]]) }
                    .states[
                        0]
            },
            FunctionCase("scan, results", [3], [0, 1, 3]) {
                Tensor.scan(states: [Tensor(Double(0))], sequences: [vector(1, 2, 3)]) { ([$0[0] + $1[0]], [$0[0]]) }
                    .sequences[0]
            },
            FunctionCase("loop", [], [128]) {
                Tensor.loop([Tensor(Double(1))], while: { $0[0] .< 100 }) { [$0[0] * 2] }[0]
            },
            FunctionCase("conditional", [2], [2, 4]) {
                Tensor.conditional(Tensor(true), [vector(1, 2)], then: { [$0[0] * 2] }, otherwise: { [-$0[0]] })[0]
            },
        ]
        for one in cases { try one.check(on: device) }
    }
}
