// Heterodyne: every device passes the quick conformance set.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

/// The quick set and its operations in order.
private let quick = ConformanceSuite.standard.quick
private let operations: [String] = {
    var names: [String] = []
    for test in quick.cases where names.last != test.operation && !names.contains(test.operation) {
        names.append(test.operation)
    }
    return names
}()

@Suite("Devices")
struct DeviceTests {
    @Test("passes every case that it runs", arguments: operations, Device.all.map(\.id))
    func passes(operation: String, device: String) throws {
        let evaluator = try #require(Runtime.shared.evaluator)
        let suite = ConformanceSuite(quick.cases.filter { $0.operation == operation })
        let report = try suite.run(on: Device(device), oracle: evaluator)
        for result in report.results where result.status == .failed {
            Issue.record("\(result.id): \(result.reason ?? "")")
        }
        // Skips are no passes: what is skipped has a reason.
        for result in report.results where result.status == .skipped {
            #expect(result.reason?.isEmpty == false, "\(result.id) is skipped without a reason")
        }
    }

    @Test("the reference runs everything")
    func nothingIsSkippedOnTheReference() throws {
        let evaluator = try #require(Runtime.shared.evaluator)
        let device = try Device("reference")
        for test in quick.cases where test.id.hasPrefix("dot/") || test.id.hasPrefix("convert/") {
            let report = try ConformanceSuite([test]).run(on: device, oracle: evaluator)
            #expect(report.count(.skipped) == 0, "\(test.id)")
        }
    }
}
