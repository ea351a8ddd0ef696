// Heterodyne: tests of operators of neural networks beyond the standard's own cases: every version of each.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

@Suite("Operators of neural networks")
struct NeuralOperatorTests {
    /// The models that scripts/fixtures/onnx_neural.py writes.
    static let models: [String] = {
        let urls = Bundle.module.urls(forResourcesWithExtension: "onnx", subdirectory: "Fixtures/Neural") ?? []
        return urls.map { ($0 as URL).deletingPathExtension().lastPathComponent }.sorted()
    }()

    /// Models that compute something, and models that must be refused.
    static let cases = models.filter { !$0.hasPrefix("wrong_") }
    static let mistakes = models.filter { $0.hasPrefix("wrong_") }

    /// What the initializers of a case's model hold besides the model's own.
    private struct Case {
        let model: ONNXModel
        var inputs: [String: ONNXData] = [:]
        var expected: [String: ONNXData] = [:]
        var tolerance: [Double] = [0, 0]
        var message: String?

        init(_ name: String) throws {
            let url = try #require(
                Bundle.module.url(forResource: name, withExtension: "onnx", subdirectory: "Fixtures/Neural"))
            model = try ONNXModel.load(url.path(percentEncoded: false))
            for tensor in model.graph.initializers {
                if tensor.name.hasPrefix("given:") { inputs[String(tensor.name.dropFirst(6))] = try tensor.data() }
                if tensor.name.hasPrefix("expected:") { expected[String(tensor.name.dropFirst(9))] = try tensor.data() }
                if tensor.name == "tolerance" { tolerance = try NeuralOperatorTests.numbers(tensor.data()).numbers }
                if tensor.name == "message", case .text(let text) = try tensor.data() { message = text.elements.first }
            }
        }
    }

    private static func numbers(_ data: ONNXData) throws -> (type: TensorType, numbers: [Double]) {
        guard case .tensor(_, let literal) = data else { throw ONNXError(.invalidInput, "is no tensor") }
        let count = try literal.type.elementCount()
        return (literal.type, (0..<count).map { literal.type.scalarType.number(fromBits: literal.bits(at: $0)) })
    }

    private static func check(_ name: String, on device: String) throws {
        let item = try Case(name)
        #expect(!item.expected.isEmpty && item.expected.count == item.model.graph.outputs.count)
        let runner = try ModelRunner(item.model, on: try Device(device), runtime: .shared)
        for (output, data) in try runner.run(item.inputs) {
            let (expectedType, expected) = try numbers(try #require(item.expected[output]))
            let (type, actual) = try numbers(data)
            #expect(type == expectedType, "\(name): \(output)")
            guard type == expectedType else { return }
            let worst = zip(actual, expected).enumerated().first {
                !(abs($1.0 - $1.1) <= item.tolerance[1] + item.tolerance[0] * abs($1.1))
            }
            if let worst {
                Issue.record("\(name): \(output)[\(worst.offset)] is \(worst.element.0), not \(worst.element.1)")
            }
        }
    }

    @Test("There is a case for every operator with several versions")
    func casesExist() { #expect(Self.cases.count > 100 && Self.mistakes.count > 30) }

    @Test("A node that cannot be right is refused with what is wrong", arguments: mistakes)
    func refused(name: String) throws {
        let item = try Case(name)
        let message = try #require(item.message)
        do {
            let runner = try ModelRunner(item.model, on: try Device("reference"), runtime: .shared)
            _ = try runner.run(item.inputs)
            Issue.record("\(name): nothing is thrown")
        } catch {
            #expect("\(error)".contains(message), "\(name): \(error)")
            #expect("\(error)".contains("node of 'o0'"), "\(name): \(error)")
        }
    }

    @Test("On the reference", arguments: Self.cases)
    func reference(name: String) throws { try Self.check(name, on: "reference") }

    @Test("On the other devices", arguments: Device.all.map(\.id).filter { $0 != "reference" })
    func others(device: String) throws {
        for name in Self.cases { try Self.check(name, on: device) }
    }
}
