// Heterodyne: indexing, ordering, reducing and quantizing composites as ONNX operators.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeRules {
    private static let cumulativeTypes: Set<ScalarType> = [.float32, .float64, .int32, .int64]
    private static let extremeTypes: Set<ScalarType> = [.float32, .float64, .int8, .uint8, .int32, .int64, .float16]

    static let data: [CompositeRule] = [
        CompositeRule(ArgMax.self) { (e, arg, x, results) throws(ONNXError) in
            try e.argExtreme("ArgMax", arg.settings, x[0], results[0], extremeTypes)
        },
        CompositeRule(ArgMin.self) { (e, arg, x, results) throws(ONNXError) in
            try e.argExtreme("ArgMin", arg.settings, x[0], results[0], extremeTypes)
        },
        CompositeRule(TopK.self) { (e, top, x, results) throws(ONNXError) in
            let axis = top.axis < 0 ? top.axis + x[0].rank : top.axis
            guard Kernels.table["TopK"]?.contains(x[0].scalarType) ?? false else { return nil }
            let both = try e.topK(
                x[0], Port([top.k]), axis, largest: top.largest, sorted: top.sorted, results[0])
            return [both[0], try e.cast(both[1], results[1].scalarType)]
        },
        CompositeRule(OneHot.self) { (e, hot, x, results) throws(ONNXError) in
            guard [.float32, .int64].contains(x[1].scalarType) else { return nil }
            let on = try e.reshape(x[1], [1])
            let off = try e.reshape(x[2], [1])
            let values = try e.concatenate([off, on], axis: 0, [2])
            let indices = try e.cast(x[0], .int64)
            let axis: [(String, OutgoingAttribute)] = [("axis", .int(hot.axis))]
            return [try e.node("OneHot", [indices, Port(Literal(Int64(hot.depth))), values], axis, results[0])]
        },
        CompositeRule(CumulativeSum.self) { (e, sum, x, _) throws(ONNXError) in
            try e.cumulative("CumSum", sum.settings, x[0], cumulativeTypes)
        },
        CompositeRule(CumulativeProduct.self, since: 26) { (e, product, x, _) throws(ONNXError) in
            try e.cumulative("CumProd", product.settings, x[0], cumulativeTypes)
        },
        CompositeRule(Take.self) { (e, take, x, results) throws(ONNXError) in
            let axis = take.axis < 0 ? take.axis + x[0].rank : take.axis
            let indices = try e.wrapping(x[1], within: [x[0].shape[axis]])
            return [try e.take(try e.whole(x[0]), indices, axis: axis, results[0])]
        },
        CompositeRule(GatherElements.self) { (e, gather, x, results) throws(ONNXError) in
            let axis = gather.axis < 0 ? gather.axis + x[0].rank : gather.axis
            let indices = try e.wrapping(x[1], within: [x[0].shape[axis]])
            return [
                try e.carried("GatherElements", try e.whole(x[0])) { (y) throws(ONNXError) in
                    try e.node("GatherElements", [y, indices], [("axis", .int(axis))], y.type.with(results[0].shape))
                }
            ]
        },
        CompositeRule(ScatterElements.self) { (e, scatter, x, _) throws(ONNXError) in
            [try e.scatterElements(scatter, x)]
        },
        CompositeRule(GatherND.self) { (e, gather, x, results) throws(ONNXError) in
            let batch = gather.batchDimensions
            guard let k = x[1].shape[x[1].rank - 1].fixedValue else { return nil }
            let indices = try e.wrapping(x[1], within: Array(x[0].shape.dimensions[batch..<batch + k]))
            return [
                try e.carried("GatherND", try e.whole(x[0])) { (y) throws(ONNXError) in
                    try e.node("GatherND", [y, indices], [("batch_dims", .int(batch))], y.type.with(results[0].shape))
                }
            ]
        },
        CompositeRule(Trilu.self) { (e, trilu, x, results) throws(ONNXError) in
            guard [.float32, .float64, .int32, .int64, .bool, .float16].contains(x[0].scalarType) else { return nil }
            return [
                try e.node(
                    "Trilu", [x[0], Port(Literal(Int64(trilu.diagonal)))], [("upper", .int(trilu.upper ? 1 : 0))],
                    results[0])
            ]
        },
        CompositeRule(Tile.self) { (e, tile, x, results) throws(ONNXError) in
            [
                try e.carried("Tile", try e.whole(x[0])) { (y) throws(ONNXError) in
                    try e.node("Tile", [y, Port(tile.repeats)], [], y.type.with(results[0].shape))
                }
            ]
        },
        CompositeRule(ReduceMean.self) { (e, mean, x, results) throws(ONNXError) in
            try e.reduction("ReduceMean", mean.axes, mean.keepDimensions, x, results)
        },
        CompositeRule(LogSumExp.self) { (e, reduce, x, results) throws(ONNXError) in
            try e.reduction("ReduceLogSumExp", reduce.axes, reduce.keepDimensions, x, results)
        },
        CompositeRule(Einsum.self) { (e, einsum, x, results) throws(ONNXError) in
            // An extent of 1 that broadcasts is read in several ways; it keeps its decomposition.
            guard !x.contains(where: { $0.shape.dimensions.contains { $0 == 1 || $0 == 0 } }) else { return nil }
            let type = x[0].scalarType
            let attributes: [(String, OutgoingAttribute)] = [
                ("equation", .string(einsum.equation.filter { $0 != " " }))
            ]
            if cumulativeTypes.contains(type) { return [try e.node("Einsum", x, attributes, results[0])] }
            guard type.isFloatingPoint else { return nil }
            return try e.inFloats(x, results, half: false) { (x) throws(ONNXError) in
                [try e.node("Einsum", x, attributes, results[0].with(x[0].scalarType))]
            }
        },
        CompositeRule(Quantize.self) { (e, quantize, x, results) throws(ONNXError) in
            guard x[0].scalarType == .float32, x[1].scalarType == .float32,
                quantizes(quantize.scalarType, quantize.grid, opset: e.model.opset)
            else { return nil }
            var operands: [Port?] = [x[0], try e.quantizationParameter(x[1])]
            var attributes = try quantizationAttributes(quantize.grid, x[0])
            if quantize.grid.hasZeroPoint {
                operands.append(try e.quantizationParameter(x[2]))
            } else if e.model.opset >= 21 {
                attributes.append(("output_dtype", .int(Int(ONNXElementType(quantize.scalarType).rawValue))))
            } else {
                operands.append(
                    try e.quantizationParameter(e.bits(0, like: Port("", x[1].type.with(quantize.scalarType)))))
            }
            return [try e.node("QuantizeLinear", operands, attributes, results[0])]
        },
        CompositeRule(Dequantize.self) { (e, dequantize, x, results) throws(ONNXError) in
            guard dequantize.scalarType == .float32, x[1].scalarType == .float32,
                x[0].scalarType == .int32
                    ? !dequantize.grid.hasZeroPoint && dequantize.grid.blockSize == 0
                    : quantizes(x[0].scalarType, dequantize.grid, opset: e.model.opset)
            else { return nil }
            var operands: [Port?] = [x[0], try e.quantizationParameter(x[1])]
            if dequantize.grid.hasZeroPoint { operands.append(try e.quantizationParameter(x[2])) }
            return [
                try e.node("DequantizeLinear", operands, try quantizationAttributes(dequantize.grid, x[0]), results[0])
            ]
        },
        CompositeRule(Attention.self, since: 23) { (e, attention, x, results) throws(ONNXError) in
            // With a mask a query may see nothing, which gives zeros here and is left open there; and the causal mask of
            // the operator is the one that starts at the first key.
            guard x.count == 3, attention.causality != .bottomRight, x[0].scalarType == .float32 else { return nil }
            var attributes: [(String, OutgoingAttribute)] = []
            if attention.causality == .topLeft { attributes.append(("is_causal", .int(1))) }
            if let scale = attention.scale { attributes.append(("scale", .float(scale))) }
            if let softcap = attention.softcap { attributes.append(("softcap", .float(softcap))) }
            return [try e.node("Attention", x, attributes, results[0])]
        },
    ]

    private static func quantizes(_ type: ScalarType, _ grid: QuantizationGrid, opset: Int) -> Bool {
        switch type {
        case .int8, .uint8: opset >= 21 || grid.blockSize == 0
        case .float8e4m3fn, .float8e5m2: opset >= 21 || (opset >= 19 && grid.blockSize == 0)
        default: opset >= 21
        }
    }

    private static func quantizationAttributes(
        _ grid: QuantizationGrid, _ x: Port
    ) throws(ONNXError) -> [(String, OutgoingAttribute)] {
        var attributes: [(String, OutgoingAttribute)] = [("axis", .int(grid.axis))]
        if grid.blockSize > 0 { attributes.append(("block_size", .int(grid.blockSize))) }
        return attributes
    }
}

extension GraphEmitter {
    fileprivate func argExtreme(
        _ opType: String, _ settings: ArgExtremeAttributes, _ x: Port, _ result: TensorType, _ types: Set<ScalarType>
    ) throws(ONNXError) -> [Port]? {
        let source = x.scalarType == .bfloat16 ? try cast(x, .float32) : x
        guard types.contains(source.scalarType) else { return nil }
        let position = try node(
            opType, [source],
            [
                ("axis", .int(settings.axis)), ("keepdims", .int(settings.keepDimension ? 1 : 0)),
                ("select_last_index", .int(settings.selectLastIndex ? 1 : 0)),
            ], result.with(.int64))
        return [try cast(position, result.scalarType)]
    }

    fileprivate func cumulative(
        _ opType: String, _ settings: CumulativeAttributes, _ x: Port, _ types: Set<ScalarType>
    ) throws(ONNXError) -> [Port]? {
        let attributes: [(String, OutgoingAttribute)] = [
            ("exclusive", .int(settings.exclusive ? 1 : 0)), ("reverse", .int(settings.reverse ? 1 : 0)),
        ]
        let axis = Port(Literal(Int64(settings.axis)))
        if types.contains(x.scalarType) { return [try node(opType, [x, axis], attributes, x.type)] }
        guard x.scalarType.isFloatingPoint else { return nil }
        return try inFloats([x], [x.type], half: false) { (y) throws(ONNXError) in
            [try node(opType, [y[0], axis], attributes, y[0].type)]
        }
    }

    fileprivate func reduction(
        _ opType: String, _ axes: [Int], _ keep: Bool, _ x: [Port], _ results: [TensorType]
    ) throws(ONNXError) -> [Port]? {
        // No axes stand for all of them in ONNX, and of nothing it reduces as it likes.
        let dimensions = axes.map { $0 < 0 ? $0 + x[0].rank : $0 }
        guard !axes.isEmpty, dimensions.allSatisfy({ x[0].shape[$0] != 0 }) else { return nil }
        return try inFloats(x, results, types: Kernels.wideFloats, half: false) { (x) throws(ONNXError) in
            [
                try node(
                    opType, [x[0], Port(axes)], [("keepdims", .int(keep ? 1 : 0))],
                    x[0].type.with(results[0].shape))
            ]
        }
    }

    /// A scale or zero point; one for everything is a scalar in ONNX.
    fileprivate func quantizationParameter(_ x: Port) throws(ONNXError) -> Port {
        x.shape == [1] ? try reshape(x, .scalar) : x
    }

    /// Indices as int64 within the extents, of which negative ones count from the back, as they do in ONNX.
    func wrapping(_ indices: Port, within extents: [Extent]) throws(ONNXError) -> Port {
        let positions = try cast(indices, .int64)
        if areWithin(indices, extents, negative: indices.scalarType.isSignedInteger) { return positions }
        var lows: [Extent] = []
        var highs: [Extent] = []
        for extent in extents {
            lows.append(try graphStep { () throws(GraphError) in try Extent.fixed(0).subtracting(extent) })
            highs.append(try graphStep { () throws(GraphError) in try extent.subtracting(1) })
        }
        func bound(_ extents: [Extent]) throws(ONNXError) -> Port {
            let vector = try vector(extents)
            if extents.count == 1 {
                let scalar = try reshape(vector, .scalar)
                return Port(try name(of: scalar), positions.type, held: .scalar)
            }
            return Port(try name(of: vector), positions.type, held: vector.shape)
        }
        return try clamped(positions, low: try bound(lows), high: try bound(highs))
    }

    /// Updates that may lie out of range go to an element more than there are along the axis, which is cut off again.
    fileprivate func scatterElements(_ scatter: ScatterElements, _ x: [Port]) throws(ONNXError) -> Port {
        let axis = scatter.axis < 0 ? scatter.axis + x[0].rank : scatter.axis
        let extent = x[0].shape[axis]
        var attributes: [(String, OutgoingAttribute)] = [("axis", .int(axis))]
        if scatter.mode != .set { attributes.append(("reduction", .string(Self.reduction(scatter.mode)))) }
        let type =
            scatter.mode != .set && x[0].scalarType == .bfloat16 ? ScalarType.float32 : x[0].scalarType
        let ground = try whole(try cast(x[0], type))
        let updates = try whole(try cast(x[2], type))
        func apply(_ ground: Port, _ indices: Port) throws(ONNXError) -> Port {
            try carried("ScatterElements", [ground, updates]) { (pair) throws(ONNXError) in
                try node("ScatterElements", [pair[0], indices, pair[1]], attributes, pair[0].type)
            }
        }
        if areWithin(x[1], [extent], negative: x[1].scalarType.isSignedInteger) {
            return try cast(try apply(ground, try cast(x[1], .int64)), x[0].scalarType)
        }
        let limit = try reshape(try vector([extent]), .scalar)
        var positions = try cast(x[1], .int64)
        let bound =
            limit.literal == nil
            ? Port(try name(of: limit), positions.type, held: .scalar)
            : Port(Literal(number: Double(extent.fixedValue ?? 0), type: positions.type))
        let zero = number(0, like: positions)
        if x[1].scalarType.isSignedInteger {
            let isNegative = try relation("Less", positions, zero)
            positions = try choose(isNegative, try arithmetic("Add", positions, bound), positions)
        }
        let above = try relation("GreaterOrEqual", positions, zero)
        let below = try relation("Less", positions, bound)
        positions = try choose(try elementwise("And", [above, below], result: .bool), positions, bound)
        var line = ground.shape
        var grown = ground.shape
        line.dimensions[axis] = 1
        grown.dimensions[axis] = try graphStep { () throws(GraphError) in try extent.adding(1) }
        let spare = try whole(Port(Literal(splatBits: 0, type: ground.type.with(line))))
        let result = try apply(try concatenate([ground, spare], axis: axis, grown), positions)
        let kept = try slice(
            result, axes: [axis], starts: Port([0]), limits: try vector([extent]), ground.shape)
        return try cast(kept, x[0].scalarType)
    }
}
