// Heterodyne: ONNX operators: results whose shape depends on data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Results whose shape depends on data. Each is computed in full on the device, with room for the largest result;
    /// only the count of what is in it is asked for.
    static let dynamicShapes: [OperatorRule] = [
        .term("NonZero", since: 9) { (context) throws(GraphError) in try context.nonZero() },
        .values("Compress", since: 9) { (context) throws(GraphError) in try context.compress() },
        .values("Unique", since: 11) { (context) throws(GraphError) in try context.unique() },
        .term("NonMaxSuppression", since: 10) { (context) throws(GraphError) in try context.nonMaxSuppression() },
    ]
}

extension OperatorContext {
    /// The positions of the true elements of a bool vector, in order, as int64.
    func positions(of flags: Term, keeping terms: [Term] = []) throws(GraphError) -> (positions: Term, kept: [Term]) {
        // Sorting is stable: the true elements come first in their own order.
        let order = try flags.not().convert(.int32).sortPermutation(dimension: 0)
        let count = try flags.convert(.int64).reduce(.sum, [0])
        let (number, kept) = try integer(of: count, keeping: [order] + terms)
        guard let extent = kept[0].shape[0].fixedValue, number >= 0, number <= extent else {
            throw GraphError(.malformedGraph, "\(number) of \(order.type) are counted")
        }
        return (try kept[0].slice([0], [number]), Array(kept.dropFirst()))
    }

    /// The positions of the elements of input 0 that are not zero, one row per dimension.
    fileprivate func nonZero() throws(GraphError) -> Term {
        let flags: Term
        if case .text(let text) = try value(0) {
            flags = try builder.constant(
                Literal(text.elements.map { !$0.isEmpty }, shape: Shape(text.dimensions)))
        } else {
            let x = try term(0)
            let computed = x.scalarType.isStorageOnly ? try x.convert(.float32) : x
            flags = x.scalarType == .bool ? x : try computed.compare(.notEqual, 0)
        }
        let extents = try flags.extents()
        let (flat, _) = try positions(of: flags.reshape([flags.shape.elementCount()]))
        let count = flat.shape[0]
        guard !extents.isEmpty else {
            return try builder.constant(Literal(splatBits: 0, type: TensorType(.int64, [0, count])))
        }
        var rows: [Term] = []
        var stride = 1
        for extent in extents.reversed() {
            let row = try flat / flat.like(Double(max(stride, 1)))
            rows.append(try row.remainder(row.like(Double(max(extent, 1)))).reshape([1, count]))
            // Wraps only where another extent is 0 and there are no positions.
            stride &*= max(extent, 1)
        }
        return try builder.concatenate(rows.reversed(), dimension: 0)
    }

    /// The slices of input 0 along an axis, or its elements, where input 1 holds.
    fileprivate func compress() throws(GraphError) -> [ImportedValue] {
        var flags = try term(1)
        guard flags.scalarType == .bool, flags.rank == 1 else {
            throw GraphError(.invalidType, "the condition is \(flags.type), not a vector of truth values")
        }
        return try moving([0]) { (terms) throws(GraphError) in
            var x = terms[0]
            var axis = 0
            if let given = try optionalInt("axis") {
                axis = try self.axis(given, rank: x.rank)
            } else {
                x = try x.reshape([x.shape.elementCount()])
            }
            let extents = try Shape([x.shape[axis], flags.shape[0]]).extents()
            if extents[1] > extents[0] { flags = try flags.slice([0], [extents[0]]) }
            if let known = try constantLiteral(flags) {
                let count = min(extents[0], extents[1])
                return [try pick(x, axis: axis, (0..<count).filter { known.bits(at: $0) != 0 })]
            }
            let (positions, _) = try positions(of: flags)
            return [try x.take(positions, axis: axis)]
        }
    }

    // MARK: - Unique

    /// The different elements of input 0, or the different slices along an axis; where each is first, which of them
    /// each element is, and how often each is there.
    fileprivate func unique() throws(GraphError) -> [ImportedValue] {
        var keys: Term
        if case .text(let text) = try value(0) {
            keys = try builder.constant(Literal(Self.ranks(of: text.elements), shape: Shape(text.dimensions)))
        } else {
            keys = try term(0)
        }
        let axis = try optionalInt("axis").map { (axis) throws(GraphError) in try self.axis(axis, rank: keys.rank) }
        // One row per element or slice.
        if let axis {
            let order = [axis] + (0..<keys.rank).filter { $0 != axis }
            let columns = try Shape((0..<keys.rank).filter { $0 != axis }.map { keys.shape[$0] }).elementCount()
            keys = try keys.transpose(order).reshape([keys.shape[axis], columns])
        } else {
            keys = try keys.reshape([keys.shape.elementCount(), 1])
        }
        let rows = try keys.extents()[0]
        let ranks = try rowRanks(keys)
        let type = TensorType(.int64, [rows])
        let count =
            rows == 0
            ? try builder.constant(0, .scalar(.int64)) : try ranks.reduce(.maximum, [0]) + 1
        let (number, kept) = try integer(of: count, keeping: [ranks])
        guard number >= 0, number <= rows else {
            throw GraphError(.malformedGraph, "\(number) of \(rows) elements are counted")
        }
        var inverse = kept[0]
        let groups = TensorType(.int64, [number])
        let column = try inverse.reshape([rows, 1])
        var first = try builder.constant(Double(rows), groups)
            .scatter(.minimum, column, builder.iota(type, dimension: 0), dimensions: [0])
        var counts = try builder.constant(0, groups)
            .scatter(.add, column, builder.constant(1, type), dimensions: [0])
        if try !bool("sorted", default: true), number > 0 {
            // In the order in which they first occur.
            let order = try first.sortPermutation(dimension: 0)
            let position = try order.sortPermutation(dimension: 0)
            first = try first.take(order, axis: 0)
            counts = try counts.take(order, axis: 0)
            if rows > 0 { inverse = try position.take(inverse, axis: 0) }
        }
        let values = try moving([0]) { (terms) throws(GraphError) in
            let x = terms[0]
            let flat = axis == nil ? try x.reshape([x.shape.elementCount()]) : x
            if rows == 0 { return [try flat.slice(dimension: axis ?? 0, from: 0, to: 0)] }
            return [try flat.take(first, axis: axis ?? 0)]
        }
        return values + [first, inverse, counts].map { ImportedValue($0) }
    }

    /// For every row of a matrix the number of different rows that are below it in lexicographic order.
    private func rowRanks(_ keys: Term) throws(GraphError) -> Term {
        let extents = try keys.extents()
        let rows = extents[0]
        guard rows > 0, extents[1] > 0 else { return try builder.constant(0, TensorType(.int64, [rows])) }
        var ranks = try columnRanks(keys)
        var columns = extents[1]
        // Pairs of neighbouring columns become one, until one is left: a rank is below the number of rows.
        while columns > 1 {
            if columns % 2 == 1 {
                ranks = try ranks.pad(0, low: [0, 0], high: [0, 1])
                columns += 1
            }
            columns /= 2
            let pairs = try ranks.reshape([rows, columns, 2])
            let high = try pairs.slice([0, 0, 0], [rows, columns, 1]).reshape([rows, columns])
            let low = try pairs.slice([0, 0, 1], [rows, columns, 2]).reshape([rows, columns])
            ranks = try columnRanks(high * high.like(Double(rows)) + low)
        }
        return try ranks.reshape([rows])
    }

    /// For every element of a matrix the number of different elements of its column that are below it. NaN counts as
    /// equal to NaN and above every number.
    private func columnRanks(_ keys: Term) throws(GraphError) -> Term {
        let extents = try keys.extents()
        let (rows, columns) = (extents[0], extents[1])
        let zeros = try builder.constant(0, TensorType(.int64, [rows, columns]))
        guard rows > 1 else { return zeros }
        var x = keys
        if x.scalarType == .bool || x.scalarType.isStorageOnly {
            x = try x.convert(x.scalarType.isFloatingPoint ? .float32 : .int32)
        }
        let order = try x.sortPermutation(dimension: 0)
        let sorted = try x.gatherElements(order, axis: 0)
        let before = try sorted.slice([0, 0], [rows - 1, columns])
        let after = try sorted.slice([1, 0], [rows, columns])
        var isSame = try before.compare(.equal, after)
        if x.scalarType.isFloatingPoint {
            isSame = try isSame.or(before.compare(.notEqual, before).and(after.compare(.notEqual, after)))
        }
        let steps = try isSame.not().convert(.int64).pad(0, low: [1, 0], high: [0, 0])
        let groups = try builder.add(CumulativeSum(CumulativeAttributes(axis: 0)), [steps])
        return try zeros.scatterElements(.set, order, groups, axis: 0)
    }

    /// For every text its place among the different ones in the order of their bytes, which is that of their characters.
    private static func ranks(of elements: [String]) -> [Int] {
        let distinct = Set(elements.map { Array($0.utf8) }).sorted { $0.lexicographicallyPrecedes($1) }
        let ranks = Dictionary(uniqueKeysWithValues: zip(distinct, distinct.indices))
        return elements.map { ranks[Array($0.utf8)] ?? 0 }
    }
}
