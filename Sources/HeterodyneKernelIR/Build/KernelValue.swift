// Heterodyne: values while a kernel is built, with operators that read like the formula.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A value of the kernel that a builder is making. Mistakes in types are kept by the builder and thrown by its
/// `finish()`, so that formulas stay readable.
public struct KernelValue {
    /// The kernel under construction.
    public let builder: KernelBuilder
    /// Which value of it this is.
    public let id: ValueID
    /// The type.
    public let type: KernelType

    /// A constant of this value's type, in every component.
    public func like(_ value: Double) -> KernelValue { builder.constant(value, type) }
    /// A constant of this value's type, in every component.
    public func like(_ value: Int) -> KernelValue { builder.constant(value, type) }

    /// The value in another type of components: float to integer truncates, integers wrap.
    public func converted(to scalar: ScalarType) -> KernelValue {
        type.scalar == scalar ? self : builder.define(.convert(id), type.with(scalar: scalar))
    }
    /// The same bits as another type.
    public func bitcast(to type: KernelType) -> KernelValue { builder.define(.bitcast(id), type) }
    /// One component of a vector.
    public subscript(index: Int) -> KernelValue { builder.define(.extract(id, index), type.with(width: 1)) }

    /// |x|
    public var magnitude: KernelValue { unary(.absolute) }
    /// The largest integer that is not above x.
    public var floor: KernelValue { unary(.floor) }
    /// The smallest integer that is not below x.
    public var ceiling: KernelValue { unary(.ceiling) }
    /// The integer part.
    public var truncated: KernelValue { unary(.truncate) }
    /// The nearest integer, ties to even.
    public var rounded: KernelValue { unary(.roundEven) }
    /// The device's own square root.
    public var squareRoot: KernelValue { unary(.squareRoot) }
    /// Whether x is not a number.
    public var isNaN: KernelValue { builder.define(.unary(.isNaN, id), type.with(scalar: .bool)) }
    /// Whether x is an infinity.
    public var isInfinite: KernelValue { builder.define(.unary(.isInfinite, id), type.with(scalar: .bool)) }
    /// How many bits are set.
    public var bitCount: KernelValue { unary(.bitCount) }
    /// Position of the highest set bit.
    public var highestBit: KernelValue { unary(.highestBit) }

    /// The smaller of two values.
    public func minimum(_ other: KernelValue) -> KernelValue { binary(.minimum, other) }
    /// The larger of two values.
    public func maximum(_ other: KernelValue) -> KernelValue { binary(.maximum, other) }

    func unary(_ operation: UnaryOperator) -> KernelValue { builder.define(.unary(operation, id), type) }
    func binary(_ operation: BinaryOperator, _ other: KernelValue) -> KernelValue {
        builder.define(.binary(operation, id, other.id), type)
    }
    func compare(_ comparison: Comparison, _ other: KernelValue) -> KernelValue {
        builder.define(.compare(comparison, id, other.id), type.with(scalar: .bool))
    }
}

extension KernelValue {
    /// a + b
    public static func + (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.add, b) }
    /// a - b
    public static func - (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.subtract, b) }
    /// a b
    public static func * (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.multiply, b) }
    /// a / b
    public static func / (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.divide, b) }
    /// a - b trunc(a / b)
    public static func % (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.remainder, b) }
    /// Bitwise or logical and.
    public static func & (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.and, b) }
    /// Bitwise or logical or.
    public static func | (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.or, b) }
    /// Bitwise or logical exclusive or.
    public static func ^ (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.xor, b) }
    /// a 2^b
    public static func << (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.shiftLeft, b) }
    /// floor(a / 2^b)
    public static func >> (a: KernelValue, b: KernelValue) -> KernelValue { a.binary(.shiftRight, b) }
    /// -x
    public static prefix func - (a: KernelValue) -> KernelValue { a.unary(.negate) }
    /// Bitwise complement.
    public static prefix func ~ (a: KernelValue) -> KernelValue { a.unary(.not) }
    /// Logical not.
    public static prefix func ! (a: KernelValue) -> KernelValue { a.unary(.not) }

    /// a + b
    public static func + (a: KernelValue, b: Double) -> KernelValue { a + a.like(b) }
    /// a - b
    public static func - (a: KernelValue, b: Double) -> KernelValue { a - a.like(b) }
    /// a b
    public static func * (a: KernelValue, b: Double) -> KernelValue { a * a.like(b) }
    /// a / b
    public static func / (a: KernelValue, b: Double) -> KernelValue { a / a.like(b) }
    /// a + b
    public static func + (a: Double, b: KernelValue) -> KernelValue { b.like(a) + b }
    /// a - b
    public static func - (a: Double, b: KernelValue) -> KernelValue { b.like(a) - b }
    /// a b
    public static func * (a: Double, b: KernelValue) -> KernelValue { b.like(a) * b }
    /// a / b
    public static func / (a: Double, b: KernelValue) -> KernelValue { b.like(a) / b }
    /// a + b
    public static func + (a: KernelValue, b: Int) -> KernelValue { a + a.like(b) }
    /// a - b
    public static func - (a: KernelValue, b: Int) -> KernelValue { a - a.like(b) }
    /// a b
    public static func * (a: KernelValue, b: Int) -> KernelValue { a * a.like(b) }
    /// a / b
    public static func / (a: KernelValue, b: Int) -> KernelValue { a / a.like(b) }
    /// a - b trunc(a / b)
    public static func % (a: KernelValue, b: Int) -> KernelValue { a % a.like(b) }
    /// Bitwise and.
    public static func & (a: KernelValue, b: Int) -> KernelValue { a & a.like(b) }
    /// Bitwise or.
    public static func | (a: KernelValue, b: Int) -> KernelValue { a | a.like(b) }
    /// a 2^b
    public static func << (a: KernelValue, b: Int) -> KernelValue { a << a.like(b) }
    /// floor(a / 2^b)
    public static func >> (a: KernelValue, b: Int) -> KernelValue { a >> a.like(b) }
}

extension KernelValue {
    /// a = b
    public static func .== (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.equal, b) }
    /// not (a = b)
    public static func .!= (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.notEqual, b) }
    /// a < b
    public static func .< (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.less, b) }
    /// a <= b
    public static func .<= (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.lessOrEqual, b) }
    /// a > b
    public static func .> (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.greater, b) }
    /// a >= b
    public static func .>= (a: KernelValue, b: KernelValue) -> KernelValue { a.compare(.greaterOrEqual, b) }
    /// a = b
    public static func .== (a: KernelValue, b: Double) -> KernelValue { a .== a.like(b) }
    /// not (a = b)
    public static func .!= (a: KernelValue, b: Double) -> KernelValue { a .!= a.like(b) }
    /// a < b
    public static func .< (a: KernelValue, b: Double) -> KernelValue { a .< a.like(b) }
    /// a > b
    public static func .> (a: KernelValue, b: Double) -> KernelValue { a .> a.like(b) }
    /// a = b
    public static func .== (a: KernelValue, b: Int) -> KernelValue { a .== a.like(b) }
    /// not (a = b)
    public static func .!= (a: KernelValue, b: Int) -> KernelValue { a .!= a.like(b) }
    /// a < b
    public static func .< (a: KernelValue, b: Int) -> KernelValue { a .< a.like(b) }
    /// a > b
    public static func .> (a: KernelValue, b: Int) -> KernelValue { a .> a.like(b) }
}
