// Heterodyne: sums of products in scalar types that a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    /// The most elements of products that are held at once.
    static let productLimit = 1 << 22
    /// The most chunks of the contracted extent that are written out; more become a loop.
    static let unrolledChunks = 4

    func dot(
        _ dimensions: DotDimensions, _ accumulation: ScalarType, _ operands: [CarriedValue], _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        let wide = result.with(accumulation)
        let sum: CarriedValue
        switch try domain(accumulation) {
        case .typed:
            sum = CarriedValue(
                wide,
                .typed(
                    try product(dimensions, accumulation, operands) { (value) throws(GraphError) in
                        try typed(convert(value, to: accumulation))
                    }))
        case .single:
            // Narrow types accumulate in the type that stands in and are rounded once.
            let standIn = accumulation.standIn
            let term = try product(dimensions, standIn, operands) { (value) throws(GraphError) in
                try single(convert(value, to: accumulation))
            }
            sum = try self.result(wide, single: term)
        case .pair: sum = try dot(.pair, dimensions, accumulation, operands, wide)
        case .words: sum = try dot(.words, dimensions, accumulation, operands, wide)
        }
        return try convert(sum, to: result.scalarType)
    }

    private func product(
        _ dimensions: DotDimensions, _ type: ScalarType, _ operands: [CarriedValue],
        _ term: (CarriedValue) throws(GraphError) -> Term
    ) throws(GraphError) -> Term {
        let right = try term(operands[1])
        return try term(operands[0]).dot(right, dimensions, accumulation: type, result: type)
    }

    /// Products over broadcast operands, summed pairwise along the contracted extent: in one go where they are few, else in
    /// chunks of that extent.
    private func dot(
        _ form: Form.Kind, _ dimensions: DotDimensions, _ accumulation: ScalarType, _ operands: [CarriedValue],
        _ result: TensorType
    ) throws(GraphError) -> CarriedValue {
        let (left, right) = (operands[0].type, operands[1].type)
        let (leftFree, rightFree) = (dimensions.leftFree(rank: left.rank), dimensions.rightFree(rank: right.rank))
        let (m, n) = (try left.shape.extents(), try right.shape.extents())
        func count(_ extents: [Int], _ which: [Int]) -> Int { which.map { extents[$0] }.elementCount }
        let sizes = DotSizes(
            contracted: count(m, dimensions.leftContracting), batch: count(m, dimensions.leftBatch),
            rows: count(m, leftFree), columns: count(n, rightFree))
        if sizes.contracted == 0 || sizes.results == 0 {
            return CarriedValue(Literal(splatBits: 0, type: result))
        }
        // [contracted, batch, free]: slices along the contracted extent are contiguous.
        let a = try planes(
            operands[0], form, accumulation, dimensions.leftContracting + dimensions.leftBatch + leftFree,
            [sizes.contracted, sizes.batch, sizes.rows])
        let b = try planes(
            operands[1], form, accumulation, dimensions.rightContracting + dimensions.rightBatch + rightFree,
            [sizes.contracted, sizes.batch, sizes.columns])
        let chunk = min(sizes.contracted, max(1, Self.productLimit / sizes.results))
        let (whole, rest) = sizes.contracted.quotientAndRemainder(dividingBy: chunk)
        func part(_ planes: [Term], _ from: Int, _ count: Int) throws(GraphError) -> [Term] {
            var parts: [Term] = []
            for plane in planes {
                parts.append(try plane.slice(dimension: 0, from: .fixed(from), to: .fixed(from + count)))
            }
            return parts
        }
        var sum: [Term]?
        if whole <= Self.unrolledChunks {
            for index in 0..<whole {
                let next = try products(
                    form, part(a, index * chunk, chunk), part(b, index * chunk, chunk), chunk, sizes, accumulation)
                sum =
                    try sum.map { (sum) throws(GraphError) in
                        try combine(form, sum, next, .add, accumulation)
                    } ?? next
            }
        } else {
            sum = try dotLoop(form, a, b, chunk, whole, sizes, accumulation)
        }
        if rest > 0 {
            let next = try products(
                form, part(a, whole * chunk, rest), part(b, whole * chunk, rest), rest, sizes, accumulation)
            sum = try sum.map { (sum) throws(GraphError) in try combine(form, sum, next, .add, accumulation) } ?? next
        }
        var results: [Term] = []
        for plane in sum ?? [] { results.append(try plane.reshape(result.shape)) }
        return CarriedValue(result, form.form(results))
    }

    private struct DotSizes {
        let contracted: Int
        let batch: Int
        let rows: Int
        let columns: Int
        var results: Int { [batch, rows, columns].elementCount }
    }

    /// The planes of an operand in the accumulation type, with its dimensions in `order`, under `shape`. A float32 operand
    /// of a product in pairs is one plane.
    private func planes(
        _ value: CarriedValue, _ form: Form.Kind, _ accumulation: ScalarType, _ order: [Int], _ shape: [Int]
    ) throws(GraphError) -> [Term] {
        var planes: [Term]
        let isNarrow = value.scalarType.isFloatingPoint && value.scalarType != .float64
        if form == .pair && isNarrow {
            planes = [try value.scalarType == .float32 ? typed(value) : single(value)]
        } else {
            planes = try self.form(form, of: convert(value, to: accumulation)).planes
        }
        for index in planes.indices { planes[index] = try planes[index].transpose(order).reshape(shape) }
        return planes
    }

    /// The sums of products of `[count, batch, rows]` and `[count, batch, columns]`, shaped `[batch, rows, columns]`.
    private func products(
        _ form: Form.Kind, _ a: [Term], _ b: [Term], _ count: Int, _ sizes: DotSizes, _ type: ScalarType
    ) throws(GraphError) -> [Term] {
        let shape = Shape([count, sizes.batch, sizes.rows, sizes.columns])
        var (left, right): ([Term], [Term]) = ([], [])
        for plane in a { left.append(try plane.broadcast(shape, dimensions: [0, 1, 2])) }
        for plane in b { right.append(try plane.broadcast(shape, dimensions: [0, 1, 3])) }
        let products: [Term]
        if form == .pair, left.count == 1, right.count == 1 {
            let product = float(left[0]).exactProduct(float(right[0]))
            try errors.rethrow()
            products = [product.high.term, product.low.term]
        } else {
            if left.count < form.planeCount { left.append(try left[0].like(0)) }
            if right.count < form.planeCount { right.append(try right[0].like(0)) }
            products = try combine(form, left, right, .multiply, type)
        }
        return try fold(form, products, axis: 0, count, .add, type)
    }

    private func dotLoop(
        _ form: Form.Kind, _ a: [Term], _ b: [Term], _ chunk: Int, _ count: Int, _ sizes: DotSizes,
        _ type: ScalarType
    ) throws(GraphError) -> [Term] {
        let scalar = form == .pair ? ScalarType.float32 : .uint32
        let zero = try builder.constant(0, TensorType(scalar, [sizes.batch, sizes.rows, sizes.columns]))
        let sums = [Term](repeating: zero, count: form.planeCount)
        let state = [try builder.constant(0, .scalar(.int32))] + sums + a + b
        let types = state.map(\.type)
        let (first, second) = (1 + sums.count, 1 + sums.count + a.count)
        let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [try state[0].compare(.less, Double(count * chunk))]
        }
        let body = try GraphBuilder.region(types) { (inner, state) throws(GraphError) in
            let region = RegionLegalizer(plan: plan, active: active, builder: inner, trace: trace)
            let zero = try inner.constant(0, .scalar(.int32))
            func part(_ planes: ArraySlice<Term>) throws(GraphError) -> [Term] {
                var parts: [Term] = []
                for plane in planes {
                    let extents = try plane.extents()
                    let sizes = [Extent.fixed(chunk)] + extents.dropFirst().map(Extent.fixed)
                    parts.append(try plane.dynamicSlice([state[0], zero, zero], sizes: sizes))
                }
                return parts
            }
            let next = try region.products(
                form, part(state[first..<second]), part(state[second...]), chunk, sizes, type)
            let sum = try region.combine(form, Array(state[1..<first]), next, .add, type)
            return [try state[0] + Double(chunk)] + sum + state[first...]
        }
        return Array(try builder.loop(state, condition: condition, body: body)[1..<first])
    }
}

extension [Int] {
    /// The product of extents; `Int.max` where it is larger, which it is only beside an extent of 0 that is not among these.
    var elementCount: Int {
        if contains(0) { return 0 }
        return reduce(1) { product, extent in
            let (value, overflow) = product.multipliedReportingOverflow(by: extent)
            return overflow ? Int.max : value
        }
    }
}
