// Heterodyne: the lanes of emulation as values of a graph under construction.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

/// Keeps the first error of operators that cannot throw. One belongs to the lanes of one graph.
final class LaneErrors {
    private var first: GraphError?

    /// The term that `body` makes, or `fallback` where it throws; the error is kept.
    func keeping(_ fallback: Term, _ body: () throws(GraphError) -> Term) -> Term {
        do throws(GraphError) { return try body() } catch {
            if first == nil { first = error }
            return fallback
        }
    }

    /// Throws the first error since the last call, if there was one.
    func rethrow() throws(GraphError) {
        guard let error = first else { return }
        first = nil
        throw error
    }
}

/// float32 terms as lanes.
struct TermFloat: FloatLane {
    /// The float32 term.
    let term: Term
    let errors: LaneErrors

    init(_ term: Term, _ errors: LaneErrors) {
        self.term = term
        self.errors = errors
    }

    private func make(_ body: () throws(GraphError) -> Term) -> TermFloat {
        TermFloat(errors.keeping(term, body), errors)
    }

    private func mask(_ direction: ComparisonDirection, _ b: TermFloat) -> TermMask {
        TermMask(errors.keeping(term) { () throws(GraphError) in try term.compare(direction, b.term) }, errors)
    }

    func like(_ value: Float) -> TermFloat {
        make { () throws(GraphError) in
            try term.builder.constant(Literal(splatBits: UInt64(value.bitPattern), type: term.type))
        }
    }

    static func + (a: TermFloat, b: TermFloat) -> TermFloat {
        a.make { () throws(GraphError) in try a.term + b.term }
    }
    static func - (a: TermFloat, b: TermFloat) -> TermFloat {
        a.make { () throws(GraphError) in try a.term - b.term }
    }
    static func * (a: TermFloat, b: TermFloat) -> TermFloat {
        a.make { () throws(GraphError) in try a.term * b.term }
    }
    static func / (a: TermFloat, b: TermFloat) -> TermFloat {
        a.make { () throws(GraphError) in try a.term / b.term }
    }
    static prefix func - (x: TermFloat) -> TermFloat { x.make { () throws(GraphError) in try x.term.negate() } }
    var magnitude: TermFloat { make { () throws(GraphError) in try term.abs() } }
    var floor: TermFloat { make { () throws(GraphError) in try term.floor() } }
    var squareRoot: TermFloat { make { () throws(GraphError) in try term.sqrt() } }

    func isLess(than b: TermFloat) -> TermMask { mask(.less, b) }
    func isLessOrEqual(to b: TermFloat) -> TermMask { mask(.lessOrEqual, b) }
    func isEqual(to b: TermFloat) -> TermMask { mask(.equal, b) }
    static func select(_ mask: TermMask, _ a: TermFloat, _ b: TermFloat) -> TermFloat {
        a.make { () throws(GraphError) in try mask.term.select(a.term, b.term) }
    }

    var bits: TermWord {
        TermWord(errors.keeping(term) { () throws(GraphError) in try term.bitcast(.uint32) }, errors)
    }
    var truncatedWord: TermWord {
        TermWord(errors.keeping(term) { () throws(GraphError) in try term.convert(.uint32) }, errors)
    }
}

/// uint32 terms as lanes.
struct TermWord: WordLane {
    /// The uint32 term.
    let term: Term
    let errors: LaneErrors

    init(_ term: Term, _ errors: LaneErrors) {
        self.term = term
        self.errors = errors
    }

    private func make(_ body: () throws(GraphError) -> Term) -> TermWord {
        TermWord(errors.keeping(term, body), errors)
    }

    private func mask(_ direction: ComparisonDirection, _ b: TermWord) -> TermMask {
        TermMask(errors.keeping(term) { () throws(GraphError) in try term.compare(direction, b.term) }, errors)
    }

    func like(_ value: UInt32) -> TermWord {
        make { () throws(GraphError) in
            try term.builder.constant(Literal(splatBits: UInt64(value), type: term.type))
        }
    }

    static func + (a: TermWord, b: TermWord) -> TermWord { a.make { () throws(GraphError) in try a.term + b.term } }
    static func - (a: TermWord, b: TermWord) -> TermWord { a.make { () throws(GraphError) in try a.term - b.term } }
    static func * (a: TermWord, b: TermWord) -> TermWord { a.make { () throws(GraphError) in try a.term * b.term } }
    static func & (a: TermWord, b: TermWord) -> TermWord {
        a.make { () throws(GraphError) in try a.term.and(b.term) }
    }
    static func | (a: TermWord, b: TermWord) -> TermWord { a.make { () throws(GraphError) in try a.term.or(b.term) } }
    static func ^ (a: TermWord, b: TermWord) -> TermWord {
        a.make { () throws(GraphError) in try a.term.xor(b.term) }
    }
    static prefix func ~ (a: TermWord) -> TermWord { a.make { () throws(GraphError) in try a.term.not() } }
    func shiftedLeft(by b: TermWord) -> TermWord { make { () throws(GraphError) in try term.shiftLeft(b.term) } }
    func shiftedRight(by b: TermWord) -> TermWord { make { () throws(GraphError) in try term.shiftRight(b.term) } }

    func isLess(than b: TermWord) -> TermMask { mask(.less, b) }
    func isEqual(to b: TermWord) -> TermMask { mask(.equal, b) }
    static func select(_ mask: TermMask, _ a: TermWord, _ b: TermWord) -> TermWord {
        a.make { () throws(GraphError) in try mask.term.select(a.term, b.term) }
    }

    var asFloat: TermFloat {
        TermFloat(errors.keeping(term) { () throws(GraphError) in try term.bitcast(.float32) }, errors)
    }
    var toFloat: TermFloat {
        TermFloat(errors.keeping(term) { () throws(GraphError) in try term.convert(.float32) }, errors)
    }
}

/// bool terms as lanes.
struct TermMask: MaskLane {
    /// The bool term.
    let term: Term
    let errors: LaneErrors

    init(_ term: Term, _ errors: LaneErrors) {
        self.term = term
        self.errors = errors
    }

    private func make(_ body: () throws(GraphError) -> Term) -> TermMask {
        TermMask(errors.keeping(term, body), errors)
    }

    static func & (a: TermMask, b: TermMask) -> TermMask {
        a.make { () throws(GraphError) in try a.term.and(b.term) }
    }
    static func | (a: TermMask, b: TermMask) -> TermMask { a.make { () throws(GraphError) in try a.term.or(b.term) } }
    static prefix func ! (a: TermMask) -> TermMask { a.make { () throws(GraphError) in try a.term.not() } }
}
