// Heterodyne: every canonicalization rule as a text before and after, and what must stay as it is.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph
import Testing

@Suite("Canonicalization")
struct CanonicalizationTests {
    /// Bodies of graphs over inputs `%0 "x"` of a type; both return `%r`.
    struct Rule: Sendable, CustomTestStringConvertible {
        let name: String
        let inputs: String
        let before: String
        let after: String
        var testDescription: String { name }

        init(_ name: String, _ inputs: String, _ before: String, _ after: String) {
            (self.name, self.inputs, self.before, self.after) = (name, inputs, before, after)
        }

        func graph(_ body: String) throws -> Graph {
            let lines = body.split(separator: ";").map { $0.trimmingSpaces }
            let list = inputs.split(separator: ";").enumerated().map { "%\($0) \"in\($0)\": \($1.trimmingSpaces)" }
            let last = lines[lines.count - 1]
            return try parse(
                "heterodyne 1\ngraph(\(list.joined(separator: ", "))) {\n"
                    + lines.dropLast().joined(separator: "\n") + "\nreturn \"r\" = \(last)\n}")
        }
    }

    static let elementwise: [Rule] = [
        Rule(
            "x + -0", "float32[2]",
            "%1 = constant() {value = float32[2] splat -0.0} : float32[2]; %2 = add(%0, %1) : float32[2]; %2", "%0"),
        Rule(
            "-0 + x", "float32[2]",
            "%1 = constant() {value = float32[2] splat -0.0} : float32[2]; %2 = add(%1, %0) : float32[2]; %2", "%0"),
        Rule(
            "integer x + 0", "int32[2]",
            "%1 = constant() {value = int32[2] splat 0} : int32[2]; %2 = add(%0, %1) : int32[2]; %2", "%0"),
        Rule(
            "x - 0", "float32[2]",
            "%1 = constant() {value = float32[2] splat 0.0} : float32[2]; %2 = subtract(%0, %1) : float32[2]; %2", "%0"),
        Rule(
            "x * 1", "float32[2]",
            "%1 = constant() {value = float32[2] splat 1.0} : float32[2]; %2 = multiply(%0, %1) : float32[2]; %2", "%0"),
        Rule(
            "x / 1", "float32[2]",
            "%1 = constant() {value = float32[2] splat 1.0} : float32[2]; %2 = divide(%0, %1) : float32[2]; %2", "%0"),
        Rule(
            "x / 4", "float32[2]",
            "%1 = constant() {value = float32[2] splat 4.0} : float32[2]; %2 = divide(%0, %1) : float32[2]; %2",
            "%1 = constant() {value = float32[2] splat 0.25} : float32[2]; %2 = multiply(%0, %1) : float32[2]; %2"),
        Rule(
            "x ^ 1", "float32[2]",
            "%1 = constant() {value = float32[2] splat 1.0} : float32[2]; %2 = power(%0, %1) : float32[2]; %2", "%0"),
        Rule(
            "a widened integer below 0", "int32[2]",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = constant() {value = int64[2] splat 0} : int64[2]; "
                + "%3 = compare(%1, %2) {direction = \"less\"} : bool[2]; %3",
            "%1 = constant() {value = int32[2] splat 0} : int32[2]; "
                + "%2 = compare(%0, %1) {direction = \"less\"} : bool[2]; %2"),
        Rule("max(x, x)", "float32[2]", "%1 = maximum(%0, %0) : float32[2]; %1", "%0"),
        Rule("x and x", "bool[2]", "%1 = and(%0, %0) : bool[2]; %1", "%0"),
        Rule(
            "x and true", "bool[2]",
            "%1 = constant() {value = bool[2] splat true} : bool[2]; %2 = and(%0, %1) : bool[2]; %2", "%0"),
        Rule(
            "x or 0", "uint8[2]",
            "%1 = constant() {value = uint8[2] splat 0} : uint8[2]; %2 = or(%1, %0) : uint8[2]; %2", "%0"),
        Rule(
            "x xor 0", "int8[2]", "%1 = constant() {value = int8[2] splat 0} : int8[2]; %2 = xor(%0, %1) : int8[2]; %2",
            "%0"),
        Rule(
            "x << 0", "int8[2]",
            "%1 = constant() {value = int8[2] splat 0} : int8[2]; %2 = shiftLeft(%0, %1) : int8[2]; %2", "%0"),
        Rule(
            "constants to the right", "int8[2]",
            "%1 = constant() {value = int8[2] splat 3} : int8[2]; %2 = add(%1, %0) : int8[2]; %2",
            "%1 = constant() {value = int8[2] splat 3} : int8[2]; %2 = add(%0, %1) : int8[2]; %2"),
        Rule("--x", "float32[2]", "%1 = negate(%0) : float32[2]; %2 = negate(%1) : float32[2]; %2", "%0"),
        Rule(
            "|-x|", "float32[2]", "%1 = negate(%0) : float32[2]; %2 = abs(%1) : float32[2]; %2",
            "%1 = abs(%0) : float32[2]; %1"),
        Rule("abs of unsigned", "uint8[2]", "%1 = abs(%0) : uint8[2]; %1", "%0"),
        Rule(
            "floor floor", "float32[2]", "%1 = floor(%0) : float32[2]; %2 = floor(%1) : float32[2]; %2",
            "%1 = floor(%0) : float32[2]; %1"),
        Rule(
            "select by a constant", "float32[2]; float32[2]",
            "%2 = constant() {value = bool[2] splat false} : bool[2]; %3 = select(%2, %0, %1) : float32[2]; %3", "%1"),
        Rule("select of equals", "bool[2]; float32[2]", "%2 = select(%0, %1, %1) : float32[2]; %2", "%1"),
        Rule(
            "widen and narrow", "bfloat16[2]",
            "%1 = convert(%0) {to = float32} : float32[2]; %2 = convert(%1) {to = bfloat16} : bfloat16[2]; %2", "%0"),
        Rule(
            "wrap through a wider integer", "int32[2]",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = convert(%1) {to = int8} : int8[2]; %2",
            "%1 = convert(%0) {to = int8} : int8[2]; %1"),
        Rule(
            "bitcast chain", "float32[2]",
            "%1 = bitcast(%0) {to = int32} : int32[2]; %2 = bitcast(%1) {to = float32} : float32[2]; %2", "%0"),
        Rule(
            "a maximum over extents of 1", "float32[1, 2]",
            "%1 = reduce(%0) {kind = \"maximum\", dimensions = [0]} : float32[2]; %1",
            "%1 = reshape(%0) {shape = <2>} : float32[2]; %1"),
        Rule(
            "sorted dimensions", "float32[2, 3]",
            "%1 = reduce(%0) {kind = \"sum\", dimensions = [1, 0]} : float32[]; %1",
            "%1 = reduce(%0) {kind = \"sum\", dimensions = [0, 1]} : float32[]; %1"),
        Rule(
            "iota of extent 1", "float32[]", "%1 = iota() {type = float32[2, 1], dimension = 1} : float32[2, 1]; %1",
            "%1 = constant() {value = float32[2, 1] splat 0.0} : float32[2, 1]; %1"),
        Rule(
            "equal elements are a splat", "float32[]",
            "%1 = constant() {value = float32[3] (2.0, 2.0, 2.0)} : float32[3]; %1",
            "%1 = constant() {value = float32[3] splat 2.0} : float32[3]; %1"),
        Rule(
            "no elements", "float32[0, 2]", "%1 = exp(%0) : float32[0, 2]; %1",
            "%1 = constant() {value = float32[0, 2] splat 0.0} : float32[0, 2]; %1"),
    ]

    static let movement: [Rule] = [
        Rule(
            "reshape chain", "float32[6]",
            "%1 = reshape(%0) {shape = <2, 3>} : float32[2, 3]; %2 = reshape(%1) {shape = <3, 2>} : float32[3, 2]; %2",
            "%1 = reshape(%0) {shape = <3, 2>} : float32[3, 2]; %1"),
        Rule(
            "reshape back", "float32[6]",
            "%1 = reshape(%0) {shape = <2, 3>} : float32[2, 3]; %2 = reshape(%1) {shape = <6>} : float32[6]; %2", "%0"),
        Rule(
            "transpose chain", "float32[2, 3, 4]",
            "%1 = transpose(%0) {permutation = [1, 2, 0]} : float32[3, 4, 2]; %2 = transpose(%1) {permutation = [1, 0, 2]} : float32[4, 3, 2]; %2",
            "%1 = transpose(%0) {permutation = [2, 1, 0]} : float32[4, 3, 2]; %1"),
        Rule(
            "transpose of extents of 1", "float32[1, 3]",
            "%1 = transpose(%0) {permutation = [1, 0]} : float32[3, 1]; %1",
            "%1 = reshape(%0) {shape = <3, 1>} : float32[3, 1]; %1"),
        Rule(
            "broadcast chain", "float32[3]",
            "%1 = broadcast(%0) {shape = <2, 3>, dimensions = [1]} : float32[2, 3]; %2 = broadcast(%1) {shape = <2, 4, 3>, dimensions = [0, 2]} : float32[2, 4, 3]; %2",
            "%1 = broadcast(%0) {shape = <2, 4, 3>, dimensions = [2]} : float32[2, 4, 3]; %1"),
        Rule(
            "broadcast of a reshape", "float32[3]",
            "%1 = reshape(%0) {shape = <1, 3>} : float32[1, 3]; %2 = broadcast(%1) {shape = <2, 3>, dimensions = [0, 1]} : float32[2, 3]; %2",
            "%1 = broadcast(%0) {shape = <2, 3>, dimensions = [1]} : float32[2, 3]; %1"),
        Rule(
            "slice chain", "float32[20]",
            "%1 = slice(%0) {starts = <2>, limits = <18>, strides = [3]} : float32[6]; %2 = slice(%1) {starts = <1>, limits = <6>, strides = [2]} : float32[3]; %2",
            "%1 = slice(%0) {starts = <5>, limits = <18>, strides = [6]} : float32[3]; %1"),
        Rule(
            "slice of everything", "float32[4]",
            "%1 = slice(%0) {starts = <0>, limits = <4>, strides = [1]} : float32[4]; %1", "%0"),
        Rule(
            "huge strides", "float32[5]",
            "%1 = slice(%0) {starts = <1>, limits = <5>, strides = [4611686018427387903]} : float32[1]; %1",
            "%1 = slice(%0) {starts = <1>, limits = <2>, strides = [1]} : float32[1]; %1"),
        Rule(
            "pad of nothing", "float32[4]",
            "%1 = constant() {value = float32[] splat 0.0} : float32[]; %2 = pad(%0, %1) {low = <0>, high = <0>, interior = [0]} : float32[4]; %2",
            "%0"),
        Rule(
            "pad that crops", "float32[4]",
            "%1 = constant() {value = float32[] splat 0.0} : float32[]; %2 = pad(%0, %1) {low = <-1>, high = <-1>, interior = [0]} : float32[2]; %2",
            "%1 = slice(%0) {starts = <1>, limits = <3>, strides = [1]} : float32[2]; %1"),
        Rule(
            "pad of no elements", "float32[0]; float32[]",
            "%2 = pad(%0, %1) {low = <2>, high = <1>, interior = [0]} : float32[3]; %2",
            "%2 = broadcast(%1) {shape = <3>, dimensions = []} : float32[3]; %2"),
        Rule(
            "concatenate with nothing", "float32[2]; float32[0]",
            "%2 = concatenate(%1, %0, %1) {dimension = 0} : float32[2]; %2", "%0"),
        Rule(
            "reverse chain", "float32[2, 3]",
            "%1 = reverse(%0) {dimensions = [0, 1]} : float32[2, 3]; %2 = reverse(%1) {dimensions = [1]} : float32[2, 3]; %2",
            "%1 = reverse(%0) {dimensions = [0]} : float32[2, 3]; %1"),
        Rule(
            "dynamic slice at a constant, clamped", "float32[5]",
            "%1 = constant() {value = int32[] splat 9} : int32[]; %2 = dynamicSlice(%0, %1) {sizes = <2>} : float32[2]; %2",
            "%1 = slice(%0) {starts = <3>, limits = <5>, strides = [1]} : float32[2]; %1"),
        Rule(
            "dynamic update of everything", "float32[5]; float32[5]; int32[]",
            "%3 = dynamicUpdateSlice(%0, %1, %2) : float32[5]; %3", "%1"),
        Rule(
            "splats move", "float32[]",
            "%1 = constant() {value = float32[2] splat 1.0} : float32[2]; %2 = reverse(%1) {dimensions = [0]} : float32[2]; %3 = broadcast(%2) {shape = <3, 2>, dimensions = [1]} : float32[3, 2]; %3",
            "%1 = constant() {value = float32[3, 2] splat 1.0} : float32[3, 2]; %1"),
        Rule(
            "known branch", "float32[2]",
            "%1 = constant() {value = bool[] splat true} : bool[]; %2 = if(%1, %0) {then = graph(%0 \"a\": float32[2]) {\n %1 = negate(%0) : float32[2]\n return \"b\" = %1 }, else = graph(%0 \"a\": float32[2]) {\n return \"b\" = %0 }} : float32[2]; %2",
            "%1 = negate(%0) : float32[2]; %1"),
    ]

    /// What looks like a rule and is none: these must not change.
    static let kept: [Rule] = [
        Rule(
            "x + +0 turns -0 into +0", "float32[2]",
            "%1 = constant() {value = float32[2] splat 0.0} : float32[2]; %2 = add(%0, %1) : float32[2]; %2", ""),
        Rule(
            "x - -0 turns -0 into +0", "float32[2]",
            "%1 = constant() {value = float32[2] splat -0.0} : float32[2]; %2 = subtract(%0, %1) : float32[2]; %2", ""),
        Rule(
            "x * 0 is NaN for infinity", "float32[2]",
            "%1 = constant() {value = float32[2] splat 0.0} : float32[2]; %2 = multiply(%0, %1) : float32[2]; %2", ""),
        Rule("x - x is NaN for infinity", "float32[2]", "%1 = subtract(%0, %0) : float32[2]; %1", ""),
        Rule(
            "x / 3 has no exact inverse", "float32[2]",
            "%1 = constant() {value = float32[2] splat 3.0} : float32[2]; %2 = divide(%0, %1) : float32[2]; %2", ""),
        Rule(
            "the inverse of 2^127 is subnormal", "float32[2]",
            "%1 = constant() {value = float32[2] splat 1.7014118e38} : float32[2]; %2 = divide(%0, %1) : float32[2]; %2",
            ""),
        Rule(
            "integer division", "int32[2]",
            "%1 = constant() {value = int32[2] splat 2} : int32[2]; %2 = divide(%0, %1) : int32[2]; %2", ""),
        Rule(
            "a sum of one -0 is +0", "float32[1]", "%1 = reduce(%0) {kind = \"sum\", dimensions = [0]} : float32[]; %1",
            ""),
        Rule(
            "a sum over nothing", "float32[2]", "%1 = reduce(%0) {kind = \"sum\", dimensions = []} : float32[2]; %1", ""
        ),
        Rule(
            "integers saturate on their way through floats", "int32[2]",
            "%1 = convert(%0) {to = float64} : float64[2]; %2 = convert(%1) {to = int8} : int8[2]; %2", ""),
        Rule(
            "narrowing loses", "float32[2]",
            "%1 = convert(%0) {to = float16} : float16[2]; %2 = convert(%1) {to = float32} : float32[2]; %2", ""),
        Rule(
            "a number that the narrow type lacks", "int8[2]",
            "%1 = convert(%0) {to = int64} : int64[2]; %2 = constant() {value = int64[2] splat 128} : int64[2]; "
                + "%3 = compare(%1, %2) {direction = \"less\"} : bool[2]; %3", ""),
        Rule(
            "signed integers as unsigned ones", "int8[2]",
            "%1 = convert(%0) {to = uint32} : uint32[2]; %2 = constant() {value = uint32[2] splat 5} : uint32[2]; "
                + "%3 = compare(%1, %2) {direction = \"less\"} : bool[2]; %3", ""),
        Rule(
            "signed to unsigned to float", "int8[2]",
            "%1 = convert(%0) {to = uint32} : uint32[2]; %2 = convert(%1) {to = float32} : float32[2]; %2", ""),
        Rule(
            "gathering from nothing", "int32[n, 1]",
            "%1 = constant() {value = float32[0] splat 0.0} : float32[0]; %2 = gather(%1, %0) {dimensions = [0]} : float32[n]; %2",
            ""),
    ]

    @Test("Rules give the form that they promise", arguments: elementwise + movement)
    func rules(rule: Rule) throws {
        let result = try Canonicalization().run(rule.graph(rule.before), in: context())
        #expect(result == (try rule.graph(rule.after)), "\(rule.name) gave \(result)")
    }

    @Test("What is not exact stays", arguments: kept)
    func nothingInexact(rule: Rule) throws {
        let graph = try rule.graph(rule.before)
        #expect(try Canonicalization().run(graph, in: context()) == graph)
    }

    @Test("Locations survive")
    func locations() throws {
        let builder = GraphBuilder()
        let x = try builder.input("x", TensorType(.float32, [2]))
        let place = SourceLocation(file: "Model/A.swift", line: 7)
        let half = try builder.add(.binary(.divide), [x, x.like(2)], location: place)
        try builder.output("y", half)
        let result = try Canonicalization().run(builder.build(), in: context())
        #expect(result.nodes.last?.operation == .primitive(.binary(.multiply)))
        #expect(result.nodes.last?.location == place)
    }
}

extension StringProtocol {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
