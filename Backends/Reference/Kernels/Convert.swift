// Heterodyne: conversion between scalar types, and counting.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `convert`, `bitcast` and `iota`.
enum Convert {
    /// Each element in another scalar type. Every value passes exactly through float64, int64 or uint64, so there is
    /// one rounding.
    static func convert(_ x: Literal, to scalarType: ScalarType) throws(EvaluationError) -> Literal {
        if x.type.scalarType == scalarType && scalarType != .bool { return x }
        return switch x.type.scalarType {
        case .bool: try from(x, Truth.self, scalarType)
        case .int4: try from(x, SignedNibble.self, scalarType)
        case .uint4: try from(x, UnsignedNibble.self, scalarType)
        case .int8: try from(x, Int8.self, scalarType)
        case .int16: try from(x, Int16.self, scalarType)
        case .int32: try from(x, Int32.self, scalarType)
        case .int64: try from(x, Int64.self, scalarType)
        case .uint8: try from(x, UInt8.self, scalarType)
        case .uint16: try from(x, UInt16.self, scalarType)
        case .uint32: try from(x, UInt32.self, scalarType)
        case .uint64: try from(x, UInt64.self, scalarType)
        case .float8e4m3fn: try from(x, Float8E4M3FN.self, scalarType)
        case .float8e5m2: try from(x, Float8E5M2.self, scalarType)
        case .float16: try from(x, Float16.self, scalarType)
        case .bfloat16: try from(x, BFloat16.self, scalarType)
        case .float32: try from(x, Float.self, scalarType)
        case .float64: try from(x, Double.self, scalarType)
        }
    }

    private static func from<S: Element>(
        _ x: Literal, _: S.Type, _ scalarType: ScalarType
    ) throws(EvaluationError) -> Literal {
        switch scalarType {
        case .bool: try pair(x, S.self, Truth.self, scalarType)
        case .int4: try pair(x, S.self, SignedNibble.self, scalarType)
        case .uint4: try pair(x, S.self, UnsignedNibble.self, scalarType)
        case .int8: try pair(x, S.self, Int8.self, scalarType)
        case .int16: try pair(x, S.self, Int16.self, scalarType)
        case .int32: try pair(x, S.self, Int32.self, scalarType)
        case .int64: try pair(x, S.self, Int64.self, scalarType)
        case .uint8: try pair(x, S.self, UInt8.self, scalarType)
        case .uint16: try pair(x, S.self, UInt16.self, scalarType)
        case .uint32: try pair(x, S.self, UInt32.self, scalarType)
        case .uint64: try pair(x, S.self, UInt64.self, scalarType)
        case .float8e4m3fn: try pair(x, S.self, Float8E4M3FN.self, scalarType)
        case .float8e5m2: try pair(x, S.self, Float8E5M2.self, scalarType)
        case .float16: try pair(x, S.self, Float16.self, scalarType)
        case .bfloat16: try pair(x, S.self, BFloat16.self, scalarType)
        case .float32: try pair(x, S.self, Float.self, scalarType)
        case .float64: try pair(x, S.self, Double.self, scalarType)
        }
    }

    private static func pair<S: Element, D: Element>(
        _ x: Literal, _: S.Type, _: D.Type, _ scalarType: ScalarType
    ) throws(EvaluationError) -> Literal {
        let source = try Elements<S>(x)
        return try makeLiteral(x.type.with(scalarType), of: D.self, keeping: [source.storage]) { out in
            let a = source.buffer
            switch S.form {
            case .float: for i in 0..<out.count { out[i] = D(converting: a[i].double) }
            case .signed: for i in 0..<out.count { out[i] = D(converting: a[i].int64) }
            case .unsigned: for i in 0..<out.count { out[i] = D(converting: a[i].uint64) }
            }
        }
    }

    /// The same bytes under another scalar type of the same width.
    static func bitcast(_ x: Literal, to scalarType: ScalarType) throws(EvaluationError) -> Literal {
        switch x.contents {
        case .splat(let bits): return Literal(splatBits: bits, type: x.type.with(scalarType))
        case .dense(let storage):
            do { return try Literal(type: x.type.with(scalarType), storage: storage) } catch {
                throw EvaluationError(error)
            }
        }
    }

    /// Element `[i0, i1, …]` is `i_dimension`, converted as from int64.
    static func iota(_ type: TensorType, dimension: Int) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(type)
        let inner = Layout.count(extents[(dimension + 1)...])
        let extent = max(extents[dimension], 1)
        let counter = try makeLiteral(type.with(.int64), of: Int64.self, keeping: []) { out in
            for i in 0..<out.count { out[i] = Int64(i / inner % extent) }
        }
        return try convert(counter, to: type.scalarType)
    }
}
