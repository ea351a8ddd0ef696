// Heterodyne: a call of every public function of tensors, for arguments that need not make sense.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne

extension HostileCall {
    static let all: [HostileCall] = making + elementary + reductions + shapes + indexing + layers + others

    private static let making: [HostileCall] = [
        HostileCall("full") { [.full($0.list, Float(1)), .full($0.other, true)] },
        HostileCall("zeros") { [.zeros($0.list), .zeros($0.other, .int4)] },
        HostileCall("ones") { [.ones($0.list), .ones($0.other, .bool)] },
        HostileCall("arange") { [.arange($0.n), .arange($0.n, .float16), .arange($0.m, .bool)] },
        HostileCall("arange by") { [.arange($0.d, Double($0.n), by: Double($0.m)), .arange(0, $0.d, by: $0.d)] },
        HostileCall("eye") { [.eye($0.n), .eye($0.m, .bool)] },
        HostileCall("init") {
            [Tensor([1, 2] as [Float], shape: $0.list), Tensor([[1], [2, 3]] as [[Int]]), Tensor([] as [[Float]])]
        },
        HostileCall("randomUniform") { [.randomUniform($0.list, seed: 1), .randomUniform($0.other, .int8, seed: 1)] },
        HostileCall("randomNormal") { [.randomNormal($0.list, seed: 1), .randomNormal($0.other, .float16, seed: 1)] },
        HostileCall("randomIntegers") { [.randomIntegers($0.list, from: $0.n, to: $0.m, seed: 1)] },
        HostileCall("randomBernoulli") { [.randomBernoulli($0.list, probability: $0.d, seed: 1)] },
    ]

    private static let elementary: [HostileCall] = [
        HostileCall("rounding") { [$0.x.abs(), $0.x.floor(), $0.x.ceil(), $0.x.roundEven(), $0.x.sign(), -$0.x] },
        HostileCall("exponentials") {
            [
                $0.x.exp(), $0.x.expm1(), $0.x.log(), $0.x.log1p(), $0.x.sqrt(), $0.x.rsqrt(), $0.x.reciprocal(),
                $0.x.square(),
            ]
        },
        HostileCall("trigonometry") {
            [$0.x.sin(), $0.x.cos(), $0.x.tan(), $0.x.asin(), $0.x.acos(), $0.x.atan(), $0.x.erf(), $0.x.erfc()]
        },
        HostileCall("hyperbolic") {
            [$0.x.sinh(), $0.x.cosh(), $0.x.tanh(), $0.x.asinh(), $0.x.acosh(), $0.x.atanh()]
        },
        HostileCall("classes") { [$0.x.isNaN(), $0.x.isInfinite(), $0.x.isFinite(), .!$0.x] },
        HostileCall("activations") {
            [
                $0.x.relu(), $0.x.relu6(), $0.x.sigmoid(), $0.x.softplus(), $0.x.softsign(), $0.x.mish(), $0.x.selu(),
                $0.x.hardSwish(), $0.x.gelu(), $0.x.gelu(approximation: .tanh),
            ]
        },
        HostileCall("activations with parameters") {
            [
                $0.x.silu(beta: $0.d), $0.x.leakyRelu(alpha: $0.d), $0.x.elu(alpha: $0.d), $0.x.celu(alpha: $0.d),
                $0.x.clip(minimum: $0.d, maximum: Double($0.n)), $0.x.clip(), $0.x.prelu($0.y),
                $0.x.hardSigmoid(alpha: $0.d, beta: -$0.d), $0.x.thresholdedRelu(alpha: $0.d),
                $0.x.shrink(threshold: $0.d, bias: $0.d),
            ]
        },
        HostileCall("conversions") { arguments in
            ScalarType.allCases.flatMap { [arguments.x.convert($0), arguments.x.bitcast($0)] }
        },
        HostileCall("arithmetic") { [$0.x + $0.y, $0.x - $0.y, $0.x * $0.y, $0.x / $0.y, $0.x % $0.y] },
        HostileCall("arithmetic with numbers") { [$0.x + 1, $0.x - 0.5, $0.x * 1e30, $0.x / 0, $0.x % 3, 2 - $0.x] },
        HostileCall("comparison") {
            [$0.x .== $0.y, $0.x .!= $0.y, $0.x .< $0.y, $0.x .<= $0.y, $0.x .> 0, $0.x .>= 0.5]
        },
        HostileCall("bits") { [$0.x .& $0.y, $0.x .| $0.y, $0.x .^ $0.y, $0.x << $0.y, $0.x >> $0.y, $0.x << 99] },
        HostileCall("choice") {
            [
                $0.x.maximum($0.y), $0.x.minimum($0.y), $0.x.power($0.y), $0.x.select($0.y, $0.z),
                Tensor.where($0.x, $0.y, 0),
            ]
        },
    ]

    private static let reductions: [HostileCall] = [
        HostileCall("reductions") {
            [
                $0.x.sum($0.list), $0.x.product($0.other), $0.x.max($0.list, keepDimensions: true), $0.x.min($0.list),
                $0.x.all($0.list), $0.x.any($0.list), $0.x.sum(), $0.x.all(),
            ]
        },
        HostileCall("statistics") {
            [
                $0.x.mean($0.list), $0.x.variance($0.list, correction: $0.n), $0.x.standardDeviation($0.other),
                $0.x.mean(), $0.x.variance(correction: $0.m),
            ]
        },
        HostileCall("norms") {
            [
                $0.x.logSumExp($0.list), $0.x.logSum($0.list), $0.x.sumOfSquares($0.list), $0.x.normL1($0.list),
                $0.x.normL2($0.other, keepDimensions: true), $0.x.logSumExp(),
            ]
        },
        HostileCall("argMax") { [$0.x.argMax(axis: $0.n), $0.x.argMin(axis: $0.m, keepDimension: true)] },
        HostileCall("topK") {
            let best = $0.x.topK($0.n, axis: $0.m)
            return [best.values, best.indices]
        },
        HostileCall("sorted") {
            let order = $0.x.sorted(axis: $0.n, descending: true)
            return [order.values, order.indices]
        },
        HostileCall("cumulative") {
            [
                $0.x.cumulativeSum(axis: $0.n), $0.x.cumulativeProduct(axis: $0.m, exclusive: true),
                $0.x.cumulativeMax(axis: $0.n, reverse: true), $0.x.cumulativeMin(axis: $0.m, exclusive: true),
            ]
        },
    ]

    private static let shapes: [HostileCall] = [
        HostileCall("reshape") { [$0.x.reshape($0.list), $0.x.reshape([-1] + $0.other), $0.x.reshape([-1])] },
        HostileCall("transpose") { [$0.x.transpose($0.list), $0.x.transpose(), $0.x.transposeMatrices()] },
        HostileCall("broadcast") { [$0.x.broadcast(to: $0.list)] },
        HostileCall("expandDimensions") { [$0.x.expandDimensions($0.n), $0.x.expandDimensions($0.n, $0.m)] },
        HostileCall("squeeze") { [$0.x.squeeze($0.list), $0.x.squeeze()] },
        HostileCall("pad") {
            [
                $0.x.pad(low: $0.list, high: $0.other, value: $0.d),
                $0.x.pad(low: $0.list, high: $0.list, interior: $0.other),
            ]
        },
        HostileCall("reverse") { [$0.x.reverse($0.list)] },
        HostileCall("slice") { [$0.x.slice($0.list, $0.other), $0.x.slice($0.list, $0.other, strides: $0.list)] },
        HostileCall("slice at") { [$0.x.slice([$0.y], sizes: $0.list), $0.x.slice([$0.y, 1], sizes: $0.other)] },
        HostileCall("split") { $0.x.split($0.n, axis: $0.m) },
        HostileCall("split sizes") { $0.x.split(sizes: $0.list, axis: $0.n) },
        HostileCall("concatenate") {
            [Tensor.concatenate([$0.x, $0.y], axis: $0.n), Tensor.concatenate([], axis: $0.n)]
        },
        HostileCall("stack") { [Tensor.stack([$0.x, $0.y], axis: $0.n), Tensor.stack([], axis: $0.n)] },
        HostileCall("flatten") { [$0.x.flatten(axis: $0.n), $0.x.flatten()] },
        HostileCall("tile") { [$0.x.tile($0.list)] },
        HostileCall("triangles") { [$0.x.upperTriangle($0.n), $0.x.lowerTriangle($0.m)] },
        HostileCall("subscript") {
            [
                $0.x[.at($0.n)], $0.x[.range($0.n, $0.m), .at($0.n)], $0.x[.range($0.n, nil, by: $0.m)],
                $0.x[$0.n..<$0.m],
                $0.x[.all, .all, .all, .at($0.m), .all],
            ]
        },
    ]

    private static let indexing: [HostileCall] = [
        HostileCall("take") { [$0.x.take($0.y, axis: $0.n)] },
        HostileCall("gatherElements") { [$0.x.gatherElements($0.y, axis: $0.n)] },
        HostileCall("scatterElements") {
            [$0.x.scatterElements($0.y, $0.z, axis: $0.n), $0.x.scatterElements($0.y, $0.z, mode: .maximum)]
        },
        HostileCall("gatherND") { [$0.x.gatherND($0.y, batchDimensions: $0.n)] },
        HostileCall("scatterND") { [$0.x.scatterND($0.y, $0.z, batchDimensions: $0.n, mode: .add)] },
        HostileCall("oneHot") { [$0.x.oneHot($0.n, axis: $0.m), $0.x.oneHot($0.n, scalarType: .bool)] },
        HostileCall("updating") { [$0.x.updating($0.list, with: $0.y), $0.x.updating([$0.y, 0], with: $0.z)] },
    ]

    private static let layers: [HostileCall] = [
        HostileCall("matmul") { [$0.x.matmul($0.y)] },
        HostileCall("linear") { [$0.x.linear($0.y), $0.x.linear($0.y, $0.z)] },
        HostileCall("einsum") { arguments in
            ["ij,jk->ik", "...i,...i", "", "->", "ii->i", ",", "i->ii", "ab,ab,ab->b", "é,é", "ij,jk->zz"].map {
                Tensor.einsum($0, [arguments.x, arguments.y])
            } + [Tensor.einsum("i->i", []), Tensor.einsum("ii", [arguments.x])]
        },
        HostileCall("softmax") { [$0.x.softmax(axis: $0.n), $0.x.logSoftmax(axis: $0.m), $0.x.hardmax(axis: $0.n)] },
        HostileCall("layerNormalization") {
            [
                $0.x.layerNormalization(axis: $0.n, scale: $0.y, bias: $0.z, epsilon: $0.d),
                $0.x.layerNormalization(bias: $0.y), $0.x.rmsNormalization(axis: $0.n, scale: $0.y, epsilon: $0.d),
            ]
        },
        HostileCall("batchNormalization") {
            [$0.x.batchNormalization(scale: $0.y, bias: $0.y, mean: $0.z, variance: $0.z, epsilon: $0.d)]
        },
        HostileCall("channel normalizations") {
            [
                $0.x.groupNormalization(groups: $0.n, scale: $0.y, bias: $0.z, epsilon: $0.d),
                $0.x.groupNormalization(groups: $0.m, bias: $0.y), $0.x.instanceNormalization(scale: $0.y),
                $0.x.localResponseNormalization(size: $0.n, alpha: $0.d, beta: $0.d, bias: $0.d),
            ]
        },
        HostileCall("vector normalizations") {
            [
                $0.x.lpNormalization(axis: $0.n, p: $0.m, epsilon: $0.d),
                $0.x.meanVarianceNormalization(axes: $0.list, epsilon: $0.d),
            ]
        },
        HostileCall("attention") {
            [
                $0.x.attention(keys: $0.y, values: $0.z),
                $0.x.attention(keys: $0.x, values: $0.x, mask: $0.y, scale: $0.d),
                $0.x.attention(keys: $0.x, values: $0.y, causality: .bottomRight, softcap: $0.d),
            ]
        },
        HostileCall("convolution") {
            [
                $0.x.convolution($0.y, bias: $0.z, strides: $0.list, dilations: $0.other, groups: $0.n),
                $0.x.convolution($0.x, padding: .symmetric($0.list)), $0.x.convolution($0.y, padding: .sameUpper),
                $0.x.convolution($0.y, strides: [$0.n], padding: .explicit(low: $0.list, high: $0.other)),
            ]
        },
        HostileCall("convolutionTranspose") {
            [
                $0.x.convolutionTranspose($0.y, bias: $0.z, strides: $0.list, dilations: $0.other, groups: $0.n),
                $0.x.convolutionTranspose($0.x, low: $0.list, high: $0.other, outputPadding: $0.list),
            ]
        },
        HostileCall("maxPool") {
            let both = $0.x.maxPoolWithIndices(kernel: $0.list, strides: $0.other, ceilMode: true)
            return [
                $0.x.maxPool(kernel: $0.list, strides: $0.other, dilations: $0.other, padding: .symmetric($0.other)),
                both.values, both.indices,
            ]
        },
        HostileCall("other pools") {
            [
                $0.x.averagePool(kernel: $0.list, strides: $0.other, padding: .sameLower, countsPadding: true),
                $0.x.averagePool(kernel: $0.list, padding: .explicit(low: $0.other, high: $0.list), ceilMode: true),
                $0.x.lpPool(kernel: $0.list, p: $0.n, strides: $0.other), $0.x.globalLpPool(p: $0.m),
            ]
        },
        HostileCall("global pools") { [$0.x.globalMaxPool(), $0.x.globalAveragePool()] },
    ]

    private static let others: [HostileCall] = [
        HostileCall("resize") {
            [
                $0.x.resize(axes: $0.list, sizes: $0.other, mode: .linear),
                $0.x.resize(axes: $0.list, scales: $0.other.map(Double.init), mode: .cubic, antialias: true),
                $0.x.resize(axes: $0.list, scales: [$0.d, $0.d], transform: .alignCorners),
            ]
        },
        HostileCall("gridSample") {
            [$0.x.gridSample($0.y, mode: .cubic, padding: .reflection), $0.x.gridSample($0.y)]
        },
        HostileCall("space and depth") {
            [
                $0.x.spaceToDepth(blockSize: $0.n), $0.x.depthToSpace(blockSize: $0.n, channelsFirst: true),
                $0.x.depthToSpace(blockSize: $0.m),
            ]
        },
        HostileCall("quantize") {
            let dynamic = $0.x.dynamicQuantize()
            return [
                $0.x.quantize(to: .uint8, scale: $0.y, zeroPoint: $0.z, axis: $0.n, blockSize: $0.m),
                $0.x.quantize(to: .int4, scale: $0.y, axis: $0.n), $0.x.quantize(to: .float64, scale: $0.y),
                $0.x.dequantize(scale: $0.y, zeroPoint: $0.z, axis: $0.n, blockSize: $0.m), dynamic.values,
                dynamic.scale,
            ]
        },
        HostileCall("recurrent layers") {
            let rnn = $0.x.rnn($0.y, $0.z, bias: $0.y)
            let gru = $0.x.gru($0.y, $0.z, lengths: $0.y, initialHidden: $0.x)
            let lstm = $0.x.lstm(
                $0.x, $0.x, bias: $0.y, initialCell: $0.z, peepholes: $0.y,
                settings: RecurrentSettings(direction: .bidirectional, activations: [.affine], clip: $0.d))
            return [rnn.all, gru.last, lstm.cell, lstm.all]
        },
        HostileCall("scan") { arguments in
            let results = Tensor.scan(states: [arguments.x], sequences: [arguments.y]) { states, slices in
                ([states[0] + slices[0]], [slices[0] * 2])
            }
            return results.states + results.sequences
        },
        HostileCall("loop") { arguments in
            Tensor.loop(
                [Tensor(Int32(0)), arguments.x], while: { $0[0] .< 3 }, body: { [$0[0] + 1, $0[1] + arguments.y] })
        },
        HostileCall("conditional") { arguments in
            Tensor.conditional(
                arguments.x, [arguments.y], then: { [$0[0] * 2] }, otherwise: { [$0[0] + arguments.z] })
        },
    ]
}
