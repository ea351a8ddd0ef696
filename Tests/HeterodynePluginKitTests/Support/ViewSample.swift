// Heterodyne: a small program as a host passes it, whose every field a test can spoil.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin

/// `transpose(x: float32[2, 3])` as the structs of the interface, writable. Never freed: tests pass it on and look again.
struct ViewSample: @unchecked Sendable {
    // Unchecked: used by one test at a time.

    let unit = Self.new(heterodyne_unit())
    let graph = Self.new(heterodyne_graph())
    let parameter = Self.new(heterodyne_node())
    let transpose = Self.new(heterodyne_node())
    let attribute = Self.new(heterodyne_attribute())
    let type = Self.new(heterodyne_type())
    let result = Self.new(heterodyne_type())
    let operand = Self.new(heterodyne_value(node: 0, result: 0))
    let input = Self.new(heterodyne_value(node: 0, result: 0))
    let output = Self.new(heterodyne_value(node: 1, result: 0))
    let outputName = Self.new(Self.text("y"))
    let nodes: UnsafeMutablePointer<UnsafePointer<heterodyne_node>?>
    let types: UnsafeMutablePointer<UnsafePointer<heterodyne_type>?>
    let results: UnsafeMutablePointer<UnsafePointer<heterodyne_type>?>
    let attributes: UnsafeMutablePointer<UnsafePointer<heterodyne_attribute>?>
    let permutation = Self.array([Int64(1), 0])
    let extents = Self.array([Int64(2), 3])
    let donated = Self.new(UInt64(0))

    static func new<T>(_ value: T) -> UnsafeMutablePointer<T> { array([value]) }

    static func array<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: values.count)
        pointer.initialize(from: values, count: values.count)
        return pointer
    }

    static func text(_ text: StaticString) -> heterodyne_string {
        text.utf8Start.withMemoryRebound(to: CChar.self, capacity: text.utf8CodeUnitCount) {
            heterodyne_string(data: $0, size: UInt64(text.utf8CodeUnitCount))
        }
    }

    init() {
        for (type, extents) in [(type, extents), (result, Self.array([Int64(3), 2]))] {
            type.pointee.struct_size = MemoryLayout<heterodyne_type>.size
            type.pointee.scalar_type = HETERODYNE_FLOAT32.rawValue
            type.pointee.rank = 2
            type.pointee.extents = UnsafePointer(extents)
            type.pointee.byte_count = 24
        }
        types = Self.array([UnsafePointer(type)])
        results = Self.array([UnsafePointer(result)])
        attribute.pointee.struct_size = MemoryLayout<heterodyne_attribute>.size
        attribute.pointee.name = Self.text("permutation")
        attribute.pointee.kind = HETERODYNE_ATTRIBUTE_INTEGERS.rawValue
        attribute.pointee.count = 2
        attribute.pointee.integers = UnsafePointer(permutation)
        attributes = Self.array([UnsafePointer(attribute)])
        for node in [parameter, transpose] {
            node.pointee.struct_size = MemoryLayout<heterodyne_node>.size
            node.pointee.result_count = 1
        }
        parameter.pointee.operation = HETERODYNE_PARAMETER.rawValue
        parameter.pointee.name = Self.text("x")
        parameter.pointee.result_types = UnsafePointer(types)
        transpose.pointee.operation = HETERODYNE_TRANSPOSE.rawValue
        transpose.pointee.name = Self.text("transpose")
        transpose.pointee.operand_count = 1
        transpose.pointee.operands = UnsafePointer(operand)
        transpose.pointee.result_types = UnsafePointer(results)
        transpose.pointee.attribute_count = 1
        transpose.pointee.attributes = UnsafePointer(attributes)
        transpose.pointee.location = Self.text("Test/Sample.swift:7")
        nodes = Self.array([UnsafePointer(parameter), UnsafePointer(transpose)])
        graph.pointee.struct_size = MemoryLayout<heterodyne_graph>.size
        graph.pointee.node_count = 2
        graph.pointee.nodes = UnsafePointer(nodes)
        graph.pointee.input_count = 1
        graph.pointee.inputs = UnsafePointer(input)
        graph.pointee.output_count = 1
        graph.pointee.outputs = UnsafePointer(output)
        graph.pointee.output_names = UnsafePointer(outputName)
        unit.pointee.struct_size = MemoryLayout<heterodyne_unit>.size
        unit.pointee.graph = UnsafePointer(graph)
        unit.pointee.donated_input_count = 1
        unit.pointee.donated_inputs = UnsafePointer(donated)
        unit.pointee.label = Self.text("sample")
    }
}

/// A place for a message, as hosts have one.
final class ErrorPlace {
    let error = ViewSample.new(heterodyne_error())
    private let capacity: Int
    private let bytes: UnsafeMutablePointer<CChar>

    init(capacity: Int = 4096) {
        self.capacity = capacity
        bytes = .allocate(capacity: capacity + 1)
        bytes.initialize(repeating: 0x7F, count: capacity + 1)
        error.pointee.struct_size = MemoryLayout<heterodyne_error>.size
        error.pointee.message = bytes
        error.pointee.message_capacity = UInt64(capacity)
    }

    deinit {
        error.deallocate()
        bytes.deallocate()
    }

    var message: String {
        String(decoding: UnsafeRawBufferPointer(start: bytes, count: Int(error.pointee.message_size)), as: UTF8.self)
    }

    /// Whether the byte after the place was written.
    var isOverrun: Bool { bytes[capacity] != 0x7F }
}
