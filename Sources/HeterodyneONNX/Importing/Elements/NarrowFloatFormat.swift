// Heterodyne: the narrow float formats that the graph language lacks, as codes in bytes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// A float format of at most 8 bits: a sign, exponent and mantissa bits, no infinities. A code stands in the low bits of
/// a byte. With exponent field `e`, mantissa field `f` of `m` bits and bias `b` a code means `f 2^(1 - b - m)` where
/// e = 0, else `(1 + f 2^-m) 2^(e - b)`.
struct NarrowFloatFormat: Sendable {
    let mantissaBits: Int
    let bias: Int
    /// The position of the sign, above exponent and mantissa. All codes below it are finite numbers.
    let signBit: Int
    /// Whether minus zero's code means NaN, so that there is no minus zero. Formats without NaN encode it as the zero
    /// of the other sign, as the standard's reference does.
    let hasNaN: Bool

    /// The format of an element type that is carried as codes, nil for the others.
    init?(_ element: ONNXElementType) {
        switch element {
        case .float8e4m3fnuz: self.init(mantissaBits: 3, bias: 8, signBit: 7, hasNaN: true)
        case .float8e5m2fnuz: self.init(mantissaBits: 2, bias: 16, signBit: 7, hasNaN: true)
        case .float4e2m1: self.init(mantissaBits: 1, bias: 1, signBit: 3, hasNaN: false)
        case .float6e2m3: self.init(mantissaBits: 3, bias: 1, signBit: 5, hasNaN: false)
        case .float6e3m2: self.init(mantissaBits: 2, bias: 3, signBit: 5, hasNaN: false)
        default: return nil
        }
    }

    private init(mantissaBits: Int, bias: Int, signBit: Int, hasNaN: Bool) {
        self.mantissaBits = mantissaBits
        self.bias = bias
        self.signBit = signBit
        self.hasNaN = hasNaN
    }

    /// Mantissa bits of binary32 beyond this format's.
    private var shift: Int { 23 - mantissaBits }
    /// The weight of the last mantissa bit of subnormal numbers.
    private var quantum: Double { Double(sign: .plus, exponent: 1 - bias - mantissaBits, significand: 1) }

    /// The numbers, as float32, that uint8 `codes` mean.
    func decode(_ codes: Term) throws(GraphError) -> Term {
        let code = try codes.convert(.uint32)
        let magnitude = try code.and(code.word((1 << signBit) - 1))
        let normal = try (magnitude.shiftLeft(code.word(shift)) + code.word((127 - bias) << 23)).bitcast(.float32)
        let small = try magnitude.convert(.float32) * quantum
        let value = try magnitude.compare(.less, code.word(1 << mantissaBits)).select(small, normal)
        let isNegative = try code.compare(.greaterOrEqual, code.word(1 << signBit))
        let number = try isNegative.select(value.negate(), value)
        guard hasNaN else { return number }
        return try code.compare(.equal, code.word(1 << signBit)).select(number.like(.nan), number)
    }

    /// The uint8 codes of float32 numbers, rounded to nearest even. What is beyond the largest number becomes that,
    /// or, where the format has NaN and does not saturate, NaN.
    func encode(_ x: Term, saturate: Bool) throws(GraphError) -> Term {
        let bits = try x.bitcast(.uint32)
        let magnitude = try bits.and(bits.word(0x7FFF_FFFF))
        // Half a unit of the last bit that stays, less one where that bit is even, carries into it.
        let last = try magnitude.shiftRight(bits.word(shift)).and(bits.word(1))
        let rounded = try (magnitude + bits.word((1 << (shift - 1)) - 1) + last).shiftRight(bits.word(shift))
        let normal = try rounded - bits.word((127 - bias) << mantissaBits)
        let small = try (x.abs() * (1 / quantum)).roundEven().convert(.uint32)
        let firstNormal = (128 - bias) << 23
        let code = try magnitude.compare(.less, bits.word(firstNormal)).select(small, normal)
        let largest = try bits.word((1 << signBit) - 1)
        let finite = try code.minimum(largest)
        let sign = try bits.shiftRight(bits.word(31)).shiftLeft(bits.word(signBit))
        let isNaN = try magnitude.compare(.greater, bits.word(0x7F80_0000))
        let signed = try finite.or(sign)
        guard hasNaN else {
            return try isNaN.select(sign.xor(bits.word(1 << signBit)), signed).convert(.uint8)
        }
        let isZero = try code.compare(.equal, bits.word(0))
        let number = try isZero.select(code, signed)
        let isLost = saturate ? isNaN : try isNaN.or(code.compare(.greater, largest))
        return try isLost.select(bits.word(1 << signBit), number).convert(.uint8)
    }
}

/// How numbers are rounded to powers of two.
enum PowerRounding: Sendable {
    /// To the next one that is not below.
    case up
    /// To the next one that is not above.
    case down
    /// To the nearest; the middle between two goes up.
    case nearest
}

/// Powers of two `2^(code - 127)` in a byte; code 255 is NaN (OCP Microscaling Formats 1.0, E8M0).
enum PowerFormat {
    /// The numbers, as float32, that uint8 `codes` mean. `2^-127` is subnormal there.
    static func decode(_ codes: Term) throws(GraphError) -> Term {
        let code = try codes.convert(.uint32)
        let bits = try code.compare(.equal, code.word(0)).select(
            code.word(0x0040_0000), code.shiftLeft(code.word(23)))
        let number = try bits.bitcast(.float32)
        return try code.compare(.equal, code.word(255)).select(number.like(.nan), number)
    }

    /// The uint8 codes of float32 numbers, whose sign is ignored. What is out of range becomes the nearest code where
    /// `saturate`, else NaN.
    static func encode(_ x: Term, saturate: Bool, rounding: PowerRounding) throws(GraphError) -> Term {
        let bits = try x.bitcast(.uint32)
        let magnitude = try bits.and(bits.word(0x7FFF_FFFF))
        let exponent = try magnitude.shiftRight(bits.word(23))
        let fraction = try magnitude.and(bits.word(0x7F_FFFF))
        var code = exponent
        // Subnormal numbers stand between 0 and 2^-126; half of that is the code 0.
        let isSmall = try exponent.compare(.equal, bits.word(0))
        let one = try bits.word(1)
        let none = try bits.word(0)
        switch rounding {
        case .down: break
        case .up:
            let limit = try isSmall.select(bits.word(0x40_0000), none)
            code = try code + fraction.compare(.greater, limit).select(one, none)
        case .nearest:
            let limit = try isSmall.select(bits.word(0x60_0000), bits.word(0x40_0000))
            code = try code + fraction.compare(.greaterOrEqual, limit).select(one, none)
        }
        code = try code.minimum(bits.word(saturate ? 254 : 255))
        var isLost = try magnitude.compare(.greater, bits.word(0x7F80_0000))
        if !saturate { isLost = try isLost.or(magnitude.compare(.less, bits.word(0x40_0000))) }
        return try isLost.select(bits.word(255), code).convert(.uint8)
    }
}

extension Term {
    /// A constant of this term's type, an integer, with every element `number`, which is not negative.
    func word(_ number: Int) throws(GraphError) -> Term {
        try builder.constant(Literal(splatBits: UInt64(bitPattern: Int64(number)), type: type))
    }

    /// float64 as float32 rounded to odd, so that a second rounding to a format at least two bits narrower equals one
    /// rounding (Boldo and Melquiond 2008); other numbers as float32, which their second rounding does not notice:
    /// integers beyond 2^24 are out of range of every narrow float.
    func roundedForNarrowing() throws(GraphError) -> Term {
        guard scalarType == .float64 else { return try convert(.float32) }
        let nearest = try convert(.float32)
        let bits = try nearest.bitcast(.uint32)
        let back = try nearest.convert(.float64)
        let isAbove = try back.abs().compare(.greater, abs())
        let truncated = try isAbove.select(bits - bits.word(1), bits)
        // NaN compares as unequal; its bits with the last one set are NaN still.
        let isExact = try back.compare(.equal, self)
        return try isExact.select(bits, truncated.or(bits.word(1))).bitcast(.float32)
    }
}
