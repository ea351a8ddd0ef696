// Heterodyne: tests that OpenBLAS is the same built in and as a plugin, in one process.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HeterodyneBackend
import HeterodyneConformance
import HeterodyneGraph
import HeterodyneOpenBLAS
import HeterodyneReference
import HeterodyneRuntime
import Testing

@Suite("OpenBLAS built in and as a plugin")
struct LibraryTests {
    private func device(_ backend: any Backend) throws -> Device {
        let listing = backend.discover()
        let found = listing.devices.first
        return Device(
            descriptor: try #require(found, "\(listing.unavailable.map(\.reason))"), backend: backend)
    }

    /// What a case showed, without names of devices and times.
    private struct Outcome: Equatable {
        var status: CaseResult.Status
        var reason: String?
        var deviation: Deviation
        var limit: Double?

        init(_ result: CaseResult) {
            status = result.status
            reason = result.reason?.replacing(result.device, with: "the device")
            deviation = result.deviation
            limit = result.limit
        }
    }

    @Test("The device is described alike")
    func description() throws {
        let (builtIn, plugin) = (try device(OpenBLASBackend()), try device(builtPlugin("openblas")))
        #expect(plugin.id == "openblas-plugin")
        #expect(try plugin.capabilities() == builtIn.capabilities())
        let (expected, found) = (builtIn.descriptor, plugin.descriptor)
        #expect(found.kind == expected.kind && found.name == expected.name && found.vendor == expected.vendor)
        #expect(found.threads == expected.threads && found.memoryByteCount == expected.memoryByteCount)
        #expect(found.versions["OpenBLAS"] == expected.versions["OpenBLAS"])
        #expect(expected.details.allSatisfy { found.details[$0.key] == $0.value })
    }

    @Test("Every quick conformance case ends alike, with the same errors to the bit")
    func conformance() throws {
        let suite = ConformanceSuite.standard.quick
        let oracle = ReferenceEvaluator()
        let expected = try suite.run(on: device(OpenBLASBackend()), oracle: oracle)
        let found = try suite.run(on: device(builtPlugin("openblas")), oracle: oracle)
        #expect(expected.count(.passed) > 1000)
        #expect(expected.results.map(\.id) == found.results.map(\.id))
        for (builtIn, plugin) in zip(expected.results, found.results) {
            #expect(Outcome(plugin) == Outcome(builtIn), "\(builtIn.id)")
        }
    }

    @Test("Random programs give the same bits", arguments: 0..<30)
    func programs(seed: UInt64) throws {
        var programs = RandomPrograms(seed: seed)
        let graph = try programs.program(steps: 30)
        let inputs = try programs.inputs(of: graph)
        let plugins = [try builtPlugin("openblas"), crossing(OpenBLASBackend(), name: "in-process")]
        func outputs(_ backend: any Backend) throws -> (outputs: [Literal], steps: [String]) {
            let device = try device(backend)
            let runtime = Runtime(registry: DeviceRegistry([backend]), evaluator: ReferenceEvaluator())
            let program = try runtime.compile(graph, on: device)
            return (try program.call(inputs), program.stepDescriptions)
        }
        let expected = try outputs(OpenBLASBackend())
        for plugin in plugins {
            let found = try outputs(plugin)
            #expect(found.outputs == expected.outputs)
            // The same kernels in the same order.
            #expect(found.steps.map { $0.replacing(plugin.name, with: "openblas") } == expected.steps)
        }
    }

    @Test("The reference as a plugin computes what the reference computes", arguments: 0..<10)
    func reference(seed: UInt64) throws {
        var programs = RandomPrograms(seed: seed)
        let graph = try programs.program(steps: 20)
        let inputs = try programs.inputs(of: graph)
        let plugin = try builtPlugin("reference")
        let runtime = Runtime(registry: DeviceRegistry([plugin]), evaluator: ReferenceEvaluator())
        let found = try runtime.compile(graph, on: device(plugin)).call(inputs)
        #expect(try found == ReferenceEvaluator().evaluate(graph, inputs))
    }
}

@Suite("The same modules several times in one process")
struct SymbolTests {
    /// A symbol of `HeterodyneBackend`, which this executable and every plugin of this package contain: the metadata of
    /// `HostBuffer`.
    private static let symbol = "$s17HeterodyneBackend10HostBufferCMa"

    private func address(in library: String) throws -> UnsafeMutableRawPointer? {
        let path = "\(try buildFolder())/libheterodyne-\(library).so"
        // Loaded already: this only finds it.
        let handle = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD))
        defer { dlclose(handle) }
        return dlsym(handle, Self.symbol)
    }

    @Test("Host and plugins each use their own, since none shows its symbols to the others")
    func separate() throws {
        _ = (try builtPlugin("openblas"), try builtPlugin("reference"))
        // What any library would find first: the executable and what it is linked with.
        #expect(dlsym(nil, Self.symbol) == nil)
        let (openblas, reference) = (try address(in: "openblas"), try address(in: "reference"))
        // Optimised plugins whose symbols are hidden have none to find.
        #expect(openblas == nil || openblas != reference)
    }
}

@Suite("Vulkan as a plugin")
struct VulkanPluginTests {
    @Test("A device with memory of its own passes conformance behind the plugin interface")
    func conformance() throws {
        let plugin = try builtPlugin("vulkan")
        let listing = plugin.discover()
        // Without a driver the plugin loads all the same and says what is missing.
        guard let descriptor = listing.devices.first else {
            #expect(listing.unavailable.contains { !$0.reason.isEmpty && !$0.remedy.isEmpty })
            return
        }
        #expect(descriptor.id == "vulkan-plugin:0")
        let suite = ConformanceSuite.standard.quick
        let chosen = ["conduct/*", "add/float32/*", "dot/float32/*", "softmax/*", "while/*", "gather/int32/*"]
        let cases = chosen.flatMap { suite.filtered($0).cases }
        let report = try ConformanceSuite(cases).run(
            on: Device(descriptor: descriptor, backend: plugin), oracle: ReferenceEvaluator())
        #expect(report.count(.failed) == 0, "\(report.results.filter { $0.status == .failed }.compactMap(\.reason))")
        #expect(report.count(.passed) > 20)
    }
}
