// Heterodyne: from ONNX models to graphs.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Turns an ONNX model into graphs, for inputs of given types.
public struct ONNXImporter: Sendable {
    /// The model.
    public let model: ONNXModel
    private let evaluate: ConstantEvaluator

    /// An importer of `model`. `evaluate` computes what depends on constants only where the structure of the graph
    /// needs it, such as shapes.
    public init(_ model: ONNXModel, evaluate: @escaping ConstantEvaluator) {
        self.model = model
        self.evaluate = evaluate
    }

    /// The inputs that must be given: those without an initializer.
    public var requiredInputs: [ONNXValue] {
        let defaults = Set(model.graph.initializers.map(\.name) + model.graph.sparseInitializers.map(\.values.name))
        return model.graph.inputs.filter { !defaults.contains($0.name) }
    }

    /// What to run for inputs of the given signatures, in order of the model's inputs, and the answers so far. An input
    /// with an initializer may be nil.
    ///
    /// `progress` is told now and then how many nodes of how many are done.
    ///
    /// - Throws: what the first node that cannot be imported throws, with its name.
    public func plan(
        for signatures: [ONNXSignature?], answers: [Literal] = [],
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws(ONNXError) -> ImportPlan {
        let inputs = model.graph.inputs
        guard signatures.count == inputs.count else {
            throw ONNXError(
                .invalidInput, "the model has \(inputs.count) inputs, and \(signatures.count) are given")
        }
        let required = Set(requiredInputs.map(\.name))
        for (input, signature) in zip(inputs, signatures) {
            guard let signature else {
                guard !required.contains(input.name) else {
                    throw ONNXError(.invalidInput, "no value is given; the model needs one", at: [input.label])
                }
                continue
            }
            try input.check(signature)
        }
        let session = ImportSession(model, answers, evaluate)
        session.progress = progress
        do throws(GraphError) { return try session.importModel(signatures) } catch {
            let kind: ONNXError.Kind =
                switch error.kind {
                case .unknownOperation, .unsupported: .unsupportedOperator
                default: .invalidNode
                }
            throw ONNXError(kind, error.message, at: error.operation.map { [$0] } ?? [])
        }
    }

    /// The operators of the model that no rule and no function of the model defines, with the number of nodes.
    public func unknownOperators() -> [(domain: String, name: String, version: Int, count: Int)] {
        var counts: [OperatorUse: Int] = [:]
        let own = Set(model.functions.map(\.identifier))
        func visit(_ nodes: [ONNXNode], _ opsets: [String: Int]) {
            for node in nodes {
                let use = OperatorUse(domain: node.domain, name: node.opType, version: opsets[node.domain] ?? 1)
                let identifier = ONNXFunction.Identifier(
                    domain: node.domain, name: node.opType, overload: node.overload)
                if !own.contains(identifier),
                    !OperatorTable.standard.has(use.name, domain: use.domain, version: use.version)
                {
                    counts[use, default: 0] += 1
                }
                for attribute in node.attributes.values {
                    for graph in attribute.subgraphs { visit(graph.nodes, opsets) }
                }
            }
        }
        visit(model.graph.nodes, model.opsets)
        for function in model.functions { visit(function.nodes, function.opsets) }
        return counts.map { ($0.key.domain, $0.key.name, $0.key.version, $0.value) }
            .sorted { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }
    }

    /// The operators of a set that are imported, by name.
    public static func operators(ofDomain domain: String = "") -> [String] {
        OperatorTable.standard.names(ofDomain: domain)
    }
}

private struct OperatorUse: Hashable {
    let domain: String
    let name: String
    let version: Int
}

extension ONNXValue {
    /// The value in messages.
    var label: String { "input \(quoted(name))" }

    /// Throws `invalidInput` where a value of `signature` is none of this input's type.
    func check(_ signature: ONNXSignature) throws(ONNXError) {
        guard let type else { return }
        guard type.admits(signature) else {
            throw ONNXError(.invalidInput, "is \(type.text) and was given \(signature.text)", at: [label])
        }
    }
}

extension ONNXType {
    /// Whether a value of `signature` is of this type; free dimensions admit any number.
    func admits(_ signature: ONNXSignature) -> Bool {
        switch (self, signature) {
        case (.tensor(let element, let dimensions), .tensor(let given, let shape)):
            guard element == given else { return false }
            return Self.admits(dimensions, shape.dimensions)
        case (.tensor(.string, let dimensions), .text(let text)):
            return Self.admits(dimensions, text.dimensions.map(Extent.fixed))
        case (.sequence(let element), .sequence(let elements)): return elements.allSatisfy(element.admits)
        case (.optional(let inner), .optional(let value)): return value.map(inner.admits) ?? true
        case (.optional(let inner), _): return inner.admits(signature)
        default: return false
        }
    }

    private static func admits(_ dimensions: [ONNXDimension]?, _ extents: [Extent]) -> Bool {
        guard let dimensions else { return true }
        guard dimensions.count == extents.count else { return false }
        return zip(dimensions, extents).allSatisfy { dimension, extent in
            if case .fixed(let number) = dimension, let given = extent.fixedValue { return number == given }
            return true
        }
    }

    /// The type for people, for instance `float32[batch, 3]`.
    public var text: String {
        switch self {
        case .tensor(let element, let dimensions): return "\(element)\(Self.text(dimensions))"
        case .sparseTensor(let element, let dimensions): return "sparse \(element)\(Self.text(dimensions))"
        case .sequence(let element): return "sequence of \(element.text)"
        case .optional(let value): return "optional \(value.text)"
        case .map(let key, let value): return "map from \(key) to \(value.text)"
        case .opaque(let domain, let name): return "opaque \(quoted("\(domain).\(name)"))"
        }
    }

    private static func text(_ dimensions: [ONNXDimension]?) -> String {
        guard let dimensions else { return "[...]" }
        let parts = dimensions.map { dimension in
            switch dimension {
            case .fixed(let number): String(number)
            case .symbol(let name): name
            case .unknown: "?"
            }
        }
        return "[\(parts.joined(separator: ", "))]"
    }
}

extension ONNXSignature {
    /// The signature for people.
    public var text: String {
        switch self {
        case .tensor(let element, let shape): return "\(element)\(shape)"
        case .text(let text): return "string\(text.dimensions)"
        case .sequence(let elements): return "a sequence of \(elements.count)"
        case .optional(let value): return value.map { "optional \($0.text)" } ?? "nothing"
        }
    }
}
