// Heterodyne: numbers of the elementwise composites.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Elementary functions and activations")
struct ElementaryTests {
    @Test("agree with 60-digit arithmetic", arguments: FixtureHarness.cases("neural", "elementwise"))
    func numbers(fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("every elementwise composite has a fixture in each float type")
    func coverage() {
        let cases = FixtureHarness.cases("neural", "elementwise")
        for composite in StandardComposites.elementwise {
            let types = Set(cases.filter { $0.op == composite.name }.flatMap { $0.inputs.map(\.type) })
            let wanted: Set<String> =
                composite.name == "prelu"
                ? ["float32", "float64"] : ["float16", "bfloat16", "float32", "float64"]
            #expect(types.isSuperset(of: wanted), "\(composite.name) has \(types.sorted())")
        }
    }
}
