// Heterodyne: targets, evaluation and comparison for the tests of the passes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import Testing

/// Targets without a backend.
enum Targets {
    static func capabilities(
        without missing: Set<ScalarType> = [], claims: Set<String> = [], fusion: FusionCapabilities = .none,
        hasUnifiedMemory: Bool = true
    ) -> Capabilities {
        var types: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases where !missing.contains(type) {
            types[type] = type.isArithmetic ? .compute : [.storage, .convert]
        }
        return Capabilities(
            scalarTypes: types, claims: claims, fusion: fusion, maximumBufferByteCount: 1 << 40,
            hasUnifiedMemory: hasUnifiedMemory, numerics: ReferenceBackend.numerics)
    }

    static let everyFusion = FusionCapabilities(
        elementwiseRegions: true, dotEpilogues: true, scalarTypes: Set(ScalarType.allCases),
        composites: Set(StandardComposites.elementwise.map { $0.name }))

    /// Runs every primitive and claims nothing.
    static let plain = CompilationTarget(device: "plain", capabilities: capabilities())
    /// Claims every composite.
    static let claiming = CompilationTarget(
        device: "claiming", capabilities: capabilities(claims: Set(CompositeRegistry.standard.names)))
    /// Takes everything fused.
    static let fusing = CompilationTarget(device: "fusing", capabilities: capabilities(fusion: everyFusion))
    /// Has no float64, and memory of its own.
    static let narrow = CompilationTarget(
        device: "narrow", capabilities: capabilities(without: [.float64], hasUnifiedMemory: false))

    static func fusing(
        maximumOperands: Int = 16, maximumNodes: Int = 64, elementwise: Bool = true, epilogues: Bool = true,
        types: Set<ScalarType> = Set(ScalarType.allCases), composites: Set<String> = []
    ) -> CompilationTarget {
        CompilationTarget(
            device: "fusing",
            capabilities: capabilities(
                fusion: FusionCapabilities(
                    elementwiseRegions: elementwise, dotEpilogues: epilogues, maximumOperands: maximumOperands,
                    maximumNodes: maximumNodes, scalarTypes: types, composites: composites)))
    }
}

func context(
    _ target: CompilationTarget = Targets.plain, _ options: CompilerOptions = CompilerOptions()
) -> PassContext {
    PassContext(target: target, options: options, evaluator: ReferenceEvaluator())
}

/// Runs one pass on a text.
func run(_ pass: some Pass, _ text: String, on target: CompilationTarget = Targets.plain) throws -> Graph {
    let graph = try Graph(parsing: text, composites: .standard)
    let result = try pass.run(graph, in: context(target))
    try result.verify()
    return result
}

func parse(_ text: String) throws -> Graph { try Graph(parsing: text, composites: .standard) }

func evaluate(_ graph: Graph, _ inputs: [Literal]) throws -> [Literal] {
    try ReferenceEvaluator.evaluate(graph, inputs: inputs)
}

/// Where two literals differ, or nil: bits must agree, and any NaN is as good as another.
func difference(_ a: Literal, _ b: Literal) throws -> String? {
    guard a.type == b.type else { return "types \(a.type) and \(b.type)" }
    let type = a.type.scalarType
    for index in 0..<(try a.type.elementCount()) {
        let (x, y) = (a.bits(at: index), b.bits(at: index))
        if x == y { continue }
        let (p, q) = (type.number(fromBits: x), type.number(fromBits: y))
        if type.isFloatingPoint && p.isNaN && q.isNaN { continue }
        return "\(a.type) element \(index): \(p) (0x\(String(x, radix: 16))) and \(q) (0x\(String(y, radix: 16)))"
    }
    return nil
}

/// Checks that `after` has the signature of `before` and gives its results.
func expectEquivalent(
    _ before: Graph, _ after: Graph, _ inputs: [Literal], _ note: String,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws {
    do { try after.verify() } catch { Issue.record("\(note): \(error)", sourceLocation: sourceLocation) }
    #expect(after.inputNames == before.inputNames, "\(note)", sourceLocation: sourceLocation)
    #expect(after.inputTypes == before.inputTypes, "\(note)", sourceLocation: sourceLocation)
    #expect(after.outputs.map(\.name) == before.outputs.map(\.name), "\(note)", sourceLocation: sourceLocation)
    #expect(after.outputTypes == before.outputTypes, "\(note)", sourceLocation: sourceLocation)
    let (expected, actual) = (try evaluate(before, inputs), try evaluate(after, inputs))
    for (index, (x, y)) in zip(expected, actual).enumerated() {
        if let difference = try difference(x, y) {
            Issue.record(
                "\(note): output \(before.outputs[index].name): \(difference)\nbefore \(before)\nafter \(after)",
                sourceLocation: sourceLocation)
        }
    }
}

/// The error that `body` throws, or nil.
func graphError(_ body: () throws -> Void) -> GraphError? {
    do { try body() } catch { return error as? GraphError }
    return nil
}
