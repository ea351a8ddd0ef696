// Heterodyne: graphs that are written as ONNX, read, imported and run give what they gave before.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import HeterodyneModels
import HeterodyneONNX
import Testing

@Suite("ONNX round trip")
struct ONNXRoundTripTests {
    /// Of every operation and scalar type of the quick set the first case: every primitive and composite.
    static let cases: [ConformanceCase] = {
        var seen: Set<String> = []
        return ConformanceSuite.standard.quick.cases.filter { test in
            test.metric != nil && !test.id.hasPrefix("concurrency")
                && seen.insert("\(test.operation)/\(test.scalarType)").inserted
        }
    }()

    /// What the graph language can say and ONNX cannot.
    private static func isInexpressible(_ test: ConformanceCase) -> Bool {
        test.operation == "bitcast" && [.float8e4m3fn, .float8e5m2].contains(test.scalarType)
    }

    @Test("Every operation is written, and read back with the same inputs and outputs", arguments: cases)
    func structure(_ test: ConformanceCase) throws {
        let (graph, _) = try #require(try test.program())
        guard !Self.isInexpressible(test) else {
            let error = #expect(throws: ONNXError.self) { try graph.onnx() }
            #expect(error?.kind == .notExpressible)
            return
        }
        let model = try ONNXModel.decode(try graph.onnx())
        #expect(model.graph.inputs.map(\.name) == graph.inputNames)
        #expect(model.graph.outputs.map(\.name) == graph.outputs.map(\.name))
        for (value, type) in zip(model.graph.inputs + model.graph.outputs, graph.inputTypes + graph.outputTypes) {
            guard case .tensor(let element, let dimensions) = value.type else {
                Issue.record("\(value.name) is no tensor")
                continue
            }
            #expect(element.scalarType == type.scalarType)
            #expect(dimensions == type.shape.fixedExtents?.map { .fixed($0) })
        }
    }

    /// What a round trip may lose, relative to the largest finite element: a chain of a few operations, each of which
    /// may be computed in another order.
    private static func tolerance(_ type: ScalarType) -> Double {
        switch type {
        case .float64: 1e-9
        case .float32: 1e-4
        case .float16: 1e-2
        default: 6e-2
        }
    }

    /// Where `actual` is not what is expected, or nil.
    private static func difference(_ actual: Literal, _ expected: Literal, exact: Bool) throws -> String? {
        guard actual.type == expected.type else { return "\(actual.type) instead of \(expected.type)" }
        let type = expected.type.scalarType
        let count = try expected.type.elementCount()
        let numbers = (0..<count).map { type.number(fromBits: expected.bits(at: $0)) }
        let largest = numbers.filter(\.isFinite).map(\.magnitude).max() ?? 0
        for index in 0..<count where actual.bits(at: index) != expected.bits(at: index) {
            let (a, b) = (type.number(fromBits: actual.bits(at: index)), numbers[index])
            if a == b && type.isFloatingPoint || a.isNaN && b.isNaN { continue }
            if !exact, type.isFloatingPoint, (a - b).magnitude <= tolerance(type) * min(largest, 64) { continue }
            return "element \(index): \(a) instead of \(b)"
        }
        return nil
    }

    @Test("Every operation gives the same results after it was written, read and imported", arguments: cases)
    func results(_ test: ConformanceCase) throws {
        guard !Self.isInexpressible(test) else { return }
        let (graph, inputs) = try #require(try test.program())
        let evaluator = try #require(Runtime.shared.evaluator)
        let model = try ONNXModel.decode(try graph.onnx())
        let runner = try ModelRunner(model, on: Device("reference"), runtime: .shared)
        var data: [String: ONNXData] = [:]
        for ((name, input), value) in zip(zip(graph.inputNames, inputs), model.graph.inputs) {
            guard case .tensor(let element, _) = value.type else { continue }
            data[name] = .tensor(element, input)
        }
        let actual = try runner.run(data)
        let expected = try evaluator.evaluate(graph, inputs)
        #expect(actual.map(\.name) == graph.outputs.map(\.name))
        for (result, literal) in zip(actual, expected) {
            guard case .tensor(_, let tensor) = result.data else {
                Issue.record("\(result.name) is no tensor")
                continue
            }
            let difference = try Self.difference(tensor, literal, exact: test.metric == .exact)
            #expect(difference == nil, "\(result.name): \(difference ?? "")")
        }
    }
}
