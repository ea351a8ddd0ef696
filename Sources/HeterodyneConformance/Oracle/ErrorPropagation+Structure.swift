// Heterodyne: what movement, contraction and reduction make of errors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension ErrorPropagation {
    /// Margins move as the values do.
    func moved(
        _ primitive: Primitive, _ operands: [Tracked], _ type: TensorType, in builder: GraphBuilder
    ) throws(GraphError) -> Tracked {
        var result = Tracked(type, try builder.add(primitive, operands.map(\.value)))
        if operands.allSatisfy(\.isExact) { return result }
        var margins: [Term] = []
        for operand in operands { margins.append(try operand.margin()) }
        let margin = try builder.add(primitive, margins)
        if result.isFloat { result.error = margin } else { result.doubt = margin }
        return result
    }

    /// Margins of data move as the data do; a doubtful index makes doubtful what it can reach.
    func indexed(
        _ primitive: Primitive, _ operands: [Tracked], _ type: TensorType, in builder: GraphBuilder
    ) throws(GraphError) -> Tracked {
        var result = Tracked(type, try builder.add(primitive, operands.map(\.value)))
        let (data, indices) = Self.split(primitive, operands)
        if !data.allSatisfy({ operands[$0].isExact }) {
            var terms = operands.map(\.value)
            for index in data { terms[index] = try operands[index].margin() }
            let margin = try builder.add(primitive, terms)
            if result.isFloat { result.error = margin } else { result.doubt = margin }
        }
        for index in indices {
            guard let doubt = operands[index].doubt else { continue }
            if case .gather = primitive {
                // Only the slices of doubtful index vectors.
                let vectors = try doubt.reduce(.or, [doubt.rank - 1])
                result = try spoiled(result, where: vectors)
            } else {
                result = try spoiled(result, where: doubt.reduce(.or, Array(0..<doubt.rank)))
            }
        }
        return result
    }

    /// Which operands are data and which are indices.
    private static func split(_ primitive: Primitive, _ operands: [Tracked]) -> (data: [Int], indices: [Int]) {
        switch primitive {
        case .gather: ([0], [1])
        case .scatter: ([0, 2], [1])
        case .dynamicUpdateSlice: ([0, 1], Array(2..<operands.count))
        default: ([0], Array(1..<operands.count))
        }
    }

    func scattered(
        _ mode: ScatterMode, _ dimensions: [Int], _ operands: [Tracked], _ type: TensorType,
        in builder: GraphBuilder
    ) throws(GraphError) -> Tracked {
        let (x, indices, updates) = (operands[0], operands[1], operands[2])
        let primitive = Primitive.scatter(mode, dimensions: dimensions)
        let value = try builder.add(primitive, operands.map(\.value))
        var result = Tracked(type, value)
        if let format = limits.format(type.scalarType) {
            let u = format.unitRoundoff
            let ones = try updates.value.like(1)
            let steps = try x.value.like(0).scatter(.add, indices.value, ones, dimensions: dimensions)
            switch mode {
            case .add:
                let inherited = try x.errorTerm().scatter(
                    .add, indices.value, updates.errorTerm(), dimensions: dimensions)
                let size = try x.magnitude().scatter(
                    .add, indices.value, updates.magnitude(), dimensions: dimensions)
                result.error = try inherited + steps * size * (2 * u)
            case .multiply:
                let size = try x.magnitude().scatter(
                    .multiply, indices.value, updates.magnitude(), dimensions: dimensions)
                let exact = try x.finiteMagnitude().scatter(
                    .multiply, indices.value, updates.finiteMagnitude(), dimensions: dimensions)
                result.error = try (size - exact) + steps * (size * (2 * u) + format.smallestSubnormal)
            case .maximum, .minimum, .set:
                if !(x.isExact && updates.isExact) {
                    result.error = try x.errorTerm().scatter(
                        .maximum, indices.value, updates.errorTerm(), dimensions: dimensions)
                }
            }
        } else if !(x.isExact && updates.isExact) {
            result.doubt = try x.doubtTerm().convert(.int32).scatter(
                .maximum, indices.value, updates.doubtTerm().convert(.int32), dimensions: dimensions
            ).convert(.bool)
        }
        if let doubt = indices.doubt {
            result = try spoiled(result, where: doubt.reduce(.or, Array(0..<doubt.rank)))
        }
        return result
    }

    func contracted(
        _ dimensions: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType, _ operands: [Tracked],
        _ type: TensorType
    ) throws(GraphError) -> Tracked {
        let (x, y) = (operands[0], operands[1])
        guard x.isFloat, let format = limits.format(accumulation) else {
            let value = try x.value.dot(y.value, dimensions, accumulation: accumulation, result: result)
            guard x.doubt != nil || y.doubt != nil else { return Tracked(type, value) }
            let (a, b) = (try x.doubtTerm().convert(.int32), try y.doubtTerm().convert(.int32))
            let (ones, others) = (try a.like(1), try b.like(1))
            let doubts = try a.dot(others, dimensions) + ones.dot(b, dimensions)
            return Tracked(type, value, doubt: try doubts.compare(.notEqual, 0))
        }
        let value = try x.value.dot(y.value, dimensions)
        let k = try x.type.shape.extents().product(over: dimensions.leftContracting)
        let size = try x.magnitude().dot(y.magnitude(), dimensions)
        var inherited: Term?
        // Infinities count here: infinity times what may be zero is anything.
        if let error = x.error { inherited = try error.dot(y.value.abs() + y.errorTerm(), dimensions) }
        if let error = y.error { inherited = try sum(inherited, x.value.abs().dot(error, dimensions)) }
        // Narrower accumulation rounds the operands as well.
        let roundings =
            Double(k) + (limits.format(x.type.scalarType).map { $0.precision > format.precision } == true ? 2 : 0)
        return try accumulated(value, size, roundings, accumulation, format, inherited, type)
    }

    /// A sum of `terms` terms whose magnitudes sum to `size`, accumulated in `accumulation`, whose format is `format`,
    /// and rounded to `type`.
    private func accumulated(
        _ value: Term, _ size: Term, _ terms: Double, _ accumulation: ScalarType, _ format: FloatFormat,
        _ inherited: Term?, _ type: TensorType
    ) throws(GraphError) -> Tracked {
        var count = terms
        if limits.standIns[accumulation] == .pairs {
            // Products and sums of pairs are off by more than one rounding each.
            count = terms * limits.maximumULP(.add, accumulation) + limits.maximumULP(.multiply, accumulation)
        }
        var error = try size * (2 * count * format.unitRoundoff) + count * format.smallestSubnormal
        if limits.allowsFlushing(accumulation) { error = try error + count * format.flushingError }
        if let inherited { error = try error + inherited }
        let overflows = try size.compare(.greater, format.largest)
        error = try overflows.select(error.like(.infinity), error)
        return try finished(value, type, inherited: error, ulp: 0.5)
    }

    func reduced(
        _ kind: ReductionKind, _ dimensions: [Int], _ x: Tracked, _ type: TensorType
    ) throws(GraphError) -> Tracked {
        let value = try x.value.reduce(kind, dimensions)
        let accumulation = type.scalarType.accumulationType
        guard x.isFloat, let format = limits.format(accumulation) else {
            return Tracked(
                type, value,
                doubt: try x.doubt.transformed { (doubt) throws(GraphError) in
                    try doubt.reduce(.or, dimensions)
                })
        }
        let count = Double(try x.type.shape.extents().product(over: dimensions))
        switch kind {
        case .maximum, .minimum:
            return Tracked(
                type, value,
                error: try x.error.transformed { (error) throws(GraphError) in
                    // For none there is no error either.
                    try count == 0 ? value.like(0) : error.reduce(.maximum, dimensions)
                })
        case .sum:
            let inherited = try x.error.transformed { (error) throws(GraphError) in try error.reduce(.sum, dimensions) }
            return try accumulated(
                value, x.magnitude().reduce(.sum, dimensions), count, accumulation, format, inherited, type)
        case .product:
            let size = try x.magnitude().reduce(.product, dimensions)
            let exact = try x.finiteMagnitude().reduce(.product, dimensions)
            return try accumulated(
                value, size, count, accumulation, format, x.error == nil ? nil : size - exact, type)
        case .and, .or: return Tracked(type, value)
        }
    }

    func sorted(
        _ primitive: Primitive, _ x: Tracked, _ type: TensorType, in builder: GraphBuilder
    ) throws(GraphError) -> Tracked {
        let result = Tracked(type, try builder.add(primitive, [x.value]))
        let doubts = try either(
            x.doubt, x.error.transformed { (error) throws(GraphError) in try error.compare(.notEqual, 0) })
        guard let doubts else { return result }
        return try spoiled(result, where: doubts.reduce(.or, Array(0..<doubts.rank)))
    }
}

extension Array<Int> {
    /// The product of the elements at some positions, saturating.
    fileprivate func product(over positions: [Int]) -> Int {
        positions.reduce(1) { product, position in
            let (value, overflow) = product.multipliedReportingOverflow(by: self[position])
            return overflow ? Int.max : value
        }
    }
}
