// Heterodyne: ONNX operators: arithmetic, comparisons, logic and elementary functions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Arithmetic, comparisons, logic and elementary functions.
    static let elementwise: [OperatorRule] = arithmetic + elementary + logic

    private static let arithmetic: [OperatorRule] = [
        .term("Add", since: 7) { (context) throws(GraphError) in try context.broadcast(.add) },
        .term("Add", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.add) },
        .term("Sub", since: 7) { (context) throws(GraphError) in try context.broadcast(.subtract) },
        .term("Sub", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.subtract) },
        .term("Mul", since: 7) { (context) throws(GraphError) in try context.broadcast(.multiply) },
        .term("Mul", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.multiply) },
        .term("Div", since: 7) { (context) throws(GraphError) in try context.broadcast(.divide) },
        .term("Div", since: 1) { (context) throws(GraphError) in try context.legacyBroadcast(.divide) },
        .term("Mod", since: 10) { (context) throws(GraphError) in try context.modulo() },
        .term("Pow", since: 7) { (context) throws(GraphError) in
            try context.power(try context.term(0), try context.term(1))
        },
        .term("Pow", since: 1) { (context) throws(GraphError) in
            let (x, y) = try context.legacyOperands()
            return try context.power(x, y)
        },
        .term("Max") { (context) throws(GraphError) in try context.folded(.maximum) },
        .term("Min") { (context) throws(GraphError) in try context.folded(.minimum) },
        .term("Sum") { (context) throws(GraphError) in try context.folded(.add) },
        .term("Mean") { (context) throws(GraphError) in try context.mean() },
        .term("Neg") { (context) throws(GraphError) in try context.term(0).negate() },
        .term("Abs") { (context) throws(GraphError) in
            let x = try context.term(0)
            return x.scalarType.isInteger && !x.scalarType.isSignedInteger ? x : try x.abs()
        },
        .term("Sign", since: 9) { (context) throws(GraphError) in try context.term(0).sign() },
        .term("Clip", since: 11) { (context) throws(GraphError) in try context.clip() },
        .term("Clip", since: 6) { (context) throws(GraphError) in
            // The bounds that are not given are the largest finite binary32, which infinities are cut to.
            let largest = Double(Float.greatestFiniteMagnitude)
            return try context.term(0).clip(
                minimum: context.float("min", default: -largest), maximum: context.float("max", default: largest))
        },
        .term("Clip", since: 1) { (context) throws(GraphError) in
            try context.term(0).clip(
                minimum: context.optionalFloat("min"), maximum: context.optionalFloat("max"))
        },
    ]

    private static let elementary: [OperatorRule] = [
        .term("Reciprocal") { (context) throws(GraphError) in try context.term(0).reciprocal() },
        .term("Floor") { (context) throws(GraphError) in try context.term(0).floor() },
        .term("Ceil") { (context) throws(GraphError) in try context.term(0).ceil() },
        .term("Round", since: 11) { (context) throws(GraphError) in try context.term(0).roundEven() },
        .term("Sqrt") { (context) throws(GraphError) in try context.term(0).sqrt() },
        .term("Exp") { (context) throws(GraphError) in try context.term(0).exp() },
        .term("Log") { (context) throws(GraphError) in try context.term(0).log() },
        .term("Sin", since: 7) { (context) throws(GraphError) in try context.term(0).sin() },
        .term("Cos", since: 7) { (context) throws(GraphError) in try context.term(0).cos() },
        .term("Tan", since: 7) { (context) throws(GraphError) in try context.term(0).tan() },
        .term("Asin", since: 7) { (context) throws(GraphError) in try context.term(0).asin() },
        .term("Acos", since: 7) { (context) throws(GraphError) in try context.term(0).acos() },
        .term("Atan", since: 7) { (context) throws(GraphError) in try context.term(0).atan() },
        .term("Sinh", since: 9) { (context) throws(GraphError) in try context.term(0).sinh() },
        .term("Cosh", since: 9) { (context) throws(GraphError) in try context.term(0).cosh() },
        .term("Tanh") { (context) throws(GraphError) in try context.term(0).tanh() },
        .term("Asinh", since: 9) { (context) throws(GraphError) in try context.term(0).asinh() },
        .term("Acosh", since: 9) { (context) throws(GraphError) in try context.term(0).acosh() },
        .term("Atanh", since: 9) { (context) throws(GraphError) in try context.term(0).atanh() },
        .term("Erf", since: 13) { (context) throws(GraphError) in try context.term(0).erf() },
        .term("Erf", since: 9) { (context) throws(GraphError) in
            // Version 9 takes integers too; the result is truncated to their type.
            let x = try context.term(0)
            return try x.convert(x.scalarType.floatType).erf().convert(x.scalarType)
        },
    ]
}

extension ScalarType {
    /// The float type in which functions of this type are computed where the standard allows integers: the type itself
    /// for floats, float32 for integers that it holds exactly, else float64.
    var floatType: ScalarType {
        switch self {
        case .float16, .bfloat16, .float32, .float64: self
        case .int32, .int64, .uint32, .uint64: .float64
        case .bool, .int4, .uint4, .int8, .int16, .uint8, .uint16, .float8e4m3fn, .float8e5m2: .float32
        }
    }
}

extension OperatorContext {
    /// A binary operator on inputs 0 and 1, repeated to their common shape.
    func broadcast(_ op: BinaryOperator) throws(GraphError) -> Term {
        let (a, b) = try builder.broadcastTogether(try term(0), try term(1))
        return try a.binary(op, b)
    }

    /// A binary operator as before version 7: input 1 is repeated only where the attribute `broadcast` says so, from
    /// the dimension `axis` on.
    func legacyBroadcast(_ op: BinaryOperator) throws(GraphError) -> Term {
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
        // A tensor of one element fits everywhere.
        if b.shape.dimensions.allSatisfy({ $0 == 1 }) { return (a, try b.reshape(Shape.scalar).broadcast(to: a.shape)) }
        let first = try optionalInt("axis") ?? a.rank - b.rank
        let start = first < 0 ? first + a.rank : first
        guard start >= 0, start <= a.rank - b.rank else {
            throw GraphError(.shapeMismatch, "\(b.type) does not fit into \(a.type) from axis \(first) on")
        }
        return (a, try b.broadcast(a.shape, dimensions: Array(start..<start + b.rank)))
    }

    /// All inputs repeated to their common shape and combined from left to right.
    fileprivate func folded(_ op: BinaryOperator) throws(GraphError) -> Term {
        let operands = try builder.broadcastTogether(try terms())
        guard var result = operands.first else { throw GraphError(.operandCount, "needs at least one input") }
        for operand in operands.dropFirst() { result = try result.binary(op, operand) }
        return result
    }

    /// The sum of all inputs over their number; narrow floats are summed in float32 and rounded once.
    fileprivate func mean() throws(GraphError) -> Term {
        let operands = try builder.broadcastTogether(try terms())
        guard let first = operands.first else { throw GraphError(.operandCount, "needs at least one input") }
        let type = first.scalarType
        let wide: ScalarType = type == .float16 || type == .bfloat16 ? .float32 : type
        var sum = try first.convert(wide)
        for operand in operands.dropFirst() { sum = try sum + operand.convert(wide) }
        return try (sum / Double(operands.count)).convert(type)
    }

    /// `a - b * floor(a / b)`, or with `fmod` the remainder with the sign of `a`.
    fileprivate func modulo() throws(GraphError) -> Term {
        let (a, b) = try builder.broadcastTogether(try term(0), try term(1))
        let rest = try a.remainder(b)
        if try bool("fmod") { return rest }
        let type = a.scalarType
        guard type.isFloatingPoint || type.isSignedInteger else { return rest }
        // A remainder of the other sign than b's moves into b's range. A zero takes the sign of b.
        let isNegative = try b.compare(.less, 0)
        let differs = try rest.compare(.less, 0).xor(isNegative)
        let isZero = try rest.compare(.equal, 0)
        let zero = type.isFloatingPoint ? try isNegative.select(rest.like(-0.0), rest.like(0)) : rest
        return try isZero.select(zero, differs.select(rest + b, rest))
    }

    /// `x^y` in x's type, whatever y's is: computed in the wider of both, integers to a float exponent in float64.
    fileprivate func power(_ x: Term, _ y: Term) throws(GraphError) -> Term {
        let type = x.scalarType
        let common = try Self.powerType(type, y.scalarType)
        // Squares are what most powers of models are; a product is exact to half a unit and fast.
        if x.scalarType.isFloatingPoint, y.shape.dimensions.allSatisfy({ $0 == 1 }), y.rank <= x.rank,
            try constantLiteral(y)?.splatNumber == 2
        {
            return try x * x
        }
        let (base, exponent) = try builder.broadcastTogether(x, y)
        return try base.convert(common).power(exponent.convert(common)).convert(type)
    }

    private static func powerType(_ x: ScalarType, _ y: ScalarType) throws(GraphError) -> ScalarType {
        for type in [x, y] where !type.isArithmetic {
            throw GraphError(.invalidType, "powers of \(x) to \(y) are not defined; convert them")
        }
        switch (x.isFloatingPoint, y.isFloatingPoint) {
        case (true, false):
            // An integer exponent must not overflow the base's type.
            return x == .float64 ? .float64 : .float32
        case (true, true):
            if x == y { return x }
            return x == .float64 || y == .float64 ? .float64 : .float32
        case (false, true): return .float64
        case (false, false):
            // Results wrap, so that those of a wider type have the right low bits.
            if x == y { return x }
            let isSigned = x.isSignedInteger || y.isSignedInteger
            let width = max(x.bitWidth, y.bitWidth)
            if width < 32 { return .int32 }
            return isSigned ? .int64 : (width == 64 ? .uint64 : .uint32)
        }
    }

    /// Version 11 on: the bounds are inputs, and either may be left out.
    fileprivate func clip() throws(GraphError) -> Term {
        let x = try term(0)
        let bounds = [try optionalTerm(1), try optionalTerm(2)]
        var numbers: [Double?] = []
        if x.scalarType.isFloatingPoint {
            for bound in bounds {
                guard let bound else {
                    numbers.append(nil)
                    continue
                }
                guard bound.scalarType == x.scalarType, let number = try constantLiteral(bound)?.splatNumber,
                    !number.isNaN
                else { break }
                numbers.append(number)
            }
        }
        if numbers.count == 2 { return try x.clip(minimum: numbers[0], maximum: numbers[1]) }
        var result = x
        if let low = try bounds[0].map({ (term) throws(GraphError) in try only(term, for: x) }) {
            result = try result.maximum(low)
        }
        if let high = try bounds[1].map({ (term) throws(GraphError) in try only(term, for: x) }) {
            result = try result.minimum(high)
        }
        return result
    }

    /// The one element of `term`, repeated over the shape of `x`.
    private func only(_ term: Term, for x: Term) throws(GraphError) -> Term {
        guard term.shape.dimensions.allSatisfy({ $0 == 1 }) else {
            throw GraphError(.shapeMismatch, "the bound \(term.type) must be one number")
        }
        return try term.reshape(Shape.scalar).broadcast(to: x.shape)
    }
}
