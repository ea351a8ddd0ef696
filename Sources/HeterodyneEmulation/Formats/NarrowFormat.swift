// Heterodyne: floats of 16 and 8 bits as bits that are widened to float32 and narrowed from it.
// SPDX-License-Identifier: Apache-2.0

/// A float format narrower than float32, for devices that can neither compute in it nor convert it. Every number of it
/// is a float32 number; widening is exact and narrowing rounds once, to nearest even.
public enum NarrowFormat: String, Sendable, Hashable, CaseIterable {
    /// 8 exponent and 7 mantissa bits: the upper half of a float32.
    case bfloat16
    /// IEEE 754 binary16: 5 exponent and 10 mantissa bits.
    case float16
    /// OCP 8-bit float with 4 exponent and 3 mantissa bits; no infinities: what rounds beyond 448 is NaN.
    case float8e4m3fn
    /// OCP 8-bit float with 5 exponent and 2 mantissa bits.
    case float8e5m2

    /// Bits of the exponent.
    public var exponentBits: Int {
        switch self {
        case .bfloat16: 8
        case .float16, .float8e5m2: 5
        case .float8e4m3fn: 4
        }
    }

    /// Bits of the mantissa that are stored.
    public var mantissaBits: Int {
        switch self {
        case .bfloat16: 7
        case .float16: 10
        case .float8e4m3fn: 3
        case .float8e5m2: 2
        }
    }

    /// All bits, with the sign.
    public var bitWidth: Int { 1 + exponentBits + mantissaBits }

    private var exponentBias: Int { (1 << (exponentBits - 1)) - 1 }
    private var signShift: UInt32 { UInt32(exponentBits + mantissaBits) }
    /// By how far a mantissa moves to be that of a float32.
    private var mantissaShift: UInt32 { UInt32(23 - mantissaBits) }
    /// The difference of the exponents' biases, at the place of a float32's exponent.
    private var rebias: UInt32 { UInt32(127 - exponentBias) << 23 }
    /// The smallest magnitude, as bits, that is no number.
    private var specials: UInt32 {
        self == .float8e4m3fn ? 0x7F : ((1 << UInt32(exponentBits)) - 1) << UInt32(mantissaBits)
    }
    /// The distance of subnormal numbers.
    private var quantum: Float { Float(sign: .plus, exponent: 1 - exponentBias - mantissaBits, significand: 1) }

    /// The float32 number whose bits in this format are the low end of `bits`; what is above them does not matter.
    /// A NaN becomes a quiet NaN of the same sign.
    public func widened<Word: WordLane>(_ bits: Word) -> Word.Number {
        if self == .bfloat16 { return bits.shiftedLeft(by: bits.like(16)).asFloat }
        let sign = bits.shiftedLeft(by: bits.like(31 - signShift)) & bits.like(0x8000_0000)
        let size = bits & bits.like((1 << signShift) - 1)
        var wide = size.shiftedLeft(by: bits.like(mantissaShift)) + bits.like(rebias)
        // Subnormal numbers here are normal float32 numbers.
        let count = size.toFloat
        let small = (count * count.like(quantum)).bits
        wide = Word.select(size.isLess(than: bits.like(1 << UInt32(mantissaBits))), small, wide)
        if self == .float8e4m3fn {
            wide = Word.select(size.isEqual(to: bits.like(specials)), bits.like(0x7FC0_0000), wide)
        } else {
            wide = Word.select(size.isEqual(to: bits.like(specials)), bits.like(0x7F80_0000), wide)
            wide = Word.select(bits.like(specials).isLess(than: size), bits.like(0x7FC0_0000), wide)
        }
        return (wide | sign).asFloat
    }

    /// The bits of `x` in this format, in the low end of a word whose other bits are 0. NaN stays NaN; numbers that round
    /// beyond the largest become infinity, in `float8e4m3fn` NaN.
    public func narrowed<Number: FloatLane>(_ x: Number) -> Number.Word {
        let bits = x.bits
        let size = bits & bits.like(0x7FFF_FFFF)
        let sign = bits.shiftedRight(by: bits.like(31)).shiftedLeft(by: bits.like(signShift))
        let shift = bits.like(mantissaShift)
        // Half a unit in the last place, and less by one where the last bit is 0, so that ties go to even.
        let last = size.shiftedRight(by: shift) & bits.like(1)
        let rounded = size + bits.like((1 << (mantissaShift - 1)) - 1) + last
        let isNaN = bits.like(0x7F80_0000).isLess(than: size)
        if self == .bfloat16 {
            // Every exponent is one of float32, and a carry out of the largest number is infinity.
            let quiet = size.shiftedRight(by: shift) | bits.like(0x40)
            return Number.Word.select(isNaN, quiet, rounded.shiftedRight(by: shift)) | sign
        }
        var narrow = (rounded - bits.like(rebias)).shiftedRight(by: shift)
        narrow = Number.Word.select(bits.like(specials).isLess(than: narrow), bits.like(specials), narrow)
        // Where the result is subnormal or zero: adding 2^23 quanta leaves the number of quanta, rounded, in the mantissa.
        let magic = x.like(quantum * 0x1p23)
        let steps = (size.asFloat + magic).bits - magic.bits
        narrow = Number.Word.select(size.isLess(than: bits.like(rebias + 0x80_0000)), steps, narrow)
        if self != .float8e4m3fn {
            narrow = Number.Word.select(isNaN, bits.like(specials | (1 << UInt32(mantissaBits - 1))), narrow)
        }
        return narrow | sign
    }
}
