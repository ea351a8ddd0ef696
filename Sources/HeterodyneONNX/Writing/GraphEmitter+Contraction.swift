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
        let product = try matrixProduct(try whole(a), try whole(b), dot, isByteProduct ? "MatMulInteger" : "MatMul", type)
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
        case .sum: return try reduced("ReduceSum", x, dimensions, type)
        case .product: return try reduced("ReduceProd", x, dimensions, type)
        case .maximum: return try extreme("ReduceMax", x, dimensions, type)
        case .minimum: return try extreme("ReduceMin", x, dimensions, type)
        case .and, .or:
            guard x.scalarType == .bool else { return try bitwise(kind, x, dimensions, type) }
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

    /// The largest or smallest, which is NaN where any element is.
    private func extreme(
        _ opType: String, _ x: Port, _ dimensions: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        switch x.scalarType {
        case .uint32: return try cast(try reduced(opType, try cast(x, .int64), dimensions, type.with(.int64)), .uint32)
        case .uint64:
            // With the top bit flipped, the order is that of signed numbers.
            let flip = Literal(splatBits: 1 << 63, type: x.type.with(.int64))
            let moved = try arithmetic("BitwiseXor", try cast(x, .int64), Port(flip))
            let result = try reduced(opType, moved, dimensions, type.with(.int64))
            return try cast(
                try arithmetic("BitwiseXor", result, bits(1 << 63, like: result)), .uint64)
        default: return try reduced(opType, x, dimensions, type)
        }
    }

    /// Bitwise reductions, which ONNX does not have: halves are combined until one element is left.
    private func bitwise(
        _ kind: ReductionKind, _ x: Port, _ dimensions: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        let kept = (0..<x.rank).filter { !dimensions.contains($0) }
        let count = try graphStep { () throws(GraphError) in
            try Shape(dimensions.map { x.shape[$0] }).elementCount()
        }
        guard case .fixed(var length) = count else {
            throw inexpressible(
                "ONNX has no bitwise reduction, and \(count) elements cannot be combined step by step; bind the symbols")
        }
        let opType = kind == .and ? "BitwiseAnd" : "BitwiseOr"
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

    // MARK: Control

    func conditional(
        _ x: [Port], _ then: Graph, _ otherwise: Graph, _ results: [TensorType]
    ) throws(ONNXError) -> [Port] {
        // What both branches may use is computed before them.
        var arguments: [Port] = []
        for argument in x.dropFirst() { arguments.append(argument.literal == nil ? try whole(argument) : argument) }
        let thenBranch = try subgraph("then", inputs: []) { (inner, _) throws(ONNXError) in
            try inner.emit(then, arguments)
        }
        let elseBranch = try subgraph("else", inputs: []) { (inner, _) throws(ONNXError) in
            try inner.emit(otherwise, arguments)
        }
        return try nodes(
            "If", [x[0]], [("then_branch", .graph(thenBranch)), ("else_branch", .graph(elseBranch))],
            results: results)
    }

    func loop(_ x: [Port], _ condition: Graph, _ body: Graph) throws(ONNXError) -> [Port] {
        var state: [Port] = []
        for value in x { state.append(try whole(value)) }
        let types = state.map(\.type)
        let first = try emit(condition, state)[0]
        let inputs = [TensorType.scalar(.int64), TensorType.scalar(.bool)] + types
        let step = try subgraph("body", inputs: inputs) { (inner, arguments) throws(ONNXError) in
            var next: [Port] = []
            for value in try inner.emit(body, Array(arguments.dropFirst(2))) { next.append(try inner.whole(value)) }
            return [try inner.emit(condition, next)[0]] + next
        }
        return try nodes("Loop", [nil, first] + state.map(Optional.some), [("body", .graph(step))], results: types)
    }
}
