// Heterodyne: conformance in every way in which kernels can be made and memory be reached, under the validation layer.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneConformance
import HeterodyneReference
import HeterodyneRuntime
import Testing

@testable import HeterodyneVulkan

/// Ways to make kernels and to reach memory that other devices than the one at hand would choose.
enum ConformanceMode: String, CaseIterable, Sendable {
    /// As the device itself chooses, with the validation layer watching, hazards between commands included.
    case validated
    /// Tiles in workgroup memory, as on a GPU.
    case workgroupTiles
    /// Buffer addresses in place of descriptors.
    case addresses
    /// 32-bit types only, no subgroup operations.
    case narrow

    var options: VulkanOptions {
        var options = VulkanOptions()
        switch self {
        case .validated: options.validation = .synchronization
        case .workgroupTiles: options.tileMemory = .workgroup
        case .addresses: options.forcesAddresses = true
        case .narrow:
            options.maskedFeatures = [
                .float64, .float16, .int64, .int16, .int8, .int64Atomics, .float32AtomicAdd, .float64AtomicAdd,
                .subgroupArithmetic, .subgroupShuffle, .fullSubgroups, .bufferAddresses,
            ]
        }
        return options
    }

    /// The cases that tell something about the mode.
    var cases: [ConformanceCase] {
        let quick = ConformanceSuite.standard.quick.cases
        switch self {
        case .validated: return quick.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
        case .workgroupTiles:
            let families = [
                "dot", "reduce", "softmax", "logSoftmax", "Norm", "attention", "conv", "sort", "topK", "cumulative",
                "pool", "einsum", "linear",
            ]
            return quick.filter { test in families.contains { test.operation.lowercased().contains($0.lowercased()) } }
        case .addresses: return quick.enumerated().filter { $0.offset % 6 == 1 }.map(\.element)
        case .narrow: return quick.enumerated().filter { $0.offset % 4 == 2 }.map(\.element)
        }
    }
}

@Suite(.serialized, .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct ConformanceModeTests {
    @Test(arguments: ConformanceMode.allCases) func passes(mode: ConformanceMode) throws {
        guard mode != .validated || hasValidation else {
            try Test.cancel("no validation layer: install vulkan-validationlayers")
        }
        let options = mode.options
        let instance = try VulkanInstance.shared(options)
        _ = instance.messages.take()
        let backend = VulkanBackend(options)
        let descriptor = try #require(backend.discover().devices.first)
        let report = try ConformanceSuite(mode.cases).run(
            on: Device(descriptor: descriptor, backend: backend), oracle: ReferenceEvaluator())
        for result in report.results where result.status == .failed {
            Issue.record("\(result.id): \(result.reason ?? "")")
        }
        #expect(report.count(.passed) > 50)
        // Only what was masked may be missing.
        if mode != .narrow { #expect(report.count(.skipped) == 0) }
        for result in report.results where result.status == .skipped {
            #expect(result.reason?.isEmpty == false, "\(result.id) is skipped without a reason")
        }
        let messages = instance.messages.take()
        #expect(messages.isEmpty, "\(messages.prefix(5))")
    }
}
