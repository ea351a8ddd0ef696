// Heterodyne: tests of recorded commands.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HeterodyneBackend
import HeterodyneKernelIR
import Synchronization
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct CommandListTests {
    @Test(
        "a kernel gives its formula's numbers",
        arguments: [1, 63, 64, 65, 1000, 70_000], SPIRVOptions.Memory.allCases)
    func axpy(count: Int, memory: SPIRVOptions.Memory) throws {
        let runner = try DeviceRunner.shared
        if memory == .addresses, !runner.target.features.contains(.bufferAddresses) { return }
        let x = (0..<count).map { Float($0) * 0.25 - 7 }
        let y = (0..<count).map { 3 - Float($0) }
        let result = try runner.run(
            AxpyRecipe(), values: [x, y], constants: [.f32(1.5), .u32(UInt32(count))],
            grid: AxpyRecipe.grid(count, runner.target), memory: memory)
        #expect(result[0] == x)
        #expect(result[1] == zip(x, y).map { $0 * 1.5 + $1 })
    }
}

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ConcurrencyTests {
    @Test("many threads work on two devices at once, each with lists of its own")
    func threads() throws {
        let devices = [try TestDevices.open(TestDevices.options()), try DeviceRunner.shared.device]
        let wrong = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for round in 0..<6 {
                do {
                    let recipe = AxpyRecipe(salt: (thread + round) % 5)
                    let isRight = try TestDevices.works(
                        devices[(thread + round) % 2], count: 500 + 100 * thread, recipe: recipe)
                    if !isRight { wrong.withLock { $0.append("thread \(thread), round \(round)") } }
                } catch { wrong.withLock { $0.append("\(error)") } }
            }
        }
        #expect(wrong.withLock { $0 } == [])
    }

    @Test("a list that is run from many threads in turn gives the same bits every time")
    func replay() throws {
        let device = try DeviceRunner.shared.device
        let pipeline = try device.pipelines([
            PipelineRequest(AxpyRecipe(), memory: .descriptors, multiplyAdd: nil)
        ])[0]
        let (x, y) = try (
            device.allocate(byteCount: 4000, for: .tensor), device.allocate(byteCount: 4000, for: .tensor)
        )
        let list = try device.makeCommandList()
        try list.begin()
        list.fill(MemorySlice(x), word: Float(0.1).bitPattern)
        list.fill(MemorySlice(y), word: 0)
        for _ in 0..<10 {
            list.barrier()
            try list.dispatch(
                pipeline, [MemorySlice(x), MemorySlice(y)], [.f32(0.3), .u32(1000)],
                groups: AxpyRecipe.grid(1000, device.target))
        }
        try list.end()
        var expected: Float = 0
        for _ in 0..<10 { expected = 0.3 * 0.1 + expected }
        for _ in 0..<20 {
            try list.run(label: "replay")
            var result = [Float](repeating: 0, count: 1000)
            try result.withUnsafeMutableBytes { try device.download(y, at: 0, into: $0) }
            #expect(result == [Float](repeating: expected, count: 1000))
        }
    }
}
