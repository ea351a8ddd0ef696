// Heterodyne: primitives to and from named attributes.
// SPDX-License-Identifier: Apache-2.0

extension Primitive {
    /// The attributes as data; `init(code:attributes:)` reads them back.
    public var attributes: Attributes {
        switch self {
        case .constant(let literal): ["value": .literal(literal)]
        case .iota(let type, let dimension): ["type": .type(type), "dimension": .integer(dimension)]
        case .convert(let type), .bitcast(let type): ["to": .scalarType(type)]
        case .unary, .binary, .select, .dynamicUpdateSlice: [:]
        case .compare(let direction): ["direction": .string(direction.rawValue)]
        case .reshape(let shape): ["shape": .dimensions(shape.dimensions)]
        case .transpose(let permutation): ["permutation": .integers(permutation)]
        case .broadcast(let shape, let dimensions):
            ["shape": .dimensions(shape.dimensions), "dimensions": .integers(dimensions)]
        case .slice(let starts, let limits, let strides):
            ["starts": .dimensions(starts), "limits": .dimensions(limits), "strides": .integers(strides)]
        case .pad(let low, let high, let interior):
            ["low": .dimensions(low), "high": .dimensions(high), "interior": .integers(interior)]
        case .concatenate(let dimension): ["dimension": .integer(dimension)]
        case .reverse(let dimensions): ["dimensions": .integers(dimensions)]
        case .gather(let dimensions): ["dimensions": .integers(dimensions)]
        case .scatter(let mode, let dimensions):
            ["mode": .string(mode.rawValue), "dimensions": .integers(dimensions)]
        case .dynamicSlice(let sizes): ["sizes": .dimensions(sizes)]
        case .dot(let dot, let accumulation, let result):
            [
                "leftBatch": .integers(dot.leftBatch), "rightBatch": .integers(dot.rightBatch),
                "leftContracting": .integers(dot.leftContracting), "rightContracting": .integers(dot.rightContracting),
                "accumulation": .scalarType(accumulation), "result": .scalarType(result),
            ]
        case .reduce(let kind, let dimensions):
            ["kind": .string(kind.rawValue), "dimensions": .integers(dimensions)]
        case .sort(let dimension, let descending, let indexType):
            [
                "dimension": .integer(dimension), "descending": .bool(descending), "indexType": .scalarType(indexType),
            ]
        case .conditional(let then, let otherwise): ["then": .graph(then), "else": .graph(otherwise)]
        case .loop(let condition, let body): ["condition": .graph(condition), "body": .graph(body)]
        }
    }

    /// The primitive `code` with `attributes`. Throws `invalidAttribute` for missing, unknown or malformed ones.
    public init(code: PrimitiveCode, attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: code.name)
        self = try Self.read(code, &reader)
        try reader.finish()
    }

    private static func read(_ code: PrimitiveCode, _ reader: inout AttributeReader) throws(GraphError) -> Primitive {
        switch code {
        case .constant: return .constant(try reader.literal("value"))
        case .iota: return .iota(try reader.type("type"), dimension: try reader.integer("dimension"))
        case .convert: return .convert(try reader.scalarType("to"))
        case .bitcast: return .bitcast(try reader.scalarType("to"))
        case .negate, .abs, .floor, .exp, .log, .sqrt, .sin, .cos, .tanh:
            return .unary(try named(code))
        case .add, .subtract, .multiply, .divide, .remainder, .power, .maximum, .minimum, .and, .or, .xor, .shiftLeft,
            .shiftRight:
            return .binary(try named(code))
        case .compare: return .compare(try reader.choice("direction"))
        case .select: return .select
        case .reshape: return .reshape(Shape(try reader.dimensions("shape")))
        case .transpose: return .transpose(permutation: try reader.integers("permutation"))
        case .broadcast:
            return .broadcast(
                Shape(try reader.dimensions("shape")), dimensions: try reader.integers("dimensions"))
        case .slice:
            return .slice(
                starts: try reader.dimensions("starts"), limits: try reader.dimensions("limits"),
                strides: try reader.integers("strides"))
        case .pad:
            return .pad(
                low: try reader.dimensions("low"), high: try reader.dimensions("high"),
                interior: try reader.integers("interior"))
        case .concatenate: return .concatenate(dimension: try reader.integer("dimension"))
        case .reverse: return .reverse(dimensions: try reader.integers("dimensions"))
        case .gather: return .gather(dimensions: try reader.integers("dimensions"))
        case .scatter: return .scatter(try reader.choice("mode"), dimensions: try reader.integers("dimensions"))
        case .dynamicSlice: return .dynamicSlice(sizes: try reader.dimensions("sizes"))
        case .dynamicUpdateSlice: return .dynamicUpdateSlice
        case .dot:
            let dot = DotDimensions(
                leftBatch: try reader.integers("leftBatch"), rightBatch: try reader.integers("rightBatch"),
                leftContracting: try reader.integers("leftContracting"),
                rightContracting: try reader.integers("rightContracting"))
            return .dot(
                dot, accumulation: try reader.scalarType("accumulation"), result: try reader.scalarType("result"))
        case .reduce: return .reduce(try reader.choice("kind"), dimensions: try reader.integers("dimensions"))
        case .sort:
            return .sort(
                dimension: try reader.integer("dimension"), descending: try reader.bool("descending"),
                indexType: try reader.scalarType("indexType"))
        case .conditional:
            return .conditional(then: try reader.graph("then"), otherwise: try reader.graph("else"))
        case .loop:
            return .loop(condition: try reader.graph("condition"), body: try reader.graph("body"))
        }
    }

    private static func named<T: RawRepresentable>(_ code: PrimitiveCode) throws(GraphError) -> T
    where T.RawValue == String {
        guard let value = T(rawValue: code.name) else {
            throw GraphError(.unknownOperation, "'\(code.name)' is no \(T.self)", operation: code.name)
        }
        return value
    }
}
