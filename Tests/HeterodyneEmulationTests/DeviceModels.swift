// Heterodyne: lanes as bad as a device may be, for tests.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation

/// Lanes of one number whose value a test can set and see.
protocol VisibleLane: FloatLane where Word: VisibleWord, Mask == HostMask {
    init(_ value: Float)
    var value: Float { get }
}

/// The words of such lanes.
protocol VisibleWord: WordLane {
    init(_ value: UInt32)
    var value: UInt32 { get }
}

extension HostFloat: VisibleLane {}
extension HostWord: VisibleWord {}

/// How a device computes: what becomes of float32 operations.
protocol DeviceModel: Sendable {
    static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self>
    static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self>
    static func quotient(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self>
    static func root(_ a: DeviceFloat<Self>) -> DeviceFloat<Self>
    /// The number as comparisons and conversions read it.
    static func read(_ value: Float) -> Float
}

extension DeviceModel {
    static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(a.value + b.value)
    }
    static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(a.value * b.value)
    }
    static func quotient(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(a.value / b.value)
    }
    static func root(_ a: DeviceFloat<Self>) -> DeviceFloat<Self> { DeviceFloat(a.value.squareRoot()) }
    static func read(_ value: Float) -> Float { value }
}

/// A float32 number on a modelled device.
struct DeviceFloat<Model: DeviceModel>: VisibleLane {
    var value: Float
    /// The number before rounding, for models that keep it.
    var exact: Double

    init(_ value: Float) { self.init(value, exact: Double(value)) }

    init(_ value: Float, exact: Double) {
        self.value = value
        self.exact = exact
    }

    func like(_ value: Float) -> Self { Self(value) }
    static func + (a: Self, b: Self) -> Self { Model.sum(a, b) }
    static func - (a: Self, b: Self) -> Self { Model.sum(a, -b) }
    static func * (a: Self, b: Self) -> Self { Model.product(a, b) }
    static func / (a: Self, b: Self) -> Self { Model.quotient(a, b) }
    static prefix func - (x: Self) -> Self { Self(-x.value, exact: -x.exact) }
    var magnitude: Self { Self(value.magnitude) }
    var floor: Self { Self(Model.read(value).rounded(.down)) }
    var squareRoot: Self { Model.root(self) }
    func isLess(than b: Self) -> HostMask { HostMask(Model.read(value) < Model.read(b.value)) }
    func isLessOrEqual(to b: Self) -> HostMask { HostMask(Model.read(value) <= Model.read(b.value)) }
    func isEqual(to b: Self) -> HostMask { HostMask(Model.read(value) == Model.read(b.value)) }
    static func select(_ mask: HostMask, _ a: Self, _ b: Self) -> Self { mask.value ? a : b }
    var bits: DeviceWord<Model> { DeviceWord(value.bitPattern) }
    var truncatedWord: DeviceWord<Model> { DeviceWord(HostFloat(value).truncatedWord.value) }
}

/// The words beside `DeviceFloat`, which leave no room for a model.
struct DeviceWord<Model: DeviceModel>: VisibleWord {
    var value: UInt32

    init(_ value: UInt32) { self.value = value }

    func like(_ value: UInt32) -> Self { Self(value) }
    static func + (a: Self, b: Self) -> Self { Self(a.value &+ b.value) }
    static func - (a: Self, b: Self) -> Self { Self(a.value &- b.value) }
    static func * (a: Self, b: Self) -> Self { Self(a.value &* b.value) }
    static func & (a: Self, b: Self) -> Self { Self(a.value & b.value) }
    static func | (a: Self, b: Self) -> Self { Self(a.value | b.value) }
    static func ^ (a: Self, b: Self) -> Self { Self(a.value ^ b.value) }
    static prefix func ~ (a: Self) -> Self { Self(~a.value) }
    func shiftedLeft(by b: Self) -> Self { Self(value &<< b.value) }
    func shiftedRight(by b: Self) -> Self { Self(value &>> b.value) }
    func isLess(than b: Self) -> HostMask { HostMask(value < b.value) }
    func isEqual(to b: Self) -> HostMask { HostMask(value == b.value) }
    static func select(_ mask: HostMask, _ a: Self, _ b: Self) -> Self { mask.value ? a : b }
    var asFloat: DeviceFloat<Model> { DeviceFloat(Float(bitPattern: value)) }
    var toFloat: DeviceFloat<Model> { DeviceFloat(Float(value)) }
}

/// A device that flushes subnormal numbers to zero, both those it reads and those it makes, and that is off by up to 2
/// units in the last place in quotients and up to 3 in square roots.
enum RoughModel: DeviceModel {
    static func read(_ x: Float) -> Float { x.isSubnormal ? Float(sign: x.sign, exponent: 0, significand: 0) : x }
    static func sum(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(read(read(a.value) + read(b.value)))
    }
    static func product(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(read(read(a.value) * read(b.value)))
    }
    static func quotient(_ a: DeviceFloat<Self>, _ b: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(disturbed(read(a.value) / read(b.value), by: 2))
    }
    static func root(_ a: DeviceFloat<Self>) -> DeviceFloat<Self> {
        DeviceFloat(disturbed(read(a.value).squareRoot(), by: 3))
    }

    /// Some units in the last place off, by a number that depends on the bits.
    private static func disturbed(_ x: Float, by units: UInt32) -> Float {
        guard x.isNormal else { return read(x) }
        let offset = (x.bitPattern &* 0x9E37_79B1) >> 16 % (2 * units + 1)
        let moved = Float(bitPattern: x.bitPattern &+ offset &- units)
        return moved.isNormal ? moved : x
    }
}

typealias RoughFloat = DeviceFloat<RoughModel>

extension DoubleSingle where Lane: VisibleLane {
    /// A float64 number rounded to a pair, by its bits.
    init(rounding value: Double) {
        let bits = value.bitPattern
        self.init(
            float64: WideWord(
                low: Lane.Word(UInt32(truncatingIfNeeded: bits)), high: Lane.Word(UInt32(bits >> 32))))
    }

    /// The exact value.
    var exact: Widest { Widest(high.value) + Widest(low.value) }

    /// The float64 number that the pair rounds to, by its bits.
    var double: Double {
        let bits = float64Bits
        return Double(bitPattern: UInt64(bits.low.value) | UInt64(bits.high.value) << 32)
    }

    /// Whether the first part is the sum, rounded, and the second 0 where the first is no number.
    var isCanonical: Bool {
        high.value.isFinite && high.value != 0 ? high.value + low.value == high.value : low.value == 0
    }
}

#if arch(x86_64) || arch(i386)
/// What results are judged in: 64 significant bits.
typealias Widest = Float80
#else
/// What results are judged in: 53 significant bits, off by 1/32 of the unit of the bounds.
typealias Widest = Double
#endif
