// Heterodyne: cases of imported models that scripts/fixtures writes.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

/// A model, its inputs and what must come out, or a part of the message of the error that it must end in.
struct ModelCase: Sendable, CustomTestStringConvertible {
    let name: String
    let model: [UInt8]
    let inputs: [String: [UInt8]]
    let outputs: [(name: String, value: [UInt8])]
    let error: String?
    let relative: Double
    let absolute: Double

    var testDescription: String { name }

    private struct File: Decodable {
        struct Case: Decodable {
            struct Output: Decodable {
                let name: String
                let value: Data
            }
            let name: String
            let model: Data
            let inputs: [String: Data]
            let outputs: [Output]
            let error: String?
            let rtol: Double?
            let atol: Double?
        }
        let cases: [Case]
    }

    /// The cases of `Fixtures/<name>.json`.
    static func load(_ name: String) -> [ModelCase] {
        guard let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url), let file = try? JSONDecoder().decode(File.self, from: data)
        else { return [] }
        return file.cases.map { one in
            ModelCase(
                name: one.name, model: [UInt8](one.model), inputs: one.inputs.mapValues { [UInt8]($0) },
                outputs: one.outputs.map { ($0.name, [UInt8]($0.value)) }, error: one.error,
                relative: one.rtol ?? 0, absolute: one.atol ?? 0)
        }
    }

    /// Runs the case on a device and compares every output in type, shape and elements.
    func check(on device: String) throws {
        let model = try ONNXModel.decode(model)
        let runner = try ModelRunner(model, on: try Device(device), runtime: .shared)
        var given: [String: ONNXData] = [:]
        for input in model.graph.inputs {
            guard let bytes = inputs[input.name] else { continue }
            given[input.name] = try ONNXData.decode(bytes, as: input.type)
        }
        if let part = error {
            do {
                let results = try runner.run(given)
                Issue.record("\(name) gave \(results.map(\.name)) where an error was expected")
            } catch { #expect("\(error)".contains(part), "\(error)") }
            return
        }
        let results = try runner.run(given)
        #expect(results.map(\.name) == outputs.map(\.name))
        for (result, expected) in zip(results, outputs) {
            let type = model.graph.outputs.first { $0.name == result.name }?.type
            try compare(result.data, try ONNXData.decode(expected.value, as: type), "\(name).\(result.name)")
        }
    }

    private func compare(_ actual: ONNXData, _ expected: ONNXData, _ what: String) throws {
        switch (actual, expected) {
        case (.tensor(let element, let a), .tensor(let other, let b)):
            #expect(element == other && a.type == b.type, "\(what) is \(element)\(a.type), not \(other)\(b.type)")
            guard element == other, a.type == b.type else { return }
            for index in 0..<(try a.type.elementCount()) {
                let x = a.type.scalarType.number(fromBits: a.bits(at: index))
                let y = b.type.scalarType.number(fromBits: b.bits(at: index))
                let isClose =
                    a.type.scalarType.isFloatingPoint
                    ? x == y || (x.isNaN && y.isNaN) || Swift.abs(x - y) <= absolute + relative * Swift.abs(y)
                    : a.bits(at: index) == b.bits(at: index)
                #expect(isClose, "\(what)[\(index)] is \(x), not \(y)")
            }
        case (.text(let a), .text(let b)): #expect(a == b, "\(what)")
        case (.sequence(let a), .sequence(let b)):
            #expect(a.count == b.count, "\(what)")
            for (index, pair) in zip(a, b).enumerated() { try compare(pair.0, pair.1, "\(what)[\(index)]") }
        case (.optional(let a?), .optional(let b?)): try compare(a, b, what)
        default: Issue.record("\(what) is \(actual.signature), not \(expected.signature)")
        }
    }
}
