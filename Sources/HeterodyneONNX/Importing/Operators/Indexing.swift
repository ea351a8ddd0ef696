// Heterodyne: ONNX operators: slicing, gathering and scattering.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Slicing, gathering and scattering.
    static let indexing: [OperatorRule] = [
        .moved("Slice", since: 10) { (context, x) throws(GraphError) in
            let starts = try context.extents(1)
            return try context.slice(
                x, starts, context.extents(2), axes: context.optionalIntegers(3), steps: context.optionalIntegers(4))
        },
        .moved("Slice") { (context, x) throws(GraphError) in
            let starts = try context.ints("starts").map(Extent.fixed)
            let ends = try context.ints("ends").map(Extent.fixed)
            return try context.slice(x, starts, ends, axes: context.optionalInts("axes"), steps: nil)
        },
        .moved("Gather") { (context, x) throws(GraphError) in try context.gather(x) },
        .moved("GatherElements", since: 11) { (context, x) throws(GraphError) in
            try x.gatherElements(context.term(1), axis: context.int("axis", default: 0))
        },
        .moved("GatherND", since: 11) { (context, x) throws(GraphError) in
            try x.gatherND(context.term(1), batchDimensions: context.int("batch_dims", default: 0))
        },
        .values("Scatter", since: 9) { (context) throws(GraphError) in try context.scatterElements() },
        .values("ScatterElements", since: 11) { (context) throws(GraphError) in try context.scatterElements() },
        .values("ScatterND", since: 11) { (context) throws(GraphError) in try context.scatterND() },
    ]
}

extension OperatorContext {
    // MARK: - Slicing

    /// The block of `x` between `starts` and `ends` of `axes`, every `steps`-th element; negative positions count from
    /// the back, negative steps go backwards.
    fileprivate func slice(
        _ x: Term, _ starts: [Extent], _ ends: [Extent], axes: [Int]?, steps: [Int]?
    ) throws(GraphError) -> Term {
        let axes = try self.axes(axes ?? Array(starts.indices), rank: x.rank)
        let steps = steps ?? [Int](repeating: 1, count: axes.count)
        guard starts.count == axes.count, ends.count == axes.count, steps.count == axes.count else {
            throw GraphError(
                .shapeMismatch,
                "\(starts.count) starts, \(ends.count) ends and \(steps.count) steps are given for \(axes.count) axes")
        }
        var (lows, limits) = ([Extent](repeating: 0, count: x.rank), x.shape.dimensions)
        var strides = [Int](repeating: 1, count: x.rank)
        var reversed: [Int] = []
        for (index, axis) in axes.enumerated() {
            let step = steps[index]
            guard step != 0, step != Int.min else {
                throw GraphError(.invalidAttribute, "the step of axis \(axis) is \(step)")
            }
            let extent = x.shape[axis]
            if let length = extent.fixedValue, let start = starts[index].fixedValue, let end = ends[index].fixedValue {
                let range = Self.range(from: start, to: end, by: step, length: length)
                (lows[axis], limits[axis]) = (.fixed(range.low), .fixed(range.limit))
            } else if step > 0 {
                lows[axis] = try Self.position(starts[index], within: extent)
                limits[axis] = try Self.position(ends[index], within: extent)
            } else {
                guard step == -1 else {
                    throw GraphError(
                        .unboundSymbol,
                        "axis \(axis) of \(x.type) cannot be sliced in steps of \(step); give it a number")
                }
                // Backwards from the start to before the end: in rising order from after the end to the start.
                let isWhole = starts[index].fixedValue.map { $0 >= TensorType.maximumByteCount } ?? false
                let reachesFirst = ends[index].fixedValue.map { $0 <= -TensorType.maximumByteCount } ?? false
                lows[axis] = reachesFirst ? 0 : try Self.position(ends[index], within: extent).adding(1)
                limits[axis] = isWhole ? extent : try Self.position(starts[index], within: extent).adding(1)
            }
            // Beyond the dimension every step is as good as another, and a smaller one cannot overflow.
            strides[axis] = min(abs(step), max(extent.fixedValue ?? Int.max, 1))
            if step < 0 { reversed.append(axis) }
        }
        return try x.slice(lows, limits, strides: strides).reverse(reversed)
    }

    /// The positions from `start` to before `end` in steps of `step`, in rising order: the lowest, and the one after
    /// the highest. Positions are clamped into a dimension of `length` elements.
    private static func range(from start: Int, to end: Int, by step: Int, length: Int) -> (low: Int, limit: Int) {
        func counted(_ position: Int) -> Int { position < 0 ? position + length : position }
        if step > 0 {
            let low = min(max(counted(start), 0), length)
            return (low, max(low, min(max(counted(end), 0), length)))
        }
        let high = min(max(counted(start), -1), length - 1)
        let below = min(max(counted(end), -1), length - 1)
        guard high > below else { return (0, 0) }
        // Backwards from `high`: the last one that is reached is the first in rising order.
        let count = (high - below - 1) / -step + 1
        return (high - (count - 1) * -step, high + 1)
    }

    /// A position in a dimension of `extent` elements, of which one or both are symbols. It is taken to lie within:
    /// where the symbols' numbers show that it does not, binding them fails.
    private static func position(_ position: Extent, within extent: Extent) throws(GraphError) -> Extent {
        guard let number = position.fixedValue else {
            let (_, high) = position.bounds
            return try (high ?? 1) <= 0 ? extent.adding(position) : position
        }
        // Exporters write the largest integers for "to the end"; no dimension is that long.
        if number >= TensorType.maximumByteCount { return extent }
        if number <= -TensorType.maximumByteCount { return 0 }
        return number < 0 ? try extent.adding(position) : position
    }

    // MARK: - Gathering

    /// The slices of `x` at input 1 along an axis. Known elements of shapes, and constant positions, need no gather.
    fileprivate func gather(_ x: Term) throws(GraphError) -> Term {
        let axis = try axis(int("axis", default: 0), rank: x.rank)
        let indices = try term(1)
        guard indices.scalarType.isInteger, !indices.scalarType.isStorageOnly else {
            throw GraphError(.invalidType, "the indices are \(indices.type), not integers")
        }
        guard let extent = x.shape[axis].fixedValue, (try? indices.type.elementCount()) ?? Int.max <= 1_024,
            try constantLiteral(indices) != nil
        else { return try x.take(indices, axis: axis) }
        var positions: [Int] = []
        for index in try integers(of: indices) {
            let position = index < 0 ? index + extent : index
            guard position >= 0, position < extent else {
                throw GraphError(
                    .shapeMismatch, "index \(index) is not within the \(extent) elements of axis \(axis) of \(x.type)")
            }
            positions.append(position)
        }
        let before = x.shape.dimensions[..<axis]
        let result = Shape(Array(before + indices.shape.dimensions + x.shape.dimensions[(axis + 1)...]))
        if x.rank == 1, let known = try ShapeValues(scope.facts).elements(of: x) {
            let chosen = positions.compactMap { known[$0] }
            if chosen.count == positions.count {
                return try vector(chosen).convert(x.scalarType).reshape(result)
            }
        }
        return try pick(x, axis: axis, positions).reshape(result)
    }

    // MARK: - Scattering

    /// How an update and the element that is there combine. Of the reductions, version 16 has two.
    private func scatterMode() throws(GraphError) -> ScatterMode {
        try choice(
            "reduction", default: "none",
            ["none": .set, "add": .add, "mul": .multiply, "max": .maximum, "min": .minimum])
    }

    fileprivate func scatterElements() throws(GraphError) -> [ImportedValue] {
        let indices = try term(1)
        let axis = try int("axis", default: 0)
        return try scatter { (x, updates, mode) throws(GraphError) in
            try x.scatterElements(mode, indices, updates, axis: axis)
        }
    }

    fileprivate func scatterND() throws(GraphError) -> [ImportedValue] {
        let indices = try term(1)
        return try scatter { (x, updates, mode) throws(GraphError) in try x.scatterND(mode, indices, updates) }
    }

    /// Input 0 with the updates of input 2. Truth values have no arithmetic: sums and maxima of them are the maxima of
    /// bytes, products and minima the minima.
    private func scatter(
        _ body: (Term, Term, ScatterMode) throws(GraphError) -> Term
    ) throws(GraphError) -> [ImportedValue] {
        let mode = try scatterMode()
        guard mode != .set else {
            return try moving([0, 2]) { (terms) throws(GraphError) in [try body(terms[0], terms[1], .set)] }
        }
        let (x, updates) = (try term(0), try term(2))
        guard x.scalarType == .bool else { return [ImportedValue(try body(x, updates, mode))] }
        let isUnion = mode == .add || mode == .maximum
        let bytes = try body(x.convert(.uint8), updates.convert(.uint8), isUnion ? .maximum : .minimum)
        return [ImportedValue(try bytes.convert(.bool))]
    }
}
