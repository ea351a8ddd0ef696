// Heterodyne: whether and how a device runs a node.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A node as a backend is asked about it.
public struct NodeSignature: Sendable {
    /// The operation.
    public var operation: NodeOperation
    /// The types of the operands.
    public var operandTypes: [TensorType]
    /// The types of the results.
    public var resultTypes: [TensorType]

    /// A signature.
    public init(operation: NodeOperation, operandTypes: [TensorType], resultTypes: [TensorType]) {
        self.operation = operation
        self.operandTypes = operandTypes
        self.resultTypes = resultTypes
    }

    /// The signature of a node of `graph`.
    public init(_ node: Node, in graph: Graph) {
        self.init(
            operation: node.operation, operandTypes: node.operands.map(graph.type(of:)), resultTypes: node.resultTypes)
    }
}

extension NodeSignature {
    /// Every scalar type that the node computes with or gives, those of its attributes and regions included.
    public var scalarTypes: Set<ScalarType> {
        var types = Set((operandTypes + resultTypes).map(\.scalarType))
        if case .primitive(.dot(_, let accumulation, let result)) = operation {
            types.formUnion([accumulation, result])
        }
        for region in operation.regions { types.formUnion(region.scalarTypes) }
        return types
    }
}

extension Graph {
    /// Every scalar type of its values, those inside regions included.
    public var scalarTypes: Set<ScalarType> {
        var types = Set<ScalarType>()
        for node in nodes {
            for type in node.resultTypes { types.insert(type.scalarType) }
            if case .primitive(.dot(_, let accumulation, _)) = node.operation { types.insert(accumulation) }
            for region in node.operation.regions { types.formUnion(region.scalarTypes) }
        }
        return types
    }
}

/// Whether and how a device runs a node.
public enum Support: Sendable, Hashable {
    /// As it stands.
    case native
    /// In the backend's own kernels with another scalar type in place of one that the device lacks, one of
    /// `Capabilities.emulations`; the reason says how.
    case afterLegalization(reason: String)
    /// After the composite has been decomposed.
    case byDecomposition
    /// Not at all. The reason is shown to people.
    case unsupported(reason: String)

    /// Whether the device runs the node as it stands.
    public var isNative: Bool { self == .native }
}

extension Capabilities {
    /// Support derived from usages, exceptions and claims alone; what backends answer unless they know more.
    public func support(for node: NodeSignature) -> Support {
        switch node.operation {
        case .parameter: return storageSupport(node.resultTypes)
        case .composite(let composite):
            guard claims.contains(composite.name) else { return .byDecomposition }
            let support = storageSupport(node.operandTypes + node.resultTypes)
            return support.isNative ? .native : .byDecomposition
        case .primitive(let primitive):
            let storage = storageSupport(node.operandTypes + node.resultTypes)
            guard storage.isNative else { return storage }
            return primitiveSupport(primitive, node)
        }
    }

    private func storageSupport(_ types: [TensorType]) -> Support {
        for type in types where !usages(of: type.scalarType).contains(.storage) {
            return .unsupported(reason: "the device has no \(type.scalarType)")
        }
        return .native
    }

    private func primitiveSupport(_ primitive: Primitive, _ node: NodeSignature) -> Support {
        let needed: ScalarUsage
        switch primitive.code.group {
        case .source, .movement, .control: needed = []
        case .elementwise:
            switch primitive {
            case .convert: needed = .convert
            case .bitcast, .select: needed = []
            default: needed = node.operandTypes.first?.scalarType == .bool ? [] : .arithmetic
            }
        case .contraction: needed = .dot
        case .reduction: needed = node.operandTypes.first?.scalarType == .bool ? [] : .accumulate
        case .sorting: needed = []
        }
        for type in node.operandTypes where !usages(of: type.scalarType).isSuperset(of: needed) {
            let names = needed.names.joined(separator: ", ")
            return .unsupported(reason: "the device has no \(names) for \(type.scalarType)")
        }
        if case .dot(_, let accumulation, _) = primitive, !usages(of: accumulation).contains(.accumulate) {
            return .unsupported(reason: "the device cannot accumulate in \(accumulation)")
        }
        for exception in exceptions where exception.primitive == primitive.code {
            if node.operandTypes.contains(where: { $0.scalarType == exception.scalarType }) {
                return .unsupported(reason: exception.reason)
            }
        }
        return .native
    }
}
