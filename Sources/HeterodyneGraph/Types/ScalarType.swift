// Heterodyne: the element types of tensors.
// SPDX-License-Identifier: Apache-2.0

/// The type of one tensor element.
///
/// Raw values are stable: they are the codes that cross the kernel and plugin interfaces, and are append-only.
public enum ScalarType: UInt8, Sendable, Hashable, CaseIterable, Codable {
    /// Truth value, one byte, 0 or 1.
    case bool = 0
    /// Signed 4-bit integer, two per byte, low nibble first. Storage only.
    case int4 = 1
    /// Unsigned 4-bit integer, two per byte, low nibble first. Storage only.
    case uint4 = 2
    /// Signed 8-bit integer, two's complement.
    case int8 = 3
    /// Signed 16-bit integer, two's complement.
    case int16 = 4
    /// Signed 32-bit integer, two's complement.
    case int32 = 5
    /// Signed 64-bit integer, two's complement.
    case int64 = 6
    /// Unsigned 8-bit integer.
    case uint8 = 7
    /// Unsigned 16-bit integer.
    case uint16 = 8
    /// Unsigned 32-bit integer.
    case uint32 = 9
    /// Unsigned 64-bit integer.
    case uint64 = 10
    /// 8-bit float, 4 exponent and 3 mantissa bits, finite and NaN only (OCP FP8 E4M3). Storage only.
    case float8e4m3fn = 11
    /// 8-bit float, 5 exponent and 2 mantissa bits (OCP FP8 E5M2). Storage only.
    case float8e5m2 = 12
    /// IEEE 754 binary16.
    case float16 = 13
    /// The upper half of a binary32: 8 exponent and 7 mantissa bits.
    case bfloat16 = 14
    /// IEEE 754 binary32.
    case float32 = 15
    /// IEEE 754 binary64.
    case float64 = 16

    /// The spelling in the text form, in reports and in JSON, for instance `float32`.
    public var name: String {
        switch self {
        case .bool: "bool"
        case .int4: "int4"
        case .uint4: "uint4"
        case .int8: "int8"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .uint8: "uint8"
        case .uint16: "uint16"
        case .uint32: "uint32"
        case .uint64: "uint64"
        case .float8e4m3fn: "float8e4m3fn"
        case .float8e5m2: "float8e5m2"
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        case .float64: "float64"
        }
    }

    /// The type with the given `name`, or nil.
    public init?(name: String) {
        guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }

    /// Bits that one element occupies in memory.
    public var bitWidth: Int {
        switch self {
        case .int4, .uint4: 4
        case .bool, .int8, .uint8, .float8e4m3fn, .float8e5m2: 8
        case .int16, .uint16, .float16, .bfloat16: 16
        case .int32, .uint32, .float32: 32
        case .int64, .uint64, .float64: 64
        }
    }

    /// Bytes that `count` densely packed elements occupy, or nil where that overflows.
    public func byteCount(of count: Int) -> Int? {
        if bitWidth == 4 { return count / 2 + count % 2 }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: bitWidth / 8)
        return overflow ? nil : bytes
    }

    /// Whether the type is a floating-point format of any width.
    public var isFloatingPoint: Bool {
        switch self {
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16, .float32, .float64: true
        case .bool, .int4, .uint4, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: false
        }
    }

    /// Whether the type is an integer of any width. `bool` is not.
    public var isInteger: Bool { self != .bool && !isFloatingPoint }

    /// Whether the type is an integer with a sign.
    public var isSignedInteger: Bool {
        switch self {
        case .int4, .int8, .int16, .int32, .int64: true
        default: false
        }
    }

    /// Whether the type may only be stored, moved and converted: no arithmetic is defined on it.
    public var isStorageOnly: Bool {
        switch self {
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: true
        default: false
        }
    }

    /// Whether add, multiply and the like are defined: every integer and float that is not storage-only.
    public var isArithmetic: Bool { self != .bool && !isStorageOnly }

    /// Whether the type can hold the indices of gather, scatter, dynamic slices and sort.
    public var isIndex: Bool { self == .int32 || self == .int64 }

    /// The type in which sums of this type are accumulated unless the caller says otherwise:
    /// float32 for the narrower floats, int32 for the narrower integers, the type itself for the rest.
    public var accumulationType: ScalarType {
        switch self {
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16: .float32
        case .int4, .int8, .int16: .int32
        case .uint4, .uint8, .uint16: .uint32
        case .bool, .int32, .int64, .uint32, .uint64, .float32, .float64: self
        }
    }
}

extension ScalarType: CustomStringConvertible {
    /// The same as `name`.
    public var description: String { name }
}
