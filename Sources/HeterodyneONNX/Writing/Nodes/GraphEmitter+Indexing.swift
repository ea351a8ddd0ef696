// Heterodyne: the primitives whose positions are data, as ONNX nodes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    // MARK: Positions

    /// `indices` with every component within `low...high` of its own bounds; the last dimension is the component.
    func clamped(_ indices: Port, low: Port, high: Port) throws(ONNXError) -> Port {
        let above = try elementwise("Max", [indices, low], result: .int64)
        return try elementwise("Min", [above, high], result: .int64)
    }

    /// Positions within extents: the extents less one, as a vector, broadcast over `like`.
    private func last(_ extents: [Extent], like indices: Port) throws(ONNXError) -> Port {
        var lasts: [Extent] = []
        for extent in extents {
            lasts.append(try graphStep { () throws(GraphError) in try extent.subtracting(1) })
        }
        let vector = try vector(lasts)
        return Port(try name(of: vector), indices.type, held: vector.shape)
    }

    /// Whether index vectors are constants within `low` and the extents.
    func areWithin(_ indices: Port, _ extents: [Extent], negative: Bool = false) -> Bool {
        guard let literal = indices.literal, let numbers = indices.knownIntegers, literal.type.shape.fixedExtents != nil
        else { return false }
        let bounds = extents.map(\.fixedValue)
        guard !bounds.isEmpty else { return true }
        // A scalar that is repeated is every component.
        let isUniform = literal.type.rank == 0
        for (i, number) in numbers.enumerated() {
            for (d, bound) in bounds.enumerated() where isUniform || i % bounds.count == d {
                guard let bound, number < bound, number >= (negative ? -bound : 0) else { return false }
            }
        }
        return true
    }

    // MARK: Gather and scatter

    func gather(_ x: Port, _ indices: Port, _ dimensions: [Int], _ type: TensorType) throws(ONNXError) -> Port {
        if x.held.rank == 0 { return x.relabelled(type.shape) }
        let batch = Array(indices.shape.dimensions.dropLast())
        if dimensions.isEmpty {
            let start = batch.count
            return try broadcast(x, type.shape, Array(start..<start + x.rank))
        }
        let extents = dimensions.map { x.shape[$0] }
        var positions = try cast(indices, .int64)
        if !areWithin(indices, extents) {
            // Constants at least stay constants of the model, so folding removes the bounds.
            let zero = number(0, like: positions)
            positions = try clamped(positions, low: zero, high: try last(extents, like: positions))
        }
        let source = try whole(x)
        if dimensions.count == 1 {
            let line = try reshape(positions, Shape(batch))
            let d = dimensions[0]
            let shape = source.shape.dimensions[..<d] + batch + source.shape.dimensions[(d + 1)...]
            let taken = try take(source, line, axis: d, source.type.with(Shape(Array(shape))))
            let count = batch.count
            let order = Array(d..<d + count) + Array(0..<d) + Array(d + count..<taken.rank)
            return try transpose(taken, order)
        }
        let rest = (0..<x.rank).filter { !dimensions.contains($0) }
        let moved = try transpose(source, dimensions + rest)
        return try carried("GatherND", moved) { (moved) throws(ONNXError) in
            try node("GatherND", [moved, positions], [], moved.type.with(type.shape))
        }
    }

    /// Slices of `x` along `axis`, which the index's dimensions replace.
    func take(_ x: Port, _ indices: Port, axis: Int, _ type: TensorType) throws(ONNXError) -> Port {
        try carried("Gather", x) { (x) throws(ONNXError) in
            try node("Gather", [x, indices], [("axis", .int(axis))], x.type.with(type.shape))
        }
    }

    static func reduction(_ mode: ScatterMode) -> String {
        switch mode {
        case .set: "none"
        case .add: "add"
        case .multiply: "mul"
        case .maximum: "max"
        case .minimum: "min"
        }
    }

    /// `ScatterND`. Updates that may lie out of range go to an element more than there are, which is cut off again.
    func scatter(
        _ mode: ScatterMode, _ x: Port, _ indices: Port, _ updates: Port, _ dimensions: [Int]
    ) throws(ONNXError) -> Port {
        let attributes: [(String, OutgoingAttribute)] =
            mode == .set ? [] : [("reduction", .string(Self.reduction(mode)))]
        let rest = (0..<x.rank).filter { !dimensions.contains($0) }
        let order = dimensions + rest
        var back = [Int](repeating: 0, count: x.rank)
        for (to, from) in order.enumerated() { back[from] = to }
        let extents = dimensions.map { x.shape[$0] }
        // ONNX Runtime combines no bfloat16; the sums of several updates then round once instead of at each.
        let carrierType = mode != .set && x.scalarType == .bfloat16 ? ScalarType.float32 : x.scalarType
        let ground = try whole(try cast(try transpose(x, order), carrierType))
        let changes = try whole(try cast(updates, carrierType))
        let positions = try cast(indices, .int64)
        if !dimensions.isEmpty && areWithin(indices, extents) {
            let result = try carried("ScatterND", [ground, changes]) { (pair) throws(ONNXError) in
                try node("ScatterND", [pair[0], positions, pair[1]], attributes, pair[0].type)
            }
            return try transpose(try cast(result, x.scalarType), back)
        }
        // One row per position, and one more for what is dropped.
        let (count, rows): (Extent, Extent) = try graphStep { () throws(GraphError) in
            let count = try Shape(extents).elementCount()
            return (count, try count.adding(1))
        }
        let restShape = rest.map { x.shape[$0] }
        let flat = try reshape(ground, Shape([count] + restShape))
        let spare = try whole(
            Port(Literal(splatBits: 0, type: TensorType(carrierType, Shape([1] + restShape)))))
        let padded = try concatenate([flat, spare], axis: 0, Shape([rows] + restShape))
        let batch = Array(indices.shape.dimensions.dropLast())
        let row = try rowNumbers(positions, extents, count, batch)
        let column = try reshape(row, Shape(batch + [1]))
        let result = try carried("ScatterND", [padded, changes]) { (pair) throws(ONNXError) in
            try node("ScatterND", [pair[0], column, pair[1]], attributes, pair[0].type)
        }
        let kept = try slice(
            result, axes: [0], starts: Port([0]), limits: try vector([count]), Shape([count] + restShape))
        return try transpose(try cast(try reshape(kept, ground.shape), x.scalarType), back)
    }

    /// The row of every index vector, or `count` where it lies out of range.
    private func rowNumbers(
        _ positions: Port, _ extents: [Extent], _ count: Extent, _ batch: [Extent]
    ) throws(ONNXError) -> Port {
        let shape = Shape(batch)
        let type = TensorType(.int64, shape)
        var row = Port(Literal(splatBits: 0, type: type))
        var isInside: Port?
        let whole = try self.whole(positions)
        for (d, extent) in extents.enumerated() {
            let component = try take(whole, Port(Literal(Int64(d))), axis: batch.count, type)
            let limit = try spread(extent, over: type)
            let above = try relation("GreaterOrEqual", component, number(0, like: component))
            let below = try relation("Less", component, limit)
            let inside = try elementwise("And", [above, below], result: .bool)
            isInside =
                try isInside.map { (known) throws(ONNXError) in
                    try elementwise("And", [known, inside], result: .bool)
                } ?? inside
            row = d == 0 ? component : try arithmetic("Add", try arithmetic("Mul", row, limit), component)
        }
        guard let isInside else { return row }
        return try choose(isInside, row, try spread(count, over: type))
    }

    /// An extent repeated over a shape.
    private func spread(_ extent: Extent, over type: TensorType) throws(ONNXError) -> Port {
        if case .fixed(let number) = extent { return Port(Literal(number: Double(number), type: type)) }
        let value = try reshape(try number(of: extent), .scalar)
        return Port(try name(of: value), type, held: .scalar)
    }

    // MARK: Dynamic slices

    /// Start indices as vectors of one int64, such that blocks of `sizes` fit.
    private func starts(_ indices: [Port], _ sizes: [Extent], in shape: Shape) throws(ONNXError) -> [Port] {
        var result: [Port] = []
        for (d, index) in indices.enumerated() {
            let room = try graphStep { () throws(GraphError) in try shape[d].subtracting(sizes[d]) }
            if room == 0 {
                result.append(Port([0]))
                continue
            }
            if let known = index.knownIntegers?.first, case .fixed(let room) = room {
                result.append(Port([max(0, min(known, room))]))
                continue
            }
            let start = try reshape(try cast(index, .int64), [1])
            result.append(try clamped(start, low: number(0, like: start), high: try vector([room])))
        }
        return result
    }

    private func joined(_ parts: [Port]) throws(ONNXError) -> Port {
        let known = parts.compactMap { $0.knownIntegers?.first }
        if known.count == parts.count { return Port(known) }
        return try concatenate(parts, axis: 0, [.fixed(parts.count)])
    }

    func dynamicSlice(_ x: Port, _ indices: [Port], _ sizes: [Extent]) throws(ONNXError) -> Port {
        if x.held.rank == 0 { return x.relabelled(Shape(sizes)) }
        let axes = (0..<x.rank).filter { sizes[$0] != x.shape[$0] }
        if axes.isEmpty { return x }
        let all = try starts(indices, sizes, in: x.shape)
        let begin = try joined(axes.map { all[$0] })
        let end = try arithmetic("Add", begin, try vector(axes.map { sizes[$0] }))
        return try slice(x, axes: axes, starts: begin, limits: end, Shape(sizes))
    }

    /// What lies before the block, the block, and what lies after it, dimension by dimension.
    func dynamicUpdateSlice(_ x: Port, _ update: Port, _ indices: [Port]) throws(ONNXError) -> Port {
        let sizes = update.shape.dimensions
        if sizes.contains(0) { return x }
        let all = try starts(indices, sizes, in: x.shape)
        let axes = (0..<x.rank).filter { sizes[$0] != x.shape[$0] }
        return try replaced(x, update, all, axes[...])
    }

    private func replaced(
        _ x: Port, _ update: Port, _ starts: [Port], _ axes: ArraySlice<Int>
    ) throws(ONNXError) -> Port {
        guard let d = axes.first else { return update }
        let size = try vector([update.shape[d]])
        let end = try arithmetic("Add", starts[d], size)
        // How long the pieces are is known when the model runs; the whole is as long as before.
        var slab = x.shape
        slab.dimensions[d] = update.shape[d]
        let middle = axes.count == 1 ? x : try slice(x, axes: [d], starts: starts[d], limits: end, slab)
        let block = axes.count == 1 ? update : try replaced(middle, update, starts, axes.dropFirst())
        let before = try slice(x, axes: [d], starts: Port([0]), limits: starts[d], x.shape)
        let after = try slice(x, axes: [d], starts: end, limits: Port([Int.max]), x.shape)
        return try concatenate([before, block, after], axis: d, x.shape)
    }
}
