// Heterodyne: derivatives of values of a graph under construction.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Reverse-mode differentiation: the computation of a value is walked from its end to its start, and every node adds its
/// share to the derivatives with respect to its operands.
struct Differentiation {
    private let facts: BuilderFacts
    private var derivatives: [Value: Term] = [:]

    private var builder: GraphBuilder { facts.builder }

    private init(_ facts: BuilderFacts) { self.facts = facts }

    /// The derivatives of the sum of `y` with respect to the first `count` of `places`, where all of these have the values
    /// `points`. Throws `unsupported` where `y` does not depend on one of them, or where a node on the way has no
    /// derivative.
    static func derivatives(
        of y: Term, by count: Int, _ places: [Term], at points: [Term], _ facts: BuilderFacts
    ) throws(GraphError) -> [Term] {
        var pass = Differentiation(facts)
        let result = try pass.decomposed(y, places, points)
        let stops = Set(points.map(\.value))
        let roots = Set(points.prefix(count).map(\.value))
        // Nodes between the points and the result, in order.
        let order = pass.facts.ancestors(
            of: [result.value], stoppingAt: Dictionary(uniqueKeysWithValues: stops.map { ($0, $0) }))
        var isActive = Set(roots.map { Int($0.node) })
        for node in order where pass.builder.nodes[node].operands.contains(where: { isActive.contains(Int($0.node)) }) {
            isActive.insert(node)
        }
        pass.derivatives[result.value] = try result.like(1)
        for node in order.reversed() where isActive.contains(node) && !roots.contains(Value(node: node)) {
            try pass.visit(node, isActive)
        }
        var results: [Term] = []
        for point in points.prefix(count) {
            guard let derivative = pass.derivatives[point.value] else {
                throw GraphError(.unsupported, "the differentiated value does not depend on all of the others")
            }
            results.append(derivative)
        }
        return results
    }

    /// `y` in primitives only, with `points` in place of `xs`.
    private func decomposed(_ y: Term, _ xs: [Term], _ points: [Term]) throws(GraphError) -> Term {
        var given: [Value: Value] = [:]
        for (x, point) in zip(xs, points) { given[x.value] = point.value }
        var result = given[y.value] ?? y.value
        var mapped = given
        // What a composite decomposes into may hold composites again.
        for _ in 0..<64 {
            var isDone = true
            for node in facts.ancestors(of: [result], stoppingAt: mapped) {
                let operation = builder.nodes[node].operation
                if case .parameter = operation { continue }
                let operands = builder.nodes[node].operands.map { Term(builder, mapped[$0] ?? $0) }
                let outputs: [Term]
                if case .composite(let composite) = operation {
                    isDone = false
                    outputs = try composite.decompose(operands, in: builder)
                } else {
                    outputs = try builder.addAll(operation, operands)
                }
                for (index, output) in outputs.enumerated() { mapped[Value(node: node, result: index)] = output.value }
            }
            result = mapped[result] ?? result
            if isDone { return Term(builder, result) }
            mapped = Dictionary(points.map { ($0.value, $0.value) }, uniquingKeysWith: { first, _ in first })
        }
        throw GraphError(.unsupported, "composites nest too deeply to be differentiated")
    }

    private mutating func add(_ share: Term, to operand: Term, _ isActive: Set<Int>) throws(GraphError) {
        guard isActive.contains(Int(operand.value.node)) else { return }
        if let before = derivatives[operand.value] {
            derivatives[operand.value] = try before + share
        } else {
            derivatives[operand.value] = share
        }
    }

    private mutating func visit(_ index: Int, _ isActive: Set<Int>) throws(GraphError) {
        let node = builder.nodes[index]
        let result = Term(builder, Value(node: index))
        guard node.resultTypes.count == 1, case .primitive(let primitive) = node.operation,
            let derivative = derivatives[result.value]
        else {
            // Without derivative the node does not touch the result, unless it has several results.
            guard node.resultTypes.count == 1 else { throw Self.missing(node.operation.name) }
            return
        }
        let operands = node.operands.map { Term(builder, $0) }
        for (operand, share) in zip(operands, try shares(primitive, operands, result, derivative)) {
            if let share { try add(share, to: operand, isActive) }
        }
    }

    private static func missing(_ name: String) -> GraphError {
        GraphError(.unsupported, "the derivative of '\(name)' is not known")
    }

    /// What each operand of a primitive gets; nil for operands that have no derivative, such as indices.
    private func shares(
        _ primitive: Primitive, _ operands: [Term], _ result: Term, _ d: Term
    ) throws(GraphError) -> [Term?] {
        switch primitive {
        case .constant, .iota, .compare: return operands.map { _ in nil }
        case .unary(let op): return [try unary(op, operands[0], result, d)]
        case .binary(let op): return try binary(op, operands[0], operands[1], result, d)
        case .convert:
            return [operands[0].scalarType.isFloatingPoint ? try d.convert(operands[0].scalarType) : nil]
        case .select:
            let zero = try d.like(0)
            return [nil, try operands[0].select(d, zero), try operands[0].select(zero, d)]
        case .reshape: return [try d.reshape(operands[0].shape)]
        case .transpose(let permutation):
            var inverse = permutation
            for (position, dimension) in permutation.enumerated() { inverse[dimension] = position }
            return [try d.transpose(inverse)]
        case .broadcast(let shape, let dimensions):
            let x = operands[0]
            let repeated = (0..<shape.rank).filter { dimension in
                guard let own = dimensions.firstIndex(of: dimension) else { return true }
                return x.shape[own] != shape[dimension]
            }
            return [try d.reduce(.sum, repeated).reshape(x.shape)]
        case .reverse(let dimensions): return [try d.reverse(dimensions)]
        case .concatenate(let dimension):
            var start = 0
            var parts: [Term?] = []
            for operand in operands {
                let extent = try operand.extents()[dimension]
                parts.append(try d.slice(dimension: dimension, from: .fixed(start), to: .fixed(start + extent)))
                start += extent
            }
            return parts
        case .slice(let starts, _, let strides):
            let (whole, part) = (try operands[0].extents(), try d.extents())
            let low = try Shape(starts).extents()
            var high: [Int] = []
            for axis in whole.indices {
                let covered = part[axis] == 0 ? 0 : (part[axis] - 1) * strides[axis] + 1
                high.append(whole[axis] - low[axis] - covered)
            }
            return [try d.pad(0, low: low, high: high, interior: strides.map { $0 - 1 })]
        case .pad(let low, _, let interior):
            let starts = try Shape(low).extents()
            let extents = try operands[0].extents()
            guard starts.allSatisfy({ $0 >= 0 }) else { throw Self.missing(primitive.code.name) }
            var limits: [Int] = []
            for axis in extents.indices {
                let covered = extents[axis] == 0 ? 0 : (extents[axis] - 1) * (interior[axis] + 1) + 1
                limits.append(starts[axis] + covered)
            }
            guard zip(limits, try d.extents()).allSatisfy({ $0 <= $1 }) else {
                throw Self.missing(primitive.code.name)
            }
            // The padding itself would get the rest; it is a constant in models.
            return [try d.slice(starts, limits, strides: interior.map { $0 + 1 }), nil]
        case .gather(let dimensions):
            return [try operands[0].like(0).scatter(.add, operands[1], d, dimensions: dimensions), nil]
        case .dot(let dimensions, _, _): return try dot(dimensions, operands[0], operands[1], d)
        case .reduce(let kind, let dimensions): return [try reduce(kind, dimensions, operands[0], result, d)]
        case .bitcast, .scatter, .dynamicSlice, .dynamicUpdateSlice, .sort, .conditional, .loop:
            throw Self.missing(primitive.code.name)
        }
    }

    private func unary(_ op: UnaryOperator, _ x: Term, _ y: Term, _ d: Term) throws(GraphError) -> Term {
        switch op {
        case .negate: return try d.negate()
        case .abs:
            let zero = try d.like(0)
            let negative = try x.compare(.less, 0).select(d.negate(), zero)
            return try x.compare(.greater, 0).select(d, negative)
        case .floor: return try d.like(0)
        case .exp: return try d * y
        case .log: return try d / x
        case .sqrt: return try d / (y * 2)
        case .sin: return try d * x.cos()
        case .cos: return try d * x.sin().negate()
        case .tanh: return try d * (1 - y * y)
        }
    }

    private func binary(
        _ op: BinaryOperator, _ a: Term, _ b: Term, _ y: Term, _ d: Term
    ) throws(GraphError) -> [Term?] {
        let zero = try d.like(0)
        switch op {
        case .add: return [d, d]
        case .subtract: return [d, try d.negate()]
        case .multiply: return [try d * b, try d * a]
        case .divide: return [try d / b, try (d * y / b).negate()]
        case .power:
            let logarithm = try a.compare(.greater, 0).select(a.log(), zero)
            return [try d * b * a.power(b - 1), try d * y * logarithm]
        case .maximum, .minimum:
            // Of equal operands each gets half.
            let half = try d * 0.5
            let isFirst = try a.compare(op == .maximum ? .greater : .less, b)
            let isEqual = try a.compare(.equal, b)
            return [
                try isEqual.select(half, isFirst.select(d, zero)), try isEqual.select(half, isFirst.select(zero, d)),
            ]
        case .remainder, .and, .or, .xor, .shiftLeft, .shiftRight: throw Self.missing(op.rawValue)
        }
    }

    private func reduce(
        _ kind: ReductionKind, _ dimensions: [Int], _ x: Term, _ y: Term, _ d: Term
    ) throws(GraphError) -> Term {
        let kept = (0..<x.rank).filter { !dimensions.contains($0) }
        let spread = try d.broadcast(x.shape, dimensions: kept)
        switch kind {
        case .sum: return spread
        case .maximum, .minimum:
            // Of several extreme elements each gets an equal part.
            let isExtreme = try x.compare(.equal, y.broadcast(x.shape, dimensions: kept))
            let marks = try isExtreme.select(x.like(1), x.like(0))
            let count = try marks.reduce(.sum, dimensions).broadcast(x.shape, dimensions: kept)
            return try spread * marks / count
        case .product, .and, .or: throw Self.missing("reduce \(kind.rawValue)")
        }
    }

    /// For `y = a b` with batch dimensions and free dimensions in front: `da = dy b^T`, `db = a^T dy`, each then brought
    /// into its operand's order of dimensions.
    private func dot(
        _ dimensions: DotDimensions, _ a: Term, _ b: Term, _ d: Term
    ) throws(GraphError) -> [Term?] {
        let batch = dimensions.leftBatch.count
        let leftFree = dimensions.leftFree(rank: a.rank)
        let rightFree = dimensions.rightFree(rank: b.rank)
        let leading = Array(0..<batch)
        let leftPart = Array(batch..<batch + leftFree.count)
        let rightPart = Array(batch + leftFree.count..<d.rank)
        // Batch, left free, right contracting in the order in which `dot` leaves b's other dimensions.
        let fromLeft = try d.dot(
            b,
            DotDimensions(
                leftBatch: leading, rightBatch: dimensions.rightBatch, leftContracting: rightPart,
                rightContracting: rightFree), result: a.scalarType)
        let contractedOfRight = dimensions.rightContracting.sorted()
        var left = [Int](repeating: 0, count: a.rank)
        for (position, dimension) in dimensions.leftBatch.enumerated() { left[dimension] = position }
        for (position, dimension) in leftFree.enumerated() { left[dimension] = batch + position }
        for (pair, dimension) in dimensions.leftContracting.enumerated() {
            let position = contractedOfRight.firstIndex(of: dimensions.rightContracting[pair]) ?? 0
            left[dimension] = batch + leftFree.count + position
        }
        // Batch, left contracting, right free.
        let fromRight = try a.dot(
            d,
            DotDimensions(
                leftBatch: dimensions.leftBatch, rightBatch: leading, leftContracting: leftFree,
                rightContracting: leftPart), result: b.scalarType)
        let contractedOfLeft = dimensions.leftContracting.sorted()
        var right = [Int](repeating: 0, count: b.rank)
        for (position, dimension) in dimensions.rightBatch.enumerated() { right[dimension] = position }
        for (pair, dimension) in dimensions.rightContracting.enumerated() {
            right[dimension] = batch + (contractedOfLeft.firstIndex(of: dimensions.leftContracting[pair]) ?? 0)
        }
        for (position, dimension) in rightFree.enumerated() {
            right[dimension] = batch + contractedOfLeft.count + position
        }
        return [try fromLeft.transpose(left), try fromRight.transpose(right)]
    }
}
