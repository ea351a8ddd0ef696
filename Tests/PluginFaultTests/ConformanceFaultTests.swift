// Heterodyne: conformance catches a plugin that computes something else than it says.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneConformance
import HeterodyneGraph
import HeterodynePluginHost
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("Conformance of plugins with a fault", .enabled(if: Fixture.canBuild, Fixture.reason))
struct ConformanceFaultTests {
    /// The quick cases of what the small plugin computes, and of conduct.
    static let suite = ConformanceSuite(
        ConformanceSuite.standard.quick.cases.filter { test in
            ["conduct/", "add/", "subtract/", "multiply/", "negate/", "maximum/", "minimum/", "constant/", "chain/"]
                .contains { test.id.hasPrefix($0) }
        })

    private func report(_ fault: String) throws -> DeviceReport {
        let backend = try DirectPlugin.faulty(fault)
        let descriptor = try #require(backend.discover().devices.first)
        return try Self.suite.run(
            on: Device(descriptor: descriptor, backend: backend), oracle: ReferenceEvaluator())
    }

    @Test("The plugin without a fault is conformant, and does something")
    func healthy() throws {
        let report = try report("none")
        #expect(
            report.isConformant,
            "\(report.results.filter { $0.status == .failed }.map { "\($0.id): \($0.reason ?? "")" })")
        #expect(report.count(.passed) >= 10 && report.count(.failed) == 0)
    }

    @Test(
        "A lie is caught",
        arguments: [
            ("wrong_results", "units in the last place"), ("refuse_to_compile", "said that it supports"),
            ("null_program", "NULL"), ("fail_run", "took a wrong turn"), ("wrong_byte_counts", "bytes"),
        ])
    func lies(fault: String, words: String) throws {
        let report = try report(fault)
        let failures = report.results.filter { $0.status == .failed }
        #expect(
            !report.isConformant && failures.contains { $0.reason?.contains(words) == true },
            "\(failures.first?.reason ?? "")")
    }
}
