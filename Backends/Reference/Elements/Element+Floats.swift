// Heterodyne: float32 and float64 elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// A float element that the processor computes in: IEEE operations are correctly rounded as they are.
protocol NativeFloatElement: FloatElement, BinaryFloatingPoint where Accumulator == Self {
    /// `function` of the exact value with one rounding at the end.
    init(_ value: Double)
}

extension NativeFloatElement {
    static var form: NumberForm { .float }
    var int64: Int64 { Int64(converting: double) }
    var uint64: UInt64 { UInt64(converting: double) }

    static func isEqual(_ x: Self, _ y: Self) -> Bool { x == y }
    static func isLess(_ x: Self, _ y: Self) -> Bool { x < y }
    var isNaNElement: Bool { isNaN }

    var accumulator: Self { self }
    init(accumulated value: Self) { self = value }

    static var zeroElement: Self { 0 }
    static var oneElement: Self { 1 }
    static var lowest: Self { -infinity }
    static var highest: Self { infinity }

    static func negate(_ x: Self) -> Self { -x }
    static func absolute(_ x: Self) -> Self { x.magnitude }
    static func add(_ x: Self, _ y: Self) -> Self { x + y }
    static func subtract(_ x: Self, _ y: Self) -> Self { x - y }
    static func multiply(_ x: Self, _ y: Self) -> Self { x * y }
    static func divide(_ x: Self, _ y: Self) -> Self { x / y }
    static func remainder(_ x: Self, _ y: Self) -> Self { x.truncatingRemainder(dividingBy: y) }
    static func larger(_ x: Self, _ y: Self) -> Self {
        if x.isNaN { return x }
        if y.isNaN { return y }
        if x == y { return x.sign == .minus ? y : x }
        return x < y ? y : x
    }
    static func smaller(_ x: Self, _ y: Self) -> Self {
        if x.isNaN { return x }
        if y.isNaN { return y }
        if x == y { return x.sign == .minus ? x : y }
        return y < x ? y : x
    }
    static func floor(_ x: Self) -> Self { x.rounded(.down) }
    static func sqrt(_ x: Self) -> Self { x.squareRoot() }
}

extension Float: NativeFloatElement {
    var double: Double { Double(self) }
    init(converting value: Double) { self.init(value) }
    init(converting value: Int64) { self.init(value) }
    init(converting value: UInt64) { self.init(value) }

    // As the default, but not generic, which makes builds without optimization ten times as fast.
    static func addProducts(
        _ factor: Float, _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for i in 0..<count { target[i] += factor * source[i] }
    }

    static func power(_ x: Float, _ y: Float) -> Float { Float(NarrowMath.power(Double(x), Double(y))) }
    static func exp(_ x: Float) -> Float { Float(NarrowMath.exponential(Double(x))) }
    static func log(_ x: Float) -> Float { Float(NarrowMath.logarithm(Double(x))) }
    static func sin(_ x: Float) -> Float { Float(NarrowMath.sine(Double(x))) }
    static func cos(_ x: Float) -> Float { Float(NarrowMath.cosine(Double(x))) }
    static func tanh(_ x: Float) -> Float { Float(NarrowMath.hyperbolicTangent(Double(x))) }
}

extension Double: NativeFloatElement {
    var double: Double { self }
    init(converting value: Double) { self = value }
    init(converting value: Int64) { self.init(value) }
    init(converting value: UInt64) { self.init(value) }

    // As the default, but not generic, which makes builds without optimization ten times as fast.
    static func addProducts(
        _ factor: Double, _ source: UnsafePointer<Double>, to target: UnsafeMutablePointer<Double>, count: Int
    ) {
        for i in 0..<count { target[i] += factor * source[i] }
    }

    static func power(_ x: Double, _ y: Double) -> Double { WideMath.power(x, y) }
    static func exp(_ x: Double) -> Double { WideMath.exponential(x) }
    static func log(_ x: Double) -> Double { WideMath.logarithm(x) }
    static func sin(_ x: Double) -> Double { WideMath.sine(x) }
    static func cos(_ x: Double) -> Double { WideMath.cosine(x) }
    static func tanh(_ x: Double) -> Double { WideMath.hyperbolicTangent(x) }
}
