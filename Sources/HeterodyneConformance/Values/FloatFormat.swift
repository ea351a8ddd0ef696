// Heterodyne: the limits of the floating-point formats, for error bounds.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

/// The numbers that error bounds in a floating-point format are made of.
struct FloatFormat: Sendable {
    /// Bits of the significand, the hidden one included.
    let precision: Int
    /// Exponent of the smallest normal number.
    let minimumExponent: Int
    /// The largest finite number.
    let largest: Double

    /// The format of `type`, or nil where it is no float.
    init?(_ type: ScalarType) {
        ownFlushingError = nil
        switch type {
        case .float8e4m3fn: (precision, minimumExponent, largest) = (4, -6, 448)
        case .float8e5m2: (precision, minimumExponent, largest) = (3, -14, 57344)
        case .float16: (precision, minimumExponent, largest) = (11, -14, 65504)
        case .bfloat16: (precision, minimumExponent, largest) = (8, -126, 0x1.FEp127)
        case .float32: (precision, minimumExponent, largest) = (24, -126, 0x1.FFFFFEp127)
        case .float64: (precision, minimumExponent, largest) = (53, -1022, .greatestFiniteMagnitude)
        case .bool, .int4, .uint4, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: return nil
        }
    }

    /// Pairs of float32 in place of float64: the bits that are promised, and float32's range.
    static let pairs = FloatFormat(
        precision: DoubleSingleFormat.precision, minimumExponent: DoubleSingleFormat.minimumExponent,
        largest: DoubleSingleFormat.largest, flushingError: DoubleSingleFormat.absoluteError)

    private init(precision: Int, minimumExponent: Int, largest: Double, flushingError: Double) {
        self.precision = precision
        self.minimumExponent = minimumExponent
        self.largest = largest
        ownFlushingError = flushingError
    }

    private var ownFlushingError: Double?

    /// How far off a result may be where subnormal numbers become zero.
    var flushingError: Double { ownFlushingError ?? smallestNormal }

    /// Half a unit in the last place of 1: the largest relative error of one rounding.
    var unitRoundoff: Double { Self.power(-precision) }
    /// The smallest normal number.
    var smallestNormal: Double { Self.power(minimumExponent) }
    /// The distance of subnormal numbers.
    var smallestSubnormal: Double { Self.power(minimumExponent - precision + 1) }

    /// The distance of numbers of the format around `value`; that of the largest binade for larger ones and NaN.
    func unitInLastPlace(of value: Double) -> Double {
        let magnitude = value.isNaN ? largest : min(value.magnitude, largest)
        let exponent = magnitude == 0 ? minimumExponent : max(Int(magnitude.exponent), minimumExponent)
        return Self.power(exponent - precision + 1)
    }

    private static func power(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}

extension FloatFormat {
    /// The distance of a device's number and a float64 result. Infinity counts as the power of two after the largest
    /// number, so that results around the overflow threshold are measured like others; NaN is infinitely far from all
    /// but NaN.
    func distance(_ found: Double, from wanted: Double) -> Double {
        if found.isNaN || wanted.isNaN { return found.isNaN && wanted.isNaN ? 0 : .infinity }
        if found == wanted { return 0 }
        if wanted.isInfinite { return .infinity }
        let beyond = largest + unitInLastPlace(of: largest)
        if found.isInfinite {
            guard found.sign == wanted.sign else { return .infinity }
            // Everything beyond the threshold is infinity.
            return max(0, beyond - wanted.magnitude)
        }
        // A finite number for a result beyond the threshold: measured from where infinity begins.
        if wanted.magnitude > beyond { return (found - (wanted.sign == .minus ? -beyond : beyond)).magnitude }
        return (found - wanted).magnitude
    }
}
