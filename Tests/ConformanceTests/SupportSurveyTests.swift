// Heterodyne: how devices run every operation in every type.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Operation support")
struct SupportSurveyTests {
    @Test("Every primitive and every standard composite has an example, in every type of its conformance cases")
    func samples() throws {
        #expect(SampleOperation.primitives.map(\.name) == PrimitiveCode.allCases.map(\.name))
        #expect(SampleOperation.composites.map(\.name) == StandardComposites.all.map { $0.name })
        #expect(SampleOperation(name: "no such operation") == nil)
        var samples = Set<String>()
        for operation in SampleOperation.all {
            var defined = 0
            for type in ScalarType.allCases {
                guard let graph = operation.graph(type) else { continue }
                defined += 1
                samples.insert("\(operation.name) \(type)")
                try graph.verify()
                #expect(graph.scalarTypes.contains(type), "\(operation.name) \(type)")
                let nodes = graph.nodes.filter { if case .parameter = $0.operation { false } else { true } }
                #expect(nodes.allSatisfy { $0.operation.name == operation.name }, "\(operation.name) \(type)")
                #expect(!nodes.isEmpty && nodes.count <= 2)
            }
            #expect(defined > 0, "\(operation.name) has no example")
        }
        let names = Set(SampleOperation.all.map(\.name))
        let cases = Set(
            ConformanceSuite.standard.cases.filter { names.contains($0.operation) }
                .map { "\($0.operation) \($0.scalarType)" })
        let missing = cases.subtracting(samples)
        #expect(missing.isEmpty, "conformance has cases of \(missing.sorted())")
    }

    @Test("The reference runs everything; what runs by decomposition runs to its end", arguments: Device.all)
    func devices(device: Device) throws {
        let survey = try SupportSurvey(of: device)
        for operation in SampleOperation.all {
            for type in ScalarType.allCases {
                guard let support = survey.support(for: operation, type) else { continue }
                if device.id == "reference" {
                    #expect(support.isNative, "\(operation.name) \(type): \(support)")
                    #expect(operation.primitive == nil || support == .native)
                }
                // A claimed composite is native, a decomposed one is not claimed.
                if support == .decomposed { #expect(operation.primitive == nil) }
                #expect((support.reason == nil) == support.isNative)
            }
        }
    }

    private func kinds(
        _ device: Device, others: [Device], _ policy: String, _ type: ScalarType
    ) throws -> [String: OperationSupport.Kind] {
        let survey = try SupportSurvey(of: device, fallbacks: others, policy: ScalarTypePolicy(parsing: policy))
        var result: [String: OperationSupport.Kind] = [:]
        for operation in SampleOperation.all { result[operation.name] = survey.support(for: operation, type)?.kind }
        return result
    }

    @Test("A masked type falls back, or is unsupported with a reason; the policy decides")
    func masks() throws {
        let reference = try Device("reference")
        let masked = reference.masking(.float64)
        // The masked device has the reference's identifier; another stands in.
        let others = Device.all.filter { $0 != reference }
        let alone = try kinds(masked, others: [], "float64=fallback", .float64)
        #expect(alone["exp"] == .unsupported && alone["softmax"] == .unsupported && alone["transpose"] != nil)
        #expect(try kinds(masked, others: [], "float64=fallback", .float32).values.allSatisfy { $0 <= .decomposed })
        guard let other = others.first(where: { ((try? $0.capabilities())?.usages(of: .float64) ?? []).contains(.dot) })
        else { return }
        let survey = try SupportSurvey(
            of: masked, fallbacks: others, policy: ScalarTypePolicy(parsing: "float64=fallback"))
        let exp = try #require(SampleOperation(name: "exp"))
        guard case .fallback(_, let reason)? = survey.support(for: exp, .float64) else {
            Issue.record("\(other) does not stand in: \(String(describing: survey.support(for: exp, .float64)))")
            return
        }
        #expect(reason.contains("masked"))
        let refused = try kinds(masked, others: others, "float64=error", .float64)
        #expect(refused["exp"] == .unsupported && refused["softmax"] == .unsupported)
    }
}
