// Heterodyne: estimates of graphs as the compiler leaves them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import HeterodyneRoofline
import Testing

@Suite("Estimates of compiled graphs")
struct CompiledGraphTests {
    private static let claims: Set<String> = ["attention", "softmax", "layerNormalization", "gelu"]

    /// A block of a transformer as a chip gets it that fuses and claims as told.
    private func compiled(fuses: Bool, claims: Set<String>) throws -> Graph {
        var types: [ScalarType: ScalarUsage] = [:]
        for type in ScalarType.allCases { types[type] = type.isArithmetic ? .compute : [.storage, .convert] }
        let fusion = FusionCapabilities(
            elementwiseRegions: fuses, dotEpilogues: fuses, scalarTypes: Set(ScalarType.allCases), composites: [])
        let target = CompilationTarget(
            device: "chip",
            capabilities: Capabilities(
                scalarTypes: types, claims: claims, fusion: fusion, maximumBufferByteCount: 1 << 40,
                hasUnifiedMemory: false, numerics: ReferenceBackend.numerics))
        let graph = try DistributionTests().block(batch: 4, length: 16, width: 64, heads: 4)
        let compiled = try Compiler(targets: [target], evaluator: ReferenceEvaluator()).compile(graph)
        return try #require(compiled.parts.count == 1 ? compiled.parts[0].graph : nil)
    }

    private static let forms: [(fuses: Bool, claims: Set<String>)] = [
        (false, []), (true, []), (false, claims), (true, claims),
    ]

    @Test("However a block is fused, it computes the same and exchanges the same", arguments: 0..<4)
    func exchange(form: Int) throws {
        let graph = try compiled(fuses: Self.forms[form].fuses, claims: Self.forms[form].claims)
        let names = Set(graph.nodes.map(\.operation.name))
        #expect(names.contains("fused") == Self.forms[form].fuses)
        #expect(names.contains("attention") == !Self.forms[form].claims.isEmpty)
        let plain = RooflineEstimator(chip()).estimate(try compiled(fuses: false, claims: []))
        let alone = RooflineEstimator(chip()).estimate(graph)
        func products(_ estimate: RooflineEstimate) -> Double {
            estimate.steps.reduce(0) { sum, step in sum + step.work.products.reduce(0) { $0 + $1.operationCount } }
        }
        #expect(isSame(products(alone), products(plain)))
        let tensor = try RooflineEstimator(chip()).estimate(graph, over: Distribution(.tensor, chips: 4))
        // Two sums of 4 * 16 * 64 numbers: 2 * 2 * 3/4 * 16384 bytes.
        #expect(isSame(tensor.communicationByteCount, 49_152))
        #expect(isSame(products(tensor) * 4, products(alone)))
        let data = try RooflineEstimator(chip()).estimate(graph, over: Distribution(.data, chips: 4))
        #expect(data.communicationByteCount == 0)
        #expect(isSame(data.operationCount, alone.operationCount))
    }

    @Test("Fusing and claiming never move more bytes")
    func bytes() throws {
        let bytes = try Self.forms.map {
            RooflineEstimator(chip()).estimate(try compiled(fuses: $0.fuses, claims: $0.claims)).byteCount
        }
        #expect(bytes[1] < bytes[0] && bytes[2] < bytes[0] && bytes[3] <= bytes[1] && bytes[3] <= bytes[2])
    }
}
