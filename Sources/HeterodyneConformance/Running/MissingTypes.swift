// Heterodyne: conditions under which a device lacks scalar types.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneCompiler
public import HeterodyneGraph
public import HeterodyneRuntime

/// Conditions under which a device lacks scalar types: what is hidden of it, what its owner allows instead, and which
/// devices may stand in.
public struct MissingTypes: Sendable {
    /// What is hidden of the device.
    public var masks: [TypeMask]
    /// What its owner allows.
    public var policy: ScalarTypePolicy
    /// The devices that may stand in, where the policy says `fallback`.
    public var fallbacks: [Device]

    /// Conditions. Where the policy says `fallback`, at least one other device is needed.
    public init(masks: [TypeMask] = [], policy: ScalarTypePolicy = .standard, fallbacks: [Device] = []) {
        self.masks = masks
        self.policy = policy
        self.fallbacks = fallbacks
    }

    /// Nothing is hidden, and nothing stands in.
    public static let none = MissingTypes()

    /// The types of which something is hidden.
    public var types: Set<ScalarType> { Set(masks.map(\.type)) }

    /// Whether a graph needs something that is hidden, inside regions and definitions of composites too.
    public func touches(_ graph: Graph) -> Bool {
        if !graph.scalarTypes.isDisjoint(with: Set(masks.filter { $0.extent == .everything }.map(\.type))) {
            return true
        }
        guard !graph.scalarTypes.isDisjoint(with: types) else { return false }
        return graph.nodes.contains { node in
            hides(NodeSignature(node, in: graph)) || node.operation.regions.contains(where: touches)
        }
    }

    /// Whether a node needs something that is hidden.
    func hides(_ node: NodeSignature) -> Bool { masks.contains { $0.hides(node) } }

    /// The arithmetic that stands in for hidden types on the device itself, where it is not exact.
    var standIns: [ScalarType: StandIn] {
        var result: [ScalarType: StandIn] = [:]
        for type in types {
            switch policy[type] {
            case .emulate: if type == .float64 { result[type] = .pairs }
            case .demote: if let narrow = ScalarTypePolicy.demotion(of: type) { result[type] = .narrower(narrow) }
            case .fallback, .error: break
            }
        }
        return result
    }
}

/// The arithmetic that stands in for a scalar type and is not exactly its own.
enum StandIn: Sendable, Hashable {
    /// Pairs of float32.
    case pairs
    /// The arithmetic of a narrower type.
    case narrower(ScalarType)
}

extension Graph {
    /// Whether nothing is computed with `types`, inside regions too: values are made, moved and chosen.
    func onlyMoves(_ types: Set<ScalarType>) -> Bool {
        nodes.allSatisfy { node in
            let touched = Set((node.operands.map { type(of: $0).scalarType }) + node.resultTypes.map(\.scalarType))
            if touched.isDisjoint(with: types) { return true }
            guard case .primitive(let primitive) = node.operation else { return node.operation.isParameter }
            switch primitive {
            case .constant, .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather,
                .scatter(.set, _), .dynamicSlice, .dynamicUpdateSlice:
                return true
            case .iota, .convert, .bitcast, .unary, .binary, .compare, .scatter, .dot, .reduce, .sort, .conditional,
                .loop:
                return false
            }
        }
    }
}

extension NodeOperation {
    fileprivate var isParameter: Bool { if case .parameter = self { true } else { false } }
}
