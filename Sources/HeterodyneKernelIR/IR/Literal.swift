// Heterodyne: constants as bits, and bits as text.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Conversions between numbers and the bits that kernels hold.
enum Literal {
    /// The low `bits` bits of a word.
    static func mask(_ bits: Int) -> UInt64 { bits >= 64 ? .max : (1 << UInt64(bits)) &- 1 }

    /// The bits of an integer in a type, or of the float nearest to it; nil if an integer type cannot hold it.
    static func bits(of value: Int, _ scalar: ScalarType) -> UInt64? {
        switch scalar {
        case .bool: return value == 0 || value == 1 ? UInt64(value) : nil
        case .int8: return Int8(exactly: value).map { UInt64(UInt8(bitPattern: $0)) }
        case .int16: return Int16(exactly: value).map { UInt64(UInt16(bitPattern: $0)) }
        case .int32: return Int32(exactly: value).map { UInt64(UInt32(bitPattern: $0)) }
        case .int64: return UInt64(bitPattern: Int64(value))
        case .uint8: return UInt8(exactly: value).map(UInt64.init)
        case .uint16: return UInt16(exactly: value).map(UInt64.init)
        case .uint32: return UInt32(exactly: value).map(UInt64.init)
        case .uint64: return UInt64(exactly: value)
        case .float16, .bfloat16, .float32, .float64: return bits(of: Double(value), scalar)
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: return nil
        }
    }

    /// The bits of the float nearest to a number (ties to even); nil for types that are not floats.
    static func bits(of value: Double, _ scalar: ScalarType) -> UInt64? {
        switch scalar {
        case .float16: UInt64(Float16(value).bitPattern)
        case .bfloat16: UInt64(roundToBFloat16(Float(value)))
        case .float32: UInt64(Float(value).bitPattern)
        case .float64: value.bitPattern
        default: nil
        }
    }

    /// float32 to bfloat16, to nearest, ties to even; NaN stays NaN.
    static func roundToBFloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
    }

    /// The bits read as a signed integer of the type's width.
    static func signed(_ bits: UInt64, _ width: Int) -> Int64 {
        let shift = UInt64(64 - width)
        return Int64(bitPattern: bits << shift) >> Int64(shift)
    }

    /// A number as text.
    static func text(_ bits: [UInt64], _ type: KernelType) -> String {
        let parts = bits.map { bits -> String in
            switch type.scalar {
            case .bool: bits == 0 ? "false" : "true"
            case .float16: "\(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))"
            case .bfloat16: "\(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))"
            case .float32: "\(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))"
            case .float64: "\(Double(bitPattern: bits))"
            case .int8, .int16, .int32, .int64: "\(signed(bits, type.bits))"
            case .uint8, .uint16, .uint32, .uint64, .int4, .uint4, .float8e4m3fn, .float8e5m2: "\(bits)"
            }
        }
        return parts.count == 1 ? parts[0] : "(\(parts.joined(separator: ", ")))"
    }
}
