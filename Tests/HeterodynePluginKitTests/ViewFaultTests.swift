// Heterodyne: tests that a host that passes nonsense gets an error that says what, and never a crash.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodynePluginKit
import Synchronization
import Testing

@Suite("Faulty hosts")
struct ViewFaultTests {
    private static func plugin(_ backend: RecordingBackend) -> heterodyne_plugin {
        PluginKit.table(for: backend, name: "recording", version: "1").pointee
    }

    /// The status and message of compiling `unit`.
    private static func compile(
        _ unit: UnsafePointer<heterodyne_unit>?, _ backend: RecordingBackend, device: UInt64 = 0
    ) -> (status: Int32, place: ErrorPlace) {
        let plugin = plugin(backend)
        let place = ErrorPlace()
        var program: OpaquePointer?
        let status = plugin.compile(plugin.context, device, unit, &program, place.error)
        if let program { plugin.program_free(plugin.context, program) }
        return (status, place)
    }

    @Test("The sample arrives as it is")
    func sample() throws {
        let backend = RecordingBackend()
        let sample = ViewSample()
        sample.unit.pointee.threads = 3
        sample.unit.pointee.is_uncontracted = 1
        sample.unit.pointee.emulated_types = 1 << 16 | 1 << 6
        let (status, place) = Self.compile(sample.unit, backend)
        #expect(status == Int32(HETERODYNE_OK.rawValue), "\(place.message)")
        let unit = try #require(backend.record.withLock { $0.units.first })
        let builder = GraphBuilder()
        try builder.output("y", builder.input("x", TensorType(.float32, [2, 3])).transpose([1, 0]))
        #expect(try unit.graph == builder.build())
        #expect(unit.graph.nodes[1].location == SourceLocation(file: "Test/Sample.swift", line: 7))
        #expect(unit.donatedInputs == [0])
        #expect(unit.emulatedTypes == [.float64, .int64])
        #expect(unit.arithmetic == .uncontracted)
        #expect(unit.threads == 3)
        #expect(unit.label == "sample")
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// A part of the message.
        let says: String
        /// The node that is named, counted from 1; 0 for none.
        let node: Int64
        let spoil: @Sendable (ViewSample) -> Void

        init(_ name: String, _ says: String, node: Int64 = 0, _ spoil: @escaping @Sendable (ViewSample) -> Void) {
            (testDescription, self.says, self.node, self.spoil) = (name, says, node, spoil)
        }
    }

    static let faults: [Fault] = [
        Fault("no graph", "null pointer for a graph") { $0.unit.pointee.graph = nil },
        Fault("short unit", "struct_size of 8") { $0.unit.pointee.struct_size = 8 },
        Fault("short graph", "struct_size of 0") { $0.graph.pointee.struct_size = 0 },
        Fault("short node", "struct_size of 100", node: 2) { $0.transpose.pointee.struct_size = 100 },
        Fault("crooked graph", "not aligned") {
            let address = UInt(bitPattern: $0.graph) + 1
            $0.unit.pointee.graph = UnsafePointer(bitPattern: address)
        },
        Fault("no nodes", "null pointer for 2 nodes") { $0.graph.pointee.nodes = nil },
        Fault("too many nodes", "which cannot be") { $0.graph.pointee.node_count = 1 << 40 },
        Fault("null node", "null pointer for a node", node: 2) { $0.nodes[1] = nil },
        Fault("operation of the future", "no operation 44", node: 2) { $0.transpose.pointee.operation = 44 },
        Fault("wild operation", "no operation 65538", node: 2) { $0.transpose.pointee.operation = 0x10002 },
        Fault("operand of itself", "is used before it", node: 2) { $0.operand.pointee.node = 1 },
        Fault("operand far away", "is used before it", node: 2) { $0.operand.pointee.node = .max },
        Fault("result that is not", "result 1 of a node that has 1", node: 2) { $0.operand.pointee.result = 1 },
        Fault("result far away", "is used before it", node: 2) { $0.operand.pointee.result = .max },
        Fault("no operands", "takes 1 operands, was given 0") { $0.transpose.pointee.operand_count = 0 },
        Fault("null operands", "null pointer for 1 operands", node: 2) { $0.transpose.pointee.operands = nil },
        Fault("null type", "null pointer for a type", node: 1) { $0.types[0] = nil },
        Fault("no result", "0 types", node: 1) { $0.parameter.pointee.result_count = 0 },
        Fault("type of the future", "no scalar type 17", node: 1) { $0.type.pointee.scalar_type = 17 },
        Fault("wild type", "no scalar type 4294967295", node: 1) { $0.type.pointee.scalar_type = .max },
        Fault("rank", "rank 17", node: 1) { $0.type.pointee.rank = 17 },
        Fault("null extents", "null pointer for 2 extents", node: 1) { $0.type.pointee.extents = nil },
        Fault("negative extent", "extent -1", node: 1) { $0.extents[0] = -1 },
        Fault("extent that overflows", "extent", node: 1) { $0.extents[0] = .max },
        Fault("wrong bytes", "24 bytes, and the host says 25", node: 1) { $0.type.pointee.byte_count = 25 },
        Fault("result of another type", "result types are") { $0.results[0] = UnsafePointer($0.type) },
        Fault("null attribute", "null pointer for a attribute", node: 2) { $0.attributes[0] = nil },
        Fault("unknown kind", "kind 12", node: 2) { $0.attribute.pointee.kind = 12 },
        Fault("wrong kind", "not a list of integers", node: 2) {
            $0.attribute.pointee.kind = HETERODYNE_ATTRIBUTE_EXTENTS.rawValue
        },
        Fault("unknown attribute", "permutation", node: 2) { $0.attribute.pointee.name = ViewSample.text("perm") },
        Fault("null integers", "null pointer for 2 integers", node: 2) { $0.attribute.pointee.integers = nil },
        Fault("wrong attribute", "dimension 7 is not within rank 2") { $0.permutation[0] = 7 },
        Fault("attribute without a literal", "null pointer for a literal", node: 2) {
            $0.attribute.pointee.kind = HETERODYNE_ATTRIBUTE_LITERAL.rawValue
        },
        Fault("text that is none", "not UTF-8", node: 1) {
            let bytes = ViewSample.array([CChar(bitPattern: 0xFF), 65])
            $0.parameter.pointee.name = heterodyne_string(data: bytes, size: 2)
        },
        Fault("text without bytes", "null pointer for 4 bytes", node: 1) {
            $0.parameter.pointee.name = heterodyne_string(data: nil, size: 4)
        },
        Fault("input that is no parameter", "list of inputs") { $0.input.pointee.node = 1 },
        Fault("no input listed", "list of inputs") {
            $0.graph.pointee.input_count = 0
            $0.unit.pointee.donated_input_count = 0
        },
        Fault("output that is not", "before it") { $0.output.pointee.node = 2 },
        Fault("output result that is not", "does not exist") { $0.output.pointee.result = 3 },
        Fault("no output", "at least one output") { $0.graph.pointee.output_count = 0 },
        Fault("no output names", "null pointer for 1 output names") { $0.graph.pointee.output_names = nil },
        Fault("donated input that is not", "input 1 is donated") { $0.donated.pointee = 1 },
        Fault("emulated type of the future", "no scalar type 63") { $0.unit.pointee.emulated_types = 1 << 63 },
        Fault("arithmetic of the future", "is_uncontracted is 2") { $0.unit.pointee.is_uncontracted = 2 },
        Fault("graph in itself", "nested more than", node: 2) {
            $0.transpose.pointee.operation = HETERODYNE_COMPOSITE.rawValue
            $0.attribute.pointee.kind = HETERODYNE_ATTRIBUTE_GRAPH.rawValue
            $0.attribute.pointee.graph = UnsafePointer($0.graph)
        },
        Fault("definition of itself", "nested more than", node: 2) {
            $0.transpose.pointee.operation = HETERODYNE_COMPOSITE.rawValue
            $0.transpose.pointee.decomposition = UnsafePointer($0.graph)
        },
        Fault("definition of other types", "takes or gives other types", node: 2) {
            let other = ViewSample()
            $0.transpose.pointee.operation = HETERODYNE_COMPOSITE.rawValue
            $0.transpose.pointee.decomposition = UnsafePointer(other.graph)
            other.output.pointee.node = 0
        },
        Fault("a region that is none", "fused", node: 2) {
            $0.transpose.pointee.operation = HETERODYNE_COMPOSITE.rawValue
            $0.transpose.pointee.name = ViewSample.text("fused")
        },
    ]

    @Test("What does not hold together is an error", arguments: faults)
    func refuses(_ fault: Fault) {
        let backend = RecordingBackend()
        let sample = ViewSample()
        fault.spoil(sample)
        let (status, place) = Self.compile(sample.unit, backend)
        #expect(status == Int32(HETERODYNE_INVALID_ARGUMENT.rawValue))
        #expect(place.message.contains(fault.says), "\(place.message)")
        #expect(place.error.pointee.node == fault.node || fault.node == 0, "\(place.message)")
        #expect(backend.record.withLock(\.units).isEmpty)
    }

    @Test("Null pointers and numbers of no device are errors in every function")
    func nulls() {
        let plugin = Self.plugin(RecordingBackend())
        let place = ErrorPlace()
        let context = plugin.context
        let invalid = Int32(HETERODYNE_INVALID_ARGUMENT.rawValue)
        var handle: OpaquePointer?
        #expect(plugin.device_count(context, nil, place.error) == invalid)
        #expect(plugin.device_count(nil, nil, place.error) == invalid)
        #expect(plugin.device_describe(context, 3, nil, place.error) == invalid)
        #expect(plugin.device_capabilities(context, .max, nil, place.error) == invalid)
        #expect(place.message.contains("no device number") || place.message.contains("no place"))
        #expect(plugin.support(context, 0, nil, 0, nil, place.error) == invalid)
        #expect(plugin.buffer_allocate(context, 0, .max, &handle, place.error) == invalid)
        #expect(plugin.buffer_allocate(context, 0, 4, nil, place.error) == invalid)
        #expect(plugin.buffer_import(context, 0, nil, 4, 1, &handle, place.error) == invalid)
        #expect(plugin.buffer_write(context, nil, 0, nil, 0, place.error) == invalid)
        #expect(plugin.buffer_read(context, nil, 0, nil, 0, place.error) == invalid)
        #expect(plugin.buffer_address(context, nil) == nil)
        #expect(plugin.compile(context, 0, nil, &handle, place.error) == invalid)
        #expect(plugin.compile(context, 0, nil, nil, nil) == invalid)
        #expect(plugin.program_info(context, nil, nil, place.error) == invalid)
        #expect(plugin.invocation_create(context, nil, &handle, place.error) == invalid)
        #expect(plugin.execute(context, nil, nil, nil, nil, place.error) == invalid)
        #expect(plugin.execute(context, nil, nil, nil, nil, nil) == invalid)
        #expect(plugin.profile(context, nil, nil, nil, nil, 0, place.error) == invalid)
        #expect(plugin.measurements(context, nil, nil, nil, place.error) == invalid)
        plugin.buffer_free(context, nil)
        plugin.program_free(context, nil)
        plugin.invocation_free(context, nil)
        #expect(handle == nil)
    }

    @Test("A question about a node that is not, or does not fit its operands, is an error")
    func questions() {
        let backend = RecordingBackend()
        let plugin = Self.plugin(backend)
        let place = ErrorPlace()
        var answer: UInt32 = 99
        func ask(_ node: UInt64, _ spoil: (ViewSample) -> Void = { _ in }) -> Int32 {
            let sample = ViewSample()
            spoil(sample)
            return plugin.support(plugin.context, 0, sample.graph, node, &answer, place.error)
        }
        #expect(ask(1) == Int32(HETERODYNE_OK.rawValue))
        #expect(answer == HETERODYNE_SUPPORT_NATIVE.rawValue)
        let invalid = Int32(HETERODYNE_INVALID_ARGUMENT.rawValue)
        #expect(ask(2) == invalid)
        #expect(ask(.max) == invalid)
        #expect(ask(1) { $0.results[0] = UnsafePointer($0.type) } == invalid)
        #expect(ask(1) { $0.transpose.pointee.operand_count = 0 } == invalid)
        #expect(ask(1) { $0.operand.pointee.node = 1 } == invalid)
        #expect(ask(1) { $0.operand.pointee.result = 1 } == invalid)
        #expect(place.error.pointee.node == 2)
        #expect(backend.record.withLock(\.questions).count == 1)
    }
}
