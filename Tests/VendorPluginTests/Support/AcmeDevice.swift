// Heterodyne: the sample's device in this process.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

/// The sample's device in this process.
enum AcmeDevice {
    /// The device, loaded once: the library stays mapped when its folder is gone.
    private static let shared = Result<Device, any Error> {
        let workshop = try Workshop()
        try workshop.buildSample("-O3")
        let findings = PluginHost(folders: [workshop.work.path]).find()
        let backend = try #require(findings.backends.first, "\(findings.refused)")
        let descriptor = try #require(backend.discover().devices.first)
        return Device(descriptor: descriptor, backend: backend)
    }

    static func get() throws -> Device { try shared.get() }
}
