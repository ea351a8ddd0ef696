// Heterodyne: how one operator is imported, from which version of its set on.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// How one operator is imported, from one version of its set until the next rule of that name.
struct OperatorRule: Sendable {
    typealias Body = @Sendable (OperatorContext) throws(GraphError) -> [ImportedValue]

    /// The operator.
    let name: String
    /// The first version of the set that the rule holds for.
    let since: Int
    /// The set; empty for the main one.
    let domain: String
    /// Gives the values of the outputs.
    let apply: Body

    private init(_ name: String, _ since: Int, _ domain: String, _ apply: @escaping Body) {
        self.name = name
        self.since = since
        self.domain = domain
        self.apply = apply
    }

    /// An operator with one output, a tensor of one of the graph language's own element types.
    static func term(
        _ name: String, since: Int = 1, domain: String = "",
        _ body: @escaping @Sendable (OperatorContext) throws(GraphError) -> Term
    ) -> OperatorRule {
        OperatorRule(name, since, domain) { (context) throws(GraphError) in [ImportedValue(try body(context))] }
    }

    /// An operator with several outputs that are such tensors.
    static func terms(
        _ name: String, since: Int = 1, domain: String = "",
        _ body: @escaping @Sendable (OperatorContext) throws(GraphError) -> [Term]
    ) -> OperatorRule {
        OperatorRule(name, since, domain) { (context) throws(GraphError) in
            try body(context).map { ImportedValue($0) }
        }
    }

    /// An operator with outputs of any kind.
    static func values(
        _ name: String, since: Int = 1, domain: String = "", _ body: @escaping Body
    ) -> OperatorRule {
        OperatorRule(name, since, domain, body)
    }

    /// An operator that is known and not imported, for a reason that holds for every device.
    static func declined(_ name: String, since: Int = 1, domain: String = "", because reason: String) -> OperatorRule {
        OperatorRule(name, since, domain) { (_) throws(GraphError) in throw GraphError(.unsupported, reason) }
    }
}

/// All rules, found by name and version.
struct OperatorTable: Sendable {
    private struct Key: Hashable {
        let domain: String
        let name: String
    }

    /// Rules of one operator, the newest first.
    private let rules: [Key: [OperatorRule]]

    init(_ lists: [[OperatorRule]]) {
        var rules: [Key: [OperatorRule]] = [:]
        for rule in lists.joined() { rules[Key(domain: rule.domain, name: rule.name), default: []].append(rule) }
        self.rules = rules.mapValues { $0.sorted { $0.since > $1.since } }
    }

    /// The operators of a set.
    func names(ofDomain domain: String) -> [String] {
        rules.keys.filter { $0.domain == domain }.map(\.name).sorted()
    }

    /// Whether there is a rule for the operator in a version of its set.
    func has(_ name: String, domain: String, version: Int) -> Bool {
        rules[Key(domain: domain, name: name)]?.contains { $0.since <= version } ?? false
    }

    /// The rule for a node. Throws `unknownOperation`.
    func rule(for node: ONNXNode, version: Int) throws(GraphError) -> OperatorRule {
        let set = node.domain.isEmpty ? "ai.onnx" : node.domain
        guard let known = rules[Key(domain: node.domain, name: node.opType)] else {
            throw GraphError(
                .unknownOperation,
                "operator \(quoted(node.opType)) of \(quoted(set)) is not known; export the model with the standard's "
                    + "operators, or with the operator as a function of the model")
        }
        guard let rule = known.first(where: { $0.since <= version }) else {
            throw GraphError(
                .unknownOperation,
                "operator \(quoted(node.opType)) is part of \(quoted(set)) from version "
                    + "\(known.last?.since ?? 1) on, and the model uses version \(version)")
        }
        return rule
    }
}
