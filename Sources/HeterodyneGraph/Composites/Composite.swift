// Heterodyne: operations that are defined by a decomposition into lower ones.
// SPDX-License-Identifier: Apache-2.0

/// An operation that is defined by its decomposition into lower operations.
///
/// The decomposition is the definition and the test oracle. A backend may claim a composite and then gets it whole;
/// everywhere else it is decomposed. A conforming type is a plain value of attributes. An implementer's test:
/// `init(attributes: x.attributes) == x` for every value, and the decomposition of operands of the inferred types
/// yields exactly `inferTypes`.
public protocol Composite: Sendable, Hashable {
    /// The name in the text form and in backends' claims, unique and stable, for instance `softmax`.
    static var name: String { get }

    /// The name of this operation. The default is the type's; a type whose values stand for different operations, such as
    /// those that arrive from elsewhere as data, answers for each.
    var name: String { get }

    /// The attributes as data.
    var attributes: Attributes { get }

    /// The value with the given attributes. Throws `invalidAttribute` for missing, unknown or malformed ones.
    init(attributes: Attributes) throws(GraphError)

    /// The types of the results for operands of the given types; checks operand count, types and attributes.
    func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType]

    /// Builds the definition in `builder` from operands of types that `inferTypes` accepted.
    func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term]
}

extension Composite {
    /// The name of the type.
    public var name: String { Self.name }
}

/// The composites that a reader of text or of files knows by name.
public struct CompositeRegistry: Sendable {
    private var types: [String: any Composite.Type] = [:]

    /// A registry of the given composites.
    public init(_ composites: [any Composite.Type] = []) {
        for type in composites { types[type.name] = type }
    }

    /// Adds a composite; a later one of the same name replaces an earlier one.
    public mutating func register(_ type: any Composite.Type) { types[type.name] = type }

    /// The registered names, sorted.
    public var names: [String] { types.keys.sorted() }

    /// The composite called `name` with `attributes`. Throws `unknownOperation` or what its initializer throws.
    public func make(_ name: String, _ attributes: Attributes) throws(GraphError) -> any Composite {
        guard let type = types[name] else {
            throw GraphError(
                .unknownOperation, "no primitive and no registered composite is called '\(name)'", operation: name)
        }
        return try type.init(attributes: attributes)
    }
}
