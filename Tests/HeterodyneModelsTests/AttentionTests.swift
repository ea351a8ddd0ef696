// Heterodyne: tests of imported attention and what surrounds it.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Attention in models")
struct AttentionTests {
    @Test(
        "Every form of attention, caches, rotations and states", arguments: ModelCase.load("attention"),
        Device.all.map(\.id))
    func attention(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("The file of cases is there")
    func files() { #expect(ModelCase.load("attention").count > 40) }
}
