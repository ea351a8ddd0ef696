// Heterodyne: tests of buffers and invocations behind the plugin interface.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Dispatch
import HeterodyneBackend
import HeterodynePluginKit
import Synchronization
import Testing

@Suite("Buffers and invocations of a plugin", .serialized)
struct BufferTests {
    /// One plugin with one program and one invocation.
    private struct Fixture: @unchecked Sendable {
        // Unchecked: the interface may be called from any thread.
        let plugin: heterodyne_plugin
        let place = ErrorPlace()
        private(set) var program: OpaquePointer?
        private(set) var invocation: OpaquePointer?

        init() {
            let backend = RecordingBackend()
            backend.record.withLock { $0.inPlaceOutputs = [0: 0] }
            plugin = PluginKit.table(for: backend, name: "recording", version: "1").pointee
            #expect(plugin.compile(plugin.context, 0, ViewSample().unit, &program, place.error) == 0)
            #expect(plugin.invocation_create(plugin.context, program, &invocation, place.error) == 0)
        }

        func buffer() -> OpaquePointer? {
            var buffer: OpaquePointer?
            #expect(plugin.buffer_allocate(plugin.context, 0, 24, &buffer, place.error) == 0)
            return buffer
        }

        func free(_ buffer: OpaquePointer?) { plugin.buffer_free(plugin.context, buffer) }

        func run(_ input: OpaquePointer?, _ output: OpaquePointer?) -> Int32 {
            var (input, output) = (input, output)
            return plugin.execute(plugin.context, invocation, &input, &output, nil, place.error)
        }

        func measured(_ name: String) throws -> Double {
            var list: UnsafePointer<UnsafePointer<heterodyne_measurement>?>?
            var count: UInt64 = 0
            #expect(plugin.measurements(plugin.context, invocation, &list, &count, place.error) == 0)
            let found = (0..<Int(count)).compactMap { list?[$0]?.pointee }.first {
                heterodyne_equals($0.name, name) == 1
            }
            return try #require(found).value
        }

        func close() {
            plugin.invocation_free(plugin.context, invocation)
            plugin.program_free(plugin.context, program)
        }
    }

    @Test("A run binds what is another than the last time, and nothing else")
    func binding() throws {
        let fixture = Fixture()
        let (a, b, c) = (fixture.buffer(), fixture.buffer(), fixture.buffer())
        for _ in 0..<3 { #expect(fixture.run(a, b) == 0) }
        #expect(try fixture.measured("bindings") == 2)
        #expect(fixture.run(a, c) == 0)
        #expect(try fixture.measured("bindings") == 3)
        #expect(fixture.run(c, a) == 0)
        #expect(try fixture.measured("bindings") == 5)
        fixture.close()
        for buffer in [a, b, c] { fixture.free(buffer) }
    }

    @Test("Memory of a freed buffer goes at once, though an invocation ran on it, and a new buffer is bound anew")
    func freeing() throws {
        let before = CountedBuffer.live.load(ordering: .sequentiallyConsistent)
        let fixture = Fixture()
        let kept = fixture.buffer()
        for round in 1...50 {
            // The allocator likes to give the same address again.
            let buffer = fixture.buffer()
            #expect(fixture.run(buffer, kept) == 0)
            #expect(try fixture.measured("bindings") == Double(round + 1))
            fixture.free(buffer)
            #expect(CountedBuffer.live.load(ordering: .sequentiallyConsistent) == before + 1)
            #expect(try fixture.measured("bound buffers") == 1)
        }
        // One buffer in two places, as for an output that is computed in place.
        #expect(fixture.run(kept, kept) == 0)
        fixture.free(kept)
        #expect(CountedBuffer.live.load(ordering: .sequentiallyConsistent) == before)
        fixture.close()
    }

    @Test("Closing an invocation lets go of buffers that live on")
    func closing() {
        let before = CountedBuffer.live.load(ordering: .sequentiallyConsistent)
        let fixture = Fixture()
        let (a, b) = (fixture.buffer(), fixture.buffer())
        #expect(fixture.run(a, b) == 0)
        fixture.close()
        #expect(CountedBuffer.live.load(ordering: .sequentiallyConsistent) == before + 2)
        fixture.free(a)
        fixture.free(b)
        #expect(CountedBuffer.live.load(ordering: .sequentiallyConsistent) == before)
    }

    private struct Pair: @unchecked Sendable {
        // Unchecked: handles.
        var first: OpaquePointer?
        var second: OpaquePointer?
    }

    @Test("Buffers are freed in other threads while the invocation runs")
    func racing() {
        let before = CountedBuffer.live.load(ordering: .sequentiallyConsistent)
        let fixture = Fixture()
        let pairs = (0..<400).map { _ in Pair(first: fixture.buffer(), second: fixture.buffer()) }
        let ran = Atomic<Int>(0)
        let freed = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 2) { thread in
            for (index, pair) in pairs.enumerated() {
                if thread == 0 {
                    #expect(fixture.run(pair.first, pair.second) == 0)
                    ran.store(index + 1, ordering: .releasing)
                } else {
                    // Right behind the runner, which may still be inside with the next pair.
                    while ran.load(ordering: .acquiring) <= index {}
                    fixture.free(pair.first)
                    fixture.free(pair.second)
                    freed.add(1, ordering: .relaxed)
                }
            }
        }
        #expect(freed.load(ordering: .relaxed) == 400)
        #expect(CountedBuffer.live.load(ordering: .sequentiallyConsistent) == before)
        fixture.close()
    }

    @Test("Bytes go in and out; what does not fit is an error")
    func transfer() {
        let fixture = Fixture()
        let (plugin, context) = (fixture.plugin, fixture.plugin.context)
        let buffer = fixture.buffer()
        var bytes = [UInt8](1...24)
        #expect(plugin.buffer_write(context, buffer, 0, bytes, 24, fixture.place.error) == 0)
        var back = [UInt8](repeating: 0, count: 5)
        #expect(plugin.buffer_read(context, buffer, 19, &back, 5, fixture.place.error) == 0)
        #expect(back == [20, 21, 22, 23, 24])
        #expect(plugin.buffer_address(context, buffer)?.load(as: UInt8.self) == 1)
        let invalid = Int32(HETERODYNE_INVALID_ARGUMENT.rawValue)
        #expect(plugin.buffer_write(context, buffer, 1, bytes, 24, fixture.place.error) == invalid)
        #expect(plugin.buffer_write(context, buffer, .max, bytes, 24, fixture.place.error) == invalid)
        #expect(plugin.buffer_read(context, buffer, 0, &bytes, .max, fixture.place.error) == invalid)
        #expect(plugin.buffer_read(context, buffer, 25, &bytes, 0, fixture.place.error) == invalid)
        #expect(plugin.buffer_write(context, buffer, 0, nil, 0, fixture.place.error) == 0)
        #expect(plugin.buffer_write(context, buffer, 0, nil, 1, fixture.place.error) == invalid)
        fixture.free(buffer)
        fixture.close()
    }

    @Test("Host memory is used where it is, where the device shares it; read-only memory may be copied")
    func importing() {
        let fixture = Fixture()
        let (plugin, context) = (fixture.plugin, fixture.plugin.context)
        let memory = ViewSample.array([UInt8](1...24))
        var buffer: OpaquePointer?
        #expect(plugin.buffer_import(context, 0, memory, 24, 1, &buffer, fixture.place.error) == 0)
        #expect(plugin.buffer_address(context, buffer) == UnsafeMutableRawPointer(memory))
        var byte: UInt8 = 99
        #expect(plugin.buffer_write(context, buffer, 23, &byte, 1, fixture.place.error) == 0)
        #expect(memory[23] == 99)
        fixture.free(buffer)
        // Device 1 has memory of its own.
        let status = plugin.buffer_import(context, 1, memory, 24, 1, &buffer, fixture.place.error)
        #expect(status == Int32(HETERODYNE_UNSUPPORTED.rawValue))
        #expect(fixture.place.message.contains("memory of its own"))
        #expect(plugin.buffer_import(context, 1, memory, 24, 0, &buffer, fixture.place.error) == 0)
        #expect(plugin.buffer_address(context, buffer) != UnsafeMutableRawPointer(memory))
        #expect(plugin.buffer_read(context, buffer, 0, &byte, 1, fixture.place.error) == 0)
        #expect(byte == 1)
        fixture.free(buffer)
        fixture.close()
    }

    @Test("A program describes itself, and a profile has a time per step")
    func program() throws {
        let fixture = Fixture()
        let (plugin, context) = (fixture.plugin, fixture.plugin.context)
        var pointer: UnsafePointer<heterodyne_program_info>?
        #expect(plugin.program_info(context, fixture.program, &pointer, fixture.place.error) == 0)
        let info = try #require(pointer?.pointee)
        #expect(info.arena_byte_count == 1234 && info.constant_byte_count == 56)
        #expect(info.step_count == 2 && heterodyne_equals(info.steps[1], "zweiter Schritt – ü") == 1)
        #expect(info.in_place_count == 1 && info.in_place[0] == (0, 0))
        #expect(info.input_count == 1 && info.input_byte_counts[0] == 24)
        #expect(info.output_count == 1 && info.output_byte_counts[0] == 24)
        var times: [UInt64] = [9, 9, 9]
        let buffers = [OpaquePointer?.none]
        #expect(
            plugin.profile(context, fixture.invocation, buffers, buffers, &times, 3, fixture.place.error) == 0)
        #expect(times == [11, 22, 0])
        fixture.close()
    }
}
