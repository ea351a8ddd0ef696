// Heterodyne: which ONNX nodes a primitive becomes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    func emit(_ primitive: Primitive, _ x: [Port], _ results: [TensorType]) throws(ONNXError) -> [Port] {
        let type = results[0]
        switch primitive {
        case .constant(let literal): return [Port(literal)]
        case .iota(let type, let dimension): return [try iota(type, dimension)]
        case .convert(let to): return [try convert(x[0], to)]
        case .bitcast(let to): return [try bitcast(x[0], to)]
        case .unary(let op): return [try unary(op, x[0])]
        case .binary(let op): return [try binary(op, x[0], x[1])]
        case .compare(let direction): return [try compare(direction, x[0], x[1])]
        case .select: return [try choose(x[0], x[1], x[2])]
        case .reshape(let shape): return [try reshape(x[0], shape)]
        case .transpose(let permutation): return [try transpose(x[0], permutation)]
        case .broadcast(let shape, let dimensions): return [try broadcast(x[0], shape, dimensions)]
        case .slice(let starts, let limits, let strides): return [try slice(x[0], starts, limits, strides, type)]
        case .pad(let low, let high, let interior): return [try pad(x[0], x[1], low, high, interior, type)]
        case .concatenate(let dimension): return [try concatenate(x, axis: dimension, type.shape)]
        case .reverse(let dimensions): return [try reverse(x[0], dimensions)]
        case .gather(let dimensions): return [try gather(x[0], x[1], dimensions, type)]
        case .scatter(let mode, let dimensions): return [try scatter(mode, x[0], x[1], x[2], dimensions)]
        case .dynamicSlice(let sizes): return [try dynamicSlice(x[0], Array(x.dropFirst()), sizes)]
        case .dynamicUpdateSlice: return [try dynamicUpdateSlice(x[0], x[1], Array(x.dropFirst(2)))]
        case .dot(let dot, let accumulation, let result): return [try self.dot(x[0], x[1], dot, accumulation, result)]
        case .reduce(let kind, let dimensions): return [try reduce(kind, x[0], dimensions, type)]
        case .sort(let dimension, let descending, let indexType):
            return [try sort(x[0], dimension, descending, indexType)]
        case .conditional(let then, let otherwise): return try conditional(x, then, otherwise, results)
        case .loop(let condition, let body): return try loop(x, condition, body)
        }
    }

    // MARK: Elementwise

    func unary(_ op: UnaryOperator, _ x: Port) throws(ONNXError) -> Port {
        switch op {
        case .negate:
            let isUnsigned = x.scalarType.isInteger && !x.scalarType.isSignedInteger
            return isUnsigned ? try arithmetic("Sub", number(0, like: x), x) : try arithmetic("Neg", x)
        case .abs: return try arithmetic("Abs", x)
        case .floor: return try arithmetic("Floor", x)
        case .exp: return try arithmetic("Exp", x)
        case .log: return try arithmetic("Log", x)
        case .sqrt: return try arithmetic("Sqrt", x)
        case .sin: return try arithmetic("Sin", x)
        case .cos: return try arithmetic("Cos", x)
        case .tanh: return try arithmetic("Tanh", x)
        }
    }

    func binary(_ op: BinaryOperator, _ a: Port, _ b: Port) throws(ONNXError) -> Port {
        let type = a.scalarType
        switch op {
        case .add: return try arithmetic("Add", a, b)
        case .subtract: return try arithmetic("Sub", a, b)
        case .multiply: return try arithmetic("Mul", a, b)
        case .divide: return type.isInteger ? try divide(a, b) : try arithmetic("Div", a, b)
        case .remainder:
            if type.isInteger { return try remainder(a, b) }
            return try carried("Mod", [a, b]) { (x) throws(ONNXError) in
                try elementwise("Mod", x, [("fmod", .int(1))], result: x[0].scalarType)
            }
        case .power: return type.isInteger ? try power(a, b) : try arithmetic("Pow", a, b)
        case .maximum: return try arithmetic("Max", a, b, ordered: true)
        case .minimum: return try arithmetic("Min", a, b, ordered: true)
        case .and: return type == .bool ? try logical("And", a, b) : try arithmetic("BitwiseAnd", a, b)
        case .or: return type == .bool ? try logical("Or", a, b) : try arithmetic("BitwiseOr", a, b)
        case .xor:
            let ones = type == .bool ? 1 : UInt64.max >> UInt64(64 - type.bitWidth)
            for (x, y) in [(a, b), (b, a)] where y.splatBits == ones {
                return type == .bool ? try not(x) : try arithmetic("BitwiseNot", x)
            }
            return type == .bool ? try logical("Xor", a, b) : try arithmetic("BitwiseXor", a, b)
        case .shiftLeft: return try shift(a, b, isLeft: true)
        case .shiftRight: return try shift(a, b, isLeft: false)
        }
    }

    private func logical(_ opType: String, _ a: Port, _ b: Port) throws(ONNXError) -> Port {
        try elementwise(opType, [a, b], result: .bool)
    }

    func compare(_ direction: ComparisonDirection, _ a: Port, _ b: Port) throws(ONNXError) -> Port {
        switch direction {
        case .equal: try relation("Equal", a, b)
        case .notEqual: try not(try relation("Equal", a, b))
        case .less: try relation("Less", a, b)
        case .lessOrEqual: try relation("LessOrEqual", a, b)
        case .greater: try relation("Greater", a, b)
        case .greaterOrEqual: try relation("GreaterOrEqual", a, b)
        }
    }

    // MARK: Counting and movement

    /// Up to so many elements a count is a constant.
    private static let largestConstantCount = 1024

    func iota(_ type: TensorType, _ dimension: Int) throws(ONNXError) -> Port {
        var held = Shape([Extent](repeating: 1, count: type.rank - dimension))
        held.dimensions[0] = type.shape[dimension]
        if case .fixed(let count) = type.shape[dimension], count <= Self.largestConstantCount {
            let scalarType = type.scalarType
            let width = scalarType.bitWidth / 8
            let storage = LiteralStorage(count: count * width) { bytes in
                for i in 0..<count {
                    let bits = scalarType.isInteger ? UInt64(i) : scalarType.bits(of: Double(i))
                    withUnsafeBytes(of: bits.littleEndian) { source in
                        for byte in 0..<width { bytes[i * width + byte] = source[byte] }
                    }
                }
            }
            let literal = try graphStep { () throws(GraphError) in
                try Literal(type: TensorType(scalarType, held), storage: storage)
            }
            return Port(literal, spreadTo: type)
        }
        let zero = Port(Literal(Int64(0)))
        let one = Port(Literal(Int64(1)))
        let count = try reshape(try number(of: type.shape[dimension]), .scalar)
        var line = try node("Range", [zero, count, one], [], TensorType(.int64, Shape([type.shape[dimension]])))
        line = try convert(line, type.scalarType)
        let column = try reshape(line, held)
        return Port(try name(of: column), type, held: held)
    }

    func broadcast(_ x: Port, _ shape: Shape, _ dimensions: [Int]) throws(ONNXError) -> Port {
        guard x.held.rank > 0, let first = dimensions.first else { return x.relabelled(shape) }
        // The held dimensions are the last ones of the operand, and everything before them is repeated anyway.
        let kept = Array(dimensions.suffix(x.held.rank))
        let start = kept.first ?? first
        var held = Shape([Extent](repeating: 1, count: shape.rank - start))
        for (from, to) in kept.enumerated() { held.dimensions[to - start] = x.held[from] }
        let own = Port(try name(of: x), x.type.with(x.held))
        var moved = own
        if let literal = x.literal {
            moved = Port(try graphStep { () throws(GraphError) in try literal.reshaped(held) }, spreadTo: x.type)
            moved.type = x.type.with(held)
        } else if held != x.held {
            moved = try reshape(own, held)
        }
        moved.held = held
        moved.type = x.type.with(shape)
        return moved
    }

    func slice(
        _ x: Port, _ starts: [Extent], _ limits: [Extent], _ strides: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        let axes = (0..<x.rank).filter { starts[$0] != 0 || limits[$0] != x.shape[$0] || strides[$0] != 1 }
        if axes.isEmpty { return x }
        if x.held.rank == 0 { return x.relabelled(type.shape) }
        // A limit that is the extent itself needs no arithmetic.
        let ends = axes.map { limits[$0] == x.shape[$0] ? Extent.fixed(Int.max) : limits[$0] }
        return try slice(
            x, axes: axes, starts: try vector(axes.map { starts[$0] }), limits: try vector(ends),
            steps: axes.map { strides[$0] }, type.shape)
    }

    func reverse(_ x: Port, _ dimensions: [Int]) throws(ONNXError) -> Port {
        if dimensions.isEmpty || x.held.rank == 0 { return x }
        let count = dimensions.count
        return try slice(
            x, axes: dimensions, starts: Port([Int](repeating: -1, count: count)),
            limits: Port([Int](repeating: Int.min, count: count)), steps: [Int](repeating: -1, count: count), x.shape)
    }

    func pad(
        _ x: Port, _ value: Port, _ low: [Extent], _ high: [Extent], _ interior: [Int], _ type: TensorType
    ) throws(ONNXError) -> Port {
        var y = x
        for d in 0..<x.rank where interior[d] > 0 && y.shape[d] != 0 && y.shape[d] != 1 {
            y = try spread(y, value, d, interior[d])
        }
        var before: [Extent] = []
        var after: [Extent] = []
        var (starts, cut): ([Extent], [Extent]) = ([], [])
        var grown = y.shape
        for d in 0..<x.rank {
            let (lowAdd, lowCut) = try split(low[d])
            let (highAdd, highCut) = try split(high[d])
            before.append(lowAdd)
            after.append(highAdd)
            starts.append(lowCut)
            cut.append(highCut)
            grown.dimensions[d] = try graphStep { () throws(GraphError) in
                try y.shape[d].adding(lowAdd).adding(highAdd)
            }
        }
        if (before + after).contains(where: { $0 != 0 }) {
            let whole = try self.whole(y)
            let amounts = try vector(before + after)
            let carrier = Kernels.carrier("Pad", whole.scalarType, ordered: false) ?? whole.scalarType
            let inner = try node(
                "Pad", [try cast(whole, carrier), amounts, try cast(value, carrier)], [],
                TensorType(carrier, grown))
            y = try cast(inner, whole.scalarType)
        }
        let axes = (0..<x.rank).filter { starts[$0] != 0 || cut[$0] != 0 }
        if axes.isEmpty { return y }
        var limits: [Extent] = []
        for d in axes {
            limits.append(try graphStep { () throws(GraphError) in try grown[d].subtracting(cut[d]) })
        }
        return try slice(
            y, axes: axes, starts: try vector(axes.map { starts[$0] }), limits: try vector(limits), type.shape)
    }

    /// A padding as an amount to add and one to cut off, of which one is 0.
    private func split(_ amount: Extent) throws(ONNXError) -> (add: Extent, cut: Extent) {
        guard case .fixed(let number) = amount else { return (amount, 0) }
        return number >= 0 ? (amount, 0) : (0, .fixed(-number))
    }

    /// `count` elements of `value` between the elements along a dimension.
    private func spread(_ x: Port, _ value: Port, _ d: Int, _ count: Int) throws(ONNXError) -> Port {
        var column = x.shape
        column.dimensions.insert(1, at: d + 1)
        let parts = try reshape(x, column)
        var filled = column
        filled.dimensions[d + 1] = .fixed(count)
        let filling = try broadcast(value, filled, [])
        var pair = column
        pair.dimensions[d + 1] = .fixed(count + 1)
        let pairs = try concatenate([parts, filling], axis: d + 1, pair)
        var merged = x.shape
        var result = x.shape
        (merged.dimensions[d], result.dimensions[d]) = try graphStep { () throws(GraphError) in
            let all = try x.shape[d].multiplied(by: .fixed(count + 1))
            return (all, try all.subtracting(.fixed(count)))
        }
        let line = try reshape(pairs, merged)
        let limit = try vector([result[d]])
        return try slice(line, axes: [d], starts: Port([0]), limits: limit, result)
    }
}
