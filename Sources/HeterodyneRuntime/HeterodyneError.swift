// Heterodyne: the one error type of the runtime and the user's API.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// Whatever can go wrong between building a graph and reading a result.
public enum HeterodyneError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A graph could not be built, bound or compiled.
    case graph(GraphError)
    /// A device could not be used or a program failed on it.
    case backend(BackendError)

    /// The description of the error inside.
    public var description: String {
        switch self {
        case .graph(let error): error.description
        case .backend(let error): error.description
        }
    }

    /// Where the node that the error is about was built, where known.
    public var location: SourceLocation? {
        switch self {
        case .graph(let error): error.location
        case .backend(let error): error.location
        }
    }
}

/// The result of `body`, its error as a `HeterodyneError`.
func liftingGraph<T>(_ body: () throws(GraphError) -> T) throws(HeterodyneError) -> T {
    do { return try body() } catch { throw .graph(error) }
}

/// The result of `body`, its error as a `HeterodyneError`.
func liftingBackend<T>(_ body: () throws(BackendError) -> T) throws(HeterodyneError) -> T {
    do { return try body() } catch { throw .backend(error) }
}
