// Heterodyne: many elements to one.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `reduce`: in row-major order of the reduced dimensions, starting from the identity. Sums and products of float16
/// and bfloat16 accumulate in float32 and round once.
enum Reduce {
    static func reduce(
        _ x: Literal, _ kind: ReductionKind, as type: TensorType, _ dimensions: [Int]
    ) throws(EvaluationError) -> Literal {
        let extents = try Layout.extents(x.type)
        let kept = extents.indices.filter { !dimensions.contains($0) }
        let reduced = dimensions.sorted()
        let rows = try Movement.transpose(x, kept + reduced)
        let length = Layout.count(reduced.map { extents[$0] })
        return switch type.scalarType {
        case .bool: try bitwise(rows, kind, type, length, Truth.self)
        case .int8: try integer(rows, kind, type, length, Int8.self)
        case .int16: try integer(rows, kind, type, length, Int16.self)
        case .int32: try integer(rows, kind, type, length, Int32.self)
        case .int64: try integer(rows, kind, type, length, Int64.self)
        case .uint8: try integer(rows, kind, type, length, UInt8.self)
        case .uint16: try integer(rows, kind, type, length, UInt16.self)
        case .uint32: try integer(rows, kind, type, length, UInt32.self)
        case .uint64: try integer(rows, kind, type, length, UInt64.self)
        case .float16: try arithmetic(rows, kind, type, length, Float16.self)
        case .bfloat16: try arithmetic(rows, kind, type, length, BFloat16.self)
        case .float32: try arithmetic(rows, kind, type, length, Float.self)
        case .float64: try arithmetic(rows, kind, type, length, Double.self)
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: throw Elementwise.unexpected(type.scalarType)
        }
    }

    private static func integer<T: IntegerElement>(
        _ x: Literal, _ kind: ReductionKind, _ type: TensorType, _ length: Int, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch kind {
        case .and, .or: try bitwise(x, kind, type, length, T.self)
        case .sum, .product, .maximum, .minimum: try arithmetic(x, kind, type, length, T.self)
        }
    }

    private static func bitwise<T: BitwiseElement>(
        _ x: Literal, _ kind: ReductionKind, _ type: TensorType, _ length: Int, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch kind {
        case .and: try fold(x, type, length, T.allOnes, { T.bitAnd($0, $1) }, { $0 })
        case .or: try fold(x, type, length, T.allZeros, { T.bitOr($0, $1) }, { $0 })
        case .sum, .product, .maximum, .minimum: throw Elementwise.unexpected(type.scalarType)
        }
    }

    private static func arithmetic<T: ArithmeticElement>(
        _ x: Literal, _ kind: ReductionKind, _ type: TensorType, _ length: Int, _: T.Type
    ) throws(EvaluationError) -> Literal {
        typealias A = T.Accumulator
        switch kind {
        case .sum:
            return try fold(
                x, type, length, A.zeroElement, { A.add($0, ($1 as T).accumulator) }, { T(accumulated: $0) })
        case .product:
            return try fold(
                x, type, length, A.oneElement, { A.multiply($0, ($1 as T).accumulator) }, { T(accumulated: $0) })
        case .maximum: return try fold(x, type, length, T.lowest, { T.larger($0, $1) }, { $0 })
        case .minimum: return try fold(x, type, length, T.highest, { T.smaller($0, $1) }, { $0 })
        case .and, .or: throw Elementwise.unexpected(type.scalarType)
        }
    }

    /// Folds runs of `length` elements.
    @inline(__always)
    private static func fold<T: Element, A>(
        _ x: Literal, _ type: TensorType, _ length: Int, _ initial: A, _ combine: (A, T) -> A, _ finish: (A) -> T
    ) throws(EvaluationError) -> Literal {
        let source = try Elements<T>(x)
        return try makeLiteral(type, of: T.self, keeping: [source.storage]) { out in
            for i in 0..<out.count {
                var value = initial
                for k in 0..<length { value = combine(value, source.buffer[i * length + k]) }
                out[i] = finish(value)
            }
        }
    }
}
