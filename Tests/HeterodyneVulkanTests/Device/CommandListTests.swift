// Heterodyne: tests of recorded commands.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR
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
