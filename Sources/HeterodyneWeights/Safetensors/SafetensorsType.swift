// Heterodyne: the element types of safetensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// An element type of the safetensors format. Raw values are the spellings in the file; cases stand in the order in which
/// the format sorts data (by alignment), which `rank` gives.
enum SafetensorsType: String, CaseIterable, Sendable {
    case bool = "BOOL"
    case float4 = "F4"
    case float6e2m3 = "F6_E2M3"
    case float6e3m2 = "F6_E3M2"
    case uint8 = "U8"
    case int8 = "I8"
    case float8e5m2 = "F8_E5M2"
    case float8e4m3 = "F8_E4M3"
    case float8e8m0 = "F8_E8M0"
    case float8e4m3fnuz = "F8_E4M3FNUZ"
    case float8e5m2fnuz = "F8_E5M2FNUZ"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case complex64 = "C64"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// The order in which tensors of different types are laid out in a file: highest first.
    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Bits of one element.
    var bitWidth: Int {
        switch self {
        case .float4: 4
        case .float6e2m3, .float6e3m2: 6
        case .bool, .uint8, .int8, .float8e5m2, .float8e4m3, .float8e8m0, .float8e4m3fnuz, .float8e5m2fnuz: 8
        case .int16, .uint16, .float16, .bfloat16: 16
        case .int32, .uint32, .float32: 32
        case .complex64, .float64, .int64, .uint64: 64
        }
    }

    /// The scalar type with the same elements, or nil where there is none.
    var scalarType: ScalarType? {
        switch self {
        case .bool: .bool
        case .uint8: .uint8
        case .int8: .int8
        case .float8e5m2: .float8e5m2
        case .float8e4m3: .float8e4m3fn
        case .int16: .int16
        case .uint16: .uint16
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .int32: .int32
        case .uint32: .uint32
        case .float32: .float32
        case .float64: .float64
        case .int64: .int64
        case .uint64: .uint64
        case .float4, .float6e2m3, .float6e3m2, .float8e8m0, .float8e4m3fnuz, .float8e5m2fnuz, .complex64: nil
        }
    }

    /// The element type that stores `scalarType`, or nil where the format has none (4-bit integers).
    init?(_ scalarType: ScalarType) {
        guard let match = Self.allCases.first(where: { $0.scalarType == scalarType }) else { return nil }
        self = match
    }
}
