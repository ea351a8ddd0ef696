// Heterodyne: plugins that fail or lie end in errors that say who, where and why.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodyneOps
import Testing

@testable import HeterodynePluginHost

@Suite("Plugins that fail or lie", .enabled(if: CPlugin.compiler != nil, "needs a C compiler"))
struct AdapterFailureTests {
    /// An invocation of `x * y + 1` with everything bound, and its output.
    private func bound(_ plugin: CPlugin) throws -> (any Invocation, any Buffer) {
        let invocation = try plugin.compile(Sample.multiplyAdd()).makeInvocation()
        let result = try Sample.buffer([0, 0, 0, 0], plugin.backend)
        for index in 0..<2 { try invocation.bind(input: index, to: Sample.buffer([1, 2, 3, 4], plugin.backend)) }
        try invocation.bind(output: 0, to: result)
        return (invocation, result)
    }

    @Test("A plugin that claimed support and refuses broke its word")
    func liar() throws {
        let plugin = try CPlugin("adder", ["ADDER_CLAIMS_ALL"])
        let builder = GraphBuilder()
        builder.currentLocation = HeterodyneGraph.SourceLocation(file: "Acme/Model.swift", line: 7)
        try builder.output("y", try builder.input("x", Sample.type).unary(.exp))
        let graph = try builder.build()
        #expect(plugin.backend.support(for: NodeSignature(graph.nodes[1], in: graph), on: "adder") == .native)
        let error = try backendError { _ = try plugin.compile(graph) }
        #expect(error.kind == .compilationFailed && error.device == "adder")
        #expect(error.message == "plugin adder: said that it supports exp and refuses it: exp is too hard")
        #expect(error.node == "%1 = exp(%0) : float32[4]" && error.location?.description == "Acme/Model.swift:7")
    }

    @Test("A run that fails names the node, where it was built and the vendor's number", arguments: [false, true])
    func failedRun(isAsynchronous: Bool) throws {
        let macros = ["ADDER_FAILS_RUN=HETERODYNE_EXECUTION_FAILED", "ADDER_NODE_OFFSET=1"]
        let plugin = try CPlugin("adder", macros + (isAsynchronous ? ["ADDER_ASYNC"] : []))
        let (invocation, _) = try bound(plugin)
        for _ in 0..<2 {
            let error = try backendError { try invocation.run() }
            #expect(error.kind == .executionFailed && error.device == "adder")
            #expect(error.message == "plugin adder: multiplier on fire (vendor code 17)")
            #expect(error.node == "%2 = multiply(%0, %1) : float32[4]")
            #expect(error.location?.description == "Acme/Model.swift:12")
        }
    }

    @Test(
        "A node or a status that does not exist does no harm",
        arguments: [("INT64_MAX-5", "999"), ("-3", "-1"), ("100000", "HETERODYNE_VERSION_MISMATCH")])
    func nonsense(offset: String, status: String) throws {
        let plugin = try CPlugin("adder", ["ADDER_FAILS_RUN=\(status)", "ADDER_NODE_OFFSET=\(offset)"])
        let error = try backendError { try bound(plugin).0.run() }
        #expect(error.kind == .executionFailed && error.node == nil)
        let number = Int(status) ?? 10
        #expect(
            error.message
                == "plugin adder: multiplier on fire (status \(number), which has no meaning here; vendor code 17)")
    }

    @Test(
        "Every status has its kind",
        arguments: [
            ("CANCELLED", BackendError.Kind.cancelled), ("INVALID_ARGUMENT", .invalidArgument),
            ("UNSUPPORTED", .unsupported), ("OUT_OF_MEMORY", .outOfMemory), ("DEVICE_UNAVAILABLE", .deviceUnavailable),
            ("LIBRARY_UNAVAILABLE", .libraryUnavailable), ("COMPILATION_FAILED", .compilationFailed),
            ("EXECUTION_FAILED", .executionFailed), ("DEVICE_LOST", .deviceLost), ("INTERNAL", .executionFailed),
        ])
    func kinds(status: String, kind: BackendError.Kind) throws {
        let code: Int32 =
            switch status {
            case "CANCELLED": 1
            case "INVALID_ARGUMENT": 2
            case "UNSUPPORTED": 3
            case "OUT_OF_MEMORY": 4
            case "DEVICE_UNAVAILABLE": 5
            case "LIBRARY_UNAVAILABLE": 6
            case "COMPILATION_FAILED": 7
            case "EXECUTION_FAILED": 8
            case "DEVICE_LOST": 9
            default: 11
            }
        let failure = PluginFailure(status: code, message: "", node: nil, vendorCode: 0, isRetryable: false)
        #expect((failure.kind ?? PluginFunction.execute.fallback) == kind)
        #expect(failure.text(of: "execute") == "execute failed and did not say why")
    }

    @Test("A full card says so, with its number, and that trying again may help")
    func full() throws {
        let plugin = try CPlugin("adder", ["ADDER_FAILS_ALLOCATION"])
        let error = try backendError { _ = try plugin.backend.allocate(byteCount: 16, on: "adder") }
        #expect(error.kind == .outOfMemory && error.device == "adder")
        #expect(error.message == "plugin adder: the card is full (vendor code -5; trying again may help)")
    }

    @Test("Nothing handed out is an error")
    func nothing() throws {
        let buffer = try backendError {
            _ = try CPlugin("adder", ["ADDER_NULL_BUFFER"]).backend.allocate(byteCount: 16, on: "adder")
        }
        #expect(buffer.message == "plugin adder: buffer_allocate succeeded and handed out NULL")
        let program = try backendError {
            _ = try CPlugin("adder", ["ADDER_NULL_PROGRAM"]).compile(Sample.multiplyAdd())
        }
        #expect(program.kind == .compilationFailed)
        let plugin = try CPlugin("adder", ["ADDER_UNIFIED", "ADDER_NULL_ADDRESS"])
        let address = try backendError { _ = try plugin.backend.allocate(byteCount: 16, on: "adder") }
        #expect(address.message.contains("buffer_address gives no address"))
        #expect(try plugin.counter("adder_live_buffers") == 0)
    }

    @Test(
        "A program that does not fit the graph is refused and freed",
        arguments: [
            ("program->output_sizes[0]=12;", "it says that output 0 'z' has 12 bytes; float32[4] has 16"),
            ("program->input_sizes[1]=0;", "it says that input 1 'y' has 0 bytes; float32[4] has 16"),
            (
                "info->input_count=UINT64_MAX;",
                "it says that the program has 18446744073709551615 inputs; the graph has 2"
            ),
            ("info->output_byte_counts=NULL;", "program_info.output_byte_counts is NULL and has 1 elements"),
            (
                "info->in_place_count=1;program->in_place[0][1]=1;",
                "it says that output 0 is computed in the buffer of input 1, which is not donated"
            ),
            (
                "info->in_place_count=1;program->in_place[0][0]=UINT64_MAX;",
                "it says that output 18446744073709551615 is computed in the buffer of input 0; the program has 2 "
                    + "inputs and 1 outputs"
            ),
            (
                "info->in_place_count=UINT64_MAX;",
                "program_info.in_place has 18446744073709551615 elements; 65536 is the limit"
            ),
            (
                "info->step_count=UINT64_MAX;",
                "program_info.steps has 18446744073709551615 elements; 1048576 is the limit"
            ),
            ("info->steps=NULL;", "program_info.steps is NULL and has 5 elements"),
            ("info->struct_size=8;", "program_info.struct_size is 8, which is too small"),
        ])
    func wrongProgram(tweak: String, reason: String) throws {
        let plugin = try CPlugin("adder", ["ADDER_TWEAK_INFO=\(tweak)"])
        let error = try backendError { _ = try plugin.compile(Sample.multiplyAdd(), donating: [0]) }
        #expect(error.kind == .compilationFailed)
        #expect(error.message == "plugin adder: \(reason)")
        #expect(try plugin.counter("adder_live_programs") == 0)
    }

    @Test("Wrong measurements are errors", arguments: ["ADDER_NAN_MEASUREMENT", "ADDER_HUGE_MEASUREMENTS"])
    func wrongMeasurements(macro: String) throws {
        let (invocation, _) = try bound(CPlugin("adder", [macro]))
        try invocation.run()
        let error = try backendError { _ = try invocation.measurements() }
        #expect(error.kind == .executionFailed && error.message.hasPrefix("plugin adder: measurements"))
    }

    @Test("A lost device is opened again before the next allocation")
    func lost() throws {
        let plugin = try CPlugin("adder", ["ADDER_LOSES_DEVICE"])
        let (invocation, _) = try bound(plugin)
        let error = try backendError { try invocation.run() }
        #expect(error.kind == .deviceLost && error.message == "plugin adder: fell off the bus")
        #expect(try plugin.counter("adder_resets") == 0)
        _ = try plugin.backend.allocate(byteCount: 4, on: "adder")
        _ = try plugin.backend.allocate(byteCount: 4, on: "adder")
        #expect(try plugin.counter("adder_resets") == 1)
    }

    @Test("A lost device that cannot be opened again stays lost, and is tried again")
    func lostForGood() throws {
        let plugin = try CPlugin("adder", ["ADDER_LOSES_DEVICE", "ADDER_RESET_FAILS"])
        let (invocation, _) = try bound(plugin)
        _ = try backendError { try invocation.run() }
        for attempt in 1...2 {
            let error = try backendError { _ = try plugin.backend.allocate(byteCount: 4, on: "adder") }
            #expect(error.kind == .deviceLost && error.message.hasSuffix("cannot be opened again: the link is down"))
            #expect(try plugin.counter("adder_resets") == attempt)
        }
    }

    @Test("Without a function that opens it again the plugin is asked as it is")
    func lostWithoutReset() throws {
        let plugin = try CPlugin("adder", ["ADDER_LOSES_DEVICE", "ADDER_NO_RESET"])
        let (invocation, _) = try bound(plugin)
        _ = try backendError { try invocation.run() }
        let error = try backendError { _ = try plugin.backend.allocate(byteCount: 4, on: "adder") }
        #expect(error.kind == .deviceLost && error.message == "plugin adder: still lost")
    }

    @Test("A graph with symbolic shapes is not passed on")
    func symbolic() throws {
        let type = TensorType(.float32, Shape([.symbol("n")]))
        let error = try backendError { _ = try CPlugin().compile(Sample.multiplyAdd(type)) }
        #expect(error.kind == .compilationFailed && error.message.contains("unbound symbols (n)"))
    }
}
