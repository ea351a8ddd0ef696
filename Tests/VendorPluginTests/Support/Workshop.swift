// Heterodyne: a folder, the built commands and a shell for tests that do what a vendor does.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A folder of its own for a test, with the built commands on the path, as a vendor's engineer has it. It goes with the test.
final class Workshop: Sendable {
    /// What a command gave.
    struct Outcome {
        /// The exit status, or the negative number of the signal that ended it.
        var status: Int32
        /// Standard output and standard error together.
        var text: String
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The root of this package.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let include = root.appending(path: "Sources/CHeterodynePlugin/include")
    static let sample = root.appending(path: "Samples/VendorPlugin")
    /// Whether there is a compiler.
    static let hasCompiler = find("cc") != nil
    static let reason: Comment = "needs a C compiler called cc on the path"

    private let folder: URL

    /// The folder in which commands run.
    var work: URL { folder.appending(path: "acme") }

    /// A workshop. Throws where it cannot be made or the package's commands were not built beside the tests.
    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appending(path: "heterodyne-vendor-\(UUID().uuidString)")
        for name in ["acme", "bin", "home"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
        // A build of a few targets has the command under the name of its target.
        for (name, built) in [("heterodyne", ["heterodyne", "heterodyne-cli"]), ("devquery", ["devquery"])] {
            guard let path = Self.built(built) else {
                throw Missing(description: "no executable \(name) beside the tests; run swift build")
            }
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: "bin/\(name)").path, withDestinationPath: path)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The path of a program that is looked for as the shell does, or nil.
    static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func built(_ names: [String]) -> String? {
        var paths = [Bundle.main.executablePath, CommandLine.arguments.first].compactMap(\.self)
        paths.append(URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path)
        if let flag = CommandLine.arguments.firstIndex(of: "--test-bundle-path"),
            flag + 1 < CommandLine.arguments.count
        {
            paths.append(CommandLine.arguments[flag + 1])
        }
        let folders = paths.map { URL(filePath: $0).deletingLastPathComponent() }
        return names.lazy.flatMap { name in folders.map { $0.appending(path: name).path } }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a shell script in the folder with a home of its own and none of the package's variables but `HETERODYNE`, the root
    /// of the package. It is ended after `seconds`.
    func shell(_ script: String, seconds: Double = 300) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "ulimit -c 0; " + script]
        process.currentDirectoryURL = work
        var environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("HETERODYNE") && !["XDG_DATA_HOME", "MAKEFLAGS"].contains($0.key)
        }
        environment["HETERODYNE"] = Self.root.path
        environment["HOME"] = folder.appending(path: "home").path
        environment["PATH"] = folder.appending(path: "bin").path + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        process.environment = environment
        let file = folder.appending(path: "output-\(UUID().uuidString)")
        try Data().write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        let id = process.processIdentifier
        let guardian = DispatchWorkItem { kill(id, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: guardian)
        process.waitUntilExit()
        guardian.cancel()
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let isExit = process.terminationReason == .exit
        return Outcome(status: isExit ? process.terminationStatus : -process.terminationStatus, text: text)
    }

    /// Writes a file into the folder.
    func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: work.appending(path: name)) }

    /// Compiles the sample as a plugin into the folder, with its manifest beside it. A warning is a failure.
    func buildSample(compiler: String = "cc", _ flags: String = "") throws {
        let result = try shell(
            """
            cp "$HETERODYNE/Samples/VendorPlugin/acme.json" . && \(compiler) -shared -fPIC -O2 -std=c11 -Wall -Wextra \
            -Werror \(flags) -I "$HETERODYNE/Sources/CHeterodynePlugin/include" \
            "$HETERODYNE/Samples/VendorPlugin/acme_plugin.c" -lm -o libacme.so
            """)
        try #require(result.status == 0, "\(compiler) \(flags): \(result.text)")
    }
}
