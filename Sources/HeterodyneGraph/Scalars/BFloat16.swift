// Heterodyne: the bfloat16 and 8-bit float formats as Swift values.
// SPDX-License-Identifier: Apache-2.0

/// The upper half of an IEEE binary32: 1 sign, 8 exponent and 7 mantissa bits.
public struct BFloat16: Sendable, Hashable {
    /// The 16 bits.
    public var bitPattern: UInt16

    /// The value with the given bits.
    public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

    /// `value` rounded to nearest, ties to even. NaN stays a quiet NaN.
    public init(_ value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
        } else {
            let bias: UInt32 = 0x7FFF + ((bits >> 16) & 1)
            bitPattern = UInt16(truncatingIfNeeded: (bits &+ bias) >> 16)
        }
    }

    /// `value` rounded once to nearest, ties to even (no double rounding through binary32).
    public init(_ value: Double) { self.init(Float(roundedToOdd: value)) }

    /// The exact value as a binary32.
    public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }
}

/// The OCP 8-bit float with 4 exponent and 3 mantissa bits: no infinities, NaN is 0x7F, largest value 448.
public struct Float8E4M3FN: Sendable, Hashable {
    /// The 8 bits.
    public var bitPattern: UInt8

    /// The value with the given bits.
    public init(bitPattern: UInt8) { self.bitPattern = bitPattern }

    /// `value` rounded to nearest, ties to even. Values that round beyond 448, and infinities, become NaN.
    public init(_ value: Float) {
        let sign: UInt8 = value.sign == .minus ? 0x80 : 0
        let magnitude = value.magnitude
        guard magnitude <= 464 else {
            bitPattern = sign | 0x7F
            return
        }
        let bits = EightBitFloat.round(magnitude, mantissaBits: 3, minimumExponent: -6)
        bitPattern = sign | (bits > 0x7E ? 0x7F : bits)
    }

    /// The exact value as a binary32.
    public var float: Float {
        if bitPattern & 0x7F == 0x7F { return .nan }
        return EightBitFloat.value(bitPattern, mantissaBits: 3, bias: 7)
    }
}

/// The OCP 8-bit float with 5 exponent and 2 mantissa bits: IEEE-like, with infinities, largest value 57344.
public struct Float8E5M2: Sendable, Hashable {
    /// The 8 bits.
    public var bitPattern: UInt8

    /// The value with the given bits.
    public init(bitPattern: UInt8) { self.bitPattern = bitPattern }

    /// `value` rounded to nearest, ties to even. Values that round beyond 57344 become infinity.
    public init(_ value: Float) {
        let sign: UInt8 = value.sign == .minus ? 0x80 : 0
        if value.isNaN {
            bitPattern = sign | 0x7E
            return
        }
        guard value.magnitude < 61440 else {
            bitPattern = sign | 0x7C
            return
        }
        bitPattern = sign | EightBitFloat.round(value.magnitude, mantissaBits: 2, minimumExponent: -14)
    }

    /// The exact value as a binary32.
    public var float: Float {
        let magnitude = bitPattern & 0x7F
        if magnitude == 0x7C { return bitPattern & 0x80 == 0 ? .infinity : -.infinity }
        if magnitude > 0x7C { return .nan }
        return EightBitFloat.value(bitPattern, mantissaBits: 2, bias: 15)
    }
}

/// What the two 8-bit formats share.
private enum EightBitFloat {
    /// Exponent and mantissa bits of a finite, non-negative `magnitude` rounded to nearest even.
    static func round(_ magnitude: Float, mantissaBits: Int, minimumExponent: Int) -> UInt8 {
        if magnitude == 0 { return 0 }
        let exponent = max(Int(magnitude.exponent), minimumExponent)
        let quantum = Float(sign: .plus, exponent: exponent - mantissaBits, significand: 1)
        let steps = Int((magnitude / quantum).rounded(.toNearestOrEven))
        // `steps` counts quanta from zero: subnormals are below 2^mantissaBits, and a carry moves to the next binade.
        let code = ((exponent - minimumExponent) << mantissaBits) + steps
        return UInt8(clamping: code)
    }

    static func value(_ bits: UInt8, mantissaBits: Int, bias: Int) -> Float {
        let mantissa = Int(bits) & ((1 << mantissaBits) - 1)
        let exponent = Int(bits & 0x7F) >> mantissaBits
        let significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits)
        let scale = max(exponent, 1) - bias - mantissaBits
        let magnitude = Float(significand) * Float(sign: .plus, exponent: scale, significand: 1)
        return bits & 0x80 == 0 ? magnitude : -magnitude
    }
}

extension Float {
    /// `value` rounded to odd: truncated, with the last bit set when anything was lost. A second rounding of the
    /// result to a format at least two bits narrower then equals one rounding of `value`.
    public init(roundedToOdd value: Double) {
        let nearest = Float(value)
        guard nearest.isFinite || value.isFinite, Double(nearest) != value, !value.isNaN else {
            self = nearest
            return
        }
        let truncated =
            nearest.isInfinite || Double(nearest).magnitude > value.magnitude
            ? Float(bitPattern: nearest.bitPattern - 1) : nearest
        self = Float(bitPattern: truncated.bitPattern | 1)
    }
}
