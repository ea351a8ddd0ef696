// Heterodyne: kernels of products give the right sums on the device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite(
    "Products on the device", .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct DotDeviceTests {
    static func run(
        _ product: TestProduct, _ schedule: DotSchedule, memory: SPIRVOptions.Memory = .descriptors
    ) throws {
        let runner = DotRunner.device(try DeviceRunner.shared, memory: memory)
        let type = product.types.result
        let result = try runner.run(schedule, left: product.left, right: product.right, resultTypes: [type])
        product.expectEqual(DotRunner.numbers(result[0], type), "\(schedule.tuning), \(schedule.problem.dot)")
    }

    /// Products of one class share their kernel, so many sizes cost few pipelines.
    @Test("Edges", arguments: DotKernelTests.edges)
    func edges(rows: Int) throws {
        let target = try DeviceRunner.shared.target
        for (index, columns) in DotKernelTests.edges.enumerated() {
            let depth = DotKernelTests.edges[(index + rows) % DotKernelTests.edges.count]
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, rows, depth, .float32, seed: 3),
                right: TestLayout.edgeInner.tensor(1, columns, depth, .float32, seed: 4), types: DotKernelTests.float)
            try Self.run(product, DotSchedule(try product.problem(), target))
        }
    }

    @Test("Every layout", arguments: TestLayout.allCases)
    func layouts(left: TestLayout) throws {
        let target = try DeviceRunner.shared.target
        for right in TestLayout.allCases {
            let product = TestProduct(
                left: left.tensor(2, 20, 24, .float32, seed: 1), right: right.tensor(2, 36, 24, .float32, seed: 2),
                types: DotKernelTests.float)
            try Self.run(product, DotSchedule(try product.problem(), target))
        }
    }

    @Test("Every tile", arguments: DotKernelTests.tilings)
    func tilings(tuning: DotTuning) throws {
        let target = try DeviceRunner.shared.target
        guard tuning.fits(target, .f32) else { return }
        let product = TestProduct(
            left: TestLayout.depthInner.tensor(2, 37, 30, .float32, seed: 1),
            right: TestLayout.edgePadded.tensor(2, 52, 30, .float32, seed: 2), types: DotKernelTests.float)
        let problem = try product.problem()
        try Self.run(product, DotSchedule(oriented: problem, tuning, target))
        try Self.run(product, DotSchedule(oriented: problem.swapped, tuning, target))
    }

    @Test("Every type", arguments: DotKernelTests.types)
    func everyType(types: DotTypes) throws {
        let target = try DeviceRunner.shared.target
        guard
            [types.left, types.right, types.accumulation, types.result].allSatisfy({
                target.stores($0) && ScalarCode.supports($0, target)
            })
        else { return }
        let product = TestProduct(
            left: TestLayout.depthInner.tensor(1, 19, 33, types.left, seed: 5),
            right: TestLayout.edgeInner.tensor(1, 12, 33, types.right, seed: 6), types: types)
        try Self.run(product, DotSchedule(try product.problem(), target))
    }

    @Test("A deep product is split, and its parts are added")
    func splits() throws {
        let target = try DeviceRunner.shared.target
        for size in [DotSize(1, 1, 40_001), DotSize(3, 4, 20_000), DotSize(2, 70, 16_384)] {
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, size.rows, size.depth, .float32, seed: 9),
                right: TestLayout.depthInner.tensor(1, size.columns, size.depth, .float32, seed: 10),
                types: DotKernelTests.float)
            try Self.run(product, DotSchedule(try product.problem(), target))
        }
    }

    @Test("Products of the size of a model's layers")
    func large() throws {
        let target = try DeviceRunner.shared.target
        for size in [DotSize(128, 384, 384), DotSize(128, 128, 32, batch: 12), DotSize(130, 260, 98)] {
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(size.batch, size.rows, size.depth, .float32, seed: 15),
                right: TestLayout.edgeInner.tensor(size.batch, size.columns, size.depth, .float32, seed: 16),
                types: DotKernelTests.float)
            try Self.run(product, DotSchedule(try product.problem(), target))
        }
    }

    @Test("Through addresses")
    func addresses() throws {
        let target = try DeviceRunner.shared.target
        guard target.features.contains(.bufferAddresses) else { return }
        let product = TestProduct(
            left: TestLayout.edgeInner.tensor(2, 20, 24, .float32, seed: 1),
            right: TestLayout.depthInner.tensor(2, 36, 24, .float32, seed: 2), types: DotKernelTests.float)
        try Self.run(product, DotSchedule(try product.problem(), target), memory: .addresses)
    }
}
