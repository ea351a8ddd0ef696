// Heterodyne: tests that devices and capabilities arrive as the backend states them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneOpenBLAS
import HeterodynePluginHost
import HeterodyneReference
import Synchronization
import Testing

@Suite("Devices of a plugin")
struct DescriptionTests {
    @Test("Every field of a device arrives, under the plugin's name")
    func devices() {
        let backend = RecordingBackend()
        let listing = crossing(backend, name: "acme").discover()
        var (full, bare) = (RecordingBackend.full, RecordingBackend.bare)
        (full.id, full.backend) = ("acme:a.0", "acme")
        (bare.id, bare.backend) = ("acme:b", "acme")
        #expect(listing.devices.count == 2)
        for (found, expected) in zip(listing.devices, [full, bare]) {
            #expect(found.id == expected.id && found.backend == expected.backend)
            #expect(found.kind == expected.kind && found.isSoftware == expected.isSoftware)
            #expect(found.isSimulated == expected.isSimulated && found.threads == expected.threads)
            #expect(found.memoryByteCount == expected.memoryByteCount)
            #expect(found.freeMemoryByteCount == expected.freeMemoryByteCount)
            #expect(expected.versions.allSatisfy { found.versions[$0.key] == $0.value })
            #expect(expected.details.allSatisfy { found.details[$0.key] == $0.value })
        }
        #expect(listing.devices[0].name == "Model „T“" && listing.devices[0].vendor == "Tests")
        #expect(
            listing.unavailable == [
                UnavailableDevice(id: "acme:c", backend: "acme", reason: "it is unplugged", remedy: "plug it in")
            ])
        #expect(backend.record.withLock(\.discoveries) == 1)
    }

    @Test("The only device of a backend has the plugin's name")
    func onlyDevice() {
        #expect(crossing(OpenBLASBackend(), name: "blas").discover().devices.map(\.id) == ["blas"])
        #expect(crossing(ReferenceBackend(), name: "oracle").discover().devices.map(\.id) == ["oracle"])
    }

    @Test("Capabilities arrive equal")
    func capabilities() throws {
        let plugin = crossing(RecordingBackend(), name: "acme")
        let (found, sent) = (try plugin.capabilities(of: "acme:a.0"), RecordingBackend.capabilities)
        #expect(found.scalarTypes == sent.scalarTypes && found.exceptions == sent.exceptions)
        #expect(found.emulations == sent.emulations && found.claims == sent.claims && found.fusion == sent.fusion)
        #expect(found.roles == sent.roles && found.rates == sent.rates && found.numerics == sent.numerics)
        #expect(found == sent)
        #expect(try plugin.capabilities(of: "acme:b") == RecordingBackend.plain)
        #expect(throws: BackendError.self) { try plugin.capabilities(of: "acme:c") }
        #expect(
            try crossing(OpenBLASBackend(), name: "blas").capabilities(of: "blas")
                == OpenBLASBackend().capabilities(of: "openblas"))
        #expect(
            try crossing(ReferenceBackend(), name: "oracle").capabilities(of: "oracle")
                == ReferenceBackend().capabilities(of: "reference"))
    }

    @Test("A backend whose capabilities fail is a device that cannot be used")
    func failing() throws {
        let backend = RecordingBackend()
        backend.record.withLock { $0.failure = BackendError(.libraryUnavailable, "libchip.so is missing") }
        let listing = crossing(backend, name: "acme").discover()
        #expect(listing.devices.isEmpty)
        #expect(listing.unavailable.contains { $0.reason.contains("libchip.so is missing") })
    }
}
