// Heterodyne: composites that the tests define for themselves.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Has an attribute of every kind, so that the text form and binding meet all of them. Computes `x * scale`.
struct EveryAttribute: Composite {
    static let name = "test.every"
    var flag = true
    var count = -3
    var scale = 0.5
    var label = "a \"quoted\" \\ line\nand a tab\t, é, \u{1}"
    var integers = [1, -2, .max, .min]
    var numbers = [1.0, -0.0, 1e-5, .infinity, -.infinity, .leastNonzeroMagnitude]
    var strings = ["", "x y", "%0"]
    var extents: [Extent] = [2, .symbol("batch")]
    var scalarType = ScalarType.bfloat16
    var type = TensorType(.int8, [.symbol("batch"), 4])
    var literal = Literal(Float(1.5), shape: [.symbol("batch")])
    var graph: Graph

    init() throws(GraphError) {
        graph = try GraphBuilder.region([.scalar(.float32)]) { (_, x) throws(GraphError) in [try x[0].negate()] }
    }

    var attributes: Attributes {
        [
            "flag": .bool(flag), "count": .integer(count), "scale": .number(scale), "label": .string(label),
            "integers": .integers(integers), "numbers": .numbers(numbers), "strings": .strings(strings),
            "extents": .dimensions(extents), "scalar type": .scalarType(scalarType), "type": .type(type),
            "literal": .literal(literal), "graph": .graph(graph),
        ]
    }

    init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        flag = try reader.bool("flag")
        count = try reader.integer("count")
        scale = try reader.number("scale")
        label = try reader.string("label")
        integers = try reader.integers("integers")
        numbers = try reader.numbers("numbers")
        strings = try reader.strings("strings")
        extents = try reader.dimensions("extents")
        scalarType = try reader.scalarType("scalar type")
        type = try reader.type("type")
        literal = try reader.literal("literal")
        graph = try reader.graph("graph")
        try reader.finish()
    }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        guard operands.count == 1 else { throw GraphError(.operandCount, "takes 1 operand") }
        return operands
    }

    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [try operands[0] * scale]
    }
}

/// Gives its operand and its negation: two results, no attributes, and a name that is also a primitive's.
struct Both: Composite {
    static let name = "add"
    var attributes: Attributes { [:] }

    init() {}
    init(attributes: Attributes) throws(GraphError) {
        try AttributeReader(attributes, operation: Self.name).finish()
    }

    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        guard operands.count == 1 else { throw GraphError(.operandCount, "takes 1 operand") }
        return [operands[0], operands[0]]
    }

    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        [operands[0], try operands[0].negate()]
    }
}

let testRegistry = CompositeRegistry([EveryAttribute.self, Both.self])

/// The error that `body` throws, or nil.
func error(_ body: () throws(GraphError) -> Void) -> GraphError? {
    do {
        try body()
        return nil
    } catch { return error }
}
