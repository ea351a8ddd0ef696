// Heterodyne: tests of models that compute with their own shapes, imported before these have numbers.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

/// What scripts/fixtures/onnx_symbolic.py writes: models with free dimensions, and what comes out for some numbers.
struct SymbolicCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Run: Decodable, Sendable {
        let symbols: [String: Int]
        let inputs: [Data]
        let outputs: [Data]
    }
    let name: String
    let model: Data
    let dimensions: [[String]]
    let runs: [Run]

    var testDescription: String { name }

    static let all: [SymbolicCase] = {
        struct File: Decodable { let cases: [SymbolicCase] }
        guard let url = Bundle.module.url(forResource: "symbolic", withExtension: "json", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url), let file = try? JSONDecoder().decode(File.self, from: data)
        else { return [] }
        return file.cases
    }()

    /// The plan for inputs whose dimensions are the symbols.
    func plan() throws -> (model: ONNXModel, plan: ImportPlan) {
        let model = try ONNXModel.decode([UInt8](self.model))
        let evaluator = try #require(Runtime.shared.evaluator)
        let importer = ONNXImporter(model) { (graph, inputs) throws(GraphError) in
            do { return try evaluator.evaluate(graph, inputs) } catch { throw GraphError(.unsupported, "\(error)") }
        }
        var signatures: [ONNXSignature] = []
        for (input, names) in zip(importer.requiredInputs, dimensions) {
            guard case .tensor(let element, _) = input.type else { continue }
            signatures.append(.tensor(element, Shape(names.map { Int($0).map(Extent.fixed) ?? .symbol($0) })))
        }
        return (model, try importer.plan(for: signatures))
    }
}

@Suite("Shapes with free dimensions")
struct SymbolicShapeTests {
    @Test("A model is imported once for all numbers", arguments: SymbolicCase.all)
    func importsOnce(_ one: SymbolicCase) throws {
        let (model, plan) = try one.plan()
        #expect(plan.steps.count == 1)
        let results = try #require(plan.results)
        let step = try #require(plan.steps.first)
        for run in one.runs {
            let known = step.graph.symbols
            let bound = try step.graph.binding(run.symbols.filter { known.contains($0.key) })
            var inputs: [Literal] = []
            for slot in step.inputs {
                inputs.append(try literal(run.inputs[slot], as: model.graph.inputs[slot].type))
            }
            let values = try #require(Runtime.shared.evaluator).evaluate(bound, inputs)
            for ((name, result), expected) in zip(results, run.outputs) {
                guard case .slot(_, let slot) = result, let index = step.outputs.firstIndex(of: slot) else {
                    Issue.record("\(name) does not come from the graph")
                    continue
                }
                let right = try literal(expected, as: nil)
                #expect(try plan.slots[slot].shape.bound(run.symbols) == right.type.shape, "\(name) \(run.symbols)")
                try compare(values[index], right, "\(name) \(run.symbols)")
            }
        }
    }

    @Test("The file of cases is there")
    func file() { #expect(SymbolicCase.all.count > 30) }

    private func literal(_ data: Data, as type: ONNXType?) throws -> Literal {
        guard case .tensor(_, let literal) = try ONNXData.decode([UInt8](data), as: type) else {
            throw ONNXError(.invalidInput, "is no tensor")
        }
        return literal
    }

    private func compare(_ actual: Literal, _ expected: Literal, _ what: String) throws {
        #expect(actual.type == expected.type, "\(what)")
        guard actual.type == expected.type else { return }
        for index in 0..<(try actual.type.elementCount()) {
            let x = actual.type.scalarType.number(fromBits: actual.bits(at: index))
            let y = expected.type.scalarType.number(fromBits: expected.bits(at: index))
            // Sums of a few dozen numbers of either order.
            #expect(x == y || abs(x - y) <= 1e-5 * max(1, abs(y)), "\(what)[\(index)] is \(x), not \(y)")
        }
    }
}
