// Heterodyne: conversion between element bits and numbers.
// SPDX-License-Identifier: Apache-2.0

extension ScalarType {
    /// The bits of `number` in this type: floats round to nearest even; integers truncate toward zero and saturate,
    /// NaN gives 0; bool is `number != 0`.
    public func bits(of number: Double) -> UInt64 {
        switch self {
        case .bool: number != 0 ? 1 : 0
        case .int4: UInt64(Self.saturating(number, -8, 7) & 0xF)
        case .uint4: UInt64(Self.saturating(number, 0, 15))
        case .int8: UInt64(UInt8(bitPattern: Int8(Self.saturating(number, -128, 127))))
        case .uint8: UInt64(Self.saturating(number, 0, 255))
        case .int16: UInt64(UInt16(bitPattern: Int16(Self.saturating(number, -32768, 32767))))
        case .uint16: UInt64(Self.saturating(number, 0, 65535))
        case .int32: UInt64(UInt32(bitPattern: Int32(Self.saturating(number, Int(Int32.min), Int(Int32.max)))))
        case .uint32: UInt64(Self.saturating(number, 0, Int(UInt32.max)))
        case .int64: UInt64(bitPattern: Int64(Self.saturating(number, Int.min, Int.max)))
        case .uint64:
            if number.isNaN || number <= 0 { 0 } else if number >= 0x1p64 { UInt64.max } else { UInt64(number) }
        case .float8e4m3fn: UInt64(Float8E4M3FN(Float(roundedToOdd: number)).bitPattern)
        case .float8e5m2: UInt64(Float8E5M2(Float(roundedToOdd: number)).bitPattern)
        case .float16: UInt64(Float16(number).bitPattern)
        case .bfloat16: UInt64(BFloat16(number).bitPattern)
        case .float32: UInt64(Float(number).bitPattern)
        case .float64: number.bitPattern
        }
    }

    /// The number that element bits stand for. 64-bit integers beyond 2^53 round.
    public func number(fromBits bits: UInt64) -> Double {
        switch self {
        case .bool: bits & 0xFF == 0 ? 0 : 1
        case .int4: Double(Int8(truncatingIfNeeded: bits << 4) >> 4)
        case .uint4: Double(bits & 0xF)
        case .int8: Double(Int8(truncatingIfNeeded: bits))
        case .uint8: Double(UInt8(truncatingIfNeeded: bits))
        case .int16: Double(Int16(truncatingIfNeeded: bits))
        case .uint16: Double(UInt16(truncatingIfNeeded: bits))
        case .int32: Double(Int32(truncatingIfNeeded: bits))
        case .uint32: Double(UInt32(truncatingIfNeeded: bits))
        case .int64: Double(Int64(bitPattern: bits))
        case .uint64: Double(bits)
        case .float8e4m3fn: Double(Float8E4M3FN(bitPattern: UInt8(truncatingIfNeeded: bits)).float)
        case .float8e5m2: Double(Float8E5M2(bitPattern: UInt8(truncatingIfNeeded: bits)).float)
        case .float16: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
        case .bfloat16: Double(BFloat16(bitPattern: UInt16(truncatingIfNeeded: bits)).float)
        case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .float64: Double(bitPattern: bits)
        }
    }

    /// `number` truncated toward zero and clamped into `low...high`; NaN gives 0.
    private static func saturating(_ number: Double, _ low: Int, _ high: Int) -> Int {
        if number.isNaN { return 0 }
        if number <= Double(low) { return low }
        if number >= Double(high) { return high }
        return Int(number)
    }

    /// The smallest value: minus infinity for floats that have it, else the lowest finite value; false for bool.
    public var lowestBits: UInt64 {
        switch self {
        case .bool, .uint4, .uint8, .uint16, .uint32, .uint64: 0
        case .int4: 0x8
        case .int8: 0x80
        case .int16: 0x8000
        case .int32: 0x8000_0000
        case .int64: 0x8000_0000_0000_0000
        case .float8e4m3fn: 0xFE
        case .float8e5m2: 0xFC
        case .float16: 0xFC00
        case .bfloat16: 0xFF80
        case .float32: 0xFF80_0000
        case .float64: 0xFFF0_0000_0000_0000
        }
    }

    /// The largest value: plus infinity for floats that have it, else the highest finite value; true for bool.
    public var highestBits: UInt64 {
        switch self {
        case .bool: 1
        case .int4: 0x7
        case .uint4: 0xF
        case .int8: 0x7F
        case .uint8: 0xFF
        case .int16: 0x7FFF
        case .uint16: 0xFFFF
        case .int32: 0x7FFF_FFFF
        case .uint32: 0xFFFF_FFFF
        case .int64: 0x7FFF_FFFF_FFFF_FFFF
        case .uint64: 0xFFFF_FFFF_FFFF_FFFF
        case .float8e4m3fn: 0x7E
        case .float8e5m2: 0x7C
        case .float16: 0x7C00
        case .bfloat16: 0x7F80
        case .float32: 0x7F80_0000
        case .float64: 0x7FF0_0000_0000_0000
        }
    }
}
