// Heterodyne: reads what a plugin hands out without trusting it.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin

/// Why something that a plugin hands out cannot be used; names the field.
struct Refusal: Error, Hashable {
    /// For people, for instance `capabilities.claims[3] is not UTF-8`.
    let reason: String

    /// A reason.
    init(_ reason: String) { self.reason = reason }
}

/// The most that a plugin may hand out of anything. Numbers beyond are taken for garbage before memory is read by them.
enum ForeignLimit {
    /// Elements of an array.
    static let elements = 1 << 16
    /// Lines that describe steps.
    static let steps = 1 << 20
    /// Bytes of a text.
    static let text = 1 << 16
    /// Bytes of a struct.
    static let structure = 1 << 20
}

/// A struct of the plugin's that begins with `struct_size`; a field is read only where the plugin knows it.
struct Foreign<Struct> {
    private let base: UnsafeRawPointer
    private let size: Int
    /// What the struct is, for reasons: `capabilities.rates[2]`.
    let name: String

    /// The struct at `pointer`. Throws where it is NULL, not aligned, or too small to say how large it is.
    init(_ pointer: UnsafePointer<Struct>?, _ name: String) throws(Refusal) {
        guard let pointer else { throw Refusal("\(name) is NULL") }
        base = UnsafeRawPointer(pointer)
        self.name = name
        guard Int(bitPattern: base) & (MemoryLayout<Struct>.alignment - 1) == 0 else {
            throw Refusal("\(name) is at an address that is no multiple of \(MemoryLayout<Struct>.alignment)")
        }
        size = Int(clamping: base.load(as: UInt.self))
        guard size >= MemoryLayout<UInt>.size + MemoryLayout<UnsafeRawPointer?>.size else {
            throw Refusal("\(name).struct_size is \(size), which is too small")
        }
        guard size <= ForeignLimit.structure else {
            throw Refusal("\(name).struct_size is \(base.load(as: UInt.self)), which no version has")
        }
    }

    /// For reasons: nothing where the plugin's struct has a field, else that it ends before.
    func shortness<Field>(_ path: KeyPath<Struct, Field>) -> String {
        value(path) == nil ? ", as its struct_size of \(size) leaves it out" : ""
    }

    /// The value of a field, or nil where the plugin's struct ends before it.
    func value<Field>(_ path: KeyPath<Struct, Field>) -> Field? {
        guard let offset = MemoryLayout<Struct>.offset(of: path), size >= offset + MemoryLayout<Field>.size else {
            return nil
        }
        return base.load(fromByteOffset: offset, as: Field.self)
    }

    /// The value of a pointer field, or nil where it is NULL or the plugin's struct ends before it.
    func pointer<Target>(_ path: KeyPath<Struct, Target?>) -> Target? { value(path) ?? nil }

    /// Whether a field is there and not 0.
    func isSet(_ path: KeyPath<Struct, UInt32>) -> Bool { (value(path) ?? 0) != 0 }

    /// An array of `count` elements. Throws where the count is beyond `limit`, or the array is NULL and has elements.
    func array<Element>(
        _ count: KeyPath<Struct, UInt64>, _ elements: KeyPath<Struct, UnsafePointer<Element>?>, _ field: String,
        limit: Int = ForeignLimit.elements
    ) throws(Refusal) -> UnsafeBufferPointer<Element> {
        guard let count = value(count), let elements = value(elements) else {
            return UnsafeBufferPointer(start: nil, count: 0)
        }
        return try foreignArray(elements, count: count, "\(name).\(field)", limit: limit)
    }

    /// An identifier or other text that programs compare; empty where the struct ends before it. Throws where it is no
    /// UTF-8 or has control characters.
    func key(_ path: KeyPath<Struct, heterodyne_string>, _ field: String) throws(Refusal) -> String {
        guard let string = value(path) else { return "" }
        return try ForeignText.key(string, "\(name).\(field)")
    }

    /// A text for people; empty where the struct ends before it. What is no UTF-8 is replaced.
    func text(_ path: KeyPath<Struct, heterodyne_string>, _ field: String) throws(Refusal) -> String {
        guard let string = value(path) else { return "" }
        return try ForeignText.display(string, "\(name).\(field)")
    }

    /// A number that is finite and not negative. Throws where it is not.
    func magnitude(_ path: KeyPath<Struct, Double>, _ field: String) throws(Refusal) -> Double {
        let number = value(path) ?? 0
        guard number.isFinite, number >= 0 else {
            throw Refusal("\(name).\(field) is \(number); it must be finite and not negative")
        }
        return number
    }
}

/// `count` elements at `elements`. Throws where the count is beyond `limit`, or the array is NULL and has elements.
func foreignArray<Element>(
    _ elements: UnsafePointer<Element>?, count: UInt64, _ name: String, limit: Int
) throws(Refusal) -> UnsafeBufferPointer<Element> {
    guard count <= UInt64(limit) else { throw Refusal("\(name) has \(count) elements; \(limit) is the limit") }
    guard count > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
    guard let elements else { throw Refusal("\(name) is NULL and has \(count) elements") }
    guard Int(bitPattern: elements) & (MemoryLayout<Element>.alignment - 1) == 0 else {
        throw Refusal("\(name) is at an address that is no multiple of \(MemoryLayout<Element>.alignment)")
    }
    return UnsafeBufferPointer(start: elements, count: Int(count))
}

/// Texts of plugins.
enum ForeignText {
    /// The bytes of `string`. Throws where they are NULL or implausibly many.
    private static func bytes(_ string: heterodyne_string, _ name: String) throws(Refusal) -> UnsafeRawBufferPointer {
        guard string.size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard string.size <= UInt64(ForeignLimit.text) else {
            throw Refusal("\(name) has \(string.size) bytes; \(ForeignLimit.text) is the limit")
        }
        guard let data = string.data else { throw Refusal("\(name) is NULL and has \(string.size) bytes") }
        return UnsafeRawBufferPointer(start: data, count: Int(string.size))
    }

    /// A text that programs compare. Throws where it is no UTF-8 or has control characters.
    static func key(_ string: heterodyne_string, _ name: String) throws(Refusal) -> String {
        guard let text = String(validating: try bytes(string, name), as: UTF8.self) else {
            throw Refusal("\(name) is not UTF-8")
        }
        guard !text.unicodeScalars.contains(where: isControl) else {
            throw Refusal("\(name) has control characters")
        }
        return text
    }

    /// A text for people: what is no UTF-8 or could move a terminal's cursor is replaced.
    static func display(_ string: heterodyne_string, _ name: String) throws(Refusal) -> String {
        repaired(try bytes(string, name), keepsLines: false)
    }

    /// `bytes` as text; invalid sequences and control characters become U+FFFD.
    static func repaired(_ bytes: UnsafeRawBufferPointer, keepsLines: Bool) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        func isBad(_ scalar: Unicode.Scalar) -> Bool {
            isControl(scalar) && !(keepsLines && (scalar == "\n" || scalar == "\t"))
        }
        guard text.unicodeScalars.contains(where: isBad) else { return text }
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { clean.append(isBad(scalar) ? "\u{FFFD}" : scalar) }
        return String(clean)
    }

    /// C0, delete, C1, and the marks that change the direction of writing.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
