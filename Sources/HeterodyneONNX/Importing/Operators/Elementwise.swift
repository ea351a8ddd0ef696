// Heterodyne: ONNX operators: arithmetic, comparisons, logic and elementary functions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Arithmetic, comparisons, logic and elementary functions.
    static let elementwise: [OperatorRule] = [
        .term("Add", since: 7) { (context) throws(GraphError) in try context.broadcast(.add) },
        .term("Add", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.add) },
        .term("Sub", since: 7) { (context) throws(GraphError) in try context.broadcast(.subtract) },
        .term("Sub", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.subtract) },
        .term("Mul", since: 7) { (context) throws(GraphError) in try context.broadcast(.multiply) },
        .term("Mul", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.multiply) },
        .term("Div", since: 7) { (context) throws(GraphError) in try context.broadcast(.divide) },
        .term("Div", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.divide) },
        .term("Abs") { (context) throws(GraphError) in try context.unsigned { (x) throws(GraphError) in try x.abs() } },
        .term("Neg") { (context) throws(GraphError) in try context.term(0).negate() },
        .term("Exp") { (context) throws(GraphError) in try context.term(0).exp() },
        .term("Log") { (context) throws(GraphError) in try context.term(0).log() },
        .term("Sqrt") { (context) throws(GraphError) in try context.term(0).sqrt() },
        .term("Sin") { (context) throws(GraphError) in try context.term(0).sin() },
        .term("Cos") { (context) throws(GraphError) in try context.term(0).cos() },
        .term("Tanh") { (context) throws(GraphError) in try context.term(0).tanh() },
        .term("Erf") { (context) throws(GraphError) in try context.builder.add(Erf(), [context.term(0)]) },
    ]
}

extension OperatorContext {
    /// A binary operator on inputs 0 and 1, repeated to their common shape.
    fileprivate func broadcast(_ op: BinaryOperator) throws(GraphError) -> Term {
        let (a, b) = try builder.broadcastTogether(try term(0), try term(1))
        return try a.binary(op, b)
    }

    /// A binary operator as before version 7: input 1 is repeated only where the attribute `broadcast` says so, from
    /// the dimension `axis` on.
    fileprivate func legacyBroadcast(_ op: BinaryOperator) throws(GraphError) -> Term {
        let (a, b) = try legacyOperands()
        return try a.binary(op, b)
    }

    /// Inputs 0 and 1 under the rules before version 7.
    func legacyOperands() throws(GraphError) -> (Term, Term) {
        let a = try term(0)
        let b = try term(1)
        guard try bool("broadcast") else {
            guard a.shape == b.shape else {
                throw GraphError(
                    .shapeMismatch, "\(a.type) and \(b.type) differ, and the attribute 'broadcast' is not set")
            }
            return (a, b)
        }
        let first = try optionalInt("axis") ?? a.rank - b.rank
        let start = first < 0 ? first + a.rank : first
        guard start >= 0, start + b.rank <= a.rank else {
            throw GraphError(.shapeMismatch, "\(b.type) does not fit into \(a.type) from axis \(first) on")
        }
        return (a, try b.broadcast(a.shape, dimensions: Array(start..<start + b.rank)))
    }

    /// `body` of input 0, which itself is the result for unsigned integers.
    fileprivate func unsigned(_ body: (Term) throws(GraphError) -> Term) throws(GraphError) -> Term {
        let x = try term(0)
        return x.scalarType.isInteger && !x.scalarType.isSignedInteger ? x : try body(x)
    }
}
