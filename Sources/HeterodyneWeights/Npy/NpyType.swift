// Heterodyne: the element types of npy files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// An element type as an npy header describes it, for instance `<f4`.
struct NpyType: Hashable, Sendable {
    var scalarType: ScalarType
    /// Whether the bytes of each element stand highest first.
    var isBigEndian: Bool

    /// What a header's `descr` means. `rawType` is how elements of NumPy's raw kinds (`V2`, `V1`, `f1`, as extension types
    /// save themselves) are to be read.
    init(descr: String, rawType: ScalarType?, path: String, tensor: String?) throws(WeightsError) {
        func unsupported(_ advice: String) -> WeightsError {
            WeightsError(
                .unsupportedType, "has elements of type \(quoted(descr)); \(advice)", path: path, tensor: tensor)
        }
        var code = Substring(descr)
        var order: Character = "="
        if let first = code.first, "<>=|".contains(first) {
            order = first
            code.removeFirst()
        }
        guard let kind = code.first else { throw unsupported("that is no NumPy type") }
        isBigEndian = order == ">"
        if kind == "O" { throw FileFormat.pickle(path: path, tensor: tensor) }
        if let known = Self.standard[String(code)] {
            scalarType = known
            return
        }
        if kind == "V" || code == "f1" {
            guard let rawType else {
                throw unsupported(
                    "that is raw data, which is how bfloat16 (V2), float8 and int4 (V1, f1) arrays of extension packages "
                        + "are saved; pass rawType: to say what it is, or save another type")
            }
            guard code.dropFirst() == "\(rawType.bitWidth / 8)" else {
                throw unsupported("it does not fit the raw type \(rawType)")
            }
            scalarType = rawType
            return
        }
        switch kind {
        case "c": throw unsupported("complex numbers are not supported; save real and imaginary part apart")
        case "f": throw unsupported("save it as float64: a.astype('float64')")
        case "S", "a", "U": throw unsupported("text is not a tensor; save numbers")
        case "M", "m": throw unsupported("save times as integers: a.astype('int64')")
        default: throw unsupported("that is no type with numbers as elements")
        }
    }

    private static let standard: [String: ScalarType] = [
        "b1": .bool, "?": .bool, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16,
        "u4": .uint32, "u8": .uint64, "f2": .float16, "f4": .float32, "f8": .float64,
    ]

    /// The `descr` for elements of `scalarType`, or nil where NumPy has no such type.
    static func descr(_ scalarType: ScalarType) -> String? {
        switch scalarType {
        case .bool: "|b1"
        case .int8: "|i1"
        case .uint8: "|u1"
        case .int16: "<i2"
        case .int32: "<i4"
        case .int64: "<i8"
        case .uint16: "<u2"
        case .uint32: "<u4"
        case .uint64: "<u8"
        case .float16: "<f2"
        case .float32: "<f4"
        case .float64: "<f8"
        case .int4, .uint4, .bfloat16, .float8e4m3fn, .float8e5m2: nil
        }
    }
}
