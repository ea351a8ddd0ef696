// Heterodyne: arithmetic, comparison and logic on tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// A binary operation of two tensors broadcast together as in NumPy. A scalar constant on one side takes the other
    /// side's element type.
    static func combine(
        _ name: String, _ x: Tensor, _ y: Tensor, _ location: SourceLocation?,
        _ body: (Term, Term) throws(GraphError) -> Term
    ) -> Tensor {
        build([x.adapted(to: y), y.adapted(to: x)], location, name) { (builder, terms) throws(GraphError) in
            guard terms[0].shape != terms[1].shape else { return try body(terms[0], terms[1]) }
            let (a, b) = try builder.broadcastTogether(terms[0], terms[1])
            return try body(a, b)
        }
    }

    /// A constant scalar takes the element type of the other operand where its value survives exactly, or where both are
    /// floats; so `x * 0.5` works for every float type and `x + 1` for integers too.
    func adapted(to other: Tensor) -> Tensor {
        guard scalarType != other.scalarType, rank == 0,
            case .pending(.operation(.primitive(.constant(let literal))), _) = node.current,
            let number = literal.splatNumber
        else { return self }
        let target = other.scalarType
        let isExact = target.number(fromBits: target.bits(of: number)) == number
        guard target.isArithmetic, isExact || (target.isFloatingPoint && scalarType.isFloatingPoint) else {
            return self
        }
        return Tensor(Literal(number: number, type: .scalar(target)))
    }

    /// `x + y`, broadcast.
    public static func + (x: Tensor, y: Tensor) -> Tensor {
        combine("+", x, y, nil) { (a, b) throws(GraphError) in try a + b }
    }
    /// `x - y`, broadcast.
    public static func - (x: Tensor, y: Tensor) -> Tensor {
        combine("-", x, y, nil) { (a, b) throws(GraphError) in try a - b }
    }
    /// `x * y`, broadcast.
    public static func * (x: Tensor, y: Tensor) -> Tensor {
        combine("*", x, y, nil) { (a, b) throws(GraphError) in try a * b }
    }
    /// `x / y`, broadcast; integers truncate.
    public static func / (x: Tensor, y: Tensor) -> Tensor {
        combine("/", x, y, nil) { (a, b) throws(GraphError) in try a / b }
    }
    /// The remainder of `x / y` with the sign of `x`, broadcast.
    public static func % (x: Tensor, y: Tensor) -> Tensor {
        combine("%", x, y, nil) { (a, b) throws(GraphError) in try a.remainder(b) }
    }
    /// `-x`.
    public static prefix func - (x: Tensor) -> Tensor {
        build([x], nil, "-") { (_, terms) throws(GraphError) in try terms[0].negate() }
    }

    /// Adds `y`, broadcast.
    public static func += (x: inout Tensor, y: Tensor) { x = x + y }
    /// Subtracts `y`, broadcast.
    public static func -= (x: inout Tensor, y: Tensor) { x = x - y }
    /// Multiplies by `y`, broadcast.
    public static func *= (x: inout Tensor, y: Tensor) { x = x * y }
    /// Divides by `y`, broadcast.
    public static func /= (x: inout Tensor, y: Tensor) { x = x / y }
    /// Integers shifted left by `y` bits, broadcast.
    @_disfavoredOverload public static func << (x: Tensor, y: Tensor) -> Tensor {
        combine("<<", x, y, nil) { (a, b) throws(GraphError) in try a.shiftLeft(b) }
    }
    /// Integers shifted right by `y` bits, broadcast; signed ones keep their sign.
    @_disfavoredOverload public static func >> (x: Tensor, y: Tensor) -> Tensor {
        combine(">>", x, y, nil) { (a, b) throws(GraphError) in try a.shiftRight(b) }
    }

    /// Where `x == y`, broadcast, as bool.
    public static func .== (x: Tensor, y: Tensor) -> Tensor { compare(".==", .equal, x, y) }
    /// Where `x != y`, broadcast, as bool.
    public static func .!= (x: Tensor, y: Tensor) -> Tensor { compare(".!=", .notEqual, x, y) }
    /// Where `x < y`, broadcast, as bool.
    public static func .< (x: Tensor, y: Tensor) -> Tensor { compare(".<", .less, x, y) }
    /// Where `x <= y`, broadcast, as bool.
    public static func .<= (x: Tensor, y: Tensor) -> Tensor { compare(".<=", .lessOrEqual, x, y) }
    /// Where `x > y`, broadcast, as bool.
    public static func .> (x: Tensor, y: Tensor) -> Tensor { compare(".>", .greater, x, y) }
    /// Where `x >= y`, broadcast, as bool.
    public static func .>= (x: Tensor, y: Tensor) -> Tensor { compare(".>=", .greaterOrEqual, x, y) }

    private static func compare(_ name: String, _ direction: ComparisonDirection, _ x: Tensor, _ y: Tensor) -> Tensor {
        combine(name, x, y, nil) { (a, b) throws(GraphError) in try a.compare(direction, b) }
    }

    /// Bitwise or logical and, broadcast.
    public static func .& (x: Tensor, y: Tensor) -> Tensor {
        combine(".&", x, y, nil) { (a, b) throws(GraphError) in try a.and(b) }
    }
    /// Bitwise or logical or, broadcast.
    public static func .| (x: Tensor, y: Tensor) -> Tensor {
        combine(".|", x, y, nil) { (a, b) throws(GraphError) in try a.or(b) }
    }
    /// Bitwise or logical exclusive or, broadcast.
    public static func .^ (x: Tensor, y: Tensor) -> Tensor {
        combine(".^", x, y, nil) { (a, b) throws(GraphError) in try a.xor(b) }
    }
    /// Logical not of bool, complement of integers.
    public static prefix func .! (x: Tensor) -> Tensor {
        build([x], nil, ".!") { (_, terms) throws(GraphError) in try terms[0].not() }
    }

    /// The larger of each pair, broadcast; NaN where either is.
    public func maximum(_ other: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        Self.combine("maximum", self, other, .init(file: file, line: line)) { (a, b) throws(GraphError) in
            try a.maximum(b)
        }
    }
    /// The smaller of each pair, broadcast; NaN where either is.
    public func minimum(_ other: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        Self.combine("minimum", self, other, .init(file: file, line: line)) { (a, b) throws(GraphError) in
            try a.minimum(b)
        }
    }
    /// `x^other`, broadcast.
    public func power(_ other: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        Self.combine("power", self, other, .init(file: file, line: line)) { (a, b) throws(GraphError) in
            try a.power(b)
        }
    }
    /// `a` where this bool tensor is true, else `b`, broadcast together.
    public func select(_ a: Tensor, _ b: Tensor, file: String = #fileID, line: Int = #line) -> Tensor {
        Self.build(
            [self, a.adapted(to: b), b.adapted(to: a)], .init(file: file, line: line), "select"
        ) { (builder, terms) throws(GraphError) in
            let all = try builder.broadcastTogether(terms)
            return try all[0].select(all[1], all[2])
        }
    }
    /// `a` where `condition` is true, else `b`, broadcast together.
    public static func `where`(
        _ condition: Tensor, _ a: Tensor, _ b: Tensor, file: String = #fileID, line: Int = #line
    ) -> Tensor { condition.select(a, b, file: file, line: line) }
}
