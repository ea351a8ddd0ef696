// Heterodyne: whether and how a target runs a node under a policy.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Another scalar type in place of one that a device lacks.
public struct TypeLegalization: Sendable, Hashable {
    /// Who makes it.
    public enum Form: Sendable, Hashable, CaseIterable {
        /// The backend, in its own kernels.
        case kernels
        /// The compiler, by rewriting the graph.
        case graph
    }

    /// The type that is missing.
    public var type: ScalarType
    /// The owner's rule, `emulate` or `demote`.
    public var rule: ScalarTypePolicy.Rule
    /// Who makes it.
    public var form: Form
    /// For people: what is done and why.
    public var reason: String
    /// Whether it changes nothing that anybody can observe and costs nothing worth telling: moved as words, say.
    public var isFree: Bool
    /// How many times slower than an operation in the type that stands in for it, estimated.
    public var costFactor: Double

    /// A legalization.
    public init(
        type: ScalarType, rule: ScalarTypePolicy.Rule, form: Form, reason: String, isFree: Bool = false,
        costFactor: Double
    ) {
        self.type = type
        self.rule = rule
        self.form = form
        self.reason = reason
        self.isFree = isFree
        self.costFactor = costFactor
    }
}

/// Whether and how a target runs a node under a policy.
public enum NodeAnswer: Sendable, Hashable {
    /// As it stands.
    case native
    /// With other scalar types in place of some.
    case legalized([TypeLegalization])
    /// Not at all, with the reason for people.
    case refused(reason: String)
}
