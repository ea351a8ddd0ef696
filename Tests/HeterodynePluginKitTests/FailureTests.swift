// Heterodyne: tests that errors of a backend become statuses and messages of the interface.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodynePluginKit
import Synchronization
import Testing

@Suite("Errors of a plugin")
struct FailureTests {
    private func compile(_ failure: BackendError, _ place: ErrorPlace) -> Int32 {
        let backend = RecordingBackend()
        backend.record.withLock { $0.failure = failure }
        let plugin = PluginKit.table(for: backend, name: "recording", version: "1").pointee
        var program: OpaquePointer?
        let status = plugin.compile(plugin.context, 0, ViewSample().unit, &program, place.error)
        #expect(program == nil)
        return status
    }

    @Test("Every kind of error has its status", arguments: BackendError.Kind.allCases)
    func kinds(_ kind: BackendError.Kind) {
        let statuses: [BackendError.Kind: heterodyne_status] = [
            .deviceUnavailable: HETERODYNE_DEVICE_UNAVAILABLE, .libraryUnavailable: HETERODYNE_LIBRARY_UNAVAILABLE,
            .unsupported: HETERODYNE_UNSUPPORTED, .outOfMemory: HETERODYNE_OUT_OF_MEMORY,
            .invalidArgument: HETERODYNE_INVALID_ARGUMENT, .compilationFailed: HETERODYNE_COMPILATION_FAILED,
            .executionFailed: HETERODYNE_EXECUTION_FAILED, .deviceLost: HETERODYNE_DEVICE_LOST,
            .cancelled: HETERODYNE_CANCELLED,
        ]
        let place = ErrorPlace()
        let status = compile(BackendError(kind, "so it goes"), place)
        #expect(status == statuses[kind].map { Int32($0.rawValue) })
        #expect(place.message == "so it goes")
        #expect(place.error.pointee.node == 0)
    }

    @Test("A node of the graph is named by its index, anything else in the message")
    func nodes() throws {
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float32, [2, 3])).transpose([1, 0]))
        let graph = try builder.build()
        let place = ErrorPlace()
        _ = compile(BackendError(.unsupported, "too hard", node: graph.nodeText(1)), place)
        #expect(place.error.pointee.node == 2)
        #expect(place.message == "too hard")
        _ = compile(BackendError(.unsupported, "too hard", node: "step 7"), place)
        #expect(place.error.pointee.node == 0)
        #expect(place.message == "step 7: too hard")
    }

    @Test("A message is cut between characters, and never beyond its place", arguments: 0...12)
    func cuts(capacity: Int) {
        let place = ErrorPlace(capacity: capacity)
        _ = compile(BackendError(.unsupported, "aüb–c😀d"), place)
        let whole = ["a", "aü", "aüb", "aüb–", "aüb–c", "aüb–c😀", "aüb–c😀d"]
        #expect(place.message == whole.last { $0.utf8.count <= capacity } ?? "")
        #expect(!place.isOverrun)
    }

    @Test("A run that fails says so, and does not call the completion")
    func runs() throws {
        let backend = RecordingBackend()
        let plugin = PluginKit.table(for: backend, name: "recording", version: "1").pointee
        let place = ErrorPlace()
        var program: OpaquePointer?
        var invocation: OpaquePointer?
        #expect(plugin.compile(plugin.context, 0, ViewSample().unit, &program, place.error) == 0)
        #expect(plugin.invocation_create(plugin.context, program, &invocation, place.error) == 0)
        let buffers = ViewSample.array([OpaquePointer?.none])
        var completion = heterodyne_completion()
        completion.struct_size = MemoryLayout<heterodyne_completion>.size
        completion.error = place.error
        // The status goes where the error's vendor code is, which the kit leaves alone.
        completion.done = { completion, status in completion?.pointee.error?.pointee.vendor_code = Int64(status) + 1 }
        #expect(plugin.execute(plugin.context, invocation, buffers, buffers, &completion, place.error) == 0)
        #expect(place.error.pointee.vendor_code == 1)
        place.error.pointee.vendor_code = 0
        backend.record.withLock { $0.failure = BackendError(.deviceLost, "gone", node: "step 1") }
        let status = plugin.execute(plugin.context, invocation, buffers, buffers, &completion, place.error)
        #expect(status == Int32(HETERODYNE_DEVICE_LOST.rawValue))
        #expect(place.message == "step 1: gone")
        #expect(place.error.pointee.vendor_code == 0)
        plugin.invocation_free(plugin.context, invocation)
        plugin.program_free(plugin.context, program)
    }
}
