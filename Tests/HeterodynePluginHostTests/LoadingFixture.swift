// Heterodyne: plugins for tests, compiled as a vendor would, with manifests in a folder of their own.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import HeterodynePluginHost

/// A temporary folder with manifests and libraries. Removed with its last user.
final class LoadingFixture: Sendable {
    /// The folder, without symbolic links.
    let path: String

    init() throws {
        var template = Array(
            (FileManager.default.temporaryDirectory.path + "/heterodyne-plugins-" + String(repeating: "X", count: 6))
                .utf8CString)
        let made = try #require(mkdtemp(&template))
        let resolved = try #require(realpath(made, nil))
        defer { free(resolved) }
        path = String(cString: resolved)
        // mkdtemp gives 0700; plugins are for everybody.
        try #require(chmod(path, 0o755) == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of `name` in the folder.
    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file.
    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    }

    /// Writes a manifest called `name.json`.
    func manifest(_ name: String, library: String, extra: String = "") throws {
        try write(
            """
            {"format": 1, "name": "\(name)", "library": "\(library)", "abi": {"major": 1, "minor": 0}\(extra)}
            """, to: name + ".json")
    }

    /// Runs a program, requires that it succeeds, and returns what it printed.
    @discardableResult
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardError = output
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program) \(arguments.joined(separator: " ")): \(text)")
        return text
    }

    /// Where `heterodyne_plugin.h` is.
    static let headers = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/CHeterodynePlugin/include").path

    /// The source of the plugin with faults.
    static let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/loading_plugin.c").path

    /// Compiles the plugin with a fault into a library; its path.
    @discardableResult
    func plugin(_ library: String, fault: String = "NONE", flags: [String] = []) throws -> String {
        try Self.run(
            "cc",
            [
                "-std=gnu11", "-shared", "-fPIC", "-DFAULT=\(fault)", "-I", Self.headers, Self.source, "-o",
                file(library),
            ]
                + flags)
        return file(library)
    }

    /// Compiles a host in C with the probe's code inside, or in a library beside it; its path.
    func host(asLibrary: Bool) throws -> String {
        let root = URL(fileURLWithPath: Self.headers).deletingLastPathComponent().deletingLastPathComponent()
        let probe = root.appendingPathComponent("CPluginProbe").path
        let program = URL(fileURLWithPath: Self.source).deletingLastPathComponent()
            .appendingPathComponent("loading_host.c").path
        let common = ["-std=gnu11", "-I", Self.headers, "-I", probe + "/include"]
        let sources = ["checks.c", "probe.c", "start.c"].map { probe + "/" + $0 }
        if asLibrary {
            try Self.run("cc", common + ["-shared", "-fPIC"] + sources + ["-o", file("libprobe.so"), "-ldl"])
            try Self.run(
                "cc", common + [program, "-o", file("host"), "-L\(path)", "-lprobe", "-Wl,-rpath,$ORIGIN", "-ldl"])
        } else {
            try Self.run("cc", common + [program] + sources + ["-o", file("host"), "-ldl", "-pthread"])
        }
        return file("host")
    }

    /// Compiles the plugin and announces it.
    func install(_ name: String, fault: String = "NONE", flags: [String] = []) throws {
        try plugin("lib\(name).so", fault: fault, flags: flags)
        try manifest(name, library: "lib\(name).so")
    }
}
