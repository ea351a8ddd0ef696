// Heterodyne: programs of a runtime whose devices come from plugins, good and bad, beside a built-in one.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import HeterodyneRuntime
import Testing

/// A folder of plugins as a source of backends; keeps the folder as long as it is asked.
private struct FolderSource: BackendSource {
    let folder: PluginFolder
    func find() -> BackendFindings { folder.find() }
}

@Suite("Programs beside faulty plugins", .enabled(if: Fixture.canBuild, Fixture.reason))
struct ProgramFaultTests {
    private func runtime(_ folder: PluginFolder) throws -> Runtime {
        Runtime(
            registry: DeviceRegistry([ReferenceBackend()], sources: [FolderSource(folder: folder)]),
            evaluator: ReferenceEvaluator(), profileFolder: folder.path)
    }

    /// `y = tanh(-(x + c))`: the small plugin has no `tanh`.
    private func graph() throws -> Graph {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [4]))
        let c = try builder.constant(Literal([Float(1), 2, 3, -4]))
        try builder.output("y", try x.binary(.add, c).negate().tanh())
        return try builder.build()
    }

    private let x = Literal([Float(0.5), -2, 8, 4])

    private func error(_ body: () throws -> Void) -> HeterodyneError? {
        do {
            try body()
            return nil
        } catch { return error as? HeterodyneError }
    }

    @Test("Faulty plugins are unavailable; the healthy one and the built-in device compute, and fallback works")
    func fallback() throws {
        let folder = try PluginFolder()
        try folder.installHealthy()
        for fault in ["crash_in_open", "version_zero", "garbage_message_in_open"] {
            try folder.install(fault.replacing("_", with: "-"), fault: fault)
        }
        let runtime = try runtime(folder)
        #expect(Set(runtime.registry.devices.map(\.id)) == ["reference", "healthy"])
        #expect(runtime.registry.unavailable.count == 3)
        let expected = try ReferenceEvaluator().evaluate(try graph(), [x])
        for device in runtime.registry.devices {
            var options = ProgramOptions()
            options.fallbacks = ["reference"]
            let program = try runtime.program(for: try graph(), on: device, options: options)
            #expect(try program.call([x]) == expected, "\(device.id)")
        }
        // A device whose plugin was refused gives its reason when it is asked for.
        do throws(BackendError) {
            _ = try runtime.registry.device("crash-in-open")
            Issue.record("a plugin that crashes has a device")
        } catch {
            #expect(error.kind == .deviceUnavailable && error.message.contains("signal 11"), "\(error)")
        }
    }

    @Test(
        "A fault during a program is a typed error that names the plugin; the next program runs",
        arguments: [
            ("refuse_to_compile", BackendError.Kind.compilationFailed), ("fail_allocation", .outOfMemory),
            ("fail_run", .executionFailed), ("fail_read", .deviceLost), ("null_buffer", .executionFailed),
            ("wrong_byte_counts", .compilationFailed),
        ])
    func faults(fault: String, kind: BackendError.Kind) throws {
        let folder = try PluginFolder()
        try folder.install("faulty", fault: fault)
        try folder.installHealthy()
        let runtime = try runtime(folder)
        var options = ProgramOptions()
        options.fallbacks = ["reference"]
        let found = error {
            let device = try runtime.registry.device("faulty")
            _ = try runtime.program(for: try graph(), on: device, options: options).call([x])
        }
        guard case .backend(let failure) = found else {
            Issue.record("\(fault): \(found?.description ?? "nothing is thrown")")
            return
        }
        #expect(failure.kind == kind && failure.message.contains("plugin faulty"), "\(failure)")
        let healthy = try runtime.registry.device("healthy")
        let expected = try ReferenceEvaluator().evaluate(try graph(), [x])
        #expect(try runtime.program(for: try graph(), on: healthy, options: options).call([x]) == expected)
    }
}
