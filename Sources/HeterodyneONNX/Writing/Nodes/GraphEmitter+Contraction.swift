// Heterodyne: sums of products, reductions and order as ONNX nodes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    // MARK: Dot

    func dot(
        _ left: Port, _ right: Port, _ dot: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType
    ) throws(ONNXError) -> Port {
        let type = Self.computation(left.scalarType, right.scalarType, accumulation)
        let bytes: Set<ScalarType> = [.int8, .uint8]
        let isByteProduct = type == .int32 && bytes.contains(left.scalarType) && bytes.contains(right.scalarType)
        let a = isByteProduct ? left : try cast(left, type)
        let b = isByteProduct ? right : try cast(right, type)
        let product = try matrixProduct(
            try whole(a), try whole(b), dot, isByteProduct ? "MatMulInteger" : "MatMul", type)
        return try convert(try convert(product, accumulation), result)
    }

    /// The type in which products are summed: that of the accumulation, but wide enough for ONNX Runtime's kernels,
    /// which is the same for integers, whose low bits do not depend on the high ones.
    private static func computation(_ a: ScalarType, _ b: ScalarType, _ accumulation: ScalarType) -> ScalarType {
        if a.isFloatingPoint { return a == .float64 || accumulation == .float64 ? .float64 : .float32 }
        switch accumulation.bitWidth {
        case 64: return accumulation == .uint64 && !a.isSignedInteger && !b.isSignedInteger ? .uint64 : .int64
        case 32 where accumulation == .uint32 && a == .uint32: return .uint32
        default: return a.bitWidth == 64 || (a == .uint32 && accumulation != .uint32) ? .int64 : .int32
        }
    }

    private func matrixProduct(
        _ a: Port, _ b: Port, _ dot: DotDimensions, _ opType: String, _ type: ScalarType
    ) throws(ONNXError) -> Port {
        let leftFree = dot.leftFree(rank: a.rank)
        let rightFree = dot.rightFree(rank: b.rank)
        let batch = dot.leftBatch.map { a.shape[$0] }
        let shape = Shape(batch + leftFree.map { a.shape[$0] } + rightFree.map { b.shape[$0] })
        var left = try transpose(a, dot.leftBatch + leftFree + dot.leftContracting)
        var right = try transpose(b, dot.rightBatch + dot.rightContracting + rightFree)
        func count(_ extents: [Extent]) throws(ONNXError) -> Extent {
            try graphStep { () throws(GraphError) in try Shape(extents).elementCount() }
        }
        let inner = try count(dot.leftContracting.map { a.shape[$0] })
        // Without batch, the rows may have any number of dimensions.
        let rows =
            batch.isEmpty && !leftFree.isEmpty
            ? leftFree.map { a.shape[$0] } : [try count(leftFree.map { a.shape[$0] })]
        let columns = try count(rightFree.map { b.shape[$0] })
        left = try reshape(left, Shape(batch + rows + [inner]))
        right = try reshape(right, Shape(batch + [inner, columns]))
        let product = try node(opType, [left, right], [], TensorType(type, Shape(batch + rows + [columns])))
        return try reshape(product, shape)
    }

    // MARK: Reduce

    func reduce(_ kind: ReductionKind, _ x: Port, _ dimensions: [Int], _ type: TensorType) throws(ONNXError) -> Port {
        if dimensions.isEmpty { return x }
        if dimensions.contains(where: { x.shape[$0] == 0 }) {
            return Port(Literal(splatBits: Self.neutral(kind, type.scalarType), type: type))
        }
        switch kind {
        case .sum:
            return try x.scalarType.isInteger
                ? integerSum(x, dimensions, type) : reduced("ReduceSum", x, dimensions, type)
        case .product:
            return try x.scalarType.isInteger
                ? integerProduct(x, dimensions, type) : reduced("ReduceProd", x, dimensions, type)
        case .maximum: return try extreme("ReduceMax", x, dimensions, type)
        case .minimum: return try extreme("ReduceMin", x, dimensions, type)
        case .and, .or:
            guard x.scalarType == .bool else {
                return try halving(kind == .and ? "BitwiseAnd" : "BitwiseOr", x, dimensions, type)
            }
            let bytes = try cast(x, .uint8)
            let opType = kind == .and ? "ReduceMin" : "ReduceMax"
            return try cast(try reduced(opType, bytes, dimensions, type.with(.uint8)), .bool)
        }
    }

    private static func neutral(_ kind: ReductionKind, _ type: ScalarType) -> UInt64 {
        switch kind {
        case .sum, .or: 0
        case .product: type.bits(of: 1)
        case .maximum: type.lowestBits
        case .minimum: type.highestBits
        case .and: type == .bool ? 1 : .max
        }
    }

    /// One of ONNX' reductions; narrow floats are computed in float32 and rounded once.
    func reduced(_ opType: String, _ x: Port, _ dimensions: [Int], _ type: TensorType) throws(ONNXError) -> Port {
        let isNarrow = x.scalarType == .float16 || x.scalarType == .bfloat16
        let source = isNarrow ? try cast(x, .float32) : x
        let result = try carried(opType, try whole(source)) { (x) throws(ONNXError) in
            try node(
                opType, [x, Port(dimensions)], [("keepdims", .int(0))], x.type.with(type.shape))
        }
        return try cast(result, type.scalarType)
    }

    /// The largest or smallest. What ONNX Runtime makes of NaN is left to it, and so is what ONNX says of it: nothing.
    private func extreme(
        _ opType: String, _ x: Port, _ dimensions: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        switch x.scalarType {
        case .uint32:
            // With the top bit flipped, the order is that of signed numbers.
            let moved = try arithmetic("BitwiseXor", try cast(x, .int32), bits(1 << 31, like: try cast(x, .int32)))
            let result = try reduced(opType, moved, dimensions, type.with(.int32))
            return try cast(try arithmetic("BitwiseXor", result, bits(1 << 31, like: result)), .uint32)
        case .int64, .uint64:
            // ONNX Runtime 1.31 compares the low halves of 64-bit integers here, but not where it compares pairs.
            let isNumber = dimensions.allSatisfy { x.shape[$0].fixedValue != nil }
            guard isNumber else { return try reduced(opType, x, dimensions, type) }
            return try halving(opType == "ReduceMax" ? "Max" : "Min", x, dimensions, type)
        default: return try reduced(opType, x, dimensions, type)
        }
    }

    /// Sums of integers that wrap. ONNX Runtime sums integers as float64 and saturates: up to 2^21 numbers of at most 32
    /// bits stay exact in 64 bits, and everything else is a matrix product with ones.
    private func integerSum(_ x: Port, _ dimensions: [Int], _ type: TensorType) throws(ONNXError) -> Port {
        let count = try graphStep { () throws(GraphError) in
            try Shape(dimensions.map { x.shape[$0] }).elementCount()
        }
        if x.scalarType.bitWidth <= 32, case .fixed(let number) = count, number <= 1 << 21 {
            let sum = try reduced("ReduceSum", try cast(x, .int64), dimensions, type.with(.int64))
            return try cast(sum, type.scalarType)
        }
        let carrier: ScalarType = x.scalarType.bitWidth <= 32 ? .int32 : .int64
        let kept = (0..<x.rank).filter { !dimensions.contains($0) }
        let rows = kept.map { x.shape[$0] }
        let line = try reshape(try transpose(try cast(x, carrier), kept + dimensions), Shape(rows + [count]))
        let ones = Port(Literal(number: 1, type: TensorType(carrier, Shape([count]))))
        let sum = try node("MatMul", [line, ones], [], TensorType(carrier, Shape(rows)))
        return try cast(sum, type.scalarType)
    }

    /// Products of integers that wrap, which ONNX Runtime's saturate.
    private func integerProduct(_ x: Port, _ dimensions: [Int], _ type: TensorType) throws(ONNXError) -> Port {
        let isNumber = dimensions.allSatisfy { x.shape[$0].fixedValue != nil }
        return isNumber
            ? try halving("Mul", x, dimensions, type) : try reduced("ReduceProd", x, dimensions, type)
    }

    /// Reductions that ONNX does not have: halves are combined until one element is left.
    private func halving(
        _ opType: String, _ x: Port, _ dimensions: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        let kept = (0..<x.rank).filter { !dimensions.contains($0) }
        let count = try graphStep { () throws(GraphError) in
            try Shape(dimensions.map { x.shape[$0] }).elementCount()
        }
        guard case .fixed(var length) = count else {
            throw inexpressible(
                "ONNX has no bitwise reduction, and \(count) elements cannot be combined step by step; bind the symbols"
            )
        }
        func shape(_ length: Int) -> Shape { Shape([.fixed(length)] + kept.map { x.shape[$0] }) }
        var line = try reshape(try transpose(x, dimensions + kept), shape(length))
        while length > 1 {
            let half = length / 2
            let a = try slice(line, axes: [0], starts: Port([0]), limits: Port([half]), shape(half))
            let b = try slice(line, axes: [0], starts: Port([half]), limits: Port([2 * half]), shape(half))
            let pairs = try arithmetic(opType, a, b)
            if length % 2 == 1 {
                let rest = try slice(line, axes: [0], starts: Port([length - 1]), limits: Port([length]), shape(1))
                line = try concatenate([pairs, rest], axis: 0, shape(half + 1))
            } else {
                line = pairs
            }
            length = half + length % 2
        }
        return try reshape(line, type.shape)
    }

    // MARK: Order

    /// `TopK` of everything. Of equal elements it takes the lower position first, so the order is stable.
    func sort(_ x: Port, _ dimension: Int, _ descending: Bool, _ indexType: ScalarType) throws(ONNXError) -> Port {
        var key = x
        switch x.scalarType {
        case .bool: key = try cast(x, .uint8)
        case .uint16: key = try cast(x, .int32)
        case .uint32: key = try cast(x, .int64)
        case .uint64: key = try arithmetic("BitwiseXor", try cast(x, .int64), bits(1 << 63, like: try cast(x, .int64)))
        case .float16, .bfloat16: key = try cast(x, .float32)
        default: break
        }
        guard key.scalarType.isFloatingPoint else {
            return try cast(try order(key, dimension, descending), indexType)
        }
        // NaN has no place in ONNX: it is sorted as infinity first, and then, keeping that order, behind the rest.
        let isNaN = try self.isNaN(key)
        let real = try choose(isNaN, number(.infinity, like: key), key)
        let byValue = try order(real, dimension, descending)
        let flags = try whole(try cast(isNaN, .int32))
        let axis: [(String, OutgoingAttribute)] = [("axis", .int(dimension))]
        let moved = try node("GatherElements", [flags, byValue], axis, flags.type)
        let byKind = try order(moved, dimension, descending)
        return try cast(try node("GatherElements", [byValue, byKind], axis, byValue.type), indexType)
    }

    private func order(_ x: Port, _ dimension: Int, _ descending: Bool) throws(ONNXError) -> Port {
        try topK(x, try number(of: x.shape[dimension]), dimension, largest: descending, x.type)[1]
    }

    /// Values and positions, as int64, of the first `count` along a dimension.
    func topK(
        _ x: Port, _ count: Port, _ axis: Int, largest: Bool, sorted: Bool = true, _ type: TensorType
    ) throws(ONNXError) -> [Port] {
        try nodes(
            "TopK", [x, count],
            [("axis", .int(axis)), ("largest", .int(largest ? 1 : 0)), ("sorted", .int(sorted ? 1 : 0))],
            results: [type, type.with(.int64)])
    }
}
