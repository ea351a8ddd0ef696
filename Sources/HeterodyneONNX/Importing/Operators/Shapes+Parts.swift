// Heterodyne: ONNX operators: joining, splitting, padding and rearranging tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension OperatorTable {
    /// Joining, splitting, padding and rearranging.
    static let shapeParts: [OperatorRule] = [
        .values("Concat", since: 4) { (context) throws(GraphError) in try context.concat(axis: context.int("axis")) },
        .values("Concat") { (context) throws(GraphError) in
            try context.concat(axis: context.int("axis", default: 1))
        },
        .values("Split", since: 18) { (context) throws(GraphError) in
            try context.split(
                sizes: context.optionalIntegers(1), parts: context.optionalInt("num_outputs"), isEven: false)
        },
        .values("Split", since: 13) { (context) throws(GraphError) in
            try context.split(sizes: context.optionalIntegers(1), parts: nil, isEven: true)
        },
        .values("Split", since: 2) { (context) throws(GraphError) in
            try context.split(sizes: context.optionalInts("split"), parts: nil, isEven: true)
        },
        .values("Split") { (context) throws(GraphError) in
            var sizes = try context.optionalInts("split")
            if sizes == nil { sizes = try context.optionalIntegers(1) }
            return try context.split(sizes: sizes, parts: nil, isEven: true)
        },
        .values("Pad", since: 11) { (context) throws(GraphError) in try context.padByInputs() },
        .values("Pad") { (context) throws(GraphError) in
            try context.padByAttributes(context.version >= 2 ? "pads" : "paddings")
        },
        .moved("DepthToSpace") { (context, x) throws(GraphError) in
            let isChannelsFirst = try context.choice("mode", default: "DCR", ["DCR": false, "CRD": true])
            return try x.depthToSpace(blockSize: context.int("blocksize"), channelsFirst: isChannelsFirst)
        },
        .moved("SpaceToDepth") { (context, x) throws(GraphError) in
            let isChannelsFirst = try context.choice("mode", default: "DCR", ["DCR": false, "CRD": true])
            let result = try x.spaceToDepth(blockSize: context.int("blocksize"))
            guard isChannelsFirst else { return result }
            let (n, c, h, w) = (x.shape[0], x.shape[1], result.shape[2], result.shape[3])
            let area = try result.shape[1].dividedExactly(by: c) ?? 0
            return try result.reshape([n, area, c, h, w]).transpose([0, 2, 1, 3, 4]).reshape(result.shape)
        },
        .moved("CenterCropPad", since: 18) { (context, x) throws(GraphError) in try context.centerCropPad(x) },
    ]
}

extension OperatorContext {
    fileprivate func concat(axis: Int) throws(GraphError) -> [ImportedValue] {
        guard !inputs.isEmpty else { throw GraphError(.operandCount, "needs at least one input") }
        return try moving(Array(inputs.indices)) { (terms) throws(GraphError) in
            let axis = try self.axis(axis, rank: terms[0].rank)
            return [try builder.concatenate(terms, dimension: axis)]
        }
    }

    /// The blocks of input 0 of the given sizes, or as many of equal size as there are outputs (or `parts`), the last
    /// one smaller unless `isEven`.
    fileprivate func split(sizes: [Int]?, parts: Int?, isEven: Bool) throws(GraphError) -> [ImportedValue] {
        try moving([0]) { (terms) throws(GraphError) in
            let x = terms[0]
            let axis = try self.axis(int("axis", default: 0), rank: x.rank)
            if let sizes {
                guard sizes.count >= outputCount else {
                    throw GraphError(
                        .shapeMismatch, "\(sizes.count) sizes are given for \(outputCount) outputs")
                }
                return try x.split(axis: axis, sizes: sizes)
            }
            let count = parts ?? outputCount
            guard count >= 1, count <= max(outputCount, 1) else {
                throw GraphError(
                    .invalidAttribute, "'num_outputs' is \(count) where the node has \(outputCount) outputs")
            }
            guard let extent = x.shape[axis].fixedValue else {
                guard let size = try x.shape[axis].dividedExactly(by: .fixed(count)) else {
                    throw GraphError(
                        .unboundSymbol,
                        "dimension \(axis) of \(x.type) may not split in \(count) parts; give it a number")
                }
                var blocks: [Term] = []
                var start: Extent = 0
                for _ in 0..<count {
                    let end = try start.adding(size)
                    blocks.append(try x.slice(dimension: axis, from: start, to: end))
                    start = end
                }
                return blocks
            }
            guard !isEven || extent % count == 0 else {
                throw GraphError(
                    .shapeMismatch, "dimension \(axis) of \(x.type) does not split in \(count) equal parts")
            }
            let size = extent / count + (extent % count == 0 ? 0 : 1)
            let sizes = (0..<count).map { min(size, max(0, extent - $0 * size)) }
            return try x.split(axis: axis, sizes: sizes)
        }
    }

    // MARK: - Padding

    /// `Pad` with its amounts as inputs.
    fileprivate func padByInputs() throws(GraphError) -> [ImportedValue] {
        var values = [try value(0)]
        if has(2) { values.append(try value(2)) }
        return try moving(values) { (terms) throws(GraphError) in
            let x = terms[0]
            let pads = try extents(1)
            var axes = Array(0..<x.rank)
            if version >= 18, let given = try optionalIntegers(3) { axes = try self.axes(given, rank: x.rank) }
            var filler: Term?
            if terms.count > 1 {
                guard terms[1].shape.dimensions.allSatisfy({ $0 == 1 }) else {
                    throw GraphError(.shapeMismatch, "the value to pad with is \(terms[1].type), not one element")
                }
                filler = try terms[1].reshape([])
            }
            return [try pad(x, pads, axes, filler)]
        }
    }

    /// `Pad` with its amounts and value as attributes.
    fileprivate func padByAttributes(_ name: String) throws(GraphError) -> [ImportedValue] {
        try moving([0]) { (terms) throws(GraphError) in
            let x = terms[0]
            let filler = try constant(float("value", default: 0), .scalar(x.scalarType))
            return [try pad(x, ints(name).map(Extent.fixed), Array(0..<x.rank), filler)]
        }
    }

    /// `x` with as many elements before and after along every one of `axes` as `pads` says: first all amounts before,
    /// then all after. Negative amounts crop.
    private func pad(
        _ x: Term, _ pads: [Extent], _ axes: [Int], _ filler: Term?
    ) throws(GraphError) -> Term {
        guard pads.count == 2 * axes.count else {
            throw GraphError(
                .shapeMismatch, "\(pads.count) amounts are given for \(axes.count) axes; each needs two")
        }
        let mode = try choice(
            "mode", default: "constant",
            ["constant": PadMode.constant, "reflect": .reflect, "edge": .edge, "wrap": .wrap])
        guard mode != .constant else {
            var low = [Extent](repeating: 0, count: x.rank)
            var high = low
            for (index, axis) in axes.enumerated() {
                (low[axis], high[axis]) = (pads[index], pads[index + axes.count])
            }
            let zero = try builder.constant(Literal(splatBits: 0, type: .scalar(x.scalarType)))
            guard (low + high).contains(where: { $0 != 0 }) else { return x }
            let interior = [Int](repeating: 0, count: x.rank)
            return try builder.add(.pad(low: low, high: high, interior: interior), [x, filler ?? zero])
        }
        var result = x
        for (index, axis) in axes.enumerated() {
            let amounts = try Shape([pads[index], pads[index + axes.count], x.shape[axis]]).extents()
            let positions = try mode.positions(low: amounts[0], high: amounts[1], extent: amounts[2])
            result = try pick(result, axis: axis, positions)
        }
        return result
    }

    // MARK: - Rearranging

    /// `x` cropped or padded with zeros around its middle to the extents of input 1.
    fileprivate func centerCropPad(_ x: Term) throws(GraphError) -> Term {
        let targets = try integers(1)
        var chosen = Array(0..<x.rank)
        if let given = try optionalInts("axes") { chosen = try axes(given, rank: x.rank) }
        guard targets.count == chosen.count else {
            throw GraphError(.shapeMismatch, "\(targets.count) extents are given for \(chosen.count) axes")
        }
        var low = [Int](repeating: 0, count: x.rank)
        var high = low
        for (axis, target) in zip(chosen, targets) {
            let extent = try Shape([x.shape[axis]]).extents()[0]
            guard target >= 0, target <= TensorType.maximumByteCount else {
                throw GraphError(.shapeMismatch, "the target extent \(target) of axis \(axis) is out of range")
            }
            // The odd element of a crop or a padding goes to the end.
            let difference = target - extent
            low[axis] = difference / 2
            high[axis] = difference - difference / 2
        }
        return try x.pad(builder.constant(Literal(splatBits: 0, type: .scalar(x.scalarType))), low: low, high: high)
    }
}

/// Where the elements of a padding come from.
private enum PadMode {
    case constant, reflect, edge, wrap

    /// Most elements along a padded dimension; each takes a number in the graph.
    static let limit = 1 << 26

    /// For every position of a padded dimension the position that its element comes from.
    func positions(low: Int, high: Int, extent: Int) throws(GraphError) -> [Int] {
        let (sum, overflow) = low.addingReportingOverflow(high)
        let (count, overflows) = sum.addingReportingOverflow(extent)
        guard !overflow, !overflows, count >= 0, count <= Self.limit, low.magnitude <= Self.limit else {
            throw GraphError(.shapeMismatch, "a dimension of \(extent) cannot be padded by \(low) and \(high)")
        }
        guard extent > 0 || count == 0 else {
            throw GraphError(.shapeMismatch, "a dimension without elements has none to repeat in a padding")
        }
        var result: [Int] = []
        result.reserveCapacity(count)
        for index in 0..<count {
            let position = index - low
            switch self {
            case .constant, .edge: result.append(min(max(position, 0), extent - 1))
            case .wrap: result.append(((position % extent) + extent) % extent)
            case .reflect:
                let period = max(2 * (extent - 1), 1)
                let phase = ((position % period) + period) % period
                result.append(extent == 1 ? 0 : min(phase, period - phase))
            }
        }
        return result
    }
}
