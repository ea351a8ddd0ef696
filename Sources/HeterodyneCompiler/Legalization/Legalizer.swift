// Heterodyne: asks whether a target runs a node, natively or with other scalar types.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph

/// Asks whether a target runs a node, natively or with other scalar types, as the owner's policy allows.
public struct Legalizer: Sendable {
    /// The device.
    public var target: CompilationTarget
    /// What the owner allows.
    public var policy: ScalarTypePolicy

    /// A legalizer for a device.
    public init(target: CompilationTarget, policy: ScalarTypePolicy) {
        self.target = target
        self.policy = policy
    }

    /// Whether and how the device runs a node. Composites are asked about as they are: one that the device does not
    /// run whole is refused.
    public func answer(for node: NodeSignature) -> NodeAnswer {
        switch target.support(for: node) {
        case .native: return .native
        case .byDecomposition: return .refused(reason: "it is not claimed")
        case .afterLegalization(let reason):
            let missing = node.scalarTypes.filter { target.capabilities.emulations[$0] != nil }
            let refusals = missing.filter { policy[$0] != .emulate }
            guard !missing.isEmpty, refusals.isEmpty else { return .refused(reason: reason) }
            return .legalized(
                missing.sorted { $0.name < $1.name }.map {
                    TypeLegalization(
                        type: $0, rule: .emulate, form: .kernels, reason: reason,
                        costFactor: target.capabilities.emulations[$0]?.costFactor ?? 1)
                })
        case .unsupported(let reason): return .refused(reason: reason)
        }
    }
}
