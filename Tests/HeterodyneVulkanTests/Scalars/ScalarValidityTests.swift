// Heterodyne: scalar code is valid SPIR-V, and asks of a device what the element types need and no more.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite("Scalar code as SPIR-V")
struct ScalarValidityTests {
    private static let validator: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/spirv-val" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// What spirv-val says about a module; empty where it is valid or the tool is missing.
    private func complaints(_ module: SPIRVModule, _ environment: String) throws -> String {
        guard let path = Self.validator else { return "" }
        let file = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString).spv")
        try Data(module.bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["--target-env", environment, file.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? "" : String(decoding: data, as: UTF8.self)
    }

    /// Everything that is computed with a type.
    private func cases(_ type: ScalarType) -> [ScalarCase] {
        let arithmetic = type.isArithmetic || type == .bool
        return [.conversions(type), .bitcasts(type)]
            + (arithmetic ? ScalarCase.primitives(type) + [.composites(type)] : [])
    }

    @Test(
        "Every operation is valid", .enabled(if: validator != nil, "spirv-val is not installed (package spirv-tools)"),
        arguments: ScalarType.allCases)
    func valid(type: ScalarType) throws {
        for item in cases(type) where !item.operations.isEmpty {
            for (width, trusts) in [(4, true), (1, false)] {
                let recipe = ScalarRecipe(
                    inputs: item.types, operations: item.operations, width: width, count: 64, trusts: trusts)
                let kernel = try recipe.build(for: .gpu)
                let old = try kernel.spirv(SPIRVOptions(version: .v13))
                #expect(try complaints(old, "vulkan1.1").isEmpty, "\(item.operations)")
                let new = try kernel.spirv(SPIRVOptions(version: .v15, multiplyAdd: .uncontracted))
                #expect(try complaints(new, "vulkan1.2").isEmpty, "\(item.operations)")
            }
        }
    }

    @Test("Types of 32 bits need nothing but the Shader capability", arguments: [ScalarType.int32, .uint32, .float32])
    func least(type: ScalarType) throws {
        let types: Set<ScalarType> = [.int32, .uint32, .float32]
        for item in cases(type) where item.types.allSatisfy(types.contains) {
            let operations = item.operations.filter { types.contains($0.result) }
            for width in [1, 4] {
                let recipe = ScalarRecipe(inputs: item.types, operations: operations, width: width, count: 64)
                let kernel = try recipe.build(for: .least)
                #expect(try kernel.spirv(KernelTarget.least.spirv).capabilities == ["Shader"])
            }
        }
    }

    @Test("Narrow types need only their storage", arguments: ScalarType.allCases.filter { $0.bitWidth < 32 })
    func storage(type: ScalarType) throws {
        var target = KernelTarget.least
        target.features = [.storage8, .storage16]
        target.spirv.capabilities = ["Shader", "StorageBuffer8BitAccess", "StorageBuffer16BitAccess"]
        for item in cases(type) where !item.operations.isEmpty {
            let operations = item.operations.filter { $0.result.bitWidth <= 32 }
            let recipe = ScalarRecipe(inputs: item.types, operations: operations, width: 2, count: 64)
            #expect(throws: Never.self) { try recipe.build(for: target).spirv(target.spirv) }
        }
    }
}
