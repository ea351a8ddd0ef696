// Heterodyne: what one node of a graph does.
// SPDX-License-Identifier: Apache-2.0

/// What one node of a graph does.
public enum NodeOperation: Sendable, Hashable {
    /// An input of the graph.
    case parameter(index: Int, name: String, type: TensorType)
    /// A primitive.
    case primitive(Primitive)
    /// A composite.
    case composite(any Composite)

    /// The name in the text form and in reports.
    public var name: String {
        switch self {
        case .parameter: "parameter"
        case .primitive(let primitive): primitive.code.name
        case .composite(let composite): composite.name
        }
    }

    /// The attributes as data.
    public var attributes: Attributes {
        switch self {
        case .parameter: Attributes()
        case .primitive(let primitive): primitive.attributes
        case .composite(let composite): composite.attributes
        }
    }

    /// The regions inside the operation.
    public var regions: [Graph] {
        switch self {
        case .parameter: []
        case .primitive(let primitive): primitive.regions
        case .composite(let composite): composite.attributes.regions
        }
    }

    /// The primitive, where the operation is one.
    public var primitive: Primitive? { if case .primitive(let primitive) = self { primitive } else { nil } }

    /// The composite as `T`, where the operation is one.
    public func composite<T: Composite>(as: T.Type) -> T? {
        if case .composite(let composite) = self { composite as? T } else { nil }
    }

    /// The types of the results for operands of the given types.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        switch self {
        case .parameter(_, let name, let type):
            try Rules.count(operands, 0)
            do { try type.validate() } catch { throw error.at(operation: "input '\(name)'", location: nil) }
            return [type]
        case .primitive(let primitive): return try primitive.inferTypes(operands)
        case .composite(let composite):
            do {
                let results = try composite.inferTypes(operands)
                try Rules.require(!results.isEmpty, .malformedGraph, "has no result")
                for result in results { try result.validate() }
                return results
            } catch { throw error.at(operation: composite.name, location: nil) }
        }
    }

    /// Same operation with equal attributes.
    public static func == (a: NodeOperation, b: NodeOperation) -> Bool {
        switch (a, b) {
        case (.parameter(let i, let m, let s), .parameter(let j, let n, let t)): i == j && m == n && s == t
        case (.primitive(let x), .primitive(let y)): x == y
        case (.composite(let x), .composite(let y)): x.isEqual(to: y)
        default: false
        }
    }

    /// Kind, name and attributes.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .parameter(let index, let name, let type):
            hasher.combine(0)
            hasher.combine(index)
            hasher.combine(name)
            hasher.combine(type)
        case .primitive(let primitive):
            hasher.combine(1)
            hasher.combine(primitive)
        case .composite(let composite):
            hasher.combine(2)
            hasher.combine(composite.name)
            hasher.combine(AnyHashable(composite))
        }
    }
}

extension Composite {
    func isEqual(to other: any Composite) -> Bool {
        guard let other = other as? Self else { return false }
        return self == other
    }
}
