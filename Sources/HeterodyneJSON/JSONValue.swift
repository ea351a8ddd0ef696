// Heterodyne: JSON as a tree, for small files that people write.
// SPDX-License-Identifier: Apache-2.0

/// A JSON value with the order of its members kept. For manifests and profiles; large files are read without a tree.
package indirect enum JSONValue: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number.
    case number(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// Members in the order of the text; no key occurs twice.
    case object([Member])

    /// One member of an object.
    package struct Member: Sendable, Hashable {
        /// The key.
        package var key: String
        /// The value.
        package var value: JSONValue
    }

    /// The members, where the value is an object.
    package var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    /// The elements, where the value is a list.
    package var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    /// The text, where the value is one.
    package var text: String? { if case .string(let text) = self { text } else { nil } }
    /// The number, where the value is one.
    package var number: Double? { if case .number(let number) = self { number } else { nil } }
    /// The truth value, where the value is one.
    package var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }

    /// The member called `key`, where the value is an object that has it.
    package subscript(key: String) -> JSONValue? { members?.first { $0.key == key }?.value }

    /// What the value is, for messages: `an object`, `a number`.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// Reads one value that is the whole of `bytes`. Throws the failure of the reader for text that is no JSON, and for
    /// keys that occur twice.
    package static func parse<Failure: JSONFailure>(
        _ bytes: UnsafeRawBufferPointer, path: String, failure: Failure.Type
    ) throws(Failure) -> JSONValue {
        var reader = JSONReader<Failure>(bytes, path: path)
        let value = try read(&reader, depth: 0)
        try reader.expectEnd()
        return value
    }

    private static func read<Failure: JSONFailure>(
        _ reader: inout JSONReader<Failure>, depth: Int
    ) throws(Failure) -> JSONValue {
        guard depth < JSONReader<Failure>.maximumDepth else {
            throw reader.error(
                Failure.exceededJSONLimit, "values are nested more than \(JSONReader<Failure>.maximumDepth) deep")
        }
        switch reader.peek() {
        case UInt8(ascii: "{"):
            var members: [Member] = []
            var keys: Set<String> = []
            try reader.object { (reader, key) throws(Failure) in
                guard keys.insert(key).inserted else {
                    throw reader.error(Failure.malformedJSON, "the key \"\(key)\" is given twice")
                }
                members.append(Member(key: key, value: try read(&reader, depth: depth + 1)))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try reader.array { (reader) throws(Failure) in elements.append(try read(&reader, depth: depth + 1)) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try reader.string())
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try reader.bool())
        case UInt8(ascii: "n"):
            guard reader.null() else { throw reader.error(Failure.malformedJSON, "expected a value") }
            return .null
        default: return .number(try reader.number(overflow: Failure.malformedJSON))
        }
    }
}
