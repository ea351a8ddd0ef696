// Heterodyne: the permutation that orders elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// `sort`: stable in both directions; NaN is above every number and equal to NaN, -0 equals +0.
enum Sort {
    static func sort(
        _ x: Literal, as type: TensorType, _ dimension: Int, descending: Bool
    ) throws(EvaluationError) -> Literal {
        let order = Order(try Layout.extents(x.type), dimension, descending)
        let permutation: Literal =
            switch x.type.scalarType {
            case .bool: try permutation(x, order, Truth.self)
            case .int8: try permutation(x, order, Int8.self)
            case .int16: try permutation(x, order, Int16.self)
            case .int32: try permutation(x, order, Int32.self)
            case .int64: try permutation(x, order, Int64.self)
            case .uint8: try permutation(x, order, UInt8.self)
            case .uint16: try permutation(x, order, UInt16.self)
            case .uint32: try permutation(x, order, UInt32.self)
            case .uint64: try permutation(x, order, UInt64.self)
            case .float16: try permutation(x, order, Float16.self)
            case .bfloat16: try permutation(x, order, BFloat16.self)
            case .float32: try permutation(x, order, Float.self)
            case .float64: try permutation(x, order, Double.self)
            case .int4, .uint4, .float8e4m3fn, .float8e5m2: throw Elementwise.unexpected(x.type.scalarType)
            }
        return try Convert.convert(permutation, to: type.scalarType)
    }

    private struct Order {
        let length: Int
        let inner: Int
        let descending: Bool

        init(_ extents: [Int], _ dimension: Int, _ descending: Bool) {
            length = extents[dimension]
            inner = Layout.count(extents[(dimension + 1)...])
            self.descending = descending
        }
    }

    private static func permutation<T: OrderedElement>(
        _ x: Literal, _ order: Order, _: T.Type
    ) throws(EvaluationError) -> Literal {
        let source = try Elements<T>(x)
        return try makeLiteral(x.type.with(.int64), of: Int64.self, keeping: [source.storage]) { out in
            if out.isEmpty { return }
            for lane in 0..<out.count / order.length {
                let start = lane / order.inner * order.inner * order.length + lane % order.inner
                var indices = [Int](0..<order.length)
                // Index order breaks ties, which makes any sorting algorithm stable.
                indices.sort { i, j in
                    let a = source.buffer[start + i * order.inner]
                    let b = source.buffer[start + j * order.inner]
                    if T.precedes(a, b) { return !order.descending }
                    if T.precedes(b, a) { return order.descending }
                    return i < j
                }
                for (k, index) in indices.enumerated() { out[start + k * order.inner] = Int64(index) }
            }
        }
    }
}
