// Heterodyne: looking at the host's memory with care.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneGraph

/// What is wrong with something that the host passed.
struct ViewFault: Error {
    var message: String
    /// Index of the node in the outermost graph.
    var node: Int?

    init(_ message: String, node: Int? = nil) {
        self.message = message
        self.node = node
    }
}

/// The bytes that each struct had in version 1.0: what a host sets at least.
enum FirstSize {
    static let error = end(\heterodyne_error.is_retryable)
    static let completion = end(\heterodyne_completion.done)
    static let type = end(\heterodyne_type.byte_count)
    static let literal = end(\heterodyne_literal.splat_bits)
    static let attribute = end(\heterodyne_attribute.graph)
    static let node = end(\heterodyne_node.location)
    static let graph = end(\heterodyne_graph.output_names)
    static let unit = end(\heterodyne_unit.label)

    private static func end<S, F>(_ field: KeyPath<S, F>) -> Int {
        // Only fields that are not stored have no offset; a limit that nothing reaches would refuse every host.
        MemoryLayout<S>.offset(of: field).map { $0 + MemoryLayout<F>.size } ?? .max
    }
}

/// Looks at the host's memory with care: what can be told to be wrong is an error and never a trap.
enum View {
    /// More than any array of a graph holds.
    static let maximumCount: UInt64 = 1 << 31

    static func type(_ pointer: UnsafePointer<heterodyne_type>?) throws(ViewFault) -> UnsafePointer<heterodyne_type> {
        try object(pointer, "type", FirstSize.type)
    }

    static func literal(
        _ pointer: UnsafePointer<heterodyne_literal>?
    ) throws(ViewFault) -> UnsafePointer<heterodyne_literal> {
        try object(pointer, "literal", FirstSize.literal)
    }

    static func attribute(
        _ pointer: UnsafePointer<heterodyne_attribute>?
    ) throws(ViewFault) -> UnsafePointer<heterodyne_attribute> {
        try object(pointer, "attribute", FirstSize.attribute)
    }

    static func node(_ pointer: UnsafePointer<heterodyne_node>?) throws(ViewFault) -> UnsafePointer<heterodyne_node> {
        try object(pointer, "node", FirstSize.node)
    }

    static func graph(
        _ pointer: UnsafePointer<heterodyne_graph>?
    ) throws(ViewFault) -> UnsafePointer<heterodyne_graph> {
        try object(pointer, "graph", FirstSize.graph)
    }

    static func unit(_ pointer: UnsafePointer<heterodyne_unit>?) throws(ViewFault) -> UnsafePointer<heterodyne_unit> {
        try object(pointer, "unit", FirstSize.unit)
    }

    /// A struct that begins with its size and has the fields of version 1.0.
    private static func object<T>(
        _ pointer: UnsafePointer<T>?, _ what: String, _ needed: Int
    ) throws(ViewFault) -> UnsafePointer<T> {
        guard let pointer else { throw ViewFault("the host passed a null pointer for a \(what)") }
        guard UInt(bitPattern: pointer) % UInt(MemoryLayout<T>.alignment) == 0 else {
            throw ViewFault("the host passed a \(what) at an address that is not aligned")
        }
        let size = UnsafeRawPointer(pointer).load(as: Int.self)
        guard size >= needed else {
            throw ViewFault("the host's \(what) has a struct_size of \(size); version 1.0 has \(needed)")
        }
        return pointer
    }

    /// An array. Empty ones may be null.
    static func list<T>(
        _ base: UnsafePointer<T>?, _ count: UInt64, _ what: String
    ) throws(ViewFault) -> UnsafeBufferPointer<T> {
        guard count > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        guard count < maximumCount else { throw ViewFault("the host passed \(count) \(what), which cannot be") }
        guard let base else { throw ViewFault("the host passed a null pointer for \(count) \(what)") }
        guard UInt(bitPattern: base) % UInt(MemoryLayout<T>.alignment) == 0 else {
            throw ViewFault("the host passed \(what) at an address that is not aligned")
        }
        return UnsafeBufferPointer(start: base, count: Int(count))
    }

    /// Text.
    static func text(_ text: heterodyne_string, _ what: String) throws(ViewFault) -> String {
        let bytes = UnsafeRawBufferPointer(try list(text.data, text.size, "bytes of \(what)"))
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw ViewFault("\(what) is not UTF-8")
        }
        return string
    }

    /// A truth value.
    static func bool(_ value: Int64, _ what: String) throws(ViewFault) -> Bool {
        guard value == 0 || value == 1 else { throw ViewFault("\(what) is \(value), not 0 or 1") }
        return value == 1
    }

    /// A scalar type by its code.
    static func scalarType(_ code: Int64) throws(ViewFault) -> ScalarType {
        guard let raw = UInt8(exactly: code), let type = ScalarType(rawValue: raw) else {
            throw ViewFault("there is no scalar type \(code) in version 1.0")
        }
        return type
    }

    /// Scalar types as a set of bits.
    static func scalarTypes(_ bits: UInt64) throws(ViewFault) -> Set<ScalarType> {
        var types: Set<ScalarType> = []
        var rest = bits
        while rest != 0 {
            types.insert(try scalarType(Int64(rest.trailingZeroBitCount)))
            rest &= rest - 1
        }
        return types
    }
}
