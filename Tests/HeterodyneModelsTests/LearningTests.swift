// Heterodyne: tests of imported text, optimizer steps and classical machine learning.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Text and classical machine learning in models")
struct LearningTests {
    static let devices = Device.all.map(\.id)

    @Test("Features, labels, linear models, trees, optimizers", arguments: ModelCase.load("learning"), devices)
    func learning(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("Text, patterns and counts of terms", arguments: ModelCase.load("text"), devices)
    func text(_ one: ModelCase, device: String) throws { try one.check(on: device) }

    @Test("The files of cases are there")
    func files() {
        #expect(ModelCase.load("learning").count > 50)
        #expect(ModelCase.load("text").count > 40)
    }
}
