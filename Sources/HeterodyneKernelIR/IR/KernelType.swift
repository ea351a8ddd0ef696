// Heterodyne: the types of values in kernels.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The type of a value in a kernel: a scalar, or a vector of 2 to 4 of them.
///
/// bfloat16 may be loaded, stored and converted to and from float32; nothing else. The 4-bit and 8-bit tensor formats
/// are not types of kernels: a kernel loads the bytes and takes them apart.
public struct KernelType: Hashable, Sendable {
    /// The type of one component.
    public var scalar: ScalarType
    /// How many components: 1 for a scalar.
    public var width: Int

    /// A scalar, or a vector of `width` components.
    public init(_ scalar: ScalarType, _ width: Int = 1) {
        self.scalar = scalar
        self.width = width
    }

    /// Truth value.
    public static let bool = KernelType(.bool)
    /// Signed 8-bit integer.
    public static let i8 = KernelType(.int8)
    /// Signed 16-bit integer.
    public static let i16 = KernelType(.int16)
    /// Signed 32-bit integer.
    public static let i32 = KernelType(.int32)
    /// Signed 64-bit integer.
    public static let i64 = KernelType(.int64)
    /// Unsigned 8-bit integer.
    public static let u8 = KernelType(.uint8)
    /// Unsigned 16-bit integer.
    public static let u16 = KernelType(.uint16)
    /// Unsigned 32-bit integer.
    public static let u32 = KernelType(.uint32)
    /// Unsigned 64-bit integer.
    public static let u64 = KernelType(.uint64)
    /// IEEE 754 binary16.
    public static let f16 = KernelType(.float16)
    /// bfloat16, for storage only.
    public static let bf16 = KernelType(.bfloat16)
    /// IEEE 754 binary32.
    public static let f32 = KernelType(.float32)
    /// IEEE 754 binary64.
    public static let f64 = KernelType(.float64)

    /// The type with the same components and another width.
    public func with(width: Int) -> KernelType { KernelType(scalar, width) }

    /// The type with other components and the same width.
    public func with(scalar: ScalarType) -> KernelType { KernelType(scalar, width) }

    /// Whether kernels know the type at all.
    public var isValid: Bool {
        guard (1...4).contains(width) else { return false }
        switch scalar {
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: return false
        case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32,
            .float64:
            return true
        }
    }

    /// Whether the components are floats that can be computed with.
    public var isFloat: Bool { scalar == .float16 || scalar == .float32 || scalar == .float64 }
    /// Whether the components are integers.
    public var isInteger: Bool { isValid && scalar.isInteger }
    /// Whether the components are integers with a sign.
    public var isSigned: Bool { scalar.isSignedInteger }
    /// Whether the components can be added and multiplied.
    public var isArithmetic: Bool { isFloat || isInteger }
    /// Bits of one component in memory.
    public var bits: Int { scalar.bitWidth }
    /// Bytes that one value occupies in a buffer.
    public var byteCount: Int { max(1, bits / 8) * width }
}

extension KernelType: CustomStringConvertible {
    /// For instance `f32` or `u32x4`.
    public var description: String {
        let name =
            switch scalar {
            case .bool: "bool"
            case .int8: "i8"
            case .int16: "i16"
            case .int32: "i32"
            case .int64: "i64"
            case .uint8: "u8"
            case .uint16: "u16"
            case .uint32: "u32"
            case .uint64: "u64"
            case .float16: "f16"
            case .bfloat16: "bf16"
            case .float32: "f32"
            case .float64: "f64"
            case .int4, .uint4, .float8e4m3fn, .float8e5m2: scalar.name
            }
        return width == 1 ? name : "\(name)x\(width)"
    }
}
