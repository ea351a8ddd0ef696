// Heterodyne: tests of imported branches, loops, lists and recurrent layers.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Control flow in models")
struct ControlTests {
    static let devices = Device.all.map(\.id)

    @Test("Branches, loops and scans", arguments: ModelCase.load("control"), devices)
    func control(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("Lists", arguments: ModelCase.load("sequences"), devices)
    func lists(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("Recurrent layers", arguments: ModelCase.load("recurrent"), devices)
    func recurrent(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("The files of cases are there")
    func files() {
        #expect(ModelCase.load("control").count > 40)
        #expect(ModelCase.load("sequences").count > 8)
        #expect(ModelCase.load("recurrent").count > 10)
    }
}
