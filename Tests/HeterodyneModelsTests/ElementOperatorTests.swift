// Heterodyne: tests of imported elementwise operators, conversions, quantization, losses and random numbers.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

@Suite("ONNX elements on devices")
struct ElementOperatorTests {
    static let models = [
        "elements_opset1", "elements_opset6", "elements_opset9", "elements_opset11", "elements_arithmetic",
        "elements_functions",
        "elements_cast", "elements_cast_settings", "elements_quantize", "elements_integer_products",
        "elements_losses",
    ]

    /// Units in the last place that operators may be off, where they are not exact or correctly rounded on every device.
    static func units(_ output: String) -> Double? {
        let units: Double
        switch output.prefix(while: { $0 != "." }) {
        // Functions with an exponential or a power: a few units, and those of the other side.
        case "Pow", "Selu", "Elu", "Celu", "Gelu", "Mish", "Swish", "SwiGLU", "Softplus", "Sin", "Cos", "Tan", "Asin",
            "Acos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Acosh", "Atanh", "Exp", "Log", "Erf", "Sigmoid":
            units = 16
        // Several roundings.
        case "Mean", "HardSigmoid", "HardSwish", "Softsign", "Dropout", "LeakyRelu", "PRelu": units = 2
        // Sums of up to 60 terms of exponentials and logarithms.
        case "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss": units = 32
        // The standard does not say which zero these give.
        case "Max", "Min", "Sign", "Fmod": units = 0
        default: return nil
        }
        // Narrow floats are computed in float32 and rounded once: the last bit may fall on the other side.
        return output.contains("float16") ? min(units, 1) : units
    }

    @Test("Operators that the backend suite leaves out", arguments: models, Device.all.map(\.id))
    func operators(model: String, device: String) throws {
        try OperatorFixture(model).check(on: device, units: Self.units)
    }

    @Test("Random numbers have their distributions, the same on every device", arguments: Device.all.map(\.id))
    func draws(device: String) throws {
        func run(_ device: String) throws -> [String: [Double]] {
            let fixture = try OperatorFixture("random_draws")
            let p = (0..<10_000).map { Float($0) / 9_999 }
            let logits: [Float] = [0.1, 0.2, 0, 0.7, 0.25, 0.25, 0.25, 0.25].map { Foundation.log($0) }
            let runner = try ModelRunner(fixture.model, on: try Device(device), runtime: .shared)
            let results = try runner.run([
                "p": ONNXData(Literal(p)), "logits": ONNXData(try Literal(logits, shape: [2, 4])),
            ])
            var numbers: [String: [Double]] = [:]
            for (name, data) in results {
                guard case .tensor(_, let literal) = data else { continue }
                numbers[name] = (0..<(try literal.type.elementCount())).map {
                    literal.type.scalarType.number(fromBits: literal.bits(at: $0))
                }
            }
            return numbers
        }
        let numbers = try run(device)
        func moments(_ name: String) throws -> (mean: Double, deviation: Double) {
            let all = try #require(numbers[name])
            let mean = all.reduce(0, +) / Double(all.count)
            return (mean, (all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)).squareRoot())
        }
        // Limits are five standard errors of 10,000 draws.
        let normal = try moments("normal")
        #expect(abs(normal.mean - 3) < 0.1 && abs(normal.deviation - 2) < 0.08)
        let like = try moments("normal_like")
        #expect(abs(like.mean) < 0.05 && abs(like.deviation - 1) < 0.04)
        let uniform = try moments("uniform")
        #expect(abs(uniform.mean - 1) < 0.06 && abs(uniform.deviation - 4 / 12.0.squareRoot()) < 0.04)
        #expect(try #require(numbers["uniform"]).allSatisfy { $0 >= -1 && $0 < 3 })
        #expect(abs(try moments("uniform_like").mean - 0.5) < 0.015)
        let flips = try #require(numbers["bernoulli"])
        #expect(flips.allSatisfy { $0 == 0 || $0 == 1 } && flips.first == 0 && flips.last == 1)
        #expect(abs(flips.reduce(0, +) - 5_000) < 5 * 41)
        #expect(flips.prefix(5_000).reduce(0, +) < 1_500)
        let classes = try #require(numbers["multinomial"])
        for (row, probabilities) in [[0.1, 0.2, 0, 0.7], [0.25, 0.25, 0.25, 0.25]].enumerated() {
            for (index, probability) in probabilities.enumerated() {
                let count = classes[row * 5_000..<(row + 1) * 5_000].count { $0 == Double(index) }
                let error = (5_000 * probability * (1 - probability)).squareRoot()
                #expect(abs(Double(count) - 5_000 * probability) <= 5 * error)
            }
        }
        let reference = try run("reference")
        for name in ["normal", "normal_like", "uniform", "uniform_like", "bernoulli"] {
            #expect(numbers[name] == reference[name], "\(name)")
        }
    }

    // MARK: - Wrong models

    /// A wrong node, made of a node of a fixture, and words that the message must have.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let model: String
        let node: String
        let words: [String]
        /// Whether the model as a whole is refused, not the node.
        var isOfModel = false
        let change: @Sendable (inout ONNXNode) -> Void

        var testDescription: String { "\(node): \(words.joined(separator: ", "))" }
    }

    static let mistakes: [Mistake] = [
        Mistake(model: "elements_opset6", node: "Add.0", words: ["differ", "'broadcast' is not set"]) {
            $0.attributes["broadcast"] = nil
        },
        Mistake(model: "elements_opset6", node: "Add.24", words: ["does not fit", "axis 7"]) {
            $0.attributes["axis"] = .int(7)
        },
        Mistake(model: "elements_opset6", node: "Add.24", words: ["does not fit", "axis -9223372036854775808"]) {
            $0.attributes["axis"] = .int(.min)
        },
        Mistake(model: "elements_opset6", node: "Cast", words: ["'to'", "4711", "no element type"]) {
            $0.attributes["to"] = .int(4711)
        },
        Mistake(model: "elements_opset1", node: "Cast", words: ["'to'", "'INT33'", "no element type"]) {
            $0.attributes["to"] = .string(Array("INT33".utf8))
        },
        Mistake(model: "elements_opset9", node: "Cast.5", words: ["cannot convert text to complex64"]) {
            $0.attributes["to"] = .int(14)
        },
        Mistake(model: "elements_cast_settings", node: "BitCast", words: ["8 bits", "int32 of 32 bits"]) {
            $0.attributes["to"] = .int(6)
        },
        Mistake(model: "elements_cast_settings", node: "Cast.up.1", words: ["'round_mode'", "'sideways'", "'nearest'"])
        {
            $0.attributes["round_mode"] = .string(Array("sideways".utf8))
        },
        Mistake(model: "elements_arithmetic", node: "Left.int8", words: ["'direction' is missing", "'RIGHT'"]) {
            $0.attributes["direction"] = nil
        },
        Mistake(model: "elements_arithmetic", node: "Where.int2", words: ["chooses between int2 and int8"]) {
            $0.inputs[2] = "Add.int8.0.x0"
        },
        Mistake(model: "elements_arithmetic", node: "Swish", words: ["'alpha'", "a number is needed"]) {
            $0.attributes["alpha"] = .int(1)
        },
        Mistake(model: "elements_arithmetic", node: "Celu", words: ["alpha", "finite and not zero"]) {
            $0.attributes["alpha"] = .float(0)
        },
        Mistake(model: "elements_arithmetic", node: "Gelu", words: ["'approximate'", "'tan'", "'tanh'"]) {
            $0.attributes["approximate"] = .string(Array("tan".utf8))
        },
        Mistake(model: "elements_quantize", node: "Quantize.int8.axis", words: ["axis 9 is not within rank 3"]) {
            $0.attributes["axis"] = .int(9)
        },
        Mistake(model: "elements_quantize", node: "Quantize.int8.block", words: ["blockSize", "is too large"]) {
            $0.attributes["block_size"] = .int(.max)
        },
        Mistake(model: "elements_quantize", node: "Quantize.int8.block", words: ["'block_size'", "below 0"]) {
            $0.attributes["block_size"] = .int(-1)
        },
        Mistake(model: "elements_quantize", node: "Quantize.int8.tensor", words: ["int8", "'output_dtype' says uint8"])
        {
            $0.attributes["output_dtype"] = .int(2)
        },
        Mistake(model: "elements_quantize", node: "Quantize.half", words: ["float32 is no type", "quantized to"]) {
            $0.attributes["output_dtype"] = .int(1)
        },
        Mistake(model: "elements_integer_products", node: "ConvInteger", words: ["'pads' has 3 entries"]) {
            $0.attributes["pads"] = .ints([0, 0, 0])
        },
        Mistake(model: "elements_integer_products", node: "ConvInteger", words: ["'kernel_shape' is [2, 2]"]) {
            $0.attributes["kernel_shape"] = .ints([2, 2])
        },
        Mistake(model: "elements_losses", node: "NegativeLogLikelihoodLoss", words: ["'reduction'", "'max'", "'mean'"])
        {
            $0.attributes["reduction"] = .string(Array("max".utf8))
        },
        Mistake(model: "random_draws", node: "RandomNormal", words: ["'shape'", "not negative"]) {
            $0.attributes["shape"] = .ints([2, -3])
        },
        Mistake(model: "random_draws", node: "RandomNormal", words: ["element count", "does not fit"]) {
            $0.attributes["shape"] = .ints([1 << 40, 1 << 40])
        },
        Mistake(model: "random_draws", node: "RandomNormal", words: ["is too large to be computed"], isOfModel: true) {
            $0.attributes["shape"] = .ints([1 << 41])
        },
        Mistake(model: "random_draws", node: "RandomUniform", words: ["floats, not int32"]) {
            $0.attributes["dtype"] = .int(6)
        },
    ]

    @Test("What is wrong with a node is said by name", arguments: mistakes)
    func wrongNodes(mistake: Mistake) throws {
        let fixture = try OperatorFixture(mistake.model)
        var model = fixture.model
        let index = try #require(
            model.graph.nodes.firstIndex { $0.name.hasPrefix(mistake.node) || $0.opType == mistake.node })
        var node = model.graph.nodes[index]
        mistake.change(&node)
        model.graph.nodes = [node]
        model.graph.outputs = model.graph.outputs.filter { node.outputs.contains($0.name) }
        if mistake.model == "random_draws" { model.graph.inputs = [] }
        let runner = try ModelRunner(model, on: try Device("reference"), runtime: .shared)
        do throws(ModelError) {
            _ = try runner.run(fixture.inputs)
            Issue.record("no error")
        } catch {
            let message = "\(error)"
            for word in mistake.words + (mistake.isOfModel ? [] : ["node"]) {
                #expect(message.contains(word), "\(message)")
            }
        }
    }
}
