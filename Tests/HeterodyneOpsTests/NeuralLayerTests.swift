// Heterodyne: numbers of the normalisations, convolutions, pooling and attention.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

@Suite("Neural layers")
struct NeuralLayerTests {
    @Test("normalisations agree with PyTorch", arguments: FixtureHarness.cases("neural", "normalization"))
    func normalization(fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("convolutions agree with PyTorch", arguments: FixtureHarness.cases("neural", "convolution"))
    func convolution(fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("pooling agrees with loops over windows", arguments: FixtureHarness.cases("neural", "pooling"))
    func pooling(fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }

    @Test("attention agrees with PyTorch", arguments: FixtureHarness.cases("neural", "attention"))
    func attention(fixture: FixtureCase) throws { try FixtureHarness.check(fixture) }
}
