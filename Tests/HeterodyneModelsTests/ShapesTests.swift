// Heterodyne: tests of imported operators on shapes, indices, reductions and results of unknown size.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

/// What scripts/fixtures/onnx_shapes.py writes: old versions, attributes and types that the standard's own cases leave
/// out, constants in place of inputs, and wrong models.
@Suite("Shapes, indices and reductions in models")
struct ShapesTests {
    static let devices = Device.all.map(\.id)

    @Test("Views, parts and generators", arguments: ModelCase.load("shapes"))
    func shapes(_ one: ModelCase) throws { for device in Self.devices { try one.check(on: device) } }

    @Test("Slices, gathers and scatters", arguments: ModelCase.load("indexing"))
    func indexing(_ one: ModelCase) throws { for device in Self.devices { try one.check(on: device) } }

    @Test("Reductions, running sums and orders", arguments: ModelCase.load("reductions"))
    func reductions(_ one: ModelCase) throws { for device in Self.devices { try one.check(on: device) } }

    @Test("Results of unknown size", arguments: ModelCase.load("dynamic"))
    func dynamic(_ one: ModelCase) throws { for device in Self.devices { try one.check(on: device) } }

    @Test("The files of cases are there")
    func files() {
        #expect(ModelCase.load("shapes").count > 150)
        #expect(ModelCase.load("indexing").count > 70)
        #expect(ModelCase.load("reductions").count > 120)
        #expect(ModelCase.load("dynamic").count > 60)
    }
}
