// Heterodyne: the sample's device in this process.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

/// The sample's device in this process.
enum AcmeDevice {
    private static let shared = Result<Device, any Error> { try card() }

    /// The card that the tests share.
    static func get() throws -> Device { try shared.get() }

    /// Another card: the library in a file of its own has memory of its own. It stays mapped when its folder is gone.
    static func card() throws -> Device {
        let workshop = try Workshop()
        try workshop.buildSample("-O3")
        let findings = PluginHost(folders: [workshop.work.path], probeSeconds: 30).find()
        let backend = try #require(findings.backends.first, "\(findings.refused)")
        let descriptor = try #require(backend.discover().devices.first)
        return Device(descriptor: descriptor, backend: backend)
    }
}
