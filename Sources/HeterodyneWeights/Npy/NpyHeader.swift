// Heterodyne: the header of npy files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The header of an npy file (NEP 1): the magic bytes, a version, a length, and a Python dictionary literal such as
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct NpyHeader: Sendable {
    private(set) var descr = ""
    private(set) var isFortranOrder = false
    private(set) var extents: [Int] = []
    /// Where the data begins.
    private(set) var dataOffset = 0

    /// Longest dictionary that is read. NumPy's own limit is 10000 unless told otherwise.
    static let maximumByteCount = 65_536
    /// A prefix of this length holds every header that is read.
    static let maximumPrefix = 12 + maximumByteCount

    /// Reads the header that `bytes` begin with.
    init(_ bytes: UnsafeRawBufferPointer, path: String, tensor: String?) throws(WeightsError) {
        func fail(_ kind: WeightsError.Kind, _ message: String) -> WeightsError {
            WeightsError(kind, message, path: path, tensor: tensor)
        }
        guard bytes.begins(with: Self.magic) else {
            throw FileFormat.refusal(bytes, path: path, expected: "npy")
                ?? fail(
                    bytes.isEmpty ? .truncated : .wrongFormat, "is not an npy file: it does not begin with \\x93NUMPY")
        }
        guard let major = bytes.littleEndian(at: 6, as: UInt8.self),
            let minor = bytes.littleEndian(at: 7, as: UInt8.self)
        else { throw fail(.truncated, "ends within its header") }
        guard (1...3).contains(major), minor == 0 else {
            throw fail(.wrongFormat, "has npy version \(major).\(minor); versions 1.0, 2.0 and 3.0 are known")
        }
        let length =
            major == 1
            ? bytes.littleEndian(at: 8, as: UInt16.self).map(Int.init)
            : bytes.littleEndian(at: 8, as: UInt32.self).map(Int.init)
        let start = major == 1 ? 10 : 12
        guard let length else { throw fail(.truncated, "ends within its header") }
        guard length <= Self.maximumByteCount else {
            throw fail(.limitExceeded, "claims a header of \(length) bytes; the limit is \(Self.maximumByteCount)")
        }
        guard let raw = bytes.slice(start, length) else { throw fail(.truncated, "ends within its header") }
        // Versions 1 and 2 are Latin-1; all that a plain header holds is ASCII in each of them.
        if major == 3, String(validating: raw, as: UTF8.self) == nil {
            throw fail(.invalidText, "has a header that is not valid UTF-8")
        }
        dataOffset = start + length
        var parser = NpyDictionary(raw, path: path, tensor: tensor)
        try readFields(&parser, fail)
    }

    private mutating func readFields(
        _ parser: inout NpyDictionary, _ fail: (WeightsError.Kind, String) -> WeightsError
    ) throws(WeightsError) {
        var seen: Set<String> = []
        try parser.expect("{")
        while !parser.consume("}") {
            let key = try parser.string()
            guard seen.insert(key).inserted else { throw fail(.duplicateName, "has two header entries \(quoted(key))") }
            try parser.expect(":")
            switch key {
            case "descr": descr = try parser.type()
            case "fortran_order": isFortranOrder = try parser.bool()
            case "shape": extents = try parser.tuple()
            default: throw fail(.malformedHeader, "has the unknown header entry \(quoted(key))")
            }
            if !parser.consume(",") {
                try parser.expect("}")
                break
            }
        }
        try parser.expectEnd()
        guard seen.count == 3 else { throw fail(.malformedHeader, "lacks descr, fortran_order or shape in its header") }
    }

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    /// The header for elements `descr` and `extents`, byte for byte as NumPy writes it: version 1.0, or 2.0 where that is
    /// too short, padded so that the data begins at a multiple of 64.
    static func encode(descr: String, extents: [Int]) -> [UInt8] {
        let list = extents.map(String.init).joined(separator: ", ")
        let shape = extents.count == 1 ? "(\(list),)" : "(\(list))"
        var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }"
        // NumPy leaves room for a first extent of 21 digits, so that a file can grow in place.
        if let first = extents.first { text += String(repeating: " ", count: max(0, 21 - String(first).utf8.count)) }
        let isShort = text.utf8.count + 10 + 1 + 63 <= 0xFFFF
        let prefix = isShort ? 10 : 12
        let padding = 64 - (prefix + text.utf8.count + 1) % 64
        text += String(repeating: " ", count: padding) + "\n"
        var bytes = magic
        bytes += isShort ? [1, 0] : [2, 0]
        if isShort {
            bytes.append(littleEndian: UInt16(text.utf8.count))
        } else {
            bytes.append(littleEndian: UInt32(text.utf8.count))
        }
        return bytes + Array(text.utf8)
    }
}

/// The subset of Python literals that npy headers consist of.
private struct NpyDictionary {
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private let tensor: String?
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, path: String, tensor: String?) {
        self.bytes = bytes
        self.path = path
        self.tensor = tensor
    }

    private func fail(_ message: String, _ kind: WeightsError.Kind = .malformedHeader) -> WeightsError {
        WeightsError(kind, "\(message), at byte \(position) of the header", path: path, tensor: tensor)
    }

    private mutating func peek() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || (0x09...0x0D).contains(byte) else { return byte }
            position += 1
        }
        return nil
    }

    mutating func consume(_ character: Character) -> Bool {
        guard let byte = peek(), character.asciiValue == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Character) throws(WeightsError) {
        guard consume(character) else { throw fail("expected '\(character)'") }
    }

    mutating func expectEnd() throws(WeightsError) {
        guard peek() == nil else { throw fail("text follows the dictionary") }
    }

    mutating func string() throws(WeightsError) -> String {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw fail("expected a string")
        }
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != quote {
            let byte = bytes[position]
            guard (0x20..<0x7F).contains(byte), byte != UInt8(ascii: "\\") else { throw fail("expected plain text") }
            position += 1
        }
        guard position < bytes.count else { throw fail("a string does not end") }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        position += 1
        return text
    }

    mutating func type() throws(WeightsError) -> String {
        if let byte = peek(), byte == UInt8(ascii: "[") || byte == UInt8(ascii: "(") {
            throw fail("holds records with fields, which are no tensor; save each field as an array", .unsupportedType)
        }
        return try string()
    }

    mutating func bool() throws(WeightsError) -> Bool {
        _ = peek()
        for (word, value) in [("True", true), ("False", false)] {
            if let found = bytes.slice(position, word.utf8.count), found.begins(with: Array(word.utf8)) {
                position += word.utf8.count
                return value
            }
        }
        throw fail("expected True or False")
    }

    mutating func tuple() throws(WeightsError) -> [Int] {
        try expect("(")
        var values: [Int] = []
        while !consume(")") {
            guard values.count < TensorType.maximumRank else {
                throw fail("has more than \(TensorType.maximumRank) dimensions", .invalidShape)
            }
            values.append(try number())
            if !consume(",") {
                try expect(")")
                // `(3)` is a number in Python, not a tuple.
                guard values.count != 1 else { throw fail("a shape of one extent ends with a comma") }
                return values
            }
        }
        return values
    }

    private mutating func number() throws(WeightsError) -> Int {
        if peek() == UInt8(ascii: "-") { throw fail("has a negative extent", .invalidShape) }
        let start = position
        var value = 0
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            guard let next = value.multiplied(by: 10)?.adding(Int(bytes[position] - UInt8(ascii: "0"))) else {
                throw fail("has an extent over 63 bits", .invalidShape)
            }
            value = next
            position += 1
        }
        guard position > start else { throw fail("expected an extent") }
        // Python 2 wrote long integers with this suffix.
        if position < bytes.count, bytes[position] == UInt8(ascii: "L") { position += 1 }
        return value
    }
}
