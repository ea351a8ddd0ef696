// Heterodyne: integer and bool elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// An integer element of at least 8 bits. Arithmetic wraps.
protocol IntegerElement: ArithmeticElement, BitwiseElement, FixedWidthInteger where Accumulator == Self {}

extension Int8: IntegerElement {}
extension Int16: IntegerElement {}
extension Int32: IntegerElement {}
extension Int64: IntegerElement {}
extension UInt8: IntegerElement {}
extension UInt16: IntegerElement {}
extension UInt32: IntegerElement {}
extension UInt64: IntegerElement {}

extension IntegerElement {
    static var form: NumberForm { isSigned ? .signed : .unsigned }
    var double: Double { Double(self) }
    var int64: Int64 { Int64(truncatingIfNeeded: self) }
    var uint64: UInt64 { UInt64(truncatingIfNeeded: self) }

    init(converting value: Double) {
        // For 64-bit types Double(max) is 2^63 or 2^64, which is already out of range, so `>=` is right there too.
        if value.isNaN {
            self = 0
        } else if value <= Double(Self.min) {
            self = .min
        } else if value >= Double(Self.max) {
            self = .max
        } else {
            self = Self(value)
        }
    }
    init(converting value: Int64) { self.init(truncatingIfNeeded: value) }
    init(converting value: UInt64) { self.init(truncatingIfNeeded: value) }

    static func isEqual(_ x: Self, _ y: Self) -> Bool { x == y }
    static func isLess(_ x: Self, _ y: Self) -> Bool { x < y }
    var isNaNElement: Bool { false }

    static func bitAnd(_ x: Self, _ y: Self) -> Self { x & y }
    static func bitOr(_ x: Self, _ y: Self) -> Self { x | y }
    static func bitXor(_ x: Self, _ y: Self) -> Self { x ^ y }
    static var allOnes: Self { ~0 }
    static var allZeros: Self { 0 }

    /// 0 where `y` is negative or at least the width.
    static func shiftLeft(_ x: Self, _ y: Self) -> Self {
        y >= 0 && y < Self.bitWidth ? x &<< y : 0
    }
    /// Only the sign fill where `y` is negative or at least the width.
    static func shiftRight(_ x: Self, _ y: Self) -> Self {
        y >= 0 && y < Self.bitWidth ? x &>> y : (x < 0 ? ~0 : 0)
    }

    var accumulator: Self { self }
    init(accumulated value: Self) { self = value }

    static var zeroElement: Self { 0 }
    static var oneElement: Self { 1 }
    static var lowest: Self { .min }
    static var highest: Self { .max }

    static func negate(_ x: Self) -> Self { 0 &- x }
    static func absolute(_ x: Self) -> Self { x < 0 ? 0 &- x : x }
    static func add(_ x: Self, _ y: Self) -> Self { x &+ y }
    static func subtract(_ x: Self, _ y: Self) -> Self { x &- y }
    static func multiply(_ x: Self, _ y: Self) -> Self { x &* y }

    /// Truncated; by zero all bits set; `min / -1` wraps to `min`, which is what reporting division returns.
    static func divide(_ x: Self, _ y: Self) -> Self {
        y == 0 ? ~0 : x.dividedReportingOverflow(by: y).partialValue
    }
    /// With the sign of `x`; `x` by zero is `x`; `min` by -1 is 0.
    static func remainder(_ x: Self, _ y: Self) -> Self {
        if y == 0 { return x }
        let (value, overflow) = x.remainderReportingOverflow(dividingBy: y)
        return overflow ? 0 : value
    }
    /// Wraps. A negative exponent gives the truncated quotient of 1 by the exact power; `0` to it is `1 / 0`.
    static func power(_ x: Self, _ y: Self) -> Self {
        if y < 0 {
            if x == 0 { return ~0 }
            if x == 1 { return 1 }
            if x == 0 &- 1 { return y & 1 == 0 ? 1 : x }
            return 0
        }
        var (result, square, exponent): (Self, Self, Self) = (1, x, y)
        while exponent != 0 {
            if exponent & 1 != 0 { result = result &* square }
            square = square &* square
            exponent = exponent >> 1
        }
        return result
    }
    static func larger(_ x: Self, _ y: Self) -> Self { x < y ? y : x }
    static func smaller(_ x: Self, _ y: Self) -> Self { y < x ? y : x }
}

/// A bool element. Any byte but 0 counts as true; results are 0 or 1.
struct Truth: OrderedElement, BitwiseElement {
    var byte: UInt8

    init(_ value: Bool) { byte = value ? 1 : 0 }
    var isTrue: Bool { byte != 0 }

    static var form: NumberForm { .unsigned }
    var double: Double { isTrue ? 1 : 0 }
    var int64: Int64 { isTrue ? 1 : 0 }
    var uint64: UInt64 { isTrue ? 1 : 0 }
    init(converting value: Double) { self.init(value != 0) }
    init(converting value: Int64) { self.init(value != 0) }
    init(converting value: UInt64) { self.init(value != 0) }

    static func isEqual(_ x: Self, _ y: Self) -> Bool { x.isTrue == y.isTrue }
    static func isLess(_ x: Self, _ y: Self) -> Bool { !x.isTrue && y.isTrue }
    var isNaNElement: Bool { false }

    static func bitAnd(_ x: Self, _ y: Self) -> Self { Self(x.isTrue && y.isTrue) }
    static func bitOr(_ x: Self, _ y: Self) -> Self { Self(x.isTrue || y.isTrue) }
    static func bitXor(_ x: Self, _ y: Self) -> Self { Self(x.isTrue != y.isTrue) }
    static var allOnes: Self { Self(true) }
    static var allZeros: Self { Self(false) }
}

/// An unsigned 4-bit element, unpacked: the low nibble of its byte. Also the carrier that moves any 4-bit element.
struct UnsignedNibble: Element {
    var bits: UInt8

    static var isNibble: Bool { true }
    static var form: NumberForm { .unsigned }
    var double: Double { Double(bits) }
    var int64: Int64 { Int64(bits) }
    var uint64: UInt64 { UInt64(bits) }
    init(converting value: Double) { bits = min(UInt8(converting: value), 15) }
    init(converting value: Int64) { bits = UInt8(truncatingIfNeeded: value) & 0xF }
    init(converting value: UInt64) { bits = UInt8(truncatingIfNeeded: value) & 0xF }
}

/// A signed 4-bit element, unpacked: two's complement in the low nibble of its byte.
struct SignedNibble: Element {
    var bits: UInt8

    static var isNibble: Bool { true }
    static var form: NumberForm { .signed }
    var double: Double { Double(int64) }
    var int64: Int64 { Int64(Int8(bitPattern: bits << 4) >> 4) }
    var uint64: UInt64 { UInt64(truncatingIfNeeded: int64) }
    init(converting value: Double) {
        bits = UInt8(bitPattern: max(-8, min(Int8(converting: value), 7))) & 0xF
    }
    init(converting value: Int64) { bits = UInt8(truncatingIfNeeded: value) & 0xF }
    init(converting value: UInt64) { bits = UInt8(truncatingIfNeeded: value) & 0xF }
}
