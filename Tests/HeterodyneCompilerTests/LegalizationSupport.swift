// Heterodyne: targets that lack scalar types, and running what the compiler makes for them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import Testing

@testable import HeterodyneCompiler

/// What a target lacks.
struct Lack: Sendable, CustomTestStringConvertible {
    var types: Set<ScalarType>
    /// Usages that stay; nothing by default.
    var kept: ScalarUsage = []
    var exceptions: [PrimitiveCode] = []

    var testDescription: String {
        let names = types.map(\.name).sorted().joined(separator: ", ")
        let rest = kept.isEmpty ? "" : " but \(kept.names.joined(separator: ", "))"
        return names + rest + (exceptions.isEmpty ? "" : " for \(exceptions.map(\.name).joined(separator: ", "))")
    }

    init(_ types: ScalarType..., kept: ScalarUsage = [], exceptions: [PrimitiveCode] = []) {
        self.types = Set(types)
        self.kept = kept
        self.exceptions = exceptions
    }

    /// Whether something is left to stand in: the types of 32 bits, and integers of each width to hold bits in.
    var isEmulated: Bool {
        types.isDisjoint(with: [.bool, .float32, .int32, .uint32]) && !types.isSuperset(of: [.int8, .uint8])
            && !types.isSuperset(of: [.int16, .uint16])
    }

    var target: CompilationTarget {
        var capabilities = Targets.capabilities(without: types)
        for type in types where !kept.isEmpty || !exceptions.isEmpty {
            let whole: ScalarUsage = type.isArithmetic ? .compute : [.storage, .convert]
            capabilities.scalarTypes[type] = exceptions.isEmpty ? kept : whole
            for code in exceptions {
                capabilities.exceptions.append(
                    SupportException(primitive: code, scalarType: type, reason: "no \(code.name) for \(type)"))
            }
        }
        return CompilationTarget(device: "masked", capabilities: capabilities)
    }
}

func policy(_ text: String) throws -> ScalarTypePolicy { try ScalarTypePolicy(parsing: text) }

/// Compiles for one target.
func compile(
    _ graph: Graph, _ target: CompilationTarget, _ policy: ScalarTypePolicy, fuses: Bool = false
) throws -> CompiledGraph {
    var options = CompilerOptions()
    options.scalarTypes = policy
    options.fuses = fuses
    return try Compiler(targets: [target], options: options, evaluator: ReferenceEvaluator()).compile(graph)
}

/// The bytes of a literal under another type of as many bytes.
func reinterpreted(_ literal: Literal, _ type: TensorType) throws -> Literal {
    literal.type == type ? literal : try Literal(type: type, storage: literal.denseStorage())
}

/// Runs the parts with the reference, as the runtime does: values cross between parts as bytes. Every node must be one that
/// the target runs.
func execute(_ compiled: CompiledGraph, _ target: CompilationTarget, _ inputs: [Literal]) throws -> [Literal] {
    var values: [Value: Literal] = [:]
    for (value, literal) in zip(compiled.placed.inputs, inputs) { values[value] = literal }
    func check(_ graph: Graph) {
        for node in graph.nodes where node.operation.composite(as: FusedRegion.self) == nil {
            let support = target.support(for: NodeSignature(node, in: graph))
            if !support.isNative { Issue.record("\(node.operation.name) \(node.resultTypes): \(support)") }
            if case .primitive = node.operation { for region in node.operation.regions { check(region) } }
        }
    }
    for part in compiled.parts {
        try part.graph.verify()
        check(part.graph)
        var arguments: [Literal] = []
        for (value, type) in zip(part.inputs, part.graph.inputTypes) {
            arguments.append(try reinterpreted(try #require(values[value]), type))
        }
        for (value, result) in zip(part.outputs, try evaluate(part.graph, arguments)) {
            values[value] = try reinterpreted(result, compiled.placed.type(of: value))
        }
    }
    return try compiled.placed.outputs.map { try #require(values[$0.value]) }
}

/// Compiles, runs and compares with the reference's own results.
func expectLegalized(
    _ graph: Graph, _ inputs: [Literal], _ lack: Lack, _ policy: ScalarTypePolicy, _ note: String = "",
    sourceLocation: Testing.SourceLocation = #_sourceLocation,
    compare: (Literal, Literal) throws -> String? = difference
) throws {
    let target = lack.target
    let compiled = try compile(graph, target, policy)
    let (expected, actual) = (try evaluate(graph, inputs), try execute(compiled, target, inputs))
    for (index, (x, y)) in zip(expected, actual).enumerated() {
        if let difference = try compare(x, y) {
            Issue.record(
                "\(note) without \(lack.testDescription): \(graph.outputs[index].name): \(difference)\n\(graph)",
                sourceLocation: sourceLocation)
            return
        }
    }
}

/// The relative difference of two float64 or where else they differ, in units of `unit`, over `limit`.
func farther(than limit: Double, _ a: Literal, _ b: Literal) throws -> String? {
    guard a.type == b.type, a.type.scalarType == .float64 else { return try difference(a, b) }
    for index in 0..<(try a.type.elementCount()) {
        let (x, y) = (Double(bitPattern: a.bits(at: index)), Double(bitPattern: b.bits(at: index)))
        if x.isNaN && y.isNaN || x == y { continue }
        if !(abs(x - y) <= limit * abs(x)) { return "element \(index): \(x) and \(y)" }
    }
    return nil
}

/// A literal of these numbers in any type.
func literal(_ numbers: [Double], _ type: ScalarType, _ extents: [Int]? = nil) throws -> Literal {
    let shape = extents ?? [numbers.count]
    let bits = numbers.map { type.bits(of: $0) }
    return try literal(bits: bits, type, shape)
}

/// A literal of these bits in a type of at least 8.
func literal(bits: [UInt64], _ type: ScalarType, _ extents: [Int]) throws -> Literal {
    let width = type.bitWidth / 8
    return try Literal(
        type: TensorType(type, extents),
        storage: LiteralStorage(count: bits.count * width) { bytes in
            for (index, element) in bits.enumerated() {
                for byte in 0..<width {
                    bytes[index * width + byte] = UInt8(truncatingIfNeeded: element >> UInt64(8 * byte))
                }
            }
        })
}
