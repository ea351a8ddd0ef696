// Heterodyne: a folder of plugins as people install them: libraries and manifests.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import HeterodynePluginHost
import Testing

/// A folder of plugins as people install them: libraries and manifests.
final class PluginFolder: Sendable {
    let scratch: Scratch
    var path: String { scratch.folder.path }

    init() throws { scratch = try Scratch() }

    /// Announces a library.
    func announce(_ name: String, _ library: String) throws {
        try scratch.write(
            "\(name).json",
            """
            {"format": 1, "name": "\(name)", "library": "\(library)", "abi": {"major": 1, "minor": 0}}
            """)
    }

    /// Builds and announces a plugin with a fault of `faulty.c`.
    func install(_ name: String, fault: String, _ definitions: [String] = [], _ more: [String] = []) throws {
        try Fixture.build("faulty.c", ["FAULT=\(fault)"] + definitions, to: scratch.path("lib\(name).so"), more)
        try announce(name, "lib\(name).so")
    }

    /// A correct plugin called `healthy`, in a file of its own, so that it is tried out each time.
    func installHealthy() throws {
        try FileManager.default.copyItem(atPath: Self.correct.get(), toPath: scratch.path("libhealthy.so"))
        try announce("healthy", "libhealthy.so")
    }

    private static let correctFolder = Result { try Scratch() }
    /// The library of a correct plugin, built once.
    static let correct = Result {
        let path = try correctFolder.get().path("libcorrect.so")
        try Fixture.build("faulty.c", ["FAULT=none"], to: path)
        return path
    }

    /// What the host finds here. `seconds` is generous unless a plugin is meant to hang: the machine may be busy.
    func find(seconds: Double = 30) -> BackendFindings {
        PluginHost(folders: [path], probeSeconds: seconds).find()
    }
}

extension BackendFindings {
    /// Runs the small program on the plugin `name`, which was found beside others.
    func expectHealthy(_ name: String = "healthy") throws {
        let backend = try #require(backends.first { $0.name == name }, "\(refused)")
        #expect(backend.discover().devices.map(\.id) == [name])
        var stage = ""
        #expect(try SmallRun(on: backend, device: name, stage: &stage).isRight)
    }

    /// Every line that a person sees: of the loader, and of plugins that were loaded.
    var lines: [UnavailableDevice] { refused + backends.flatMap { $0.discover().unavailable } }
}
