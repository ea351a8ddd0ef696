// Heterodyne: devices that lack scalar types pass the conformance cases that touch them, under every policy.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Missing types")
struct MissingTypesTests {
    /// A mask, a policy, and what it is about.
    struct Condition: Sendable, CustomTestStringConvertible {
        let mask: String
        let policy: String
        var testDescription: String { "without \(mask), \(policy)" }
    }

    /// Every few cases of those that touch the type: the whole table runs under masks in scripts/test, in a release build.
    private func run(_ condition: Condition, on device: String, every step: Int) throws -> DeviceReport {
        let evaluator = try #require(Runtime.shared.evaluator)
        let base = try Device(device)
        let policy = try ScalarTypePolicy(parsing: condition.policy)
        let masks = try condition.mask.split(separator: ",").map { try TypeMask(parsing: $0) }
        let needsOthers = masks.contains { policy[$0.type] == .fallback }
        let conditions = MissingTypes(
            masks: masks, policy: policy, fallbacks: needsOthers ? Device.all.filter { $0 != base } : [])
        var suite = try ConformanceSuite.standard.quick.touching(conditions)
        suite.cases = suite.cases.enumerated().filter { $0.offset % step == 0 }.map(\.element)
        return try suite.run(on: base, under: conditions, oracle: evaluator)
    }

    @Test(
        "another device stands in, or the program is refused by name",
        arguments: [
            Condition(mask: "float64", policy: "float64=fallback"), Condition(mask: "float64", policy: "float64=error"),
            Condition(mask: "int64", policy: "int64=fallback"), Condition(mask: "int64", policy: "int64=error"),
            Condition(mask: "bfloat16", policy: "bfloat16=fallback"),
            Condition(mask: "float16", policy: "float16=error"),
        ], Device.all.map(\.id))
    func standIns(condition: Condition, device: String) throws {
        let report = try run(condition, on: device, every: 5)
        for result in report.results where result.status == .failed {
            Issue.record("\(result.id): \(result.reason ?? "")")
        }
        #expect(report.isConformant)
        let refuses = condition.policy.hasSuffix("error")
        #expect((report.count(.refused) > 0) == refuses)
        #expect(report.count(.skipped) == 0)
    }

    @Test("what is not touched is not measured")
    func touching() throws {
        let conditions = MissingTypes(masks: [TypeMask(.float64)])
        let suite = try ConformanceSuite.standard.quick.touching(conditions)
        #expect(suite.cases.count > 100)
        for test in suite.cases {
            let graph = try #require(try test.program()).graph
            #expect(graph.scalarTypes.contains(.float64), "\(test.id)")
        }
        let dots = try ConformanceSuite.standard.quick.touching(
            MissingTypes(masks: [TypeMask(.float32, .primitive(.dot))]))
        #expect(dots.cases.contains { $0.id.hasPrefix("dot/float32") })
        #expect(!dots.cases.contains { $0.id.hasPrefix("add/float32") })
    }
}
