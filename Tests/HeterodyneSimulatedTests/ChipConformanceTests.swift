// Heterodyne: simulated chips pass what every device is measured by.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import HeterodyneReference
import HeterodyneRoofline
import HeterodyneRuntime
import HeterodyneSimulated
import Testing

@Suite("Conformance of simulated chips", .serialized)
struct ChipConformanceTests {
    /// What each kind of support shows in; `heterodyne conformance` runs everything.
    private static let operations: Set<String> = ["conduct", "add", "convert", "dot", "reduce", "softmax", "while"]

    /// Chips that lack much: float32 among it, or arithmetic in bfloat16 and float64; and the least number of cases that they
    /// run.
    @Test("chips pass what their types allow", arguments: [("Hanguang", 40), ("TPUv5e", 60)])
    func quick(name: String, least: Int) throws {
        let device = try Chips.device(name)
        let suite = ConformanceSuite(
            ConformanceSuite.standard.quick.cases.filter { Self.operations.contains($0.operation) })
        let report = try suite.run(on: device, oracle: ReferenceEvaluator())
        let failed = report.results.filter { $0.status == .failed }
        #expect(failed.isEmpty, "\(failed.prefix(3).map { "\($0.id): \($0.reason ?? "")" })")
        let passed = report.results.filter { $0.status == .passed }
        #expect(passed.count >= least, "\(passed.count) of \(report.results.count)")
        // What is skipped is skipped for a type, and the reason says what the profile knows.
        let skipped = report.results.filter { $0.status == .skipped }
        #expect(skipped.contains { $0.reason?.contains("unknown") == true })
    }
}
