// Heterodyne: the numbers that element codes of ONNX stand for.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneONNX

extension ONNXElementType {
    /// The number that the bits of an element of the type's carrier stand for; nil for text and complex numbers.
    func number(fromBits bits: UInt64) -> Double? {
        switch self {
        case .float8e4m3fnuz: Self.unsignedZero(bits, mantissaBits: 3, bias: 8)
        case .float8e5m2fnuz: Self.unsignedZero(bits, mantissaBits: 2, bias: 16)
        case .float8e8m0:
            // An exponent alone; the largest code is NaN.
            bits & 0xFF == 0xFF ? .nan : Double(sign: .plus, exponent: Int(bits & 0xFF) - 127, significand: 1)
        case .float4e2m1: Self.finite(bits, exponentBits: 2, mantissaBits: 1)
        case .float6e2m3: Self.finite(bits, exponentBits: 2, mantissaBits: 3)
        case .float6e3m2: Self.finite(bits, exponentBits: 3, mantissaBits: 2)
        default: carrier?.number(fromBits: bits)
        }
    }

    /// The 8-bit formats in which the code of a negative zero is the only NaN, and there are no infinities.
    private static func unsignedZero(_ bits: UInt64, mantissaBits: Int, bias: Int) -> Double {
        bits & 0xFF == 0x80
            ? .nan : value(bits & 0xFF, exponentBits: 7 - mantissaBits, mantissaBits: mantissaBits, bias: bias)
    }

    /// The formats below 8 bits, all of whose codes are finite numbers.
    private static func finite(_ bits: UInt64, exponentBits: Int, mantissaBits: Int) -> Double {
        let width = UInt64(1 + exponentBits + mantissaBits)
        return value(
            bits & (1 << width - 1), exponentBits: exponentBits, mantissaBits: mantissaBits,
            bias: 1 << (exponentBits - 1) - 1)
    }

    private static func value(_ code: UInt64, exponentBits: Int, mantissaBits: Int, bias: Int) -> Double {
        let mantissa = Int(code & (1 << UInt64(mantissaBits) - 1))
        let exponent = Int(code >> UInt64(mantissaBits)) & (1 << exponentBits - 1)
        let isNegative = code >> UInt64(mantissaBits + exponentBits) & 1 == 1
        // Subnormal numbers have the exponent of the smallest normal ones and no leading one.
        let significand = exponent == 0 ? mantissa : mantissa + 1 << mantissaBits
        let magnitude = Double(
            sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: Double(significand))
        return isNegative ? -magnitude : magnitude
    }
}
