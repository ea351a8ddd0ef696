// Heterodyne: random programs on the device against the definition, through the whole pipeline and in every mode.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneConformance
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@testable import HeterodyneVulkan

/// Runs seeds as conformance does: twice, in guarded or prefilled buffers at other addresses, inputs that are not
/// donated unchanged, and every element within what the device's declared numerics allow, which is nothing where
/// nothing rounds.
@Suite(.serialized, .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct RandomProgramTests {
    /// A way to make kernels and to reach memory, and the seeds that are run in it.
    struct Mode: Sendable, CustomTestStringConvertible {
        let name: String
        let seeds: Range<UInt64>
        let set: @Sendable (inout VulkanOptions) -> Void
        var types: [ScalarType]?

        var testDescription: String { name }
    }

    static let modes = [
        Mode(name: "as the device is", seeds: 0..<100) { _ in },
        Mode(name: "tiles in workgroup memory", seeds: 100..<130) { $0.tileMemory = .workgroup },
        Mode(name: "addresses, staging", seeds: 130..<160) {
            $0.forcesAddresses = true
            $0.forcesStaging = true
        },
        Mode(
            name: "32-bit only", seeds: 160..<200, set: { $0 = ConformanceMode.narrow.options },
            types: [.float32, .int32, .uint32, .bool]),
    ]

    @Test(arguments: modes) func agree(mode: Mode) throws {
        var options = VulkanOptions()
        mode.set(&options)
        let backend = VulkanBackend(options)
        let descriptor = try #require(backend.discover().devices.first)
        let cases = mode.seeds.map { seed in
            mode.types.map { RandomPrograms.test(seed, types: $0) } ?? RandomPrograms.test(seed)
        }
        let report = try ConformanceSuite(cases).run(
            on: Device(descriptor: descriptor, backend: backend), oracle: ReferenceEvaluator())
        for result in report.results where result.status == .failed {
            Issue.record("\(result.id): \(result.reason ?? "")")
        }
        // A program with a type that the device lacks is skipped; most run.
        #expect(report.count(.passed) * 10 >= mode.seeds.count * 8)
        let counts = report.results.reduce(into: (checked: 0, unknown: 0)) { sum, result in
            sum.checked += result.deviation.count
            sum.unknown += result.deviation.unboundedCount
        }
        #expect(counts.checked > 1000 && counts.unknown < counts.checked)
    }

    /// Found by seeds 250 to 366 with 32-bit arithmetic only: the value of a pad was an 8-bit constant.
    @Test(arguments: [ScalarType.bool, .int4, .int8, .uint8, .float8e4m3fn, .int16, .float16, .bfloat16])
    func narrowElementsArePaddedWithoutNarrowArithmetic(type: ScalarType) throws {
        let builder = GraphBuilder()
        let flags = try builder.input("x", TensorType(.float32, [3, 5]))
        let value = try builder.constant(Literal(splatBits: type.bits(of: 1), type: .scalar(type)))
        let padded = try builder.add(
            .pad(low: [.fixed(1), .fixed(2)], high: [.fixed(0), .fixed(1)], interior: [0, 1]),
            [flags.convert(type), value])
        try builder.output("y", padded)
        let graph = try builder.build()
        let input = try Literal((0..<15).map { Float($0 % 4) }, shape: [3, 5])
        let actual = try ProgramRunner(ConformanceMode.narrow.options).run(graph, [input])
        #expect(try actual == ProgramRunner.expected(graph, [input]))
    }
}
