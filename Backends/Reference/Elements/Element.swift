// Heterodyne: what the reference kernels ask of one tensor element.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Which exact number a scalar type passes through when it is converted.
enum NumberForm {
    /// Every value is a `Double`.
    case float
    /// Every value is an `Int64`.
    case signed
    /// Every value is a `UInt64`.
    case unsigned
}

/// One element in memory. Four-bit integers take a byte each here; `Elements` unpacks them.
///
/// Kernels are generic over these protocols and called with concrete types, so that inner loops are specialised.
protocol Element: BitwiseCopyable, Sendable {
    /// Whether two elements share a byte in a literal.
    static var isNibble: Bool { get }
    /// Which of the three numbers below is exact.
    static var form: NumberForm { get }
    /// The value, exact where `form` is `float`.
    var double: Double { get }
    /// The value, exact where `form` is `signed`.
    var int64: Int64 { get }
    /// The value, exact where `form` is `unsigned`.
    var uint64: UInt64 { get }
    /// `value` rounded once to nearest even, or truncated and saturated with NaN to 0, or `value != 0`.
    init(converting value: Double)
    /// `value` rounded once to nearest even, or wrapped, or `value != 0`.
    init(converting value: Int64)
    /// `value` rounded once to nearest even, or wrapped, or `value != 0`.
    init(converting value: UInt64)
}

extension Element {
    static var isNibble: Bool { false }
}

/// An element with an order.
protocol OrderedElement: Element {
    /// `x == y`; false where either is NaN, true for zeros of different sign.
    static func isEqual(_ x: Self, _ y: Self) -> Bool
    /// `x < y`; false where either is NaN.
    static func isLess(_ x: Self, _ y: Self) -> Bool
    /// Whether the value is no number.
    var isNaNElement: Bool { get }
}

extension OrderedElement {
    /// The order of `sort`: NaN above every number, everything else by `isLess`.
    @inline(__always)
    static func precedes(_ x: Self, _ y: Self) -> Bool {
        isLess(x, y) || (!x.isNaNElement && y.isNaNElement)
    }
}

/// An element with bitwise (for bool: logical) operators.
protocol BitwiseElement: Element {
    static func bitAnd(_ x: Self, _ y: Self) -> Self
    static func bitOr(_ x: Self, _ y: Self) -> Self
    static func bitXor(_ x: Self, _ y: Self) -> Self
    /// Every bit set, or true.
    static var allOnes: Self { get }
    /// No bit set, or false.
    static var allZeros: Self { get }
}

/// An element with arithmetic as the primitives define it.
protocol ArithmeticElement: OrderedElement {
    /// The type in which `reduce` sums and multiplies: float32 for the narrow floats, else the type itself.
    associatedtype Accumulator: ArithmeticElement
    /// The same value as an accumulator.
    var accumulator: Accumulator { get }
    /// The accumulated value, rounded once.
    init(accumulated value: Accumulator)

    static var zeroElement: Self { get }
    static var oneElement: Self { get }
    /// Identity of `maximum`.
    static var lowest: Self { get }
    /// Identity of `minimum`.
    static var highest: Self { get }

    static func negate(_ x: Self) -> Self
    static func absolute(_ x: Self) -> Self
    static func add(_ x: Self, _ y: Self) -> Self
    static func subtract(_ x: Self, _ y: Self) -> Self
    static func multiply(_ x: Self, _ y: Self) -> Self
    static func divide(_ x: Self, _ y: Self) -> Self
    static func remainder(_ x: Self, _ y: Self) -> Self
    static func power(_ x: Self, _ y: Self) -> Self
    static func larger(_ x: Self, _ y: Self) -> Self
    static func smaller(_ x: Self, _ y: Self) -> Self

    /// `target += factor * source` elementwise, product and sum each rounded: the inner loop of `dot`.
    static func addProducts(
        _ factor: Self, _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, count: Int)
}

extension ArithmeticElement {
    static func addProducts(
        _ factor: Self, _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count { target[i] = add(target[i], multiply(factor, source[i])) }
    }
}

/// An arithmetic element that is a float.
protocol FloatElement: ArithmeticElement {
    static func floor(_ x: Self) -> Self
    static func exp(_ x: Self) -> Self
    static func log(_ x: Self) -> Self
    static func sqrt(_ x: Self) -> Self
    static func sin(_ x: Self) -> Self
    static func cos(_ x: Self) -> Self
    static func tanh(_ x: Self) -> Self
}
