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

/// A float32 number on a device that flushes subnormal numbers to zero, both those it reads and those it makes, that is off
/// by up to 2 units in the last place in quotients and up to 3 in square roots.
struct RoughFloat: VisibleLane {
    var value: Float

    init(_ value: Float) { self.value = value }

    /// The number as arithmetic reads it and writes it.
    private static func flushed(_ x: Float) -> Float {
        x.isSubnormal ? Float(sign: x.sign, exponent: 0, significand: 0) : x
    }

    /// Some units in the last place off, by a number that depends on the bits.
    private static func disturbed(_ x: Float, by units: UInt32) -> Float {
        guard x.isNormal else { return flushed(x) }
        let offset = (x.bitPattern &* 0x9E37_79B1) >> 16 % (2 * units + 1)
        let moved = Float(bitPattern: x.bitPattern &+ offset &- units)
        return moved.isNormal ? moved : x
    }

    private var read: Float { Self.flushed(value) }

    func like(_ value: Float) -> RoughFloat { RoughFloat(value) }
    static func + (a: RoughFloat, b: RoughFloat) -> RoughFloat { RoughFloat(flushed(a.read + b.read)) }
    static func - (a: RoughFloat, b: RoughFloat) -> RoughFloat { RoughFloat(flushed(a.read - b.read)) }
    static func * (a: RoughFloat, b: RoughFloat) -> RoughFloat { RoughFloat(flushed(a.read * b.read)) }
    static func / (a: RoughFloat, b: RoughFloat) -> RoughFloat { RoughFloat(disturbed(a.read / b.read, by: 2)) }
    static prefix func - (x: RoughFloat) -> RoughFloat { RoughFloat(-x.value) }
    var magnitude: RoughFloat { RoughFloat(value.magnitude) }
    var floor: RoughFloat { RoughFloat(read.rounded(.down)) }
    var squareRoot: RoughFloat { RoughFloat(Self.disturbed(read.squareRoot(), by: 3)) }
    func isLess(than b: RoughFloat) -> HostMask { HostMask(read < b.read) }
    func isLessOrEqual(to b: RoughFloat) -> HostMask { HostMask(read <= b.read) }
    func isEqual(to b: RoughFloat) -> HostMask { HostMask(read == b.read) }
    static func select(_ mask: HostMask, _ a: RoughFloat, _ b: RoughFloat) -> RoughFloat { mask.value ? a : b }
    var bits: RoughWord { RoughWord(value.bitPattern) }
    var truncatedWord: RoughWord { RoughWord(HostFloat(value).truncatedWord.value) }
}

/// The words beside `RoughFloat`; integers leave no room for roughness.
struct RoughWord: VisibleWord {
    var value: UInt32

    init(_ value: UInt32) { self.value = value }

    func like(_ value: UInt32) -> RoughWord { RoughWord(value) }
    static func + (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value &+ b.value) }
    static func - (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value &- b.value) }
    static func * (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value &* b.value) }
    static func & (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value & b.value) }
    static func | (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value | b.value) }
    static func ^ (a: RoughWord, b: RoughWord) -> RoughWord { RoughWord(a.value ^ b.value) }
    static prefix func ~ (a: RoughWord) -> RoughWord { RoughWord(~a.value) }
    func shiftedLeft(by b: RoughWord) -> RoughWord { RoughWord(value &<< b.value) }
    func shiftedRight(by b: RoughWord) -> RoughWord { RoughWord(value &>> b.value) }
    func isLess(than b: RoughWord) -> HostMask { HostMask(value < b.value) }
    func isEqual(to b: RoughWord) -> HostMask { HostMask(value == b.value) }
    static func select(_ mask: HostMask, _ a: RoughWord, _ b: RoughWord) -> RoughWord { mask.value ? a : b }
    var asFloat: RoughFloat { RoughFloat(Float(bitPattern: value)) }
    var toFloat: RoughFloat { RoughFloat(Float(value)) }
}

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
