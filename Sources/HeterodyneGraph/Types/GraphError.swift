// Heterodyne: the error type of everything that builds, checks or reads graphs.
// SPDX-License-Identifier: Apache-2.0

/// Why a graph could not be built, verified, parsed, bound or rewritten.
public struct GraphError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of the mistake, for programs; `message` is for people.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A scalar type that the operation does not take, or a type over the size limits.
        case invalidType
        /// Shapes or ranks that do not fit together.
        case shapeMismatch
        /// The wrong number of operands.
        case operandCount
        /// An attribute out of range, missing, unknown or of the wrong kind.
        case invalidAttribute
        /// A name that no primitive and no registered composite has.
        case unknownOperation
        /// A graph whose parts contradict each other.
        case malformedGraph
        /// A symbolic dimension where a number is needed.
        case unboundSymbol
        /// A size computation that does not fit in 64 bits.
        case overflow
        /// Text that is not a graph.
        case parse
        /// Data whose length or content does not fit its type.
        case invalidLiteral
        /// An operation that no allowed device runs, or a decision that strict compilation refuses.
        case unsupported
    }

    /// The class of the mistake.
    public let kind: Kind
    /// What is wrong and what to do.
    public var message: String
    /// The operation, or the node as the text form prints it.
    public var operation: String?
    /// Where the node was built, where known.
    public var location: SourceLocation?

    /// An error of `kind`.
    public init(_ kind: Kind, _ message: String, operation: String? = nil, location: SourceLocation? = nil) {
        self.kind = kind
        self.message = message
        self.operation = operation
        self.location = location
    }

    /// The error with operation and location filled in where they are not known yet.
    public func at(operation: String?, location: SourceLocation?) -> GraphError {
        var copy = self
        copy.operation = copy.operation ?? operation
        copy.location = copy.location ?? location
        return copy
    }

    /// `location: operation: message (kind)`.
    public var description: String {
        var text = ""
        if let location { text += "\(location): " }
        if let operation { text += "\(operation): " }
        return text + "\(message) (\(kind.rawValue))"
    }
}
