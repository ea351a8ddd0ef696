// Heterodyne: runs of plugins that end later, twice, at once or never.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodynePluginHost

@Suite("Plugins that run asynchronously", .enabled(if: CPlugin.compiler != nil, "needs a C compiler"))
struct AdapterAsynchronousTests {
    private func bound(_ plugin: CPlugin) throws -> (any Invocation, any Buffer) {
        let invocation = try plugin.compile(Sample.multiplyAdd()).makeInvocation()
        let result = try Sample.buffer([0, 0, 0, 0], plugin.backend)
        for index in 0..<2 { try invocation.bind(input: index, to: Sample.buffer([1, 2, 3, 4], plugin.backend)) }
        try invocation.bind(output: 0, to: result)
        return (invocation, result)
    }

    @Test("A run ends where the plugin says so", arguments: [[], ["ADDER_LATE_DONE=20000"], ["ADDER_INLINE_DONE"]])
    func ends(macros: [String]) throws {
        let plugin = try CPlugin("adder", ["ADDER_ASYNC"] + macros)
        let (invocation, result) = try bound(plugin)
        for _ in 0..<10 {
            try [Float](repeating: 0, count: 4).withUnsafeBytes { try result.write(from: $0, at: 0) }
            try invocation.run()
            #expect(try Sample.values(result) == [2, 5, 10, 17])
        }
    }

    @Test("Saying it twice does no harm, neither to the next run nor after the invocation is gone")
    func twice() throws {
        let plugin = try CPlugin("adder", ["ADDER_ASYNC", "ADDER_DOUBLE_DONE"])
        for _ in 0..<20 {
            let (invocation, result) = try bound(plugin)
            for _ in 0..<10 {
                try invocation.run()
                #expect(try Sample.values(result) == [2, 5, 10, 17])
            }
        }
    }

    @Test("A run that does not start is over, whatever the plugin says besides")
    func refuses() throws {
        let (invocation, _) = try bound(CPlugin("adder", ["ADDER_ASYNC", "ADDER_REFUSES_TO_START"]))
        for _ in 0..<6 {
            let error = try backendError { try invocation.run() }
            #expect(error.kind == .executionFailed && error.message == "plugin adder: the queue is closed")
        }
    }

    @Test("A run that never ends is a lost device; what the plugin may still write is never freed")
    func never() throws {
        let plugin = try CPlugin("adder", ["ADDER_ASYNC", "ADDER_NEVER_DONE"], patience: 1)
        do {
            let (invocation, _) = try bound(plugin)
            let error = try backendError { try invocation.run() }
            #expect(error.kind == .deviceLost)
            #expect(error.message.contains("did not end within 1 seconds (HETERODYNE_PLUGIN_PATIENCE)"))
            let again = try backendError { try invocation.run() }
            #expect(again.kind == .deviceLost && again.message.contains("make a new invocation"))
            invocation.unbind(input: 0)
            let rebound = try backendError {
                try invocation.bind(input: 0, to: Sample.buffer([1, 2, 3, 4], plugin.backend))
            }
            #expect(rebound.kind == .deviceLost)
        }
        #expect(try plugin.counter("adder_live_invocations") == 1)
        #expect(try plugin.counter("adder_live_programs") == 1)
        #expect(try plugin.counter("adder_live_buffers") == 3)
        #expect(try plugin.counter("adder_resets") == 1)
    }

    @Test("Saying it after the run counted as lost does no harm")
    func late() throws {
        let plugin = try CPlugin("adder", ["ADDER_ASYNC", "ADDER_LATE_DONE=1200000"], patience: 1)
        do {
            let (invocation, _) = try bound(plugin)
            let error = try backendError { try invocation.run() }
            #expect(error.kind == .deviceLost)
        }
        for _ in 0..<1000 where try plugin.counter("adder_done_calls") == 0 { usleep(10_000) }
        #expect(try plugin.counter("adder_done_calls") == 1)
        #expect(try plugin.counter("adder_live_invocations") == 1)
    }
}
