// Heterodyne: programs for a masked Vulkan device, whose kernels emulate what is masked, through the whole compiler.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneEmulation
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@testable import HeterodyneVulkan

@Suite(
    "Masked Vulkan devices", .serialized,
    .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct MaskedDeviceTests {
    private static func device() throws -> Device {
        let backend = VulkanBackend()
        let descriptor = try #require(backend.discover().devices.first)
        return Device(descriptor: descriptor, backend: backend).masking(.float64, .int64, .uint64)
    }

    private static func compile(_ graph: Graph) throws -> Program {
        let runtime = Runtime(registry: DeviceRegistry([]), evaluator: ReferenceEvaluator())
        var options = ProgramOptions()
        options.compiler.scalarTypes[.float64] = .emulate
        options.fallbacks = []
        return try runtime.compile(graph, on: device(), options: options)
    }

    @Test("compute what the reference computes", arguments: EmulatedProgram.all)
    func programs(_ program: EmulatedProgram) throws {
        let (graph, inputs) = (try program.graph(), try program.literals())
        let found = try Self.compile(graph).call(inputs)
        let expected = try ProgramRunner.expected(graph, inputs)
        for (number, (a, b)) in zip(found, expected).enumerated() {
            guard a.type.scalarType == .float64, program.units > 0 else {
                #expect(a == b, "output \(number)")
                continue
            }
            let (x, y) = (try a.scalars(as: Double.self), try b.scalars(as: Double.self))
            let worst = zip(x, y).map { ($0 - $1).magnitude / max($1.magnitude, 0x1p-60) }.max() ?? 0
            #expect(
                worst <= program.units * DoubleSingleFormat.unit,
                "output \(number) is off by \(worst / DoubleSingleFormat.unit) units of 2^-48")
        }
    }

    @Test("emulate in kernels, which take whole regions, and say so")
    func report() throws {
        let type = TensorType(.float64, [1000])
        let builder = GraphBuilder()
        let (x, y) = (try builder.input("x", type), try builder.input("y", type))
        try builder.output("z", ((x * y + x) / y).exp())
        let report = try Self.compile(try builder.build()).report
        let lines = report.entries.filter { $0.kind == .legalization }
        #expect(lines.contains { $0.reason.contains("pairs of float32") && $0.rule == "float64=emulate" }, "\(report)")
        #expect(report.entries.contains { $0.kind == .fusion }, "\(report)")
    }
}
