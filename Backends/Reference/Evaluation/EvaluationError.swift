// Heterodyne: why the reference could not evaluate a graph.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Why a graph could not be evaluated.
public struct EvaluationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the failure, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The wrong number of inputs.
        case inputCount
        /// An input of another type than the graph declares.
        case inputType
        /// A symbolic extent: bind the graph's symbols before evaluating it.
        case unboundSymbol
        /// More memory would be needed than the options allow.
        case memoryLimit
        /// A `while` ran for more iterations than the options allow.
        case iterationLimit
        /// Regions or decompositions are nested deeper than the limit.
        case nestingLimit
        /// The surrounding task was cancelled.
        case cancelled
        /// A composite's decomposition failed or does not yield its inferred types.
        case decomposition
        /// The graph contradicts itself; `verify()` says where.
        case malformedGraph
    }

    /// The class of the failure.
    public let kind: Kind
    /// What is wrong and what to do.
    public var message: String
    /// The operation at which it happened, where known.
    public var operation: String?
    /// Where that operation was built, where known.
    public var location: SourceLocation?

    /// An error of `kind`.
    public init(_ kind: Kind, _ message: String, operation: String? = nil, location: SourceLocation? = nil) {
        self.kind = kind
        self.message = message
        self.operation = operation
        self.location = location
    }

    /// A graph error met while evaluating.
    init(_ error: GraphError) {
        self.init(
            error.kind == .unboundSymbol ? .unboundSymbol : .malformedGraph, error.message, operation: error.operation,
            location: error.location)
    }

    /// The error with operation and location filled in where they are not known yet.
    func at(_ node: Node) -> EvaluationError {
        var copy = self
        copy.operation = copy.operation ?? node.operation.name
        copy.location = copy.location ?? node.location
        return copy
    }

    /// The result of `body`, with a graph error turned into an evaluation error.
    static func wrapping<R>(_ body: () throws(GraphError) -> R) throws(EvaluationError) -> R {
        do throws(GraphError) { return try body() } catch { throw EvaluationError(error) }
    }

    /// `location: operation: message (kind)`.
    public var description: String {
        var text = ""
        if let location { text += "\(location): " }
        if let operation { text += "\(operation): " }
        return text + "\(message) (\(kind.rawValue))"
    }
}
