// Heterodyne: runs spirv-val on the modules of kernels.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneKernelIR
import Testing

/// The validator of spirv-tools, if it is installed.
enum SPIRVValidator {
    static let path: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/spirv-val" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    static let reason: Comment = "spirv-val is not installed (package spirv-tools)"

    /// Expects a kernel to be valid for Vulkan 1.2 or later.
    static func expectValid(_ kernel: Kernel, _ options: SPIRVOptions) throws {
        guard let path else { return }
        let module = try kernel.spirv(options)
        let file = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString).spv")
        try Data(module.bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["--target-env", options.version == .v16 ? "vulkan1.3" : "vulkan1.2", file.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(kernel.name): \(text)")
    }
}
