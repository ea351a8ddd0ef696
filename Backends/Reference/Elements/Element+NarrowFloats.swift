// Heterodyne: float16, bfloat16 and float8 elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A 16-bit float element: computed in float64 and rounded once.
///
/// One rounding is what the primitives ask for. For `+ - * / sqrt` float64 has more than twice the significant bits
/// plus two and nothing underflows in it on 16-bit operands, so rounding its result equals rounding the exact one
/// (Figueroa, "When is double rounding innocuous?", 1995). Float32 would need an argument per operator, since bfloat16
/// results do underflow in it.
protocol NarrowFloatElement: FloatElement where Accumulator == Float {
    var bitPattern: UInt16 { get }
    init(bitPattern: UInt16)
    /// `value` rounded once to nearest even.
    init(rounding value: Double)
}

extension NarrowFloatElement {
    static var form: NumberForm { .float }
    var int64: Int64 { Int64(converting: double) }
    var uint64: UInt64 { UInt64(converting: double) }
    init(converting value: Double) { self.init(rounding: value) }
    init(converting value: Int64) { self.init(rounding: Double(stickyFrom: value.magnitude, negative: value < 0)) }
    init(converting value: UInt64) { self.init(rounding: Double(stickyFrom: value, negative: false)) }

    static func isEqual(_ x: Self, _ y: Self) -> Bool { x.double == y.double }
    static func isLess(_ x: Self, _ y: Self) -> Bool { x.double < y.double }
    var isNaNElement: Bool { double.isNaN }

    var accumulator: Float { Float(double) }
    init(accumulated value: Float) { self.init(rounding: Double(value)) }

    static var zeroElement: Self { Self(rounding: 0) }
    static var oneElement: Self { Self(rounding: 1) }
    static var lowest: Self { Self(rounding: -.infinity) }
    static var highest: Self { Self(rounding: .infinity) }

    static func negate(_ x: Self) -> Self { Self(bitPattern: x.bitPattern ^ 0x8000) }
    static func absolute(_ x: Self) -> Self { Self(bitPattern: x.bitPattern & 0x7FFF) }
    static func add(_ x: Self, _ y: Self) -> Self { Self(rounding: x.double + y.double) }
    static func subtract(_ x: Self, _ y: Self) -> Self { Self(rounding: x.double - y.double) }
    static func multiply(_ x: Self, _ y: Self) -> Self { Self(rounding: x.double * y.double) }
    static func divide(_ x: Self, _ y: Self) -> Self { Self(rounding: x.double / y.double) }
    static func remainder(_ x: Self, _ y: Self) -> Self {
        Self(rounding: x.double.truncatingRemainder(dividingBy: y.double))
    }
    static func power(_ x: Self, _ y: Self) -> Self { Self(rounding: NarrowMath.power(x.double, y.double)) }
    static func larger(_ x: Self, _ y: Self) -> Self {
        let (a, b) = (x.double, y.double)
        if a.isNaN { return x }
        if b.isNaN { return y }
        if a == b { return a.sign == .minus ? y : x }
        return a < b ? y : x
    }
    static func smaller(_ x: Self, _ y: Self) -> Self {
        let (a, b) = (x.double, y.double)
        if a.isNaN { return x }
        if b.isNaN { return y }
        if a == b { return a.sign == .minus ? x : y }
        return b < a ? y : x
    }
    static func floor(_ x: Self) -> Self { Self(rounding: x.double.rounded(.down)) }
    static func exp(_ x: Self) -> Self { Self(rounding: NarrowMath.exponential(x.double)) }
    static func log(_ x: Self) -> Self { Self(rounding: NarrowMath.logarithm(x.double)) }
    static func sqrt(_ x: Self) -> Self { Self(rounding: x.double.squareRoot()) }
    static func sin(_ x: Self) -> Self { Self(rounding: NarrowMath.sine(x.double)) }
    static func cos(_ x: Self) -> Self { Self(rounding: NarrowMath.cosine(x.double)) }
    static func tanh(_ x: Self) -> Self { Self(rounding: NarrowMath.hyperbolicTangent(x.double)) }
}

extension Float16: NarrowFloatElement {
    var double: Double { Double(self) }
    init(rounding value: Double) { self.init(value) }
}

extension BFloat16: NarrowFloatElement {
    var double: Double { Double(float) }
    init(rounding value: Double) { self.init(value) }
}

/// An 8-bit float element: stored, moved and converted.
protocol EightBitFloatElement: Element {
    var float: Float { get }
    init(_ value: Float)
}

extension EightBitFloatElement {
    static var form: NumberForm { .float }
    var double: Double { Double(float) }
    var int64: Int64 { Int64(converting: double) }
    var uint64: UInt64 { UInt64(converting: double) }
    init(converting value: Double) { self.init(Float(roundedToOdd: value)) }
    init(converting value: Int64) { self.init(converting: Double(stickyFrom: value.magnitude, negative: value < 0)) }
    init(converting value: UInt64) { self.init(converting: Double(stickyFrom: value, negative: false)) }
}

extension Float8E4M3FN: EightBitFloatElement {}
extension Float8E5M2: EightBitFloatElement {}

extension Double {
    /// An integer with what float64 cannot hold folded into the lowest bit, so that a later rounding to a narrower
    /// format sees that something was there: one rounding in effect.
    init(stickyFrom magnitude: UInt64, negative: Bool) {
        var kept = magnitude
        if magnitude >= 1 << 53 {
            let lost = magnitude & 0x7FF
            kept = (magnitude & ~0x7FF) | (lost == 0 ? 0 : 0x800)
        }
        let value = Double(kept)
        self = negative ? -value : value
    }
}
