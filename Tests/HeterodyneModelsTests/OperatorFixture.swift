// Heterodyne: models of single operators with their inputs and expected outputs.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

/// A model that scripts/fixtures/onnx_operators.py writes: one graph of many nodes, the inputs' values as initializers,
/// and what output `y` must be as the initializer `expected:y`.
struct OperatorFixture {
    let model: ONNXModel
    let inputs: [String: ONNXData]
    let expected: [String: ONNXData]

    init(_ name: String) throws {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: "onnx", subdirectory: "Fixtures/operators"))
        model = try ONNXModel.load(url.path(percentEncoded: false))
        let names = Set(model.graph.inputs.map(\.name))
        var inputs: [String: ONNXData] = [:]
        var expected: [String: ONNXData] = [:]
        for tensor in model.graph.initializers {
            if names.contains(tensor.name) { inputs[tensor.name] = try tensor.data() }
            if tensor.name.hasPrefix("expected:") { expected[String(tensor.name.dropFirst(9))] = try tensor.data() }
        }
        self.inputs = inputs
        self.expected = expected
    }

    /// Runs the model and records every output that is not what it must be. `units` says how many units in the last place
    /// of numbers around 1 an output may be off: 0 asks for the same number, nil also for the same sign of a zero.
    func check(on device: String, units: (String) -> Double?) throws {
        let runner = try ModelRunner(model, on: try Device(device), runtime: .shared)
        let results = try runner.run(inputs)
        #expect(results.count == expected.count && !results.isEmpty)
        for (name, data) in results {
            let wanted = try #require(expected[name])
            if let difference = Self.difference(data, wanted, units: units(name)) {
                Issue.record("\(device): \(name) \(difference)")
            }
        }
    }

    static func difference(_ data: ONNXData, _ expected: ONNXData, units: Double?) -> String? {
        switch (data, expected) {
        case (.text(let text), .text(let wanted)):
            return text == wanted ? nil : "is \(text.elements) where \(wanted.elements) is right"
        case (.tensor(let element, let literal), .tensor(let wantedElement, let wanted)):
            guard element == wantedElement, literal.type == wanted.type else {
                return "is \(element) \(literal.type) where \(wantedElement) \(wanted.type) is right"
            }
            guard let count = try? literal.type.elementCount() else { return "has no size" }
            for index in 0..<count {
                let (bits, right) = (literal.bits(at: index), wanted.bits(at: index))
                if bits == right { continue }
                let scalarType = literal.type.scalarType
                let codes = "codes \(String(bits, radix: 16)) where \(String(right, radix: 16)) is right"
                guard scalarType.isFloatingPoint else { return "at \(index): \(codes)" }
                let (number, rightNumber) = (scalarType.number(fromBits: bits), scalarType.number(fromBits: right))
                if number.isNaN && rightNumber.isNaN { continue }
                if units != nil, number == rightNumber { continue }
                let allowed = (units ?? 0) * Self.unit(scalarType) * max(rightNumber.magnitude, 1)
                guard allowed > 0, abs(number - rightNumber) <= allowed else {
                    return "at \(index): \(number) where \(rightNumber) is right (\(codes))"
                }
            }
            return nil
        default: return "is of another kind than expected"
        }
    }

    /// The distance of 1 from the next number.
    private static func unit(_ type: ScalarType) -> Double {
        switch type {
        case .float64: 0x1p-52
        case .float32: 0x1p-23
        case .float16: 0x1p-10
        case .bfloat16: 0x1p-7
        case .float8e4m3fn: 0x1p-3
        case .float8e5m2: 0x1p-2
        default: 0
        }
    }
}
