// Heterodyne: exact simplifications of the primitives that move elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Exact simplifications of the primitives that move elements. Results have at least one element here.
struct MovementRules {
    private let simplifier: Simplifier

    init(_ simplifier: Simplifier) { self.simplifier = simplifier }

    /// What replaces the primitive, or nil.
    func simplify(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term? {
        guard let x = operands.first else { return nil }
        if let splat = try splatResult(primitive, operands) { return try simplifier.builder.constant(splat) }
        switch primitive {
        case .reshape(let shape): return try reshape(x, shape)
        case .transpose(let permutation): return try transpose(x, permutation)
        case .broadcast(let shape, let dimensions): return try broadcast(x, shape, dimensions)
        case .slice(let starts, let limits, let strides): return try slice(x, starts, limits, strides)
        case .pad(let low, let high, let interior): return try pad(x, operands[1], low, high, interior)
        case .concatenate(let dimension): return try concatenate(operands, dimension)
        case .reverse(let dimensions): return try reverse(x, dimensions)
        case .scatter: return operands[2].type.hasNoElements ? x : nil
        case .dynamicSlice(let sizes): return try dynamicSlice(operands, sizes)
        case .dynamicUpdateSlice:
            if operands[1].type.hasNoElements { return x }
            return operands[1].type == x.type ? operands[1] : nil
        default: return nil
        }
    }

    /// A splat stays a splat under every movement that brings in no other elements.
    private func splatResult(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Literal? {
        guard let splat = operands[0].literal, case .splat(let bits) = splat.contents else { return nil }
        switch primitive {
        case .reshape, .transpose, .broadcast, .slice, .reverse, .dynamicSlice: break
        // Only an empty result can be gathered from nothing; binding a symbol to more must still fail.
        case .gather: if splat.type.hasNoElements { return nil }
        case .pad: if operands[1].literal?.splatBits != bits && !splat.type.hasNoElements { return nil }
        case .concatenate:
            guard
                operands.allSatisfy({
                    $0.type.hasNoElements || ($0.literal?.isSplat == true && $0.literal?.splatBits == bits)
                }), !splat.type.hasNoElements
            else { return nil }
        default: return nil
        }
        let type = try primitive.inferTypes(operands.map(\.type))[0]
        if case .pad = primitive, splat.type.hasNoElements {
            return operands[1].literal?.splatBits.map { Literal(splatBits: $0, type: type) }
        }
        return Literal(splatBits: bits, type: type)
    }

    private func reshape(_ x: Term, _ shape: Shape) throws(GraphError) -> Term? {
        if x.shape == shape { return x }
        if case .reshape = x.primitive { return try simplifier.add(.reshape(shape), x.source) }
        if let literal = x.literal { return try simplifier.builder.constant(literal.reshaped(shape)) }
        return nil
    }

    private func transpose(_ x: Term, _ permutation: [Int]) throws(GraphError) -> Term? {
        if permutation == Array(0..<x.rank) { return x }
        if case .transpose(let inner) = x.primitive {
            return try simplifier.add(.transpose(permutation: permutation.map { inner[$0] }), x.source)
        }
        // Where only extents of one change places the elements keep their order.
        let moved = permutation.filter { x.shape[$0] != 1 }
        guard zip(moved, moved.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        return try simplifier.add(.reshape(Shape(permutation.map { x.shape[$0] })), x)
    }

    private func broadcast(_ x: Term, _ shape: Shape, _ dimensions: [Int]) throws(GraphError) -> Term? {
        if x.shape == shape { return x }
        if case .broadcast(_, let inner) = x.primitive {
            // Inner result dimension d goes to dimensions[d]; a dimension that only the inner broadcast added is free.
            return try simplifier.add(.broadcast(shape, dimensions: inner.map { dimensions[$0] }), x.source)
        }
        // Extents of one carry nothing: drop them, so that equal broadcasts look equal.
        let kept = (0..<x.rank).filter { x.shape[$0] != 1 }
        let targets = kept.map { dimensions[$0] }
        if kept.count < x.rank {
            let squeezed = try simplifier.add(.reshape(Shape(kept.map { x.shape[$0] })), x)
            return try simplifier.add(.broadcast(shape, dimensions: targets), squeezed)
        }
        // Where only extents of one are added the elements keep their order.
        guard shape.dimensions.indices.allSatisfy({ targets.contains($0) || shape[$0] == 1 }) else { return nil }
        return try simplifier.add(.reshape(shape), x)
    }

    private func slice(
        _ x: Term, _ starts: [Extent], _ limits: [Extent], _ strides: [Int]
    ) throws(GraphError) -> Term? {
        guard let starts = Shape(starts).fixedExtents, let limits = Shape(limits).fixedExtents,
            let extents = x.shape.fixedExtents
        else { return nil }
        // One form for equal slices: the limit is one past the last element taken, one element needs no stride.
        var dimensions: [SliceDimension] = []
        for d in starts.indices { dimensions.append(SliceDimension(starts[d], limits[d], strides[d])) }
        if dimensions.indices.allSatisfy({ dimensions[$0].isWhole(extents[$0]) }) { return x }
        var source = x
        if case .slice(let innerStarts, let innerLimits, let innerStrides) = x.primitive,
            let innerStarts = Shape(innerStarts).fixedExtents, let innerLimits = Shape(innerLimits).fixedExtents
        {
            source = x.source
            for d in starts.indices {
                dimensions[d] = dimensions[d].of(SliceDimension(innerStarts[d], innerLimits[d], innerStrides[d]))
            }
        }
        let simple = Primitive.slice(
            starts: dimensions.map { .fixed($0.start) }, limits: dimensions.map { .fixed($0.limit) },
            strides: dimensions.map(\.stride))
        if source.value == x.value, case .slice(starts.map(Extent.fixed), limits.map(Extent.fixed), strides) = simple {
            return nil
        }
        return try simplifier.add(simple, source)
    }

    private func pad(
        _ x: Term, _ value: Term, _ low: [Extent], _ high: [Extent], _ interior: [Int]
    ) throws(GraphError) -> Term? {
        guard let low = Shape(low).fixedExtents, let high = Shape(high).fixedExtents,
            let extents = x.shape.fixedExtents
        else { return nil }
        if x.type.hasNoElements {
            let shape = try Primitive.pad(
                low: low.map(Extent.fixed), high: high.map(Extent.fixed), interior: interior
            ).inferTypes([x.type, value.type])[0].shape
            return try simplifier.add(.broadcast(shape, dimensions: []), value)
        }
        // There is nothing between the elements of a dimension that has one.
        let between = interior.indices.map { extents[$0] == 1 ? 0 : interior[$0] }
        if between.allSatisfy({ $0 == 0 }), (low + high).allSatisfy({ $0 <= 0 }) {
            // Only crops, which leave at least one element.
            return try simplifier.add(
                .slice(
                    starts: low.map { .fixed(-$0) }, limits: extents.indices.map { .fixed(extents[$0] + high[$0]) },
                    strides: [Int](repeating: 1, count: extents.count)), x)
        }
        if between == interior { return nil }
        return try simplifier.add(
            .pad(low: low.map(Extent.fixed), high: high.map(Extent.fixed), interior: between), x, value)
    }

    private func concatenate(_ operands: [Term], _ dimension: Int) throws(GraphError) -> Term? {
        let parts = operands.filter { $0.shape[dimension] != 0 }
        if parts.count == 1 { return parts[0] }
        guard parts.count < operands.count, !parts.isEmpty else { return nil }
        return try simplifier.add(.concatenate(dimension: dimension), parts)
    }

    private func reverse(_ x: Term, _ dimensions: [Int]) throws(GraphError) -> Term? {
        let effective = dimensions.filter { x.shape[$0] != 1 }.sorted()
        if effective.isEmpty { return x }
        if case .reverse(let inner) = x.primitive {
            let both = Set(inner).symmetricDifference(effective).sorted()
            return both.isEmpty ? x.source : try simplifier.add(.reverse(dimensions: both), x.source)
        }
        return effective == dimensions ? nil : try simplifier.add(.reverse(dimensions: effective), x)
    }

    private func dynamicSlice(_ operands: [Term], _ sizes: [Extent]) throws(GraphError) -> Term? {
        let x = operands[0]
        if sizes == x.shape.dimensions { return x }
        var starts: [Extent] = []
        var limits: [Extent] = []
        for (d, start) in operands.dropFirst().enumerated() {
            guard let number = start.literal?.splatNumber, let size = sizes[d].fixedValue,
                let extent = x.shape[d].fixedValue
            else { return nil }
            let clamped = Int(max(0, min(number, Double(extent - size))))
            starts.append(.fixed(clamped))
            limits.append(.fixed(clamped + size))
        }
        return try simplifier.add(
            .slice(starts: starts, limits: limits, strides: [Int](repeating: 1, count: x.rank)), x)
    }
}

/// Elements `start`, `start + stride` … below `limit` of one dimension, in the one form that equal sets have.
private struct SliceDimension {
    let start: Int
    let limit: Int
    let stride: Int

    init(_ start: Int, _ limit: Int, _ stride: Int) {
        self.init(start: start, count: limit <= start ? 0 : (limit - start - 1) / stride + 1, stride: stride)
    }

    private init(start: Int, count: Int, stride: Int) {
        self.start = start
        self.stride = count <= 1 ? 1 : stride
        limit = count == 0 ? start : start + (count - 1) * self.stride + 1
    }

    private var count: Int { (limit - start + stride - 1) / stride }

    /// Whether all of `extent` is taken.
    func isWhole(_ extent: Int) -> Bool { start == 0 && limit == extent && stride == 1 }

    /// This slice of the result of another, as one slice. Both take at least one element, so every index lies within
    /// the source and no product overflows: `stride` of a slice of one element is 1.
    func of(_ inner: SliceDimension) -> SliceDimension {
        SliceDimension(start: inner.start + start * inner.stride, count: count, stride: stride * inner.stride)
    }
}
