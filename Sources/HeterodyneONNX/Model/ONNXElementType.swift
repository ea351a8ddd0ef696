// Heterodyne: the element types of ONNX.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The type of one element of an ONNX tensor. Raw values are the format's numbers.
public enum ONNXElementType: Int32, Sendable, Hashable, CaseIterable {
    /// IEEE 754 binary32.
    case float32 = 1
    /// Unsigned 8-bit integer.
    case uint8 = 2
    /// Signed 8-bit integer.
    case int8 = 3
    /// Unsigned 16-bit integer.
    case uint16 = 4
    /// Signed 16-bit integer.
    case int16 = 5
    /// Signed 32-bit integer.
    case int32 = 6
    /// Signed 64-bit integer.
    case int64 = 7
    /// Text.
    case string = 8
    /// Truth value, one byte.
    case bool = 9
    /// IEEE 754 binary16.
    case float16 = 10
    /// IEEE 754 binary64.
    case float64 = 11
    /// Unsigned 32-bit integer.
    case uint32 = 12
    /// Unsigned 64-bit integer.
    case uint64 = 13
    /// Two binary32, real part first.
    case complex64 = 14
    /// Two binary64, real part first.
    case complex128 = 15
    /// The upper half of a binary32.
    case bfloat16 = 16
    /// 8-bit float, 4 exponent bits, no infinities.
    case float8e4m3fn = 17
    /// 8-bit float, 4 exponent bits, no infinities, no negative zero.
    case float8e4m3fnuz = 18
    /// 8-bit float, 5 exponent bits.
    case float8e5m2 = 19
    /// 8-bit float, 5 exponent bits, no infinities, no negative zero.
    case float8e5m2fnuz = 20
    /// Unsigned 4-bit integer, two per byte, low nibble first.
    case uint4 = 21
    /// Signed 4-bit integer, two per byte, low nibble first.
    case int4 = 22
    /// 4-bit float, 2 exponent bits, two per byte, low nibble first.
    case float4e2m1 = 23
    /// A power of two: 8 exponent bits and nothing else.
    case float8e8m0 = 24
    /// Unsigned 2-bit integer, four per byte, low bits first.
    case uint2 = 25
    /// Signed 2-bit integer, four per byte, low bits first.
    case int2 = 26
    /// 6-bit float, 2 exponent bits, four in three bytes, low bits first.
    case float6e2m3 = 27
    /// 6-bit float, 3 exponent bits, four in three bytes, low bits first.
    case float6e3m2 = 28

    /// Bits that one element occupies in packed data; 0 for text.
    public var bitWidth: Int {
        switch self {
        case .string: 0
        case .uint2, .int2: 2
        case .uint4, .int4, .float4e2m1: 4
        case .float6e2m3, .float6e3m2: 6
        case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
        case .uint16, .int16, .float16, .bfloat16: 16
        case .float32, .int32, .uint32: 32
        case .int64, .uint64, .float64, .complex64: 64
        case .complex128: 128
        }
    }

    /// The same type in the graph language, nil where it has none.
    public var scalarType: ScalarType? {
        switch self {
        case .float32: .float32
        case .uint8: .uint8
        case .int8: .int8
        case .uint16: .uint16
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .bool: .bool
        case .float16: .float16
        case .float64: .float64
        case .uint32: .uint32
        case .uint64: .uint64
        case .bfloat16: .bfloat16
        case .float8e4m3fn: .float8e4m3fn
        case .float8e5m2: .float8e5m2
        case .uint4: .uint4
        case .int4: .int4
        case .string, .complex64, .complex128, .float8e4m3fnuz, .float8e5m2fnuz, .float4e2m1, .float8e8m0, .uint2,
            .int2,
            .float6e2m3, .float6e3m2:
            nil
        }
    }

    /// Bytes that `count` packed elements occupy, or nil where that overflows.
    func byteCount(of count: Int) -> Int? {
        let (groups, rest) = count.quotientAndRemainder(dividingBy: 8)
        let (bytes, overflow) = groups.multipliedReportingOverflow(by: bitWidth)
        guard !overflow else { return nil }
        let (sum, overflowing) = bytes.addingReportingOverflow((rest * bitWidth + 7) / 8)
        return overflowing ? nil : sum
    }
}
