// Heterodyne: tests of reading JSON as a tree.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneJSON
import Testing

/// A failure that keeps what it was told.
struct Failure: JSONFailure, Hashable {
    enum Kind { case malformed, text, limit }
    static let malformedJSON = Kind.malformed
    static let invalidJSONText = Kind.text
    static let exceededJSONLimit = Kind.limit
    var kind: Kind
    var message: String
    var path: String
    init(_ kind: Kind, json message: String, path: String) {
        self.kind = kind
        self.message = message
        self.path = path
    }
}

@Suite("JSON as a tree")
struct JSONValueTests {
    func parse(_ text: String) throws(Failure) -> JSONValue {
        let copy = Array(text.utf8)
        return try copy.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try JSONValue.parse(UnsafeRawBufferPointer(bytes), path: "file.json", failure: Failure.self)
        }
    }

    @Test("Every kind of value is read")
    func everyKind() throws {
        let value = try parse(#"{"a": [1, -2.5e3, true, false, null], "b": {"c": "d\u00e9\n"}}"#)
        #expect(value["a"]?.elements == [.number(1), .number(-2500), .bool(true), .bool(false), .null])
        #expect(value["b"]?["c"]?.text == "dé\n")
        #expect(value["c"] == nil)
        #expect(value.kind == "an object")
    }

    @Test(
        "What is no JSON is refused with the place",
        arguments: [
            "", "{", "[1,]", "{\"a\" 1}", "tru", "nul", "01", "1.", "\"a", "[1] 2", "{\"a\": 1, \"a\": 2}", "1e999",
            "-",
            String(repeating: "[", count: 100),
        ])
    func refused(text: String) {
        #expect { try parse(text) } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.path == "file.json" && failure.message.contains("at byte")
        }
    }
}
