// Heterodyne: the code for tensor elements against the reference backend, run on the device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite(
    "Scalar code on the device", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers")
)
struct ScalarDeviceTests {
    private func isSupported(_ type: ScalarType, _ target: KernelTarget) -> Bool {
        target.stores(type) && ScalarCode.supports(type, target)
    }

    /// A few operations in each kernel, fused and uncontracted.
    private func check(_ item: ScalarCase) throws {
        let runner = try DeviceRunner.shared
        let operations = item.operations.filter { isSupported($0.result, runner.target) }
        guard item.types.allSatisfy({ isSupported($0, runner.target) }) else { return }
        let count = item.inputs[0].1.count
        for (width, trusts, mode) in [(4, true, SPIRVOptions.MultiplyAdd.fused), (1, false, .uncontracted)] {
            let vectors = (count + width - 1) / width
            let inputs = item.inputs.map { type, elements in
                packed(elements + [UInt64](repeating: elements[0], count: vectors * width - count), type)
            }
            let step = max(1, min(8, runner.target.maximumBuffers - inputs.count))
            for start in stride(from: 0, to: operations.count, by: step) {
                let some = Array(operations[start..<min(start + step, operations.count)])
                let recipe = ScalarRecipe(
                    inputs: item.types, operations: some, width: width, count: vectors, trusts: trusts)
                let outputs = some.map { operation in
                    [UInt8](repeating: 0, count: vectors * width * max(1, operation.result.bitWidth / 8))
                }
                let buffers = try runner.run(
                    recipe, buffers: inputs + outputs, grid: .linear(workgroups: (vectors + 63) / 64),
                    multiplyAdd: mode)
                for (operation, bytes) in zip(some, buffers.dropFirst(inputs.count)) {
                    let results = unpacked(bytes, count, operation.result)
                    try item.expect(results, of: operation, "on the device, width \(width), \(mode)")
                }
            }
        }
    }

    @Test("Primitives", arguments: ScalarCodeTests.arithmetic + [.bool])
    func primitives(type: ScalarType) throws {
        for item in ScalarCase.primitives(type) { try check(item) }
    }

    @Test("Conversion by value", arguments: ScalarType.allCases)
    func convert(from: ScalarType) throws { try check(.conversions(from)) }

    @Test("Conversion by bits", arguments: ScalarType.allCases)
    func bitcast(from: ScalarType) throws { try check(.bitcasts(from)) }

    @Test("Composites", arguments: ScalarCodeTests.arithmetic)
    func composites(type: ScalarType) throws { try check(.composites(type)) }
}
