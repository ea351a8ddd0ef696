// Heterodyne: runs spirv-val on modules.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneKernelIR
import Testing

/// The validator of spirv-tools, if it is installed.
enum Validator {
    static let path: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/spirv-val" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    static let reason: Comment = "spirv-val is not installed (package spirv-tools)"

    static func environment(_ version: SPIRVOptions.Version) -> String {
        switch version {
        case .v13: "vulkan1.1"
        case .v14: "vulkan1.1spv1.4"
        case .v15: "vulkan1.2"
        case .v16: "vulkan1.3"
        }
    }

    /// What spirv-val says about a module; empty where it is valid.
    static func complaints(_ module: SPIRVModule, _ version: SPIRVOptions.Version) throws -> String {
        guard let path else { return "" }
        let file = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString).spv")
        try Data(module.bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["--target-env", environment(version), file.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        return process.terminationStatus == 0 ? "" : "status \(process.terminationStatus): \(text)"
    }

    /// Expects a kernel to be valid with the options.
    static func expectValid(_ kernel: Kernel, _ options: SPIRVOptions) throws {
        let module = try kernel.spirv(options)
        let complaints = try complaints(module, options.version)
        #expect(complaints.isEmpty, "\(kernel.name), \(options): \(complaints)\n\(module.text)")
    }
}
