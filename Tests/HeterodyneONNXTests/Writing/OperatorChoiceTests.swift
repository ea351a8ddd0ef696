// Heterodyne: which operators primitives and composites become.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneONNX
import HeterodyneOps
import Testing

@Suite("Choice of ONNX operators")
struct OperatorChoiceTests {
    struct Choice: Sendable, CustomTestStringConvertible {
        let name: String
        let types: [TensorType]
        let operators: [String]
        let opset: Int?
        let body: @Sendable (GraphBuilder, [Term]) throws -> [Term]

        init(
            _ name: String, _ types: [TensorType], _ operators: [String], opset: Int? = nil,
            _ body: @escaping @Sendable (GraphBuilder, [Term]) throws -> [Term]
        ) {
            self.name = name
            self.types = types
            self.operators = operators
            self.opset = opset
            self.body = body
        }

        var testDescription: String { name }
    }

    static let floats = TensorType(.float32, [2, 3])
    static let narrow = TensorType(.bfloat16, [2, 3])
    static let doubles = TensorType(.float64, [2, 3])
    static let integers = TensorType(.int32, [2, 3])
    static let image = TensorType(.float32, [1, 4, 8, 8])

    static let choices: [Choice] = [
        // Primitives.
        Choice("bfloat16 is computed in float32", [narrow], ["Cast", "Exp", "Cast"]) { _, x in [try x[0].exp()] },
        Choice(
            "division guards against zero and overflow", [integers, integers],
            ["Equal", "Where", "Equal", "Where", "Div", "Sub", "Where", "Where"]
        ) { _, x in [try x[0] / x[1]] },
        Choice("division by a constant needs no guard", [integers], ["Div"]) { _, x in [try x[0] / 3] },
        Choice(
            "float to integer saturates", [floats],
            ["Equal", "Not", "Where", "Clip", "Cast", "GreaterOrEqual", "Where"]
        ) { _, x in [try x[0].convert(.int32)] },
        Choice("integers wrap", [integers], ["Cast"]) { _, x in [try x[0].convert(.uint8)] },
        Choice("not", [TensorType(.bool, [2])], ["Not"]) { _, x in [try x[0].not()] },
        Choice("matrix product", [floats, TensorType(.float32, [3, 4])], ["MatMul"]) { _, x in
            [try x[0].dot(x[1], DotDimensions(leftContracting: [1], rightContracting: [0]))]
        },
        Choice(
            "matrix product of bytes", [TensorType(.int8, [2, 3]), TensorType(.uint8, [3, 4])], ["MatMulInteger"]
        ) { _, x in
            [
                try x[0].dot(
                    x[1], DotDimensions(leftContracting: [1], rightContracting: [0]), accumulation: .int32,
                    result: .int32)
            ]
        },
        Choice(
            "gather is clamped", [floats, TensorType(.int64, [5, 1])], ["Max", "Min", "Reshape", "Gather"]
        ) { _, x in [try x[0].gather(x[1], dimensions: [0])] },
        Choice("constant indices in range are not", [floats], ["Gather"]) { b, x in
            [try x[0].gather(b.constant(Literal([Int64(1), 0], shape: [2, 1])), dimensions: [0])]
        },
        Choice("negative padding crops", [floats], ["Pad", "Slice"]) { _, x in
            [try x[0].pad(0, low: [1, -1], high: [0, 0])]
        },
        Choice("reverse", [floats], ["Slice"]) { _, x in [try x[0].reverse([1])] },
        Choice("reductions", [floats], ["ReduceSum", "ReduceMax"]) { _, x in
            [try x[0].reduce(.sum, [1]), try x[0].reduce(.maximum, [0])]
        },
        Choice("order of integers", [integers], ["TopK"]) { _, x in [try x[0].sortPermutation(dimension: 1)] },
        // Composites of the same meaning.
        Choice("softmax", [floats], ["Softmax"]) { _, x in [try x[0].softmax()] },
        Choice("softmax of bfloat16", [narrow], ["Cast", "Softmax", "Cast"]) { _, x in [try x[0].softmax()] },
        Choice("gelu", [floats], ["Gelu"]) { _, x in [try x[0].gelu()] },
        Choice("erf", [floats], ["Erf"]) { _, x in [try x[0].erf()] },
        Choice("layer normalization", [floats], ["LayerNormalization"]) { _, x in [try x[0].layerNormalization()] },
        Choice("rms normalization", [floats], ["RMSNormalization"], opset: 23) { _, x in
            [try x[0].rmsNormalization()]
        },
        Choice("convolution", [image, TensorType(.float32, [2, 4, 3, 3])], ["Conv"]) { _, x in
            [try x[0].convolution(x[1], padding: .symmetric([1, 1]))]
        },
        Choice("pools", [image], ["MaxPool", "AveragePool"]) { _, x in
            [try x[0].maxPool(kernel: [2, 2]), try x[0].averagePool(kernel: [2, 2])]
        },
        Choice("resize", [image], ["Resize"]) { _, x in
            [try x[0].resize(axes: [2, 3], sizes: [16, 16], mode: .linear)]
        },
        Choice("einsum", [floats, TensorType(.float32, [3, 4])], ["Einsum"]) { b, x in
            [try b.add(Einsum("ij,jk->ik"), x)]
        },
        Choice("take", [floats, TensorType(.int32, [4])], ["Cast", "Max", "Min", "Gather"]) { _, x in
            [try x[0].take(x[1], axis: 1)]
        },
        Choice("quantize", [floats, .scalar(.float32)], ["QuantizeLinear"]) { _, x in
            [try x[0].quantize(to: .int8, scale: x[1])]
        },
        Choice("attention", [TensorType(.float32, [1, 2, 3, 4])], ["Attention"], opset: 23) { _, x in
            [try x[0].attention(keys: x[0], values: x[0], causality: .topLeft)]
        },
        Choice("scan", [TensorType(.float32, [5, 2]), TensorType(.float32, [2])], ["Scan", "Add", "Identity"]) { b, x in
            let slice = TensorType(.float32, [2])
            let body = try GraphBuilder.region([slice, slice]) { (_, x) throws(GraphError) in
                let sum = try x[0] + x[1]
                return [sum, sum]
            }
            return try b.addAll(.composite(Scan(body: body, stateCount: 1, sequenceCount: 1)), [x[1], x[0]])
        },
    ]

    @Test("Primitives and composites become these operators", arguments: choices)
    func operators(_ choice: Choice) throws {
        let model = try written(choice.types, options: ONNXWriteOptions(opset: choice.opset), choice.body)
        #expect(model.operators == choice.operators)
    }

    @Test("Where the operator means something else or the set is older, the decomposition is written")
    func decomposed() throws {
        let old = try written([Self.floats], options: ONNXWriteOptions(opset: 18)) { _, x in [try x[0].gelu()] }
        #expect(!old.operators.contains("Gelu"))
        let wide = try written([Self.doubles]) { _, x in [try x[0].gelu()] }
        #expect(!wide.operators.contains("Gelu"))
        let lower = try written([TensorType(.float32, [1, 2, 3, 4])], options: ONNXWriteOptions(opset: 23)) { _, x in
            [try x[0].attention(keys: x[0], values: x[0], causality: .bottomRight)]
        }
        #expect(!lower.operators.contains("Attention"))
    }
}
