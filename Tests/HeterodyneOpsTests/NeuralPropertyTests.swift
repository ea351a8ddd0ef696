// Heterodyne: what holds for every neural composite: rounding once, and the convenience functions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

@Suite("Properties of neural composites")
struct NeuralPropertyTests {
    /// Samples of narrow floats whose results are rounded.
    static let narrow = NeuralSamples.all.filter { sample in
        let type = sample.operands[0].scalarType
        let count = sample.operands.compactMap { try? $0.elementCount() }.reduce(0, +)
        return (type == .float16 || type == .bfloat16) && sample.operands[0].shape.fixedExtents != nil && count < 2000
    }

    /// Numbers between -2 and 2 from a fixed sequence.
    static func literal(_ type: TensorType, seed: UInt64) throws -> Literal {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var bits: [UInt16] = []
        for _ in 0..<(try type.elementCount()) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Double(state >> 33) * 0x1p-29 - 2
            bits.append(UInt16(truncatingIfNeeded: type.scalarType.bits(of: number)))
        }
        if type.scalarType == .bool {
            return try Literal(bits.map { $0 & 1 == 1 }, shape: type.shape)
        }
        let storage = bits.withUnsafeBytes { LiteralStorage(copying: $0) }
        return try Literal(type: type, storage: storage)
    }

    @Test("narrow floats compute in float32 and round once", arguments: narrow)
    func roundsOnce(sample: NeuralSample) throws {
        let type = sample.operands[0].scalarType
        // Parameters that are float32 beside a narrow operand take the narrow type here.
        let types = sample.operands.map { $0.scalarType == .float32 ? $0.with(type) : $0 }
        var inputs: [Literal] = []
        for (index, type) in types.enumerated() { inputs.append(try Self.literal(type, seed: UInt64(index + 1))) }
        let direct = try FixtureHarness.evaluate(sample.composite, inputs)

        let builder = GraphBuilder()
        var wide: [Term] = []
        for (index, operand) in types.enumerated() {
            let term = try builder.input("x\(index)", operand)
            wide.append(try operand.scalarType == type ? term.convert(.float32) : term)
        }
        let results = try builder.addAll(.composite(sample.composite), wide)
        for (index, result) in results.enumerated() {
            try builder.output("y\(index)", result.convert(direct[index].type.scalarType))
        }
        let rounded = try ReferenceEvaluator.evaluate(builder.build(), inputs: inputs)
        #expect(direct == rounded)
    }

    private func shapes(
        _ operands: [TensorType], _ body: ([Term]) throws(GraphError) -> Term
    ) throws -> TensorType {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in operands.enumerated() { terms.append(try builder.input("x\(index)", type)) }
        return try body(terms).type
    }

    @Test("same padding gives one window per stride")
    func samePadding() throws {
        let image = TensorType(.float32, [1, 3, 11, 8])
        for padding in [SpatialPadding.sameUpper, .sameLower] {
            for (kernel, stride, dilation) in [(3, 1, 1), (3, 2, 1), (2, 2, 1), (5, 3, 2), (1, 4, 1), (4, 1, 3)] {
                let weights = TensorType(.float32, [4, 3, kernel, kernel])
                let result = try shapes([image, weights]) { (x) throws(GraphError) in
                    try x[0].convolution(
                        x[1], strides: [stride, stride], dilations: [dilation, dilation], padding: padding)
                }
                let expected = [1, 4, (11 + stride - 1) / stride, (8 + stride - 1) / stride]
                #expect(result == TensorType(.float32, expected))
            }
        }
        let (low, high) = try SpatialPadding.sameUpper.amounts(
            image.shape, kernel: [4, 4], strides: [1, 1], dilations: [1, 1])
        #expect(low == [1, 1] && high == [2, 2])
        let (first, last) = try SpatialPadding.sameLower.amounts(
            image.shape, kernel: [4, 4], strides: [1, 1], dilations: [1, 1])
        #expect(first == [2, 2] && last == [1, 1])
    }

    @Test("global pooling is a reduction over the spatial dimensions")
    func globalPooling() throws {
        let x = try Literal([1, 2, 3, 4, 5, 7, -1, -3] as [Double], shape: [1, 2, 2, 2])
        let builder = GraphBuilder()
        let term = try builder.input("x", x.type)
        try builder.output("average", term.globalAveragePool())
        try builder.output("maximum", term.globalMaxPool())
        try builder.output("norm", term.globalLpPool(p: 1))
        let results = try ReferenceEvaluator.evaluate(builder.build(), inputs: [x])
        #expect(try results[0] == Literal([2.5, 2] as [Double], shape: [1, 2, 1, 1]))
        #expect(try results[1] == Literal([4, 7] as [Double], shape: [1, 2, 1, 1]))
        #expect(try results[2] == Literal([10, 16] as [Double], shape: [1, 2, 1, 1]))
    }

    @Test("axes may count from the end in the convenience functions")
    func negativeAxes() throws {
        let x = TensorType(.float32, [2, 3, 4])
        let builder = GraphBuilder()
        let term = try builder.input("x", x)
        // The builder interns, so the same composite is the same value.
        #expect(try term.softmax().value == term.softmax(axis: 2).value)
        #expect(try term.logSumExp(axes: [-1, 0]).value == term.logSumExp(axes: [2, 0]).value)
        #expect(try term.layerNormalization(axis: -2).value == term.layerNormalization(axis: 1).value)
        for axis in [3, -4, .min, .max] {
            let error = #expect(throws: GraphError.self) { try term.softmax(axis: axis) }
            #expect(error?.kind == .invalidAttribute)
        }
    }

    @Test("a bias without a scale, and a slope that broadcasts")
    func optionalParameters() throws {
        let x = try Literal([-1, 3, -2, 0] as [Float], shape: [2, 2])
        let bias = Literal([10, 20] as [Float])
        let builder = GraphBuilder()
        let (term, shift) = (try builder.input("x", x.type), try builder.input("b", bias.type))
        try builder.output("layer", term.layerNormalization(bias: shift, epsilon: 0))
        try builder.output("prelu", term.prelu(shift))
        try builder.output("relu6", (term * 3).relu6())
        let results = try ReferenceEvaluator.evaluate(builder.build(), inputs: [x, bias])
        #expect(try results[0] == Literal([9, 21, 9, 21] as [Float], shape: [2, 2]))
        #expect(try results[1] == Literal([-10, 3, -20, 0] as [Float], shape: [2, 2]))
        #expect(try results[2] == Literal([0, 6, 0, 0] as [Float], shape: [2, 2]))
    }

    @Test("a convolution is a handful of nodes, whatever its kernel")
    func nodeCounts() throws {
        let same = Convolution(strides: [2, 2], dilations: [1, 1], low: [3, 3], high: [3, 3])
        let seven = try FixtureHarness.graph(
            of: same, [TensorType(.float32, [1, 3, 224, 224]), TensorType(.float32, [64, 3, 7, 7])])
        #expect(seven.nodes.filter { $0.operation.primitive?.code == .dot }.count == 1)
        #expect(seven.nodes.count <= 45, "\(seven.nodes.count) nodes")
        let wide = try FixtureHarness.graph(
            of: NeuralSamples.plainConvolution(2),
            [TensorType(.float32, [1, 3, 224, 224]), TensorType(.float32, [8, 3, 200, 200])])
        #expect(wide.nodes.count <= 45, "\(wide.nodes.count) nodes")
    }
}
