// Heterodyne: tiles found by running them are among the candidates, right, and remembered.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

@Suite("Tuning of dot", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct DotTunerTests {
    /// A device with a cache of its own.
    static func withDevice(_ body: (VulkanBackend, VulkanDevice, URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "heterodyne-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = VulkanOptions.fromEnvironment()
        options.cacheDirectory = folder.path
        options.autotunes = true
        let backend = VulkanBackend(options)
        try body(backend, try backend.registry.device(ProgramRunner.device), folder)
    }

    static func files(_ folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: "vulkan"), includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "dot" }
    }

    static func problem(_ rows: Int, _ columns: Int, _ depth: Int) throws -> (DotProblem, Int, Int) {
        let left = StridedView(dense: 0, extents: [rows, depth], type: .float32)
        let right = StridedView(dense: 1, extents: [depth, columns], type: .float32)
        let shape = DotShape(left, right, DotDimensions(leftContracting: [1], rightContracting: [0]))
        return (try DotProblem(shape, left, right, DotKernelTests.float), left.byteCount, right.byteCount)
    }

    @Test("Winners are candidates, and remembered across processes")
    func remembers() throws {
        try Self.withDevice { _, device, folder in
            let (problem, left, right) = try Self.problem(64, 96, 256)
            let first = DotTuner(device)
            let winner = try #require(first.tuning(for: problem, leftByteCount: left, rightByteCount: right))
            #expect(DotTuning.candidates(problem, device.target).contains(winner))
            #expect(first.measured == 1)
            #expect(first.tuning(for: problem, leftByteCount: left, rightByteCount: right) == winner)
            #expect(first.measured == 1)
            let second = DotTuner(device)
            #expect(second.tuning(for: problem, leftByteCount: left, rightByteCount: right) == winner)
            #expect(second.measured == 0)
            // A damaged file counts as absent.
            let file = try #require(try Self.files(folder).first)
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count - 3] ^= 1
            try bytes.write(to: file)
            let third = DotTuner(device)
            #expect(third.tuning(for: problem, leftByteCount: left, rightByteCount: right) != nil)
            #expect(third.measured == 1)
        }
    }

    @Test("Small products are not measured")
    func small() throws {
        try Self.withDevice { _, device, _ in
            let (problem, left, right) = try Self.problem(3, 4, 5)
            let tuner = DotTuner(device)
            if DotTuning.candidates(problem, device.target).count <= 2 {
                #expect(tuner.tuning(for: problem, leftByteCount: left, rightByteCount: right) == nil)
                #expect(tuner.measured == 0)
            }
        }
    }

    @Test("A program with tuned products gives the same results")
    func program() throws {
        try Self.withDevice { backend, _, folder in
            let inputs = [try ProgramTests.counting([65, 200]), try ProgramTests.counting([200, 84], from: 3)]
            let graph = try DotProgramTests.graph(inputs.map(\.type)) { _, t in
                [try t[0].dot(t[1], DotDimensions(leftContracting: [1], rightContracting: [0]))]
            }
            let runner = ProgramRunner(backend)
            #expect(try runner.run(graph, inputs) == ProgramRunner.expected(graph, inputs))
            #expect(try Self.files(folder).count == 1)
        }
    }
}
