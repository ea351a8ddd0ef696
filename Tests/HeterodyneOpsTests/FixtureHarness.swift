// Heterodyne: runs the JSON fixtures of the composites through the reference evaluator.
// SPDX-License-Identifier: Apache-2.0
//
// A fixture file holds
//
//   {"cases": [{
//      "op": "softmax",                       the composite's name in CompositeRegistry.standard
//      "attributes": {"axis": {"integer": 1}, "epsilon": {"number": 1e-05}},
//      "inputs":  [{"type": "float32", "shape": [2, 3], "data": "<base64>"}],
//      "outputs": [{"type": "float32", "shape": [2, 3], "data": "<base64>", "ulp": 4, "absolute": 0, "relative": 0}]
//   }]}
//
// An attribute is an object with one member that names its kind: bool, integer, number (also "nan", "inf", "-inf"),
// string, integers, numbers, strings, dimensions (integers), scalarType (a name). Data are the elements, little-endian,
// dense, row-major, 4-bit integers two per byte, in base64. An output element passes where it equals the expected one
// in bits, or both are NaN, or |got - want| <= absolute + relative |want| + ulp spacing(want); without tolerances all
// bits must agree. scripts/fixtures/fixture.py writes the format.

import Foundation
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

/// One tensor of a fixture, with tolerances where it is an output.
struct FixtureTensor: Decodable, Sendable {
    let type: String
    let shape: [Int]
    let data: Data
    let ulp: Double?
    let absolute: Double?
    let relative: Double?

    func literal() throws -> Literal {
        let scalarType = try #require(ScalarType(name: type))
        return try Literal(
            type: TensorType(scalarType, shape), storage: data.withUnsafeBytes { LiteralStorage(copying: $0) })
    }
}

/// One attribute of a fixture.
struct FixtureAttribute: Decodable, Sendable {
    let value: AttributeValue

    private enum Kind: String, CodingKey {
        case bool, integer, number, string, integers, numbers, strings, dimensions, scalarType
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Kind.self)
        guard let kind = container.allKeys.first else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no kind"))
        }
        switch kind {
        case .bool: value = .bool(try container.decode(Bool.self, forKey: kind))
        case .integer: value = .integer(try container.decode(Int.self, forKey: kind))
        case .number: value = .number(try container.decode(FixtureNumber.self, forKey: kind).value)
        case .string: value = .string(try container.decode(String.self, forKey: kind))
        case .integers: value = .integers(try container.decode([Int].self, forKey: kind))
        case .numbers: value = .numbers(try container.decode([FixtureNumber].self, forKey: kind).map(\.value))
        case .strings: value = .strings(try container.decode([String].self, forKey: kind))
        case .dimensions: value = .dimensions(try container.decode([Int].self, forKey: kind).map(Extent.fixed))
        case .scalarType:
            guard let type = ScalarType(name: try container.decode(String.self, forKey: kind)) else {
                throw DecodingError.dataCorruptedError(forKey: kind, in: container, debugDescription: "no such type")
            }
            value = .scalarType(type)
        }
    }
}

private struct FixtureNumber: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            value = number
        } else if let number = Double(try container.decode(String.self)) {
            value = number
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number")
        }
    }
}

/// One case of a fixture file.
struct FixtureCase: Decodable, Sendable, CustomTestStringConvertible {
    let op: String
    let note: String?
    let attributes: [String: FixtureAttribute]
    let inputs: [FixtureTensor]
    let outputs: [FixtureTensor]

    var testDescription: String {
        let shapes = inputs.map { "\($0.type)\($0.shape)" }.joined(separator: ", ")
        return "\(op)(\(shapes))\(note.map { " \($0)" } ?? "")"
    }

    /// The composite that the case runs.
    func composite() throws -> any Composite {
        var values = Attributes()
        for (name, attribute) in attributes.sorted(by: { $0.key < $1.key }) {
            try values.append(name, attribute.value)
        }
        return try CompositeRegistry.standard.make(op, values)
    }
}

/// Fixture files, the evaluation of one case, and its comparison.
enum FixtureHarness {
    private struct File: Decodable { let cases: [FixtureCase] }

    /// The cases of `Fixtures/<folder>/<name>.json`. An unreadable file is recorded and gives no cases.
    static func cases(_ folder: String, _ name: String) -> [FixtureCase] {
        do {
            let url = try #require(
                Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures/\(folder)"))
            return try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).cases
        } catch {
            Issue.record("fixture \(folder)/\(name).json: \(error)")
            return []
        }
    }

    /// Builds the composite on the inputs, evaluates it and compares every output.
    static func check(_ fixture: FixtureCase) throws {
        let composite = try fixture.composite()
        let inputs = try fixture.inputs.map { try $0.literal() }
        let results = try evaluate(composite, inputs)
        try #require(results.count == fixture.outputs.count, "\(fixture.testDescription): number of results")
        for (index, expected) in fixture.outputs.enumerated() {
            try compare(results[index], expected, "\(fixture.testDescription) result \(index)")
        }
    }

    /// The results of `composite`, decomposed down to primitives, on `inputs`.
    static func evaluate(_ composite: any Composite, _ inputs: [Literal]) throws -> [Literal] {
        try ReferenceEvaluator.evaluate(graph(of: composite, inputs.map(\.type)), inputs: inputs)
    }

    /// A graph of primitives only that computes `composite`.
    static func graph(of composite: any Composite, _ types: [TensorType]) throws -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in types.enumerated() { terms.append(try builder.input("x\(index)", type)) }
        let results = try builder.addAll(.composite(composite), terms)
        for (index, result) in results.enumerated() { try builder.output("y\(index)", result) }
        return try flattened(builder.build())
    }

    /// `graph` with every composite, also inside regions and decompositions, replaced by its decomposition.
    static func flattened(_ graph: Graph) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var inputs: [Term] = []
        for (name, type) in zip(graph.inputNames, graph.inputTypes) { inputs.append(try builder.input(name, type)) }
        var mapped: [[Term]] = []
        for node in graph.nodes {
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            switch node.operation {
            case .parameter(let index, _, _): mapped.append([inputs[index]])
            case .primitive(let primitive):
                mapped.append(try builder.addAll(.primitive(flattened(primitive)), operands))
            case .composite(let composite):
                let inner = GraphBuilder()
                var terms: [Term] = []
                for (index, operand) in operands.enumerated() {
                    terms.append(try inner.input("x\(index)", operand.type))
                }
                for (index, result) in try composite.decompose(terms, in: inner).enumerated() {
                    try inner.output("y\(index)", result)
                }
                let results = try builder.inline(flattened(inner.build()), operands)
                guard results.map(\.type) == node.resultTypes else {
                    throw GraphError(
                        .malformedGraph,
                        "the decomposition gives \(results.map(\.type)) where \(node.resultTypes) was inferred",
                        operation: composite.name)
                }
                mapped.append(results)
            }
        }
        for output in graph.outputs {
            try builder.output(output.name, mapped[Int(output.value.node)][Int(output.value.result)])
        }
        return try builder.build()
    }

    private static func flattened(_ primitive: Primitive) throws(GraphError) -> Primitive {
        switch primitive {
        case .conditional(let then, let otherwise):
            .conditional(then: try flattened(then), otherwise: try flattened(otherwise))
        case .loop(let condition, let body): .loop(condition: try flattened(condition), body: try flattened(body))
        default: primitive
        }
    }

    private static func compare(_ got: Literal, _ expected: FixtureTensor, _ label: String) throws {
        let want = try expected.literal()
        try #require(got.type == want.type, "\(label): type")
        let scalarType = want.type.scalarType
        let bounds = (expected.absolute ?? 0, expected.relative ?? 0, expected.ulp ?? 0)
        let isExact = bounds == (0, 0, 0)
        var (failures, worst, worstIndex) = (0, 0.0, 0)
        for index in 0..<(try want.type.elementCount()) {
            let (a, b) = (got.bits(at: index), want.bits(at: index))
            if a == b { continue }
            let (x, y) = (scalarType.number(fromBits: a), scalarType.number(fromBits: b))
            if x.isNaN && y.isNaN { continue }
            let allowed = bounds.0 + bounds.1 * y.magnitude + bounds.2 * spacing(y, scalarType)
            let error = (x - y).magnitude
            if !isExact && (x == y || error <= allowed) { continue }
            failures += 1
            let severity = error.isFinite && allowed > 0 ? error / allowed : .infinity
            if severity > worst { (worst, worstIndex) = (severity, index) }
        }
        if failures > 0 {
            let x = scalarType.number(fromBits: got.bits(at: worstIndex))
            let y = scalarType.number(fromBits: want.bits(at: worstIndex))
            let units = (x - y).magnitude / spacing(y, scalarType)
            Issue.record(
                """
                \(label): \(failures) elements differ; the worst is element \(worstIndex): \(x) where \(y) is right \
                (\(units) ULP, \(worst) times the tolerance)
                """)
        }
    }

    /// The distance between neighbours at `value` in `type`.
    static func spacing(_ value: Double, _ type: ScalarType) -> Double {
        guard value.isFinite else { return 0 }
        let (digits, smallest): (Int, Int)
        switch type {
        case .float16: (digits, smallest) = (10, -14)
        case .bfloat16: (digits, smallest) = (7, -126)
        case .float32: (digits, smallest) = (23, -126)
        case .float64: return value.ulp
        case .float8e4m3fn: (digits, smallest) = (3, -6)
        case .float8e5m2: (digits, smallest) = (2, -14)
        default: return 1
        }
        let exponent = value == 0 ? smallest : max(Int(value.exponent), smallest)
        return Double(sign: .plus, exponent: exponent - digits, significand: 1)
    }
}
