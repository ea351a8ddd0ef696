// Heterodyne: scatters of scalar types that a device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    /// Types of at most 32 bits are scattered in what stands in for them, and sums of 64-bit integers in parts of 16 bits.
    /// Everything else is combined one update after the other in row-major order, as the primitive says: a loop over the
    /// index vectors.
    func scatter(
        _ mode: ScatterMode, _ operands: [CarriedValue], _ dimensions: [Int]
    ) throws(GraphError) -> CarriedValue {
        let (x, updates) = (operands[0], operands[2])
        let indices = try indexTerm(operands[1], into: x.type)
        let primitive = Primitive.scatter(mode, dimensions: dimensions)
        switch try domain(x.scalarType) {
        case .typed:
            let term = try builder.add(primitive, [typed(x), indices, typed(updates)])
            return CarriedValue(x.type, .typed(term))
        case .single:
            let isExact = mode == .maximum || mode == .minimum
            return try result(
                x.type, single: builder.add(primitive, [single(x), indices, single(updates)]), isExact: isExact)
        case .pair: return try scatterInLoop(.pair, mode, x, indices, updates, dimensions)
        case .words:
            let count = try indices.type.elementCount() / max(1, dimensions.count)
            if mode == .add, count <= Self.limbUpdates, !dimensions.isEmpty {
                return try scatterLimbs(x, indices, updates, dimensions)
            }
            return try scatterInLoop(.words, mode, x, indices, updates, dimensions)
        }
    }

    private func scatterInLoop(
        _ form: Form.Kind, _ mode: ScatterMode, _ x: CarriedValue, _ indices: Term, _ updates: CarriedValue,
        _ dimensions: [Int]
    ) throws(GraphError) -> CarriedValue {
        guard let op = mode.operator else {
            throw GraphError(.malformedGraph, "a scatter that replaces combines nothing")
        }
        let count = try Shape(Array(indices.shape.dimensions.dropLast())).elementCount().fixedValue ?? 0
        guard count > 0, try updates.type.elementCount() > 0 else { return x }
        let width = dimensions.count
        let extents = try x.type.shape.extents()
        // The window in the operand's layout: 1 along indexed dimensions.
        let window = extents.indices.map { dimensions.contains($0) ? 1 : extents[$0] }
        let others = extents.indices.filter { !dimensions.contains($0) }.map { extents[$0] }

        var state = [try builder.constant(0, .scalar(.int32)), try indices.reshape([count, width])]
        let ground = try self.form(form, of: x).planes
        var blocks: [Term] = []
        for plane in try self.form(form, of: updates).planes { blocks.append(try plane.reshape([count] + others)) }
        state += ground + blocks
        let types = state.map(\.type)
        let planeCount = ground.count
        let condition = try GraphBuilder.region(types) { (_, state) throws(GraphError) in
            [try state[0].compare(.less, Double(count))]
        }
        let body = try GraphBuilder.region(types) { (inner, state) throws(GraphError) in
            let region = RegionLegalizer(plan: plan, active: active, builder: inner, trace: trace)
            let zero = try inner.constant(0, .scalar(.int32))
            let vector = try state[1].dynamicSlice([state[0], zero], sizes: [1, .fixed(width)]).reshape([width])
            var starts = [Term](repeating: zero, count: extents.count)
            var isInside = try inner.constant(Literal(splatBits: 1, type: .scalar(.bool)))
            for (position, dimension) in dimensions.enumerated() {
                let index = try vector.slice([position], [position + 1]).reshape(Shape.scalar)
                starts[dimension] = index
                isInside = try isInside.and(index.compare(.greaterOrEqual, 0))
                    .and(index.compare(.less, Double(extents[dimension])))
            }
            let mask = try isInside.broadcast(Shape(window), dimensions: [])
            var (old, new): ([Term], [Term]) = ([], [])
            let first = [state[0]] + [Term](repeating: zero, count: others.count)
            for plane in 0..<planeCount {
                old.append(try state[2 + plane].dynamicSlice(starts, sizes: window.map(Extent.fixed)))
                let block = try state[2 + planeCount + plane].dynamicSlice(
                    first, sizes: ([1] + others).map(Extent.fixed))
                new.append(try block.reshape(window))
            }
            let combined = try region.combine(form, old, new, op, x.scalarType)
            var next = [try state[0] + 1, state[1]]
            for plane in 0..<planeCount {
                next.append(
                    try state[2 + plane].dynamicUpdateSlice(mask.select(combined[plane], old[plane]), starts))
            }
            return next + state.suffix(planeCount)
        }
        let results = try builder.loop(state, condition: condition, body: body)
        return CarriedValue(x.type, form.form(Array(results[2..<2 + planeCount])))
    }

    /// The most updates that a sum of 16-bit parts takes: 2^15 of them and a carry stay below 2^32.
    static let limbUpdates = 1 << 15

    /// Sums modulo 2^64 do not depend on their order: four parts of 16 bits are summed in uint32, then carried.
    private func scatterLimbs(
        _ x: CarriedValue, _ indices: Term, _ updates: CarriedValue, _ dimensions: [Int]
    ) throws(GraphError) -> CarriedValue {
        func limbs(_ value: CarriedValue) throws(GraphError) -> [TermWord] {
            let words = try words(value)
            return [words.low, words.high].flatMap { word in
                [word & word.like(0xFFFF), word.shiftedRight(by: word.like(16))]
            }
        }
        let parts = (try limbs(x), try limbs(updates))
        try errors.rethrow()
        var sums: [TermWord] = []
        var carry: TermWord?
        for (ground, update) in zip(parts.0, parts.1) {
            let sum = word(
                try builder.add(
                    .scatter(.add, dimensions: dimensions), [ground.term, indices, update.term]))
            let carried = carry.map { sum + $0 } ?? sum
            sums.append(carried & carried.like(0xFFFF))
            carry = carried.shiftedRight(by: carried.like(16))
        }
        func joined(_ low: TermWord, _ high: TermWord) -> TermWord { low | high.shiftedLeft(by: high.like(16)) }
        return result(
            x.type, words: Wide(low: joined(sums[0], sums[1]), high: joined(sums[2], sums[3])))
    }
}

extension ScatterMode {
    /// The operator that combines; nil where updates replace.
    var `operator`: BinaryOperator? {
        switch self {
        case .set: nil
        case .add: .add
        case .multiply: .multiply
        case .maximum: .maximum
        case .minimum: .minimum
        }
    }
}
