// Heterodyne: one small example of every operation in every scalar type.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph
import HeterodyneOps

/// An operation as it is asked about: a small example of it in any scalar type that it takes. Composites have the
/// attributes and operands of their first conformance case.
public struct SampleOperation: Sendable, Identifiable {
    private enum Kind: Sendable {
        case primitive(PrimitiveCode)
        case elementwise(any ElementwiseComposite)
        case structured([CompositeConfiguration])
    }

    /// The name in the text form.
    public let name: String
    /// The primitive; nil for composites.
    public var primitive: PrimitiveCode? { if case .primitive(let code) = kind { code } else { nil } }
    private let kind: Kind

    private init(name: String, kind: Kind) { (self.name, self.kind) = (name, kind) }

    /// The name in the text form.
    public var id: String { name }

    /// The 44 primitives in the order of their table.
    public static let primitives: [SampleOperation] = PrimitiveCode.allCases.map {
        SampleOperation(name: $0.name, kind: .primitive($0))
    }

    /// The standard composites in the order of their list.
    public static let composites: [SampleOperation] = {
        let elementwise = Dictionary(
            uniqueKeysWithValues: CompositeCases.elementwiseRanges.map { ($0.composite.name, $0.composite) })
        let structured = Dictionary(
            grouping: CompositeConfiguration.neural + CompositeConfiguration.data, by: \.composite.name)
        return StandardComposites.all.compactMap { type in
            if let composite = elementwise[type.name] {
                return SampleOperation(name: type.name, kind: .elementwise(composite))
            }
            return structured[type.name].map { SampleOperation(name: type.name, kind: .structured($0)) }
        }
    }()

    /// All operations, the primitives first.
    public static let all = primitives + composites

    /// The operation called `name`.
    public init?(name: String) {
        guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// The example in `type`: a graph whose nodes, besides inputs, are the operation (a conversion in both directions is
    /// two nodes). Nil where the operation is not defined for the type.
    public func graph(_ type: ScalarType) -> Graph? {
        // What inference refuses is not defined.
        switch kind {
        case .primitive(let code): return try? Self.primitive(code, type)
        case .elementwise(let composite):
            guard Swift.type(of: composite).takes(type) else { return nil }
            let count = Swift.type(of: composite).operandNames.count
            let operands = [TensorType](repeating: TensorType(type, [7, 5]), count: count)
            return try? Self.composite(composite, operands)
        case .structured(let configurations):
            for configuration in configurations {
                if let graph = Self.graph(configuration, type), graph.scalarTypes.contains(type) { return graph }
            }
            // The type may occur as something other than the type of the case: what values are quantized to, say.
            for configuration in configurations {
                for caseType in configuration.types.prefix(1) where caseType != type {
                    if let graph = Self.graph(configuration, caseType), graph.scalarTypes.contains(type) {
                        return graph
                    }
                }
            }
            return nil
        }
    }

    private static func graph(_ configuration: CompositeConfiguration, _ type: ScalarType) -> Graph? {
        let operands = configuration.operands.map { TensorType($0.scalarType ?? type, Shape($0.shape)) }
        return try? composite(configuration.make?(type) ?? configuration.composite, operands)
    }

    private static func composite(_ composite: any Composite, _ operands: [TensorType]) throws(GraphError) -> Graph {
        try GraphBuilder.region(operands) { builder, terms throws(GraphError) in
            try builder.addAll(.composite(composite), terms)
        }
    }
}

// MARK: - Primitives

extension SampleOperation {
    /// A primitive on matrices of 7 by 5 elements.
    private static func primitive(_ code: PrimitiveCode, _ type: ScalarType) throws(GraphError) -> Graph {
        let matrix = TensorType(type, [7, 5])
        let index = TensorType.scalar(.int32)
        switch code {
        case .constant:
            return try GraphBuilder.region([]) { builder, _ throws(GraphError) in [try builder.constant(0, matrix)] }
        case .iota:
            return try GraphBuilder.region([]) { builder, _ throws(GraphError) in
                [try builder.iota(matrix, dimension: 0)]
            }
        case .convert: return try conversion(type)
        case .bitcast:
            guard let partner = partner(of: type) else { throw undefined(code, type) }
            return try one([matrix]) { terms throws(GraphError) in try terms[0].bitcast(partner) }
        case .negate: return try unary(.negate, matrix)
        case .abs: return try unary(.abs, matrix)
        case .floor: return try unary(.floor, matrix)
        case .exp: return try unary(.exp, matrix)
        case .log: return try unary(.log, matrix)
        case .sqrt: return try unary(.sqrt, matrix)
        case .sin: return try unary(.sin, matrix)
        case .cos: return try unary(.cos, matrix)
        case .tanh: return try unary(.tanh, matrix)
        case .add: return try binary(.add, matrix)
        case .subtract: return try binary(.subtract, matrix)
        case .multiply: return try binary(.multiply, matrix)
        case .divide: return try binary(.divide, matrix)
        case .remainder: return try binary(.remainder, matrix)
        case .power: return try binary(.power, matrix)
        case .maximum: return try binary(.maximum, matrix)
        case .minimum: return try binary(.minimum, matrix)
        case .and: return try binary(.and, matrix)
        case .or: return try binary(.or, matrix)
        case .xor: return try binary(.xor, matrix)
        case .shiftLeft: return try binary(.shiftLeft, matrix)
        case .shiftRight: return try binary(.shiftRight, matrix)
        case .compare:
            return try one([matrix, matrix]) { terms throws(GraphError) in try terms[0].compare(.less, terms[1]) }
        case .select:
            return try one([TensorType(.bool, [7, 5]), matrix, matrix]) { terms throws(GraphError) in
                try terms[0].select(terms[1], terms[2])
            }
        case .reshape: return try one([matrix]) { terms throws(GraphError) in try terms[0].reshape([5, 7]) }
        case .transpose: return try one([matrix]) { terms throws(GraphError) in try terms[0].transpose([1, 0]) }
        case .broadcast:
            return try one([TensorType(type, [5])]) { terms throws(GraphError) in
                try terms[0].broadcast(Shape([7, 5]), dimensions: [1])
            }
        case .slice: return try one([matrix]) { terms throws(GraphError) in try terms[0].slice([1, 0], [5, 4]) }
        case .pad:
            return try one([matrix, .scalar(type)]) { terms throws(GraphError) in
                try terms[0].pad(terms[1], low: [1, 0], high: [0, 2])
            }
        case .concatenate:
            return try GraphBuilder.region([matrix, matrix]) { builder, terms throws(GraphError) in
                [try builder.concatenate(terms, dimension: 0)]
            }
        case .reverse: return try one([matrix]) { terms throws(GraphError) in try terms[0].reverse([1]) }
        case .gather:
            return try one([matrix, TensorType(.int32, [3, 1])]) { terms throws(GraphError) in
                try terms[0].gather(terms[1], dimensions: [0])
            }
        case .scatter:
            return try one([matrix, TensorType(.int32, [3, 1]), TensorType(type, [3, 5])]) {
                terms throws(GraphError) in try terms[0].scatter(.set, terms[1], terms[2], dimensions: [0])
            }
        case .dynamicSlice:
            return try one([matrix, index, index]) { terms throws(GraphError) in
                try terms[0].dynamicSlice([terms[1], terms[2]], sizes: [3, 2])
            }
        case .dynamicUpdateSlice:
            return try one([matrix, TensorType(type, [3, 2]), index, index]) { terms throws(GraphError) in
                try terms[0].dynamicUpdateSlice(terms[1], [terms[2], terms[3]])
            }
        case .dot:
            return try one([matrix, TensorType(type, [5, 3])]) { terms throws(GraphError) in
                try terms[0].dot(terms[1], DotDimensions(leftContracting: [1], rightContracting: [0]))
            }
        case .reduce:
            let kind: ReductionKind = type == .bool ? .or : .sum
            return try one([matrix]) { terms throws(GraphError) in try terms[0].reduce(kind, [1]) }
        case .sort:
            return try one([matrix]) { terms throws(GraphError) in
                try terms[0].sortPermutation(dimension: 1, indexType: .int32)
            }
        case .conditional:
            let then = try GraphBuilder.region([matrix, matrix]) { _, terms throws(GraphError) in [terms[0]] }
            let otherwise = try GraphBuilder.region([matrix, matrix]) { _, terms throws(GraphError) in [terms[1]] }
            return try GraphBuilder.region([.scalar(.bool), matrix, matrix]) { builder, terms throws(GraphError) in
                try builder.conditional(terms[0], [terms[1], terms[2]], then: then, otherwise: otherwise)
            }
        case .loop:
            let condition = try GraphBuilder.region([index, matrix]) { _, terms throws(GraphError) in
                [try terms[0].compare(.less, 3)]
            }
            let body = try GraphBuilder.region([index, matrix]) { _, terms throws(GraphError) in
                [try terms[0] + 1, try terms[1].reverse([0])]
            }
            return try GraphBuilder.region([index, matrix]) { builder, terms throws(GraphError) in
                try builder.loop(terms, condition: condition, body: body)
            }
        }
    }

    private static func one(
        _ operands: [TensorType], _ body: ([Term]) throws(GraphError) -> Term
    ) throws(GraphError) -> Graph {
        try GraphBuilder.region(operands) { _, terms throws(GraphError) in [try body(terms)] }
    }

    private static func unary(_ op: UnaryOperator, _ type: TensorType) throws(GraphError) -> Graph {
        try one([type]) { terms throws(GraphError) in try terms[0].unary(op) }
    }

    private static func binary(_ op: BinaryOperator, _ type: TensorType) throws(GraphError) -> Graph {
        try one([type, type]) { terms throws(GraphError) in try terms[0].binary(op, terms[1]) }
    }

    /// To float32 and back; float32 to int32 and back.
    private static func conversion(_ type: ScalarType) throws(GraphError) -> Graph {
        let other: ScalarType = type == .float32 ? .int32 : .float32
        return try GraphBuilder.region([TensorType(type, [7, 5]), TensorType(other, [7, 5])]) {
            _, terms throws(GraphError) in [try terms[0].convert(other), try terms[1].convert(type)]
        }
    }

    /// Another type of the same width.
    private static func partner(of type: ScalarType) -> ScalarType? {
        switch type {
        case .bool: nil
        case .int4: .uint4
        case .uint4: .int4
        case .int8, .float8e4m3fn, .float8e5m2: .uint8
        case .uint8: .int8
        case .int16, .float16, .bfloat16: .uint16
        case .uint16: .int16
        case .int32, .float32: .uint32
        case .uint32: .int32
        case .int64, .float64: .uint64
        case .uint64: .int64
        }
    }

    private static func undefined(_ code: PrimitiveCode, _ type: ScalarType) -> GraphError {
        GraphError(.invalidType, "\(code.name) is not defined for \(type)", operation: code.name)
    }
}
