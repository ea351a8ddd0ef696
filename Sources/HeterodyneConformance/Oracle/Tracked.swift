// Heterodyne: a value of the graph under test together with what its error can be.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A value of the graph under test together with what a device's result may differ from it by.
struct Tracked {
    /// The type in the graph under test.
    let type: TensorType
    /// The value: float64 for floats, else of the type itself.
    let value: Term
    /// For floats, float64: the largest error; infinite or NaN where nothing can be said. Nil for none.
    var error: Term?
    /// For integers and bools, bool: whether the device may have another value. Nil for nowhere.
    var doubt: Term?

    init(_ type: TensorType, _ value: Term, error: Term? = nil, doubt: Term? = nil) {
        self.type = type
        self.value = value
        self.error = error
        self.doubt = doubt
    }

    var isFloat: Bool { type.scalarType.isFloatingPoint }

    /// Whether nothing is uncertain.
    var isExact: Bool { error == nil && doubt == nil }

    /// The error as a term, zeros where there is none.
    func errorTerm() throws(GraphError) -> Term {
        if let error { return error }
        return try value.like(0)
    }

    /// The doubt as a term, false where there is none.
    func doubtTerm() throws(GraphError) -> Term {
        if let doubt { return doubt }
        return try value.builder.falses(value.shape)
    }

    /// Error or doubt as a term, whichever the type has.
    func margin() throws(GraphError) -> Term { try isFloat ? errorTerm() : doubtTerm() }

    /// The magnitudes that a device may see: `|value| + error`, infinities counted as 0, since they come out exactly
    /// where they come out at all.
    func magnitude() throws(GraphError) -> Term {
        let finite = try finiteMagnitude()
        guard let error else { return finite }
        return try finite + error
    }

    /// `|value|`, infinities counted as 0.
    func finiteMagnitude() throws(GraphError) -> Term {
        let size = try value.abs()
        return try size.compare(.equal, .infinity).select(size.like(0), size)
    }
}

extension GraphBuilder {
    /// False everywhere.
    func falses(_ shape: Shape) throws(GraphError) -> Term {
        try constant(Literal(splatBits: 0, type: TensorType(.bool, shape)))
    }

    /// True everywhere.
    func trues(_ shape: Shape) throws(GraphError) -> Term {
        try constant(Literal(splatBits: 1, type: TensorType(.bool, shape)))
    }
}

/// Sums of errors that may be absent.
func sum(_ a: Term?, _ b: Term?) throws(GraphError) -> Term? {
    guard let a else { return b }
    guard let b else { return a }
    return try a + b
}

/// Disjunctions of doubts that may be absent.
func either(_ a: Term?, _ b: Term?) throws(GraphError) -> Term? {
    guard let a else { return b }
    guard let b else { return a }
    return try a.or(b)
}

extension Optional {
    /// `map` that keeps the type of the error.
    func transformed<R, E: Error>(_ transform: (Wrapped) throws(E) -> R) throws(E) -> R? {
        guard let self else { return nil }
        return try transform(self)
    }
}
