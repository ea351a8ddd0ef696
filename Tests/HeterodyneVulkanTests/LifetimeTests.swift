// Heterodyne: what programs take is given back when they are dropped.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneReference
import HeterodyneRuntime
import Testing

@testable import HeterodyneVulkan

@Suite(.serialized, .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct LifetimeTests {
    private func graph(_ number: Int) throws -> (graph: Graph, input: Literal) {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [number + 2]))
        try builder.output("y", x * Double(number) + x.reduce(.sum, [0]).broadcast(x.type.shape, dimensions: []))
        return (try builder.build(), try Literal((0..<number + 2).map { Float($0) }, shape: Shape([number + 2])))
    }

    private func device(_ options: VulkanOptions = VulkanOptions()) throws -> Device {
        let backend = VulkanBackend(options)
        return Device(descriptor: try #require(backend.discover().devices.first), backend: backend)
    }

    private func runtime(_ device: Device) -> Runtime {
        Runtime(
            registry: HeterodyneRuntime.DeviceRegistry([device.backend]), evaluator: ReferenceEvaluator(),
            cacheCapacity: 1)
    }

    /// A program's pool holds sessions, and these once held the program.
    @Test func aProgramThatWasCalledIsFreed() throws {
        let device = try device()
        weak var dropped: Program?
        do {
            let (graph, input) = try graph(3)
            let program = try runtime(device).compile(graph, on: device, options: ProgramOptions())
            _ = try program.call([input])
            dropped = program
        }
        #expect(dropped == nil)
    }

    @Test func aSessionKeepsItsProgram() throws {
        let device = try device()
        let (graph, input) = try graph(3)
        let session: Session
        weak var kept: Program?
        do {
            let program = try runtime(device).compile(graph, on: device, options: ProgramOptions())
            session = try program.makeSession()
            kept = program
        }
        let count = try input.type.byteCount()
        try session.bind(input: 0, to: device.backend.importing(input.denseStorage(), on: device.id))
        try session.bind(output: 0, to: device.backend.allocate(byteCount: count, on: device.id))
        try session.run()
        withExtendedLifetime(session) { #expect(kept != nil) }
    }

    /// Only pipelines are kept, as many as the store's capacity says.
    @Test func objectsDoNotGrowWithTheNumberOfPrograms() throws {
        var options = VulkanOptions()
        options.failures = FailureInjector()
        options.pipelineCapacity = 8
        let injector = try #require(options.failures)
        let device = try device(options)
        var counts: [Int] = []
        for number in 0..<40 {
            let (graph, input) = try graph(number)
            let program = try runtime(device).compile(graph, on: device, options: ProgramOptions())
            _ = try program.call([input])
            counts.append(injector.liveObjectCount)
        }
        #expect(counts[39] <= counts[9] + 16, "\(counts)")
    }
}
