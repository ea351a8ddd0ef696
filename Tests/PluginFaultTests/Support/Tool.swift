// Heterodyne: compilers and other programs that the tests start.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A program that the tests start, and what it gave.
struct Tool {
    struct Result {
        var status: Int32
        var output: String
        var errors: String
        var seconds: Double
    }

    /// The path of a program that is looked for as the shell does, or nil.
    static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a program to its end. `environment` is added to that of this process.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], folder: URL? = nil
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = folder
        // Files and not pipes: a child that outlives the program keeps no test waiting.
        let scratch = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let files = ["out", "err"].map { scratch.appending(path: $0) }
        for file in files { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        process.standardInput = FileHandle.nullDevice
        let clock = ContinuousClock()
        let start = clock.now
        try process.run()
        process.waitUntilExit()
        let elapsed = (clock.now - start).components
        let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
        return Result(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: texts[0], errors: texts[1],
            seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
    }

    /// The C compiler; nil where there is none.
    static let compiler = ["cc", "gcc", "clang"].lazy.compactMap(find).first
}
