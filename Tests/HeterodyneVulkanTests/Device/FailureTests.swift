// Heterodyne: what happens when Vulkan calls fail.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite(.serialized, .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct FailureTests {
    /// A kind of call, what it gives, and what the user sees.
    struct Case: Sendable, CustomTestStringConvertible {
        var site: FailureInjector.Site
        var result: Int32
        var kinds: Set<BackendError.Kind>

        init(_ site: FailureInjector.Site, _ result: VkResult, _ kinds: Set<BackendError.Kind>) {
            self.site = site
            self.result = result.rawValue
            self.kinds = kinds
        }
        var testDescription: String { "\(site): \(VkResult(rawValue: result).name)" }

        static let all = [
            Case(.allocation, VK_ERROR_OUT_OF_DEVICE_MEMORY, [.outOfMemory]),
            Case(.buffer, VK_ERROR_OUT_OF_HOST_MEMORY, [.outOfMemory]),
            Case(.map, VK_ERROR_MEMORY_MAP_FAILED, [.outOfMemory]),
            Case(.pipeline, VK_ERROR_UNKNOWN, [.compilationFailed]),
            Case(.pipeline, VK_ERROR_OUT_OF_HOST_MEMORY, [.outOfMemory]),
            Case(.descriptors, VK_ERROR_OUT_OF_DEVICE_MEMORY, [.outOfMemory]),
            Case(.commands, VK_ERROR_OUT_OF_HOST_MEMORY, [.outOfMemory]),
            Case(.submit, VK_ERROR_DEVICE_LOST, [.deviceLost]),
            Case(.submit, VK_ERROR_OUT_OF_DEVICE_MEMORY, [.outOfMemory]),
            Case(.wait, VK_ERROR_DEVICE_LOST, [.deviceLost]),
        ]
    }

    @Test(
        "every call that can fail gives its error, leaks nothing, and the device works afterwards",
        arguments: Case.all, [false, true])
    func everywhere(_ test: Case, staging: Bool) throws {
        let injector = FailureInjector()
        let options = TestDevices.options {
            $0.failures = injector
            $0.forcesStaging = staging
        }
        // How many calls a workload makes, opening included.
        do {
            let registry = DeviceRegistry(options)
            #expect(try TestDevices.works(registry.device("vulkan:0")))
        }
        #expect(injector.liveObjectCount == 0)
        let count = injector.count(test.site)
        try #require(count > 0)
        var failures = 0
        // Every call of the first dozen, then some: the later ones repeat.
        for position in Array(0..<min(count, 12)) + stride(from: 12, to: count, by: 7) {
            let registry = DeviceRegistry(options)
            injector.reset()
            // A block that cannot be had is asked for again in a smaller size.
            let times = test.site == .allocation || test.site == .buffer ? 2 : 1
            injector.fail(test.site, skipping: position, times: times, with: VkResult(rawValue: test.result))
            do {
                let works = try TestDevices.works(registry.device("vulkan:0"))
                // Some calls have a second chance.
                #expect(works, "position \(position)")
            } catch let error as BackendError {
                failures += 1
                #expect(test.kinds.contains(error.kind), "position \(position): \(error)")
                #expect(error.device == "vulkan:0", "position \(position): \(error)")
                if error.kind == .deviceLost {
                    #expect(error.message.contains("open it again"), "position \(position): \(error)")
                }
            }
            injector.reset()
            #expect(try TestDevices.works(registry.device("vulkan:0")), "position \(position)")
        }
        #expect(failures > 0)
        #expect(injector.liveObjectCount == 0)
    }

    @Test(
        "a whole program: every allocation, pipeline and submission that fails gives its error, and the next try works",
        arguments: [
            Case(.allocation, VK_ERROR_OUT_OF_DEVICE_MEMORY, [.outOfMemory]),
            Case(.pipeline, VK_ERROR_UNKNOWN, [.compilationFailed]),
            Case(.descriptors, VK_ERROR_OUT_OF_DEVICE_MEMORY, [.outOfMemory]),
            Case(.commands, VK_ERROR_OUT_OF_HOST_MEMORY, [.outOfMemory]),
            Case(.submit, VK_ERROR_DEVICE_LOST, [.deviceLost]), Case(.wait, VK_ERROR_DEVICE_LOST, [.deviceLost]),
        ])
    func program(_ test: Case) throws {
        let injector = FailureInjector()
        let options = TestDevices.options { $0.failures = injector }
        let type = TensorType(.float32, [40, 30])
        let builder = GraphBuilder()
        let (x, y) = (try builder.input("x", type), try builder.input("y", type))
        let sum = try x * y + x
        try builder.output("sum", sum)
        try builder.output("turned", sum.transpose([1, 0]) * x.transpose([1, 0]))
        let graph = try builder.build()
        let inputs = [try ProgramTests.counting([40, 30]), try ProgramTests.counting([40, 30], from: 5)]
        let expected = try ProgramRunner.expected(graph, inputs)
        do { #expect(try ProgramRunner(options).run(graph, inputs) == expected) }
        #expect(injector.liveObjectCount == 0)
        let count = injector.count(test.site)
        try #require(count > 0)
        var failures = 0
        for position in Array(0..<min(count, 8)) + stride(from: 8, to: count, by: 11) {
            let runner = ProgramRunner(options)
            injector.reset()
            injector.fail(
                test.site, skipping: position, times: test.site == .allocation ? 2 : 1,
                with: VkResult(rawValue: test.result))
            do { #expect(try runner.run(graph, inputs) == expected) } catch let error as BackendError {
                failures += 1
                #expect(test.kinds.contains(error.kind), "position \(position): \(error)")
            }
            injector.reset()
            #expect(try runner.run(graph, inputs) == expected, "position \(position)")
        }
        #expect(failures > 0)
        #expect(injector.liveObjectCount == 0)
    }

    @Test("a lost device is named with program and kernel, refuses work, and is opened anew")
    func lost() throws {
        let injector = FailureInjector()
        let registry = DeviceRegistry(TestDevices.options { $0.failures = injector })
        let device = try registry.device("vulkan:0")
        let request = PipelineRequest(AxpyRecipe(), memory: .descriptors, multiplyAdd: nil)
        let pipeline = try device.pipelines([request])[0]
        let buffer = VulkanBuffer(try device.allocate(byteCount: 256, for: .tensor), device)
        let list = try device.makeCommandList()
        try list.begin()
        let slice = MemorySlice(buffer.memory)
        let other = MemorySlice(try device.allocate(byteCount: 256, for: .tensor))
        try list.dispatch(pipeline, [other, slice], [.f32(1), .u32(64)], groups: Grid(1))
        try list.end()
        try list.run(label: "first")
        injector.fail(.submit, with: VK_ERROR_DEVICE_LOST)
        expect(.deviceLost, "second", "axpy") { () throws(BackendError) in try list.run(label: "second") }
        #expect(device.isLost)
        expect(.deviceLost, "open it again") { () throws(BackendError) in try list.run(label: "third") }
        expect(.deviceLost, "open it again") { () throws(BackendError) in
            _ = try device.allocate(byteCount: 4, for: .tensor)
        }
        expect(.deviceLost, "open it again") { () throws(BackendError) in _ = try device.makeCommandList() }
        expect(.deviceLost, "open it again") { () throws(BackendError) in _ = try device.pipelines([request]) }
        expect(.deviceLost, "open it again") { () throws(BackendError) in
            try buffer.write(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: 64), count: 4), at: 0)
        }
        let again = try registry.device("vulkan:0")
        #expect(again !== device && !again.isLost)
        #expect(try TestDevices.works(again))
        // Other devices of the process were never touched.
        #expect(try TestDevices.works(DeviceRunner.shared.device))
    }

    @Test("a device that does not finish counts as lost")
    func hang() throws {
        let injector = FailureInjector()
        let options = TestDevices.options {
            $0.failures = injector
            $0.patience = 2
        }
        let registry = DeviceRegistry(options)
        let device = try registry.device("vulkan:0")
        let memory = try device.allocate(byteCount: 256, for: .tensor)
        let list = try device.makeCommandList()
        try list.begin()
        list.fill(MemorySlice(memory), word: 1)
        try list.end()
        injector.fail(.wait, times: 2, with: VK_TIMEOUT)
        expect(.deviceLost, "slow") { () throws(BackendError) in try list.run(label: "slow") }
        #expect(device.isLost)
        #expect(try TestDevices.works(registry.device("vulkan:0")))
    }

    private func expect(
        _ kind: BackendError.Kind, _ words: String..., sourceLocation: Testing.SourceLocation = #_sourceLocation,
        _ body: () throws(BackendError) -> Void
    ) {
        do throws(BackendError) {
            try body()
            Issue.record("no error", sourceLocation: sourceLocation)
        } catch {
            #expect(error.kind == kind, sourceLocation: sourceLocation)
            for word in words { #expect(error.message.contains(word), "\(error)", sourceLocation: sourceLocation) }
        }
    }
}
