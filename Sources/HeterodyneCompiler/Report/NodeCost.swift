// Heterodyne: what running a node costs, estimated.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// An estimate of what running a node costs, from its types alone.
public struct NodeCost: Sendable, Hashable {
    /// Arithmetic operations; a multiplication with an addition counts as two.
    public var operationCount: Double
    /// Bytes of operands read and results written.
    public var byteCount: Double

    /// The cost of a node of `graph`.
    public init(_ node: Node, in graph: Graph) {
        self.init(node, operandTypes: node.operands.map(graph.type(of:)))
    }

    /// The cost of a node with operands of the given types.
    public init(_ node: Node, operandTypes operands: [TensorType]) {
        self.init(node, operandTypes: operands, depth: 0)
    }

    private init(_ node: Node, operandTypes operands: [TensorType], depth: Int) {
        byteCount = (operands + node.resultTypes).reduce(0) { $0 + Self.bytes($1) }
        let results = node.resultTypes.reduce(0) { $0 + Self.count($1) }
        switch node.operation {
        case .primitive(.dot(let dimensions, _, _)):
            let contracted = dimensions.leftContracting.reduce(1.0) {
                $0 * Double(operands[0].shape[$1].fixedValue ?? 1)
            }
            operationCount = 2 * results * contracted
        case .primitive(let primitive):
            switch primitive.code.group {
            case .elementwise: operationCount = results
            case .reduction, .sorting: operationCount = operands.reduce(0) { $0 + Self.count($1) }
            case .source, .movement, .control, .contraction: operationCount = 0
            }
        case .composite(let composite):
            if let region = composite as? FusedRegion {
                operationCount = region.body.nodes.reduce(0) { $0 + NodeCost($1, in: region.body).operationCount }
            } else {
                operationCount = Self.operationCount(of: composite, operands, depth: depth) ?? results
            }
        case .parameter: operationCount = 0
        }
    }

    init(transferOf type: TensorType) {
        operationCount = 0
        byteCount = Self.bytes(type)
    }

    /// What the nodes of a composite's definition compute; that a device runs it whole changes the bytes, not this.
    private static func operationCount(
        of composite: any Composite, _ operands: [TensorType], depth: Int
    ) -> Double? {
        guard depth < 8 else { return nil }
        let definition = try? GraphBuilder.region(operands) { (builder, terms) throws(GraphError) in
            try composite.decompose(terms, in: builder)
        }
        guard let definition else { return nil }
        return definition.nodes.reduce(0) { sum, node in
            let types = node.operands.map(definition.type(of:))
            return sum + NodeCost(node, operandTypes: types, depth: depth + 1).operationCount
        }
    }

    private static func count(_ type: TensorType) -> Double {
        type.shape.dimensions.reduce(1) { $0 * Double($1.fixedValue ?? 1) }
    }

    private static func bytes(_ type: TensorType) -> Double { count(type) * Double(type.scalarType.bitWidth) / 8 }
}
