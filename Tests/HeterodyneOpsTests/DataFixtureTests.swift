// Heterodyne: numbers of the composites on data against NumPy and ONNX.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Data composites, numbers")
struct DataFixtureTests {
    @Test("selection", arguments: FixtureHarness.cases("data", "selection"))
    func selection(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("running reductions", arguments: FixtureHarness.cases("data", "cumulative"))
    func cumulative(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("indexing", arguments: FixtureHarness.cases("data", "indexing"))
    func indexing(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("contraction", arguments: FixtureHarness.cases("data", "contraction"))
    func contraction(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("resampling", arguments: FixtureHarness.cases("data", "resampling"))
    func resampling(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("recurrent layers", arguments: FixtureHarness.cases("data", "recurrent"))
    func recurrent(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("quantization", arguments: FixtureHarness.cases("data", "quantization"))
    func quantization(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("random bits", arguments: FixtureHarness.cases("data", "random"))
    func random(_ fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }
}
