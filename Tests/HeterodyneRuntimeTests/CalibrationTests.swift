// Heterodyne: how fast devices are: measured, kept, read again.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneReference
import Synchronization
import Testing

@testable import HeterodyneRuntime

/// A folder that is gone after the test.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)").path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

@Suite("Calibration")
struct CalibrationTests {
    func runtime(_ backends: [any Backend], _ folder: ScratchFolder) -> Runtime {
        Runtime(
            registry: DeviceRegistry(backends), evaluator: ReferenceEvaluator(), profileFolder: folder.path + "/a/b")
    }

    static let exact: DeviceProfile = {
        func figure(_ value: Double) -> DeviceProfile.Figure { .init(value, .measured) }
        return DeviceProfile(
            operations: [
                .contraction: [.float32: figure(1.25e11), .float64: figure(1 / 3)],
                .elementwise: [.bfloat16: .init(12_345.678_9, .assumed)],
            ],
            memory: figure(1.1e10), launch: figure(1e-5), step: figure(2.5e-7),
            upload: .init(latency: figure(1e-6), bytesPerSecond: figure(9.87654321e9)),
            download: .init(latency: figure(3e-6), bytesPerSecond: .init(7e9, .assumed)))
    }()

    @Test("The text of a profile gives it back; a damaged one, another device's and other formats give nothing")
    func text() throws {
        let text = ProfileText.text(Self.exact, identity: "gpu 1  with\nspaces")
        #expect(ProfileText.profile(text, identity: "gpu 1 with spaces") == Self.exact)
        #expect(ProfileText.profile(text, identity: "gpu 2 with spaces") == nil)
        let bytes = Array(text.utf8)
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x01
            let wrong = String(decoding: damaged, as: UTF8.self)
            #expect(ProfileText.profile(wrong, identity: "gpu 1 with spaces") == nil, "byte \(position)")
            let short = String(decoding: bytes[..<position], as: UTF8.self)
            #expect(ProfileText.profile(short, identity: "gpu 1 with spaces") == nil, "\(position) bytes")
        }
        // What carries a right checksum is still read with care.
        func sealed(_ lines: String) -> String {
            lines + "checksum \(ProfileText.hexadecimal(ProfileText.hash(lines)))\n"
        }
        let body = text.components(separatedBy: "checksum ")[0]
        #expect(ProfileText.profile(sealed(body), identity: "gpu 1 with spaces") == Self.exact)
        for (old, new) in [
            ("profile 1", "profile 2"), ("measured", "guessed"), ("125000000000.0", "-1.0"), ("125000000000.0", "nan"),
            ("float64", "float65"), ("memory ", "memories "), ("launch ", "memory "), ("upload latency", "upload"),
        ] {
            let changed = body.replacingOccurrences(of: old, with: new)
            #expect(changed != body, "\(old)")
            #expect(ProfileText.profile(sealed(changed), identity: "gpu 1 with spaces") == nil, "\(old) to \(new)")
        }
    }

    @Test("A device is measured once; other runtimes read the file, and measure again where it is damaged")
    func files() throws {
        let folder = try ScratchFolder()
        let backend = FakeBackend("a", .init(isRemote: true, missing: [.float64]))
        let first = runtime([backend], folder)
        // Nothing is measured unless asked for.
        #expect(try !first.profile(of: backend.device).isMeasured)
        #expect(backend.compilations.withLock { $0 } == 0)
        let measured = try first.profile(of: backend.device, measuring: true)
        #expect(measured.isMeasured)
        #expect(measured.upload.latency.source == .measured && measured.download.bytesPerSecond.source == .measured)
        #expect(measured.operations[.contraction]?[.float32]?.source == .measured)
        #expect(measured.operations[.contraction]?[.float64] == nil)
        #expect(measured.rates.allSatisfy { $0.perSecond > 0 && $0.perSecond.isFinite })
        #expect(measured.rates.contains { $0.what == "float32 contraction" && $0.source == "measured" })
        let count = backend.compilations.withLock { $0 }
        #expect(count > 0)
        #expect(try first.profile(of: backend.device, measuring: true) == measured)
        let second = runtime([backend], folder)
        #expect(try second.profile(of: backend.device, measuring: true) == measured)
        #expect(backend.compilations.withLock { $0 } == count)
        let file =
            folder.path + "/a/b/"
            + (try #require(FileManager.default.contentsOfDirectory(atPath: folder.path + "/a/b").first))
        #expect(file.hasSuffix(".profile"))
        try Data("heterodyne profile 1\n".utf8).write(to: URL(filePath: file))
        let third = runtime([backend], folder)
        #expect(try third.profile(of: backend.device, measuring: true).isMeasured)
        #expect(backend.compilations.withLock { $0 } > count)
        let fourth = runtime([backend], folder)
        #expect(try fourth.profile(of: backend.device) == third.profile(of: backend.device))
        // What is set is not written.
        fourth.setProfile(Self.exact, of: backend.device)
        #expect(try fourth.profile(of: backend.device) == Self.exact)
        fourth.setProfile(nil, of: backend.device)
        #expect(try fourth.profile(of: backend.device) == third.profile(of: backend.device))
    }

    @Test("A folder that cannot be written is no error, a device that cannot be measured is one")
    func failures() throws {
        let backend = FakeBackend("a")
        let blocked = Runtime(
            registry: DeviceRegistry([backend]), evaluator: ReferenceEvaluator(), profileFolder: "/dev/null/profiles")
        #expect(try blocked.calibrate(backend.device).isMeasured)
        #expect(try blocked.profile(of: backend.device).isMeasured)
        let folder = try ScratchFolder()
        let useless = FakeBackend("none", .init(missing: [.float32]))
        #expect(throws: HeterodyneError.self) { try runtime([useless], folder).calibrate(useless.device) }
        #expect(folder.files.isEmpty)
    }
}
