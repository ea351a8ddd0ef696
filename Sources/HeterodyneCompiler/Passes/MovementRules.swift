// Heterodyne: exact simplifications of the primitives that move elements.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Exact simplifications of the primitives that move elements.
enum MovementRules {
    static func simplify(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term? {
        guard let x = operands.first else { return nil }
        // A splat stays a splat under every movement that brings in no other elements.
        if let splat = x.literal, splat.isSplat, let type = try splatResult(primitive, operands) {
            return try x.builder.constant(Literal(splatBits: splat.splatBits ?? 0, type: type))
        }
        switch primitive {
        case .reshape(let shape): return try reshape(x, shape)
        case .transpose(let permutation): return try transpose(x, permutation)
        case .broadcast(let shape, let dimensions): return try broadcast(x, shape, dimensions)
        case .slice(let starts, let limits, let strides): return try slice(x, starts, limits, strides)
        case .pad(let low, let high, let interior):
            let nothing = (low + high).allSatisfy { $0 == 0 } && interior.allSatisfy { $0 == 0 }
            return nothing ? x : nil
        case .concatenate(let dimension): return try concatenate(operands, dimension)
        case .reverse(let dimensions): return try reverse(x, dimensions)
        case .dynamicSlice(let sizes): return try dynamicSlice(operands, sizes)
        case .dynamicUpdateSlice:
            return operands[1].type == x.type ? operands[1] : nil
        default: return nil
        }
    }

    private static func splatResult(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> TensorType? {
        switch primitive {
        case .reshape, .transpose, .broadcast, .slice, .reverse, .dynamicSlice, .gather:
            return try primitive.inferTypes(operands.map(\.type))[0]
        case .pad:
            guard operands[1].literal?.splatBits == operands[0].literal?.splatBits else { return nil }
            return try primitive.inferTypes(operands.map(\.type))[0]
        case .concatenate:
            let bits = operands.map { $0.literal?.isSplat == true ? $0.literal?.splatBits : nil }
            guard bits.allSatisfy({ $0 != nil && $0 == bits[0] }) else { return nil }
            return try primitive.inferTypes(operands.map(\.type))[0]
        default: return nil
        }
    }

    private static func reshape(_ x: Term, _ shape: Shape) throws(GraphError) -> Term? {
        if x.shape == shape { return x }
        if case .reshape = x.primitive { return try x.source.reshape(shape) }
        if let literal = x.literal { return try x.builder.constant(literal.reshaped(shape)) }
        return nil
    }

    private static func transpose(_ x: Term, _ permutation: [Int]) throws(GraphError) -> Term? {
        if permutation == Array(0..<x.rank) { return x }
        if case .transpose(let inner) = x.primitive {
            return try x.source.transpose(permutation.map { inner[$0] })
        }
        // Where only extents of one change places the elements keep their order.
        let moved = permutation.filter { x.shape[$0] != 1 }
        guard zip(moved, moved.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        return try x.reshape(Shape(permutation.map { x.shape[$0] }))
    }

    private static func broadcast(_ x: Term, _ shape: Shape, _ dimensions: [Int]) throws(GraphError) -> Term? {
        if x.shape == shape { return x }
        switch x.primitive {
        case .broadcast(_, let inner):
            // Inner result dimension d goes to dimensions[d]; a dimension that only the inner broadcast added is free.
            let source = x.source
            let composed = inner.map { dimensions[$0] }
            guard (0..<source.rank).allSatisfy({ source.shape[$0] == shape[composed[$0]] || source.shape[$0] == 1 })
            else { return nil }
            return try source.broadcast(shape, dimensions: composed)
        case .reshape:
            // A reshape that only adds or removes extents of one folds into the broadcast.
            let source = x.source
            guard let targets = unitReshapeTargets(source.shape, x.shape) else { return nil }
            let kept = (0..<source.rank).filter { source.shape[$0] != 1 }
            let squeezed = try source.reshape(Shape(kept.map { source.shape[$0] }))
            let mapped = targets.map { dimensions[$0] }
            if squeezed.shape == x.shape { return nil }
            return try squeezed.broadcast(shape, dimensions: mapped)
        default:
            // Extents of one carry nothing: drop them, so that equal broadcasts look equal.
            guard x.shape.dimensions.contains(1) else { return nil }
            let kept = (0..<x.rank).filter { x.shape[$0] != 1 }
            let squeezed = try x.reshape(Shape(kept.map { x.shape[$0] }))
            return try squeezed.broadcast(shape, dimensions: kept.map { dimensions[$0] })
        }
    }

    /// For a reshape that only adds or removes extents of one: where each other dimension of `from` is in `to`.
    private static func unitReshapeTargets(_ from: Shape, _ to: Shape) -> [Int]? {
        let sources = from.dimensions.filter { $0 != 1 }
        let targets = (0..<to.rank).filter { to[$0] != 1 }
        return sources == targets.map { to[$0] } ? targets : nil
    }

    private static func slice(
        _ x: Term, _ starts: [Extent], _ limits: [Extent], _ strides: [Int]
    ) throws(GraphError) -> Term? {
        if starts.allSatisfy({ $0 == 0 }), limits == x.shape.dimensions, strides.allSatisfy({ $0 == 1 }) { return x }
        guard case .slice(let innerStarts, _, let innerStrides) = x.primitive else { return nil }
        var (newStarts, newLimits, newStrides): ([Extent], [Extent], [Int]) = ([], [], [])
        for d in starts.indices {
            guard let start = starts[d].fixedValue, let limit = limits[d].fixedValue,
                let innerStart = innerStarts[d].fixedValue
            else { return nil }
            let (stride, overflow) = strides[d].multipliedReportingOverflow(by: innerStrides[d])
            guard !overflow else { return nil }
            newStarts.append(.fixed(innerStart + start * innerStrides[d]))
            // One past the last element taken, which lies within the source.
            let count = limit <= start ? 0 : (limit - start - 1) / strides[d] + 1
            newLimits.append(
                .fixed(
                    count == 0
                        ? innerStart + start * innerStrides[d]
                        : innerStart + (start + (count - 1) * strides[d]) * innerStrides[d] + 1))
            newStrides.append(stride)
        }
        // An empty slice may start past the source; leave it.
        for d in starts.indices {
            guard let start = newStarts[d].fixedValue, let extent = x.source.shape[d].fixedValue, start <= extent
            else { return nil }
        }
        return try x.source.slice(newStarts, newLimits, strides: newStrides)
    }

    private static func concatenate(_ operands: [Term], _ dimension: Int) throws(GraphError) -> Term? {
        let parts = operands.filter { $0.shape[dimension] != 0 }
        if parts.count == 1 { return parts[0] }
        guard parts.count < operands.count, !parts.isEmpty else { return nil }
        return try operands[0].builder.concatenate(parts, dimension: dimension)
    }

    private static func reverse(_ x: Term, _ dimensions: [Int]) throws(GraphError) -> Term? {
        let effective = dimensions.filter { x.shape[$0] != 1 }
        if effective.isEmpty { return x }
        if case .reverse(let inner) = x.primitive {
            let both = Set(inner).symmetricDifference(effective).sorted()
            return try x.source.reverse(both)
        }
        return effective == dimensions ? nil : try x.reverse(effective)
    }

    private static func dynamicSlice(_ operands: [Term], _ sizes: [Extent]) throws(GraphError) -> Term? {
        let x = operands[0]
        if sizes == x.shape.dimensions { return x }
        var starts: [Int] = []
        var limits: [Int] = []
        for (d, start) in operands.dropFirst().enumerated() {
            guard let number = start.literal?.splatNumber, let size = sizes[d].fixedValue,
                let extent = x.shape[d].fixedValue
            else { return nil }
            let clamped = Int(max(0, min(number, Double(extent - size))))
            starts.append(clamped)
            limits.append(clamped + size)
        }
        return try x.slice(starts, limits)
    }
}
