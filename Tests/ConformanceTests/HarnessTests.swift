// Heterodyne: the suite notices what backends do wrong.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Harness")
struct HarnessTests {
    /// A few cases of each kind.
    private static let sample = ConformanceSuite(
        ConformanceSuite.standard.quick.cases.filter { test in
            [
                "conduct/bind-wrong-size", "add/float32/contiguous/edges/pairs", "multiply/float32/contiguous/denormal",
                "transpose/float32/2d-small", "chain/float32/arithmetic/normal", "dot/float32/plain/normal/7x5",
                "gather/int64/rows", "maximum/float32/contiguous/edges",
            ].contains { test.id.hasPrefix($0) }
        })

    private func report(_ fault: Fault, expecting: [ExpectedFailure] = []) throws -> DeviceReport {
        let evaluator = try #require(Runtime.shared.evaluator)
        return try Self.sample.run(on: Saboteur.device(fault), oracle: evaluator, expectedFailures: expecting)
    }

    @Test("nothing is wrong with the backend that the faults are planted in")
    func baseline() throws {
        let report = try report(.none)
        #expect(report.count(.passed) == Self.sample.cases.count && report.count(.passed) >= 8)
        #expect(report.isConformant)
    }

    /// Faults, and words of the reason that the suite must give for a case.
    static let faults: [(Fault, String, String)] = [
        (.lastBit, "add/float32", "units in the last place"),
        (.lastBit, "transpose/float32", "units in the last place"),
        (.leavesOneOut, "add/float32", "differs between two runs"), (.leavesOneOut, "gather/int64", "differs between"),
        (.writesBehind, "chain/float32", "was written"), (.writesBefore, "transpose/float32", "byte -1 of input0"),
        (.changesInput, "dot/float32", "input0 was changed"), (.dropsNaN, "add/float32", "where nan is right"),
        (.dropsNaN, "maximum/float32", "where nan is right"), (.flushes, "multiply/float32", "is 0.0 where"),
        (.wavers, "dot/float32", "differs between two runs"), (.lies, "gather/int64", "it does not compile"),
        (.breaksDown, "add/float32", "smoke"), (.takesInput, "add/float32", "was not given away"),
        (.coarse, "chain/float32", "units in the last place"),
        (.takesAnySize, "conduct/bind-wrong-size", "throws nothing"),
    ]

    @Test("a fault is noticed and named", arguments: faults)
    func notices(fault: Fault, prefix: String, words: String) throws {
        let report = try report(fault)
        let failures = report.results.filter { $0.status == .failed && $0.id.hasPrefix(prefix) }
        #expect(failures.contains { $0.reason?.contains(words) == true }, "\(report.results.map { $0.reason ?? "" })")
        #expect(!report.isConformant)
    }

    @Test("bounds are tight enough to notice 0.2 % in what composites, sums and chains compute in float32")
    func sensitivity() throws {
        let evaluator = try #require(Runtime.shared.evaluator)
        let device = try Saboteur.device(.coarse)
        let cases = try ConformanceSuite.standard.quick.cases.filter { test in
            guard test.metric == .bound, test.scalarType == .float32, test.id.contains("/normal/") else { return false }
            return try test.program()?.graph.outputTypes.first?.scalarType == .float32
        }
        #expect(cases.count > 150)
        let report = try ConformanceSuite(cases).run(on: device, oracle: evaluator)
        let missed = report.results.filter { $0.status == .passed && $0.deviation.count > 0 && $0.deviation.ulp > 0 }
        #expect(missed.isEmpty, "\(missed.map(\.id))")
    }

    @Test("every fault is tried")
    func allFaults() {
        let tried = Set(Self.faults.map(\.0)).union([.none, .refuses])
        #expect(tried == Set(Fault.allCases))
    }

    @Test("skipping everything is no pass, and skips have the device's reason")
    func skipsAreNoPasses() throws {
        let evaluator = try #require(Runtime.shared.evaluator)
        let cases = Self.sample.cases.filter { $0.operation != "conduct" }
        let report = try ConformanceSuite(cases).run(on: Saboteur.device(.refuses), oracle: evaluator)
        #expect(report.count(.skipped) == cases.count)
        #expect(!report.isConformant)
        #expect(report.results.allSatisfy { $0.reason?.contains("not today") == true })
        #expect(report.markdown.contains("not today"))
    }

    @Test("an expected failure is none, until it passes")
    func expectedFailures() throws {
        let expected = ExpectedFailure(device: "*", pattern: "add/float32/*", reason: "known")
        let broken = try report(.lastBit, expecting: [expected])
        #expect(broken.results.first { $0.id.hasPrefix("add/") }?.status == .expectedFailure)
        let mended = try report(.none, expecting: [expected])
        let result = mended.results.first { $0.id.hasPrefix("add/") }
        #expect(result?.status == .failed && result?.reason?.contains("passes although") == true)
        #expect(!mended.isConformant)
    }

    @Test("identifiers are unique and reproduce their cases")
    func identifiers() throws {
        let cases = ConformanceSuite.standard.cases
        var seen = Set<String>()
        for test in cases { #expect(seen.insert(test.id).inserted, "\(test.id) occurs twice") }
        for test in Self.sample.cases {
            #expect(ConformanceSuite.standard.filtered(test.id).cases.contains { $0.id == test.id })
            let (first, second) = (try test.program(), try test.program())
            #expect(first?.inputs == second?.inputs && first?.graph == second?.graph)
        }
        #expect(ConformanceSuite.standard.filtered("dot/*/plain/*7x5*").cases.allSatisfy { $0.operation == "dot" })
        #expect(ConformanceSuite.standard.filtered("no such case").cases.isEmpty)
    }

    @Test("every primitive and every scalar type has cases")
    func coverage() {
        let operations = Set(ConformanceSuite.standard.cases.map(\.operation))
        for code in PrimitiveCode.allCases { #expect(operations.contains(code.name), "\(code.name) has no case") }
        for name in CompositeRegistry.standard.names {
            #expect(operations.contains(name), "composite \(name) has no case")
        }
        for type in ScalarType.allCases {
            #expect(ConformanceSuite.standard.cases.contains { $0.scalarType == type }, "\(type) has no case")
        }
    }

    @Test("the JSON report has totals and one entry for each case")
    func json() throws {
        let report = try report(.lastBit)
        let text = DeviceReport.json([report])
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(document["schema"] as? Int == 1)
        let totals = try #require(document["conformance"] as? [String: Int])
        #expect(totals["passed"] == report.count(.passed) && totals["failed"] == report.count(.failed))
        let cases = try #require(document["cases"] as? [[String: Any]])
        #expect(cases.count == report.results.count)
        let failed = try #require(cases.first { $0["status"] as? String == "failed" })
        #expect(failed["reason"] is String && failed["device"] as? String == "reference")
    }
}
