// Heterodyne: sums of products.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `dot`: both operands are converted to the accumulation type, products and sums are made (each rounded) in it in
/// row-major order of the contracted dimensions, starting from 0, and the sum is converted to the result type.
enum Dot {
    static func dot(
        _ x: Literal, _ y: Literal, as type: TensorType, _ dimensions: DotDimensions, accumulation: ScalarType
    ) throws(EvaluationError) -> Literal {
        let (left, right) = (try Layout.extents(x.type), try Layout.extents(y.type))
        let leftFree = dimensions.leftFree(rank: left.count)
        let rightFree = dimensions.rightFree(rank: right.count)
        // [batch, rows, contracted] and [batch, contracted, columns].
        let a = try Movement.transpose(
            try Convert.convert(x, to: accumulation), dimensions.leftBatch + leftFree + dimensions.leftContracting)
        let b = try Movement.transpose(
            try Convert.convert(y, to: accumulation), dimensions.rightBatch + dimensions.rightContracting + rightFree)
        let sizes = Sizes(
            batch: Layout.count(dimensions.leftBatch.map { left[$0] }), rows: Layout.count(leftFree.map { left[$0] }),
            contracted: Layout.count(dimensions.leftContracting.map { left[$0] }),
            columns: Layout.count(rightFree.map { right[$0] }))
        let wide = type.with(accumulation)
        let sums: Literal =
            switch accumulation {
            case .int8: try sums(a, b, wide, sizes, Int8.self)
            case .int16: try sums(a, b, wide, sizes, Int16.self)
            case .int32: try sums(a, b, wide, sizes, Int32.self)
            case .int64: try sums(a, b, wide, sizes, Int64.self)
            case .uint8: try sums(a, b, wide, sizes, UInt8.self)
            case .uint16: try sums(a, b, wide, sizes, UInt16.self)
            case .uint32: try sums(a, b, wide, sizes, UInt32.self)
            case .uint64: try sums(a, b, wide, sizes, UInt64.self)
            case .float16: try sums(a, b, wide, sizes, Float16.self)
            case .bfloat16: try sums(a, b, wide, sizes, BFloat16.self)
            case .float32: try sums(a, b, wide, sizes, Float.self)
            case .float64: try sums(a, b, wide, sizes, Double.self)
            case .bool, .int4, .uint4, .float8e4m3fn, .float8e5m2: throw Elementwise.unexpected(accumulation)
            }
        return try Convert.convert(sums, to: type.scalarType)
    }

    private struct Sizes {
        let batch: Int
        let rows: Int
        let contracted: Int
        let columns: Int
    }

    private static func sums<T: ArithmeticElement>(
        _ x: Literal, _ y: Literal, _ type: TensorType, _ sizes: Sizes, _: T.Type
    ) throws(EvaluationError) -> Literal {
        let (a, b) = (try Elements<T>(x), try Elements<T>(y))
        return try makeLiteral(type, of: T.self, keeping: [a.storage, b.storage]) { out in
            out.update(repeating: T.zeroElement)
            guard let target = out.baseAddress, let left = a.buffer.baseAddress, let right = b.buffer.baseAddress else {
                return
            }
            if out.isEmpty { return }
            // A row of sums grows by one row of `b` at a time: the order per sum is that of the definition, and both
            // inner accesses are contiguous.
            let (contracted, columns) = (sizes.contracted, sizes.columns)
            for row in 0..<sizes.batch * sizes.rows {
                let batch = row / sizes.rows
                for k in 0..<contracted {
                    T.addProducts(
                        left[row * contracted + k], right + (batch * contracted + k) * columns,
                        to: target + row * columns, count: columns)
                }
            }
        }
    }
}
