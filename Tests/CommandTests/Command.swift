// Heterodyne: runs the built executables the way a shell does.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// One of the package's executables, as built beside the tests.
struct Command: Sendable {
    let executable: URL

    /// What a run left behind.
    struct Outcome {
        var status: Int32
        var output: String
        var messages: String
    }

    struct NotBuilt: Error, CustomStringConvertible {
        let description: String
    }

    /// The executable called `name`. A missing one is a failure: `swift build --build-tests` builds all.
    init(_ name: String) throws {
        let folders = Self.folders
        for folder in folders {
            let candidate = folder.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: candidate.path) {
                executable = candidate
                return
            }
        }
        throw NotBuilt(
            description: "no executable \(name) in \(folders.map(\.path).joined(separator: " or ")); run swift build")
    }

    /// Where the test bundle lies.
    private static var folders: [URL] {
        var paths = [Bundle.main.executablePath, CommandLine.arguments.first].compactMap(\.self)
        paths.append(URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path)
        if let flag = CommandLine.arguments.firstIndex(of: "--test-bundle-path"),
            flag + 1 < CommandLine.arguments.count
        {
            paths.append(CommandLine.arguments[flag + 1])
        }
        return paths.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
    }

    /// Runs the command to its end with `input` on standard input.
    func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files and not pipes: nothing has to be drained while the command runs.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = ["in", "out", "err"].map { folder.appendingPathComponent($0) }
        try Data(input.utf8).write(to: files[0])
        try Data().write(to: files[1])
        try Data().write(to: files[2])
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationReason == .exit, "\(executable.lastPathComponent) was killed by a signal")
        return Outcome(
            status: process.terminationStatus, output: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            messages: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }
}

/// The root of the repository.
let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
