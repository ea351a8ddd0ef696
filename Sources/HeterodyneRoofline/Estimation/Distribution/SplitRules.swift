// Heterodyne: where each operation leaves a division among chips.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// How a value lies on the chips.
enum SplitLayout: Hashable, Sendable {
    /// Every chip has all of it.
    case whole
    /// Every chip has an equal part along a dimension, which is divided behind `outer` parts that every chip has a part of.
    ///
    /// The order of the parts is free: weights can be stored so that slices of what they give are divided evenly too.
    case split(axis: Int, outer: Int)
}

/// What a node does to a division.
struct SplitRule {
    /// How the results lie.
    var results: [SplitLayout]
    /// Which part of the node's work each chip does.
    var part = 1.0
    /// Which part of each operand a chip reads that has all of it.
    var needs: [Double]
    /// Operands that every chip must have whole first.
    var gathered: [Int] = []
    /// Whether the results are sums that have to be added over all chips.
    var isPartial = false
}

/// The rules of the primitives without regions.
struct SplitRules {
    let chips: Int
    let kind: Distribution.Kind

    private var share: Double { 1 / Double(chips) }

    /// What `primitive` makes of operands that lie as `layouts` says.
    func rule(
        _ primitive: Primitive, _ types: [TensorType], _ results: [TensorType], _ layouts: [SplitLayout],
        isWeight: [Bool]
    ) -> SplitRule {
        if case .dot(let dimensions, _, _) = primitive, types.count == 2 {
            return product(dimensions, types, layouts, isWeight)
        }
        let divided = layouts.indices.filter { layouts[$0] != .whole }
        guard let first = divided.first, case .split(let axis, let outer) = layouts[first] else {
            return SplitRule(results: results.map { _ in .whole }, needs: types.map { _ in 1 })
        }
        switch primitive {
        case .convert, .bitcast, .unary, .binary, .compare, .select:
            return alike(layouts, layouts[first], results)
        case .concatenate(let dimension):
            // Parts may lie in any order, so what is put together along the divided dimension stays divided.
            let areEven = types.allSatisfy { isEven($0, axis, outer) }
            return axis != dimension || (outer == 1 && areEven)
                ? alike(layouts, layouts[first], results) : whole(results, layouts)
        case .reshape:
            guard let layout = reshaped(axis, outer, types[0], results[0]) else { return whole(results, layouts) }
            return moved([layout], layouts)
        case .transpose(let permutation):
            guard let to = permutation.firstIndex(of: axis) else { return whole(results, layouts) }
            return moved([.split(axis: to, outer: outer)], layouts)
        case .broadcast(_, let dimensions):
            return moved([.split(axis: dimensions[axis], outer: outer)], layouts)
        case .slice(_, _, let strides):
            let isKept = types[0].shape[axis] == results[0].shape[axis]
            guard isKept || (outer == 1 && strides[axis] == 1 && isEven(results[0], axis, 1)) else {
                return whole(results, layouts)
            }
            return moved([layouts[0]], layouts)
        case .pad, .reverse:
            guard first == 0, divided.count == 1, types[0].shape[axis] == results[0].shape[axis] else {
                return whole(results, layouts)
            }
            if case .reverse(let dimensions) = primitive, dimensions.contains(axis) { return whole(results, layouts) }
            return moved([layouts[0]], layouts)
        case .gather(let dimensions): return gather(dimensions, types, results, layouts)
        case .dynamicSlice(let sizes):
            guard first == 0, divided.count == 1, sizes[axis] == types[0].shape[axis] else {
                return whole(results, layouts)
            }
            return moved([layouts[0]], layouts)
        case .dynamicUpdateSlice:
            guard divided.allSatisfy({ $0 < 2 }), types[0].shape[axis] == types[1].shape[axis],
                isEven(types[0], axis, outer)
            else { return whole(results, layouts) }
            return alike(layouts, layouts[first], results, among: 2)
        case .reduce(_, let dimensions):
            if dimensions.contains(axis) {
                return SplitRule(results: [.whole], part: share, needs: [share], isPartial: true)
            }
            let left = types[0].shape.dimensions.indices.filter { !dimensions.contains($0) }
            guard let to = left.firstIndex(of: axis) else { return whole(results, layouts) }
            return moved([.split(axis: to, outer: outer)], layouts)
        case .sort(let dimension, _, _):
            return dimension == axis ? whole(results, layouts) : moved([layouts[0]], layouts)
        case .scatter, .constant, .iota, .dot, .conditional, .loop: return whole(results, layouts)
        }
    }

    // MARK: - Forms

    /// Every operand is needed whole.
    func whole(_ results: [TensorType], _ layouts: [SplitLayout]) -> SplitRule {
        SplitRule(
            results: results.map { _ in .whole }, needs: layouts.map { _ in 1 },
            gathered: layouts.indices.filter { layouts[$0] != .whole })
    }

    /// Each chip does its part of the first operand.
    private func moved(_ results: [SplitLayout], _ layouts: [SplitLayout]) -> SplitRule {
        SplitRule(results: results, part: share, needs: layouts.map { _ in 1 })
    }

    /// The first operands, all of them by default, lie like the result; those that are whole are read in part, those that
    /// are divided otherwise are gathered.
    private func alike(
        _ layouts: [SplitLayout], _ layout: SplitLayout, _ results: [TensorType], among count: Int? = nil
    ) -> SplitRule {
        let concerned = layouts.indices.prefix(count ?? layouts.count)
        return SplitRule(
            results: results.map { _ in layout }, part: share,
            needs: layouts.indices.map { concerned.contains($0) ? share : 1 },
            gathered: concerned.filter { layouts[$0] != .whole && layouts[$0] != layout })
    }

    /// Whether a dimension can be divided behind `outer` parts.
    private func isEven(_ type: TensorType, _ axis: Int, _ outer: Int) -> Bool {
        guard type.shape.dimensions.indices.contains(axis), let extent = type.shape[axis].fixedValue, extent > 0 else {
            return false
        }
        let (parts, overflow) = outer.multipliedReportingOverflow(by: chips)
        return !overflow && extent % parts == 0
    }

    /// Where the division lies under another shape; nil where a dimension ends within a chip's part.
    private func reshaped(_ axis: Int, _ outer: Int, _ from: TensorType, _ to: TensorType) -> SplitLayout? {
        guard let old = from.shape.fixedExtents, let new = to.shape.fixedExtents, !old.contains(0) else { return nil }
        // The elements before the division; shapes are valid, so products fit.
        let before = old[..<axis].reduce(outer, *)
        var product = 1
        for (target, extent) in new.enumerated() {
            if before % product == 0, product * extent > before {
                let layout = SplitLayout.split(axis: target, outer: before / product)
                return isEven(to, target, before / product) ? layout : nil
            }
            product *= extent
        }
        return nil
    }

    private func gather(
        _ dimensions: [Int], _ types: [TensorType], _ results: [TensorType], _ layouts: [SplitLayout]
    ) -> SplitRule {
        let indexRank = types[1].rank - 1
        switch (layouts[0], layouts[1]) {
        case (.whole, .split(let axis, let outer)) where axis < indexRank:
            return SplitRule(results: [.split(axis: axis, outer: outer)], part: share, needs: [share, share])
        case (.split(let axis, let outer), .whole) where !dimensions.contains(axis):
            let others = types[0].shape.dimensions.indices.filter { !dimensions.contains($0) }
            guard let position = others.firstIndex(of: axis) else { return whole(results, layouts) }
            return SplitRule(
                results: [.split(axis: indexRank + position, outer: outer)], part: share, needs: [share, 1])
        default: return whole(results, layouts)
        }
    }

    // MARK: - Products

    private enum Role: Equatable {
        case batch(Int)
        case contracted(Int)
        case free(Int)
    }

    private func product(
        _ dot: DotDimensions, _ types: [TensorType], _ layouts: [SplitLayout], _ isWeight: [Bool]
    ) -> SplitRule {
        let leftFree = dot.leftFree(rank: types[0].rank)
        let rightFree = dot.rightFree(rank: types[1].rank)
        func role(_ side: Int, _ axis: Int) -> Role? {
            let (batch, contracted, free) =
                side == 0
                ? (dot.leftBatch, dot.leftContracting, leftFree) : (dot.rightBatch, dot.rightContracting, rightFree)
            if let index = batch.firstIndex(of: axis) { return .batch(index) }
            if let index = contracted.firstIndex(of: axis) { return .contracted(index) }
            return free.firstIndex(of: axis).map(Role.free)
        }
        /// One side is divided, the other whole or divided alike.
        func divided(_ side: Int, _ role: Role?, _ outer: Int, gathered: [Int] = []) -> SplitRule? {
            switch role {
            case .batch(let index):
                return SplitRule(
                    results: [.split(axis: index, outer: outer)], part: share, needs: [share, share],
                    gathered: gathered)
            case .contracted:
                return SplitRule(
                    results: [.whole], part: share, needs: [share, share], gathered: gathered, isPartial: true)
            case .free(let index):
                let axis = dot.leftBatch.count + (side == 0 ? index : leftFree.count + index)
                return SplitRule(
                    results: [.split(axis: axis, outer: outer)], part: share,
                    needs: side == 0 ? [share, 1] : [1, share], gathered: gathered)
            case nil: return nil
            }
        }
        let whole = SplitRule(
            results: [.whole], needs: [1, 1], gathered: [0, 1].filter { layouts[$0] != .whole })
        switch (layouts[0], layouts[1]) {
        case (.split(let a, let m), .split(let b, let n)):
            let (left, right) = (role(0, a), role(1, b))
            let isPair: Bool
            switch (left, right) {
            case (.batch(let i), .batch(let j)), (.contracted(let i), .contracted(let j)): isPair = i == j && m == n
            default: isPair = false
            }
            if isPair { return divided(0, left, m) ?? whole }
            // The smaller one is gathered.
            let leftIsSmaller = SplitFlow.bytes(types[0]) < SplitFlow.bytes(types[1])
            return (leftIsSmaller ? divided(1, right, n, gathered: [0]) : divided(0, left, m, gathered: [1])) ?? whole
        case (.split(let axis, let outer), .whole): return divided(0, role(0, axis), outer) ?? whole
        case (.whole, .split(let axis, let outer)): return divided(1, role(1, axis), outer) ?? whole
        case (.whole, .whole):
            guard kind == .tensor, isWeight[0] != isWeight[1] else { return whole }
            let side = isWeight[0] ? 0 : 1
            let free = side == 0 ? leftFree : rightFree
            guard let axis = free.first(where: { isEven(types[side], $0, 1) }) else { return whole }
            return divided(side, role(side, axis), 1) ?? whole
        }
    }
}
