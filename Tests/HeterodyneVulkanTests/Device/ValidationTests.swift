// Heterodyne: the validation layer watches the device layer.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

/// Whether the Khronos validation layer is installed.
let hasValidation: Bool = {
    let options = TestDevices.options { $0.validation = .synchronization }
    return (try? VulkanInstance.shared(options)) != nil && DeviceRunner.isAvailable
}()

@Suite(
    .serialized,
    .enabled(if: hasValidation, "no Vulkan device or no validation layer: install vulkan-validationlayers"))
struct ValidationTests {
    private static func options(_ change: (inout VulkanOptions) -> Void = { _ in }) -> VulkanOptions {
        TestDevices.options {
            $0.validation = .synchronization
            change(&$0)
        }
    }

    @Test("opening, the self-test, copies, kernels and closing are valid", arguments: [false, true])
    func silence(staging: Bool) throws {
        let instance = try VulkanInstance.shared(Self.options())
        _ = instance.messages.take()
        do {
            let device = try TestDevices.open(Self.options { $0.forcesStaging = staging })
            #expect(try TestDevices.works(device))
            // Several chunks through staging memory.
            let count = Transfers.chunkByteCount * 2 + 4097
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let memory = try device.allocate(byteCount: count, for: .tensor)
            try bytes.withUnsafeBytes { try device.upload($0, to: memory, at: 0) }
            var back = [UInt8](repeating: 0, count: count)
            try back.withUnsafeMutableBytes { try device.download(memory, at: 0, into: $0) }
            #expect(back == bytes)
            // Dependent kernels with barriers between them, copies, fills, a split grid, timestamps.
            let list = try device.makeCommandList()
            let pipelines = try device.pipelines([
                PipelineRequest(AxpyRecipe(), memory: .descriptors, multiplyAdd: nil),
                PipelineRequest(AxpyRecipe(salt: 3), memory: .addresses, multiplyAdd: nil),
            ])
            let (x, y) = try (
                device.allocate(byteCount: 4096, for: .arena), device.allocate(byteCount: 4096, for: .arena)
            )
            for _ in 0..<2 {
                try list.begin(timestampCount: 2)
                list.writeTimestamp(0)
                list.fill(MemorySlice(x), word: 0x3f80_0000)
                list.barrier()
                list.copy(MemorySlice(x), MemorySlice(y))
                list.barrier()
                for pipeline in pipelines {
                    let constants: [PushValue] = [.f32(1), .u32(1024)]
                    try list.dispatch(
                        pipeline, [MemorySlice(x), MemorySlice(y)], constants, groups: Grid(7))
                    try list.dispatch(
                        pipeline, [MemorySlice(x), MemorySlice(y)], constants, firstGroup: Grid(7, 0, 0),
                        groups: Grid(9))
                    list.barrier()
                }
                list.writeTimestamp(1)
                try list.end()
                try list.run(label: "validated")
                try list.run(label: "validated")
                let times = try list.timestamps()
                #expect(times.isEmpty || times.count == 2 && times[1] > times[0])
            }
        }
        #expect(instance.messages.take() == [])
    }

    @Test("a hazard is noticed, so silence means something")
    func hazard() throws {
        let instance = try VulkanInstance.shared(Self.options())
        let device = try TestDevices.open(Self.options())
        let memory = try device.allocate(byteCount: 4096, for: .tensor)
        _ = instance.messages.take()
        let list = try device.makeCommandList()
        try list.begin()
        list.fill(MemorySlice(memory), word: 1)
        list.fill(MemorySlice(memory), word: 2)
        try list.end()
        #expect(instance.messages.take().contains { $0.contains("HAZARD") })
    }
}
