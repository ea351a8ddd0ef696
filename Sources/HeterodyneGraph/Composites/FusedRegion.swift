// Heterodyne: several nodes that a backend runs as one.
// SPDX-License-Identifier: Apache-2.0

/// Several nodes that a backend runs as one. The body is kept, so a region can always be undone: decomposing it
/// inlines the body.
public struct FusedRegion: Composite {
    /// What a region is made of.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Elementwise operations over one iteration space; operands may be broadcast into it, constants are splats.
        case elementwise
        /// One `dot` whose result goes through elementwise operations.
        case dotEpilogue
    }

    /// `fused`.
    public static let name = "fused"

    /// What the region is made of.
    public let kind: Kind
    /// The nodes; its inputs are the operands, its outputs the results.
    public let body: Graph

    /// A region.
    public init(kind: Kind, body: Graph) {
        self.kind = kind
        self.body = body
    }

    /// `kind` and `body`.
    public var attributes: Attributes { ["kind": .string(kind.rawValue), "body": .graph(body)] }

    /// The region with the given attributes.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        kind = try reader.choice("kind")
        body = try reader.graph("body")
        try reader.finish()
    }

    /// The body's output types, for operands of its input types.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try Rules.region("body", body, inputs: operands, outputs: nil)
        return body.outputTypes
    }

    /// The body, inlined.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        try builder.inline(body, operands)
    }
}
