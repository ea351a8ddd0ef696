// Heterodyne: the registers of a kernel as lanes that emulation is written in.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

/// An f32 register, or a vector of them, in a kernel under construction.
struct KernelFloat: FloatLane {
    let value: KernelValue
    let options: EmulationOptions

    init(_ value: KernelValue, _ options: EmulationOptions) {
        self.value = value
        self.options = options
    }

    private func lane(_ value: KernelValue) -> KernelFloat { KernelFloat(value, options) }
    private func mask(_ value: KernelValue) -> KernelMask { KernelMask(value) }

    func like(_ value: Float) -> KernelFloat {
        lane(self.value.builder.constant(bits: UInt64(value.bitPattern), self.value.type))
    }

    static func + (a: KernelFloat, b: KernelFloat) -> KernelFloat { a.lane(a.value + b.value) }
    static func - (a: KernelFloat, b: KernelFloat) -> KernelFloat { a.lane(a.value - b.value) }
    static func * (a: KernelFloat, b: KernelFloat) -> KernelFloat { a.lane(a.value * b.value) }

    static func / (a: KernelFloat, b: KernelFloat) -> KernelFloat { a.lane(a.value / b.value) }

    /// By the bits, since drivers may make 0 - x of it.
    static prefix func - (x: KernelFloat) -> KernelFloat { (x.bits ^ x.bits.like(0x8000_0000)).asFloat }
    var magnitude: KernelFloat { (bits & bits.like(0x7fff_ffff)).asFloat }
    var floor: KernelFloat { lane(value.floor) }

    var squareRoot: KernelFloat { lane(value.squareRoot) }

    func isLess(than b: KernelFloat) -> KernelMask { mask(value .< b.value) }
    func isLessOrEqual(to b: KernelFloat) -> KernelMask { mask(value .<= b.value) }
    func isEqual(to b: KernelFloat) -> KernelMask { mask(value .== b.value) }
    static func select(_ mask: KernelMask, _ a: KernelFloat, _ b: KernelFloat) -> KernelFloat {
        a.lane(a.value.builder.select(mask.value, a.value, b.value))
    }

    var bits: KernelWord { KernelWord(value.bitcast(to: value.type.with(scalar: .uint32)), options) }

    /// What is out of range is brought to 0 before, since kernels do not define its conversion.
    var truncatedWord: KernelWord {
        let zero = like(0)
        let inside = zero.isLessOrEqual(to: self) & isLess(than: like(0x1p32))
        return KernelWord(Self.select(inside, self, zero).value.converted(to: .uint32), options)
    }

    func exactProduct(_ b: KernelFloat) -> (high: KernelFloat, low: KernelFloat) {
        if !options.fuses { return splitProduct(b) }
        let high = self * b
        return (high, lane(value.builder.multiplyAdd(value, b.value, (-high).value)))
    }

    /// By cutting each factor into its first 12 bits and the rest (Dekker 1971).
    private func splitProduct(_ b: KernelFloat) -> (high: KernelFloat, low: KernelFloat) {
        func halves(_ x: KernelFloat) -> (high: KernelFloat, low: KernelFloat) {
            let high = (x.bits & x.bits.like(0xffff_f000)).asFloat
            return (high, x - high)
        }
        let high = self * b
        let (x, y) = (halves(self), halves(b))
        let low = ((x.high * y.high - high) + x.high * y.low + x.low * y.high) + x.low * y.low
        return (high, low)
    }
}

/// A u32 register, or a vector of them.
struct KernelWord: WordLane {
    let value: KernelValue
    let options: EmulationOptions

    init(_ value: KernelValue, _ options: EmulationOptions) {
        self.value = value
        self.options = options
    }

    private func lane(_ value: KernelValue) -> KernelWord { KernelWord(value, options) }

    func like(_ value: UInt32) -> KernelWord {
        lane(self.value.builder.constant(bits: UInt64(value), self.value.type))
    }

    static func + (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value + b.value) }
    static func - (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value - b.value) }
    static func * (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value * b.value) }
    static func & (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value & b.value) }
    static func | (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value | b.value) }
    static func ^ (a: KernelWord, b: KernelWord) -> KernelWord { a.lane(a.value ^ b.value) }
    static prefix func ~ (a: KernelWord) -> KernelWord { a.lane(~a.value) }
    func shiftedLeft(by b: KernelWord) -> KernelWord { lane(value << b.value) }
    func shiftedRight(by b: KernelWord) -> KernelWord { lane(value >> b.value) }

    func isLess(than b: KernelWord) -> KernelMask { KernelMask(value .< b.value) }
    func isEqual(to b: KernelWord) -> KernelMask { KernelMask(value .== b.value) }
    static func select(_ mask: KernelMask, _ a: KernelWord, _ b: KernelWord) -> KernelWord {
        a.lane(a.value.builder.select(mask.value, a.value, b.value))
    }

    var asFloat: KernelFloat { KernelFloat(value.bitcast(to: value.type.with(scalar: .float32)), options) }
    var toFloat: KernelFloat { KernelFloat(value.converted(to: .float32), options) }
}

/// A bool register, or a vector of them.
struct KernelMask: MaskLane {
    let value: KernelValue

    init(_ value: KernelValue) { self.value = value }

    static func & (a: KernelMask, b: KernelMask) -> KernelMask { KernelMask(a.value & b.value) }
    static func | (a: KernelMask, b: KernelMask) -> KernelMask { KernelMask(a.value | b.value) }
    static prefix func ! (a: KernelMask) -> KernelMask { KernelMask(!a.value) }
}
