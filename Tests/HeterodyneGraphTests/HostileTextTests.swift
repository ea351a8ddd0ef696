// Heterodyne: text that is no graph gives errors with line and column, quickly.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@Suite struct HostileTextTests {
    static func failure(_ text: String) -> GraphError? {
        error { () throws(GraphError) in _ = try Graph(parsing: text, composites: testRegistry) }
    }

    static func document(_ nodes: String, inputs: String = "%0 \"x\": float32[2]", result: String = "%0") -> String {
        "heterodyne 1\ngraph(\(inputs)) {\n\(nodes)\nreturn \"y\" = \(result)\n}"
    }

    @Test(arguments: [
        ("", "1:1: expected 'heterodyne', found the end of the text"),
        ("heterodyne 2", "1:12: expected version 1 of the text form, found '2'"),
        ("heterodyne 1 graph() {}", "1:23: expected a node or 'return', found '}'"),
        ("heterodyne 1 graph() { return \"y\" = %0 }", "1:37: %0 is not defined before its use"),
        (document("%1 = exp(%0 : float32[2]"), "3:13: expected ',' or ')', found ':'"),
        (document("%1 = exp(%0) {a 1} : float32[2]"), "3:17: expected '=', found '1'"),
        (document("%1 = exp(%0) {a = } : float32[2]"), "3:19: expected an attribute's value, found '}'"),
        (document("%1 = exp(%0) : float99[2]"), "3:16: expected a tensor type, such as float32[2, 3], found 'float99'"),
        (document("%1 = exp(%1) : float32[2]"), "3:10: %1 is not defined before its use"),
        (document("%0 = exp(%0) : float32[2]"), "3:1: %0 is defined twice"),
        (document("%1, %2 = exp(%0) : float32[2]"), "3:10: 1 results are named by 2 values"),
        (document("%1 = exp(%0) : float32[\u{e9}]"), "3:24: unexpected byte 0xc3"),
        (document("%1 = exp(%0) {s = \"a"), "3:19: a string ends on the line where it starts; write \\n"),
        (document("", inputs: "%0 \"x\": float32[2], %0 \"y\": int8[]"), "2:27: %0 is defined twice"),
        (
            document("%1 = x(%0) {a = [1, 2.0]} : int8[]"),
            "3:21: the items of a list are all integers, all numbers or all strings"
        ),
        (
            document("%1 = x(%0) {a = 9223372036854775808} : int8[]"),
            "3:17: '9223372036854775808' does not fit in 64 bits"
        ),
        (document("%1 = x(%0) {a = 1e999} : int8[]"), "3:17: '1e999' is out of range for float64"),
        (document("%1 = x(%0) {a = int8[] splat 128} : int8[]"), "3:30: 128 is out of range for int8"),
        (document("%1 = x(%0) {a = uint64[] splat -1} : int8[]"), "3:32: -1 is out of range for uint64"),
        (document("%1 = x(%0) {a = float8e4m3fn[] splat inf} : int8[]"), "3:38: float8e4m3fn has no infinity"),
        (document("%1 = x(%0) {a = float16[] splat 70000.0} : int8[]"), "3:33: '70000.0' is out of range for float16"),
        (
            document("%1 = x(%0) {a = float16[] splat nan:0x3c00} : int8[]"),
            "3:37: expected the bits of a float16 NaN, such as 0x…, found '0x3c00'"
        ),
        (
            document("%1 = x(%0) {a = int8[2] (1, 2, 3)} : int8[]"),
            "3:32: expected ')' after the 2 elements of int8[2], found '3'"
        ),
        (document("%1 = x(%0) {a = int8[2] (1)} : int8[]"), "3:28: 1 elements are given where int8[2] has 2"),
        (document("%1 = x(%0) {a = int8[2] base64 \"AAA\"} : int8[]"), "3:32: this is not base64 with padding"),
        (document("%1 = x(%0) {a = <floor(n, -1)>} : int8[]"), "3:27: expected a positive divisor, found '-'"),
        (document("%1 = x(%0) {a = numbers[1]} : int8[]"), "3:25: expected ']', found '1'"),
        (document("%1 = exp(%0) : float32[2]") + "x", "5:2: expected the end of the text, found 'x'"),
    ]) func syntaxErrorsSayWhereAndWhat(_ text: String, _ message: String) {
        #expect(Self.failure(text)?.kind == .parse)
        #expect(Self.failure(text)?.message == message)
    }

    @Test(arguments: [
        (document("%1 = nosuch(%0) : float32[2]"), GraphError.Kind.unknownOperation, "3:6"),
        (document("%1 = exp(%0, %0) : float32[2]"), .operandCount, "3:6"),
        (document("%1 = exp(%0) {a = 1} : float32[2]"), .invalidAttribute, "3:6"),
        (document("%1 = reshape(%0) {shape = <3>} : float32[3]"), .shapeMismatch, "3:6"),
        (document("%1 = exp(%0) : float32[3]"), .malformedGraph, "3:16"),
        (document("%1 = exp(%0) : float32[2], float32[2]"), .malformedGraph, "3:16"),
        (document("", inputs: "%0 \"x\": float32[-1]"), .invalidType, "2:7"),
        (document("", inputs: "%0 \"x\": int8[], %1 \"x\": int8[]"), .malformedGraph, "2:23"),
        (document("%1 = exp(%0) {a = 1, a = 2} : float32[2]"), .invalidAttribute, "3:22"),
        (document("%1 = constant() {value = int8[9999999999999] ()} : int8[]"), .parse, "3:48"),
        (document("%1 = constant() {value = int8[999999999999999] ()} : int8[]"), .invalidType, "3:48"),
        (document("%1 = constant() {value = int8[3] base64 \"AAAA\"} : int8[4]"), .malformedGraph, "3:51"),
        (document("%1 = constant() {value = int8[4] base64 \"AAAA\"} : int8[4]"), .invalidLiteral, "3:34"),
        (document("%1 = constant() {value = int8[n] (1)} : int8[n]"), .unboundSymbol, "3:34"),
        (document("%1 = constant() {value = int8[9223372036854775807+1] splat 1} : int8[n]"), .overflow, "3:31"),
    ]) func meaninglessTextKeepsItsKind(_ text: String, _ kind: GraphError.Kind, _ place: String) {
        let found = Self.failure(text)
        #expect(found?.kind == kind, "\(found?.description ?? "none")")
        #expect(found?.message.hasPrefix(place + ": ") == true, "\(found?.description ?? "none")")
    }

    @Test func depthAndLengthAreLimited() {
        let deep = String(repeating: "graph() { %0 = if() {then = ", count: 10_000)
        #expect(Self.failure("heterodyne 1 " + deep)?.message.contains("nested more than 64 deep") == true)
        let extents = [
            String(repeating: "floor(", count: 100_000), String(repeating: "(", count: 100_000),
            String(repeating: "a*", count: 100_000) + "a", (0..<100_000).map { "s\($0)" }.joined(separator: "+"),
            (0..<16).map { _ in "(" + (0..<40).map { "t\($0)" }.joined(separator: "+") + ")" }.joined(separator: "*"),
            String(repeating: "9", count: 100_000), String(repeating: "n", count: 100_000),
        ]
        for extent in extents {
            let found = Self.failure(Self.document("", inputs: "%0 \"x\": float32[\(extent)]"))
            #expect(
                found?.kind == .parse || found?.kind == .overflow,
                "\(extent.prefix(20)): \(found?.kind.rawValue ?? "none")")
        }
        // Element counts of products that would have millions of terms.
        let sum = (0..<20).map { "t\($0)" }.joined(separator: "+")
        let product = [String](repeating: sum, count: 16).joined(separator: ", ")
        let reshape = Self.document("%1 = reshape(%0) {shape = <\(product)>} : float32[1]")
        #expect(Self.failure(reshape)?.kind == .overflow)
        let attributes = (0..<100_000).map { "a\($0) = 1" }.joined(separator: ", ")
        #expect(Self.failure(Self.document("%1 = exp(%0) {\(attributes)} : int8[]"))?.kind == .parse)
    }

    @Test func wideGraphsTakeLinearTime() throws {
        let count = 5_000
        let inputs = (0..<count).map { "%\(2 * $0) \"x\($0)\": float32[2]" }.joined(separator: ", ")
        let nodes = (0..<count).map { "%\(2 * $0 + 1) = exp(%\(2 * $0)) : float32[2]" }.joined(separator: "\n")
        let graph = try Graph(parsing: Self.document(nodes, inputs: inputs, result: "%1"))
        #expect(graph.nodes.count == 2 * count)
        #expect(try Graph(parsing: graph.text()) == graph)
    }

    /// Thousands of damaged documents: each gives a graph that verifies and prints back, or an error with a place.
    @Test(arguments: 0..<4) func damagedTextNeverTraps(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var sources = try PrimitiveCase.all().map { entry in Array(try entry.graph().text().utf8) }
        let builder = GraphBuilder()
        try builder.output("y", builder.add(EveryAttribute(), [builder.input("x", .scalar(.float32))]))
        sources.append(Array(try builder.build().text().utf8))
        let pieces = [
            "-", "%", "\"", "\\u{110000}", "0x", "1e999", "99999999999999999999", "graph(", "<", "[", "{", "}", "nan:",
            "(",
            "n", "float32", "splat", "base64", "//", "\n", "floor(", "*", "-9223372036854775808", "é", "\u{0}", "=",
            ",",
        ].map { Array($0.utf8) }
        var parsed = 0
        for round in 0..<600 {
            var bytes = sources[round % sources.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                let end = min(bytes.count, at + Int.random(in: 0...6, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.removeSubrange(at..<end)
                case 1: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: at)
                case 2: bytes[at] = UInt8.random(in: 0x20...0x7E, using: &random)
                default: bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do {
                let graph = try Graph(parsing: text, composites: testRegistry)
                try graph.verify()
                #expect(try Graph(parsing: graph.text(), composites: testRegistry) == graph)
                parsed += 1
            } catch {
                let place = error.message.prefix { $0 != " " }
                #expect(place.split(separator: ":").count == 2, "\(error)")
            }
        }
        #expect(parsed > 0 && parsed < 600)
    }
}
