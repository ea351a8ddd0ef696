// Heterodyne: evaluates graphs on the host, clearly before quickly.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Evaluates graphs in pure Swift: the definition of every primitive in every scalar type, and the oracle of tests.
///
/// Results do not depend on the machine's load or thread count. Composites are evaluated by their decompositions.
public struct ReferenceEvaluator: Sendable {
    /// Limits of each evaluation.
    public var options: EvaluationOptions

    /// An evaluator with limits.
    public init(options: EvaluationOptions = EvaluationOptions()) { self.options = options }

    /// The outputs of `graph` for `inputs`, in order, each dense. Throws `EvaluationError` for inputs that do not fit
    /// the graph, symbolic extents, failing decompositions, exceeded limits and cancelled tasks.
    public func evaluate(_ graph: Graph, inputs: [Literal] = []) throws(EvaluationError) -> [Literal] {
        try ReferenceProgram(graph).run(inputs, options: options)
    }

    /// The outputs of `graph` for `inputs` with default limits.
    public static func evaluate(_ graph: Graph, inputs: [Literal] = []) throws(EvaluationError) -> [Literal] {
        try ReferenceEvaluator().evaluate(graph, inputs: inputs)
    }
}
