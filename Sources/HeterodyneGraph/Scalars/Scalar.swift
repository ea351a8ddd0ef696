// Heterodyne: which Swift types are tensor elements.
// SPDX-License-Identifier: Apache-2.0

/// A Swift type that is the in-memory form of one scalar type.
///
/// The 4-bit integers have no such type, since two elements share a byte.
public protocol Scalar: Sendable, Hashable, BitwiseCopyable {
    /// The scalar type whose elements have this layout.
    static var scalarType: ScalarType { get }
}

extension Bool: Scalar {
    /// `bool`.
    public static var scalarType: ScalarType { .bool }
}
extension Int8: Scalar {
    /// `int8`.
    public static var scalarType: ScalarType { .int8 }
}
extension Int16: Scalar {
    /// `int16`.
    public static var scalarType: ScalarType { .int16 }
}
extension Int32: Scalar {
    /// `int32`.
    public static var scalarType: ScalarType { .int32 }
}
extension Int64: Scalar {
    /// `int64`.
    public static var scalarType: ScalarType { .int64 }
}
extension Int: Scalar {
    /// `int64`.
    public static var scalarType: ScalarType { .int64 }
}
extension UInt8: Scalar {
    /// `uint8`.
    public static var scalarType: ScalarType { .uint8 }
}
extension UInt16: Scalar {
    /// `uint16`.
    public static var scalarType: ScalarType { .uint16 }
}
extension UInt32: Scalar {
    /// `uint32`.
    public static var scalarType: ScalarType { .uint32 }
}
extension UInt64: Scalar {
    /// `uint64`.
    public static var scalarType: ScalarType { .uint64 }
}
extension Float16: Scalar {
    /// `float16`.
    public static var scalarType: ScalarType { .float16 }
}
extension BFloat16: Scalar {
    /// `bfloat16`.
    public static var scalarType: ScalarType { .bfloat16 }
}
extension Float8E4M3FN: Scalar {
    /// `float8e4m3fn`.
    public static var scalarType: ScalarType { .float8e4m3fn }
}
extension Float8E5M2: Scalar {
    /// `float8e5m2`.
    public static var scalarType: ScalarType { .float8e5m2 }
}
extension Float: Scalar {
    /// `float32`.
    public static var scalarType: ScalarType { .float32 }
}
extension Double: Scalar {
    /// `float64`.
    public static var scalarType: ScalarType { .float64 }
}
