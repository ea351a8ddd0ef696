// Heterodyne: programs on devices of plugins: results, memory, errors.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import HeterodyneOps
import HeterodyneReference
import HeterodyneRuntime
import Testing

@testable import HeterodynePluginHost

@Suite("Programs on a plugin's device", .enabled(if: CPlugin.compiler != nil, "needs a C compiler"))
struct AdapterRunTests {
    @Test("The device is described with the plugin that it comes from")
    func description() throws {
        let plugin = try CPlugin()
        let listing = plugin.backend.discover()
        let device = try #require(listing.devices.first)
        #expect(listing.devices.count == 1 && listing.unavailable.isEmpty)
        #expect(device.id == "adder" && device.backend == "adder" && device.kind == .accelerator)
        #expect(device.versions == ["driver": "7.1", "plugin": "3.2.1", "plugin interface": "1.0"])
        #expect(device.details["plugin library"] == plugin.loaded.path && device.freeMemoryByteCount == nil)
        #expect(device.fingerprint.hasPrefix("plugin adder 3.2.1, ") && device.fingerprint.hasSuffix("; acme adder 1"))
        let can = try plugin.backend.capabilities(of: "adder")
        #expect(can.scalarTypes == [.float32: .compute, .int32: .compute] && can.claims == ["relu"])
        #expect(can.roles == [.inference, .training] && !can.hasUnifiedMemory)
    }

    @Test("Results are the reference's", arguments: [[], ["ADDER_UNIFIED"], ["ADDER_ASYNC"], ["ADDER_SINGLE_THREAD"]])
    func results(macros: [String]) throws {
        let plugin = try CPlugin("adder", macros)
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.int32, [3]))
        let y = try builder.input("y", TensorType(.float32, [3]))
        let weights = try builder.constant(Literal([Float(0.5), -2, 8], shape: [3]))
        let sum = try x.convert(.float32) * y + weights
        try builder.output("relu", builder.addAll(.composite(Relu()), [sum])[0])
        try builder.output("back", sum.convert(.int32))
        try builder.output("input", x)
        let graph = try builder.build()
        let arguments = [
            try Literal([Int32(1), -2, .max], shape: [3]), try Literal([Float(0.25), 4, 1e20], shape: [3]),
        ]
        let expected = try ReferenceEvaluator().evaluate(graph, arguments)
        #expect(try plugin.run(graph, arguments) == expected)
    }

    @Test("What the device does not run goes to the reference and comes back")
    func fallback() throws {
        let plugin = try CPlugin()
        let builder = GraphBuilder()
        let x = try builder.input("x", Sample.type)
        let y = try (x * x + 1).unary(.sqrt)
        try builder.output("z", try y * x + y)
        let graph = try builder.build()
        let registry = DeviceRegistry([plugin.backend, ReferenceBackend()])
        let runtime = Runtime(registry: registry, evaluator: ReferenceEvaluator())
        let argument = try Sample.floats([0.5, -3, 1e10, 7])
        let program = try runtime.program(for: graph, on: registry.device("adder"))
        #expect(Set(program.report.entries.map(\.device)).isSuperset(of: ["adder", "reference"]))
        #expect(program.report.entries.contains { $0.kind == .transfer })
        #expect(
            program.report.entries.contains { $0.kind == .fallback && $0.reason.contains("only adds and multiplies") })
        #expect(try program.call([argument]) == ReferenceEvaluator().evaluate(graph, [argument]))
        #expect(try program.call([argument]) == ReferenceEvaluator().evaluate(graph, [argument]))
    }

    @Test("Devices that share the host's memory exchange values without a copy")
    func unified() throws {
        let plugin = try CPlugin("adder", ["ADDER_UNIFIED"])
        let builder = GraphBuilder()
        let x = try builder.input("x", Sample.type)
        let root = try (x * x + 1).unary(.sqrt)
        try builder.output("z", try root * x)
        let graph = try builder.build()
        let registry = DeviceRegistry([ReferenceBackend(), plugin.backend])
        let runtime = Runtime(registry: registry, evaluator: ReferenceEvaluator())
        let argument = try Sample.floats([0.5, -3, 1e10, 7])
        var options = ProgramOptions()
        options.fallbacks = ["reference"]
        let program = try runtime.compile(graph, on: registry.device("adder"), options: options)
        #expect(Set(program.report.entries.map(\.device)).isSuperset(of: ["adder", "reference"]))
        #expect(!program.stepDescriptions.isEmpty)
        #expect(try program.call([argument]) == ReferenceEvaluator().evaluate(graph, [argument]))
        // Values of the reference are host memory, which the plugin takes as it is.
        let host = try HostBuffer(byteCount: 16)
        try [Float(1), 2, 3, 4].withUnsafeBytes { try host.write(from: $0, at: 0) }
        let session = try program.makeSession()
        let result = try HostBuffer(byteCount: 16)
        try session.bind(input: 0, to: host)
        try session.bind(output: 0, to: result)
        try session.run()
        let expected = try ReferenceEvaluator().evaluate(graph, [Sample.floats([1, 2, 3, 4])])
        #expect(try Program.literal(of: result, Sample.type, 16) == expected[0])
    }

    @Test("Donated inputs are computed in through the runtime", arguments: [[], ["ADDER_UNIFIED"]])
    func donatedProgram(macros: [String]) throws {
        let plugin = try CPlugin("adder", ["ADDER_IN_PLACE"] + macros)
        let registry = DeviceRegistry([plugin.backend])
        let runtime = Runtime(registry: registry, evaluator: ReferenceEvaluator())
        var options = ProgramOptions()
        options.fallbacks = []
        options.donatedInputs = [1]
        let program = try runtime.program(
            for: Sample.multiplyAdd(), on: registry.device("adder"), options: options)
        #expect(program.inPlaceOutputs == [0: 1])
        let x = try Sample.buffer([1, 2, 3, 4], plugin.backend)
        let y = try Sample.buffer([5, 6, 7, 8], plugin.backend)
        let results = try program.call([x, y])
        #expect(results[0] === y)
        #expect(try Sample.values(y) == [6, 13, 22, 33] && Sample.values(x) == [1, 2, 3, 4])
        // A literal's memory is never written, donated or not.
        let storage = LiteralStorage(count: 16) { $0.withMemoryRebound(to: Float.self) { $0.initialize(repeating: 2) } }
        let literal = try plugin.backend.importing(storage, on: "adder")
        let copies = try program.call([x, literal])
        #expect(try Sample.values(copies[0]) == [3, 5, 7, 9])
        #expect(literal.isReadOnly == !macros.isEmpty)
        if literal.isReadOnly { #expect(try Sample.values(literal) == [2, 2, 2, 2]) }
    }

    @Test("Any number of invocations run at the same time", arguments: [[], ["ADDER_ASYNC"]])
    func concurrent(macros: [String]) async throws {
        let plugin = try CPlugin("adder", macros)
        let executable = try plugin.compile(Sample.multiplyAdd())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    let invocation = try executable.makeInvocation()
                    let x = try Sample.buffer([Float(task), 1, 2, 3], plugin.backend)
                    let result = try Sample.buffer([0, 0, 0, 0], plugin.backend)
                    for index in 0..<2 { try invocation.bind(input: index, to: x) }
                    try invocation.bind(output: 0, to: result)
                    for _ in 0..<50 {
                        try invocation.run()
                        #expect(try Sample.values(result) == [Float(task * task + 1), 2, 5, 10])
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("Everything that was made is freed", arguments: [[], ["ADDER_UNIFIED"], ["ADDER_ASYNC"]])
    func freed(macros: [String]) throws {
        let plugin = try CPlugin("adder", macros)
        do {
            let executable = try plugin.compile(Sample.multiplyAdd())
            let invocation = try executable.makeInvocation()
            let buffers = try (0..<3).map { _ in try Sample.buffer([1, 2, 3, 4], plugin.backend) }
            try invocation.bind(input: 0, to: buffers[0])
            try invocation.bind(input: 1, to: buffers[1])
            try invocation.bind(output: 0, to: buffers[2])
            try invocation.run()
            #expect(try Sample.values(buffers[2]) == [2, 5, 10, 17])
            #expect(try plugin.counter("adder_live_buffers") == 3)
            #expect(try plugin.counter("adder_live_programs") == 1)
            #expect(try plugin.counter("adder_live_invocations") == 1)
        }
        for name in ["adder_live_buffers", "adder_live_programs", "adder_live_invocations"] {
            #expect(try plugin.counter(name) == 0)
        }
    }

    @Test(
        "A buffer is not read or written beyond its ends, and one of no bytes is one",
        arguments: [[], ["ADDER_UNIFIED"]])
    func bounds(macros: [String]) throws {
        let plugin = try CPlugin("adder", macros)
        let buffer = try Sample.buffer([1, 2], plugin.backend)
        #expect((buffer.hostAddress != nil) == !macros.isEmpty)
        var bytes = [UInt8](repeating: 0, count: 8)
        for (offset, count) in [(1, 8), (-1, 1), (9, 0), (.max, 8)] {
            let write = try backendError {
                try bytes.withUnsafeBytes { try buffer.write(from: .init(rebasing: $0[0..<count]), at: offset) }
            }
            let read = try backendError {
                try bytes.withUnsafeMutableBytes { try buffer.read(into: .init(rebasing: $0[0..<count]), at: offset) }
            }
            #expect(write.kind == .invalidArgument && read.kind == .invalidArgument)
        }
        let empty = try plugin.backend.allocate(byteCount: 0, on: "adder")
        try empty.write(from: UnsafeRawBufferPointer(start: nil, count: 0), at: 0)
        let negative = try backendError { _ = try plugin.backend.allocate(byteCount: -1, on: "adder") }
        #expect(negative.kind == .invalidArgument)
        let huge = try backendError { _ = try plugin.backend.allocate(byteCount: .max, on: "adder") }
        #expect(huge.kind == .outOfMemory && huge.message.contains("largest buffer, 268435456 bytes"))
    }

    @Test("Host memory is taken without a copy where memory is unified, once per binding, and let go")
    func imports() throws {
        let plugin = try CPlugin("adder", ["ADDER_UNIFIED"])
        let literal = LiteralStorage(count: 16) { $0.storeBytes(of: 2, as: Float.self) }
        do {
            let constant = try plugin.backend.importing(literal, on: "adder")
            #expect(constant.isReadOnly && constant.hostAddress.map(UnsafeRawPointer.init) == literal.bytes.baseAddress)
            let refused = try backendError { try literal.withBytes { try constant.write(from: $0, at: 0) } }
            #expect(refused.kind == .invalidArgument)
        }
        let executable = try plugin.compile(Sample.multiplyAdd())
        let invocation = try executable.makeInvocation()
        let host = try HostBuffer(byteCount: 16)
        try [Float(1), 2, 3, 4].withUnsafeBytes { try host.write(from: $0, at: 0) }
        let result = try HostBuffer(byteCount: 16)
        let before = try plugin.counter("adder_imports")
        try invocation.bind(input: 0, to: host)
        try invocation.bind(input: 1, to: host)
        try invocation.bind(output: 0, to: result)
        for _ in 0..<3 { try invocation.run() }
        try invocation.bind(input: 0, to: host)
        #expect(try plugin.counter("adder_imports") == before + 2)
        #expect(try Sample.values(result) == [2, 5, 10, 17])
        invocation.unbind(input: 0)
        invocation.unbind(input: 1)
        invocation.unbind(output: 0)
        #expect(try plugin.counter("adder_live_buffers") == 0)
    }

    @Test("What does not fit is an error that names the port")
    func binding() throws {
        let plugin = try CPlugin()
        let other = try CPlugin("adder", ["ADDER_UNIFIED"])
        let invocation = try plugin.compile(Sample.multiplyAdd()).makeInvocation()
        let buffer = try Sample.buffer([1, 2, 3, 4], plugin.backend)
        let unbound = try backendError { try invocation.run() }
        #expect(unbound.kind == .invalidArgument && unbound.message == "plugin adder: input 0 'x' is not bound")
        let short = try backendError { try invocation.bind(input: 1, to: Sample.buffer([1], plugin.backend)) }
        #expect(short.message == "plugin adder: input 1 'y' is float32[4], 16 bytes; the buffer has 4")
        let foreign = try backendError { try invocation.bind(output: 0, to: HostBuffer(byteCount: 16)) }
        #expect(
            foreign.kind == .invalidArgument && foreign.message.contains("output 0 'z' is bound to memory of another"))
        let stranger = try backendError {
            try invocation.bind(input: 0, to: Sample.buffer([1, 2, 3, 4], other.backend))
        }
        #expect(stranger.kind == .invalidArgument)
        let index = try backendError { try invocation.bind(output: 1, to: buffer) }
        #expect(index.message == "plugin adder: the program has no output 1")
        let readOnly = try backendError {
            let literal = LiteralStorage(count: 16) { _ in }
            let unified = try other.compile(Sample.multiplyAdd()).makeInvocation()
            try unified.bind(output: 0, to: HostBuffer(sharing: literal))
        }
        #expect(readOnly.message == "plugin adder: output 0 'z' is bound to a read-only buffer")
        try invocation.bind(input: 0, to: buffer)
        try invocation.bind(input: 1, to: buffer)
        invocation.unbind(input: 0)
        let again = try backendError { try invocation.run() }
        #expect(again.message == "plugin adder: input 0 'x' is not bound")
    }

    @Test("A donated input may be the output, and not a literal")
    func donation() throws {
        let plugin = try CPlugin("adder", ["ADDER_IN_PLACE", "ADDER_UNIFIED"])
        let executable = try plugin.compile(Sample.multiplyAdd(), donating: [1])
        #expect(executable.inPlaceOutputs == [0: 1])
        let invocation = try executable.makeInvocation()
        let host = try HostBuffer(byteCount: 16)
        try [Float(1), 2, 3, 4].withUnsafeBytes { try host.write(from: $0, at: 0) }
        try invocation.bind(input: 0, to: host)
        try invocation.bind(input: 1, to: HostBuffer(sharing: LiteralStorage(count: 16) { _ in }))
        try invocation.bind(output: 0, to: HostBuffer(byteCount: 16))
        let refused = try backendError { try invocation.run() }
        #expect(refused.message == "plugin adder: input 1 'y' is donated and bound to a read-only buffer")
        try invocation.bind(input: 1, to: host)
        try invocation.bind(output: 0, to: host)
        try invocation.run()
        #expect(try Sample.values(host) == [2, 5, 10, 17])
    }

    @Test("Steps and measurements are the plugin's")
    func profiles() throws {
        let plugin = try CPlugin()
        let executable = try plugin.compile(Sample.multiplyAdd())
        #expect(executable.stepDescriptions.filter { $0 != "other" } == ["multiply", "add"])
        #expect(executable.arenaByteCount == 5 * 16)
        let invocation = try executable.makeInvocation()
        let buffer = try Sample.buffer([1, 2, 3, 4], plugin.backend)
        for index in 0..<2 { try invocation.bind(input: index, to: buffer) }
        try invocation.bind(output: 0, to: Sample.buffer([0, 0, 0, 0], plugin.backend))
        try invocation.run()
        #expect(try invocation.profile() == [100, 101, 102, 103, 104])
        #expect(try invocation.measurements() == [Measurement(name: "runs", value: 2, unit: "", source: "measured")])
    }

    @Test("A plugin whose table ends before profile and measurements has one step, which the host times")
    func shortTable() throws {
        let plugin = try CPlugin("adder", ["ADDER_SHORT_TABLE"])
        let executable = try plugin.compile(Sample.multiplyAdd())
        #expect(executable.stepDescriptions == ["unit (5 steps, not measured one by one)"])
        #expect(try executable.codeListings().map(\.text.count) == ["other\nother\nmultiply\nother\nadd\n".count])
        let invocation = try executable.makeInvocation()
        let buffer = try Sample.buffer([1, 2, 3, 4], plugin.backend)
        for index in 0..<2 { try invocation.bind(input: index, to: buffer) }
        try invocation.bind(output: 0, to: Sample.buffer([0, 0, 0, 0], plugin.backend))
        let times = try invocation.profile()
        #expect(times.count == 1 && times[0] > 0)
        #expect(try invocation.measurements().isEmpty)
    }

    @Test("One thread at a time is inside a plugin that asks for that")
    func singleThread() async throws {
        let plugin = try CPlugin("adder", ["ADDER_SINGLE_THREAD"])
        let executable = try plugin.compile(Sample.multiplyAdd())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let invocation = try executable.makeInvocation()
                    // A second backend of the same library goes through the same gate.
                    let backend = PluginBackend(plugin.loaded)
                    for _ in 0..<20 {
                        let result = try Sample.buffer([0, 0, 0, 0], backend)
                        for index in 0..<2 {
                            try invocation.bind(input: index, to: Sample.buffer([1, 2, 3, 4], plugin.backend))
                        }
                        try invocation.bind(output: 0, to: result)
                        try invocation.run()
                        #expect(try Sample.values(result) == [2, 5, 10, 17])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try plugin.counter("adder_crowds") == 0)
    }
}
