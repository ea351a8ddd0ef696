// Heterodyne: recognizes attention.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Recognizer {
    /// The scores of an attention, before the softmax.
    private struct Scores {
        var queries: Match.Operand
        var keys: Match.Operand
        var scale = 1.0
        var softcap: Double?
        var mask: Match.Operand?
        /// Dimensions in front of the queries: batch and heads, or one that counts both.
        var batchRank: Int
    }

    /// `softmax(cap(q kᵀ * scale) + mask) v` over operands with one or two dimensions in front.
    func attention(_ value: Value) -> Match? {
        guard case .dot(let dimensions, _, let result) = primitive(value) else { return nil }
        let (weights, values) = (node(value).operands[0], node(value).operands[1])
        guard result == type(weights).scalarType, result == type(values).scalarType,
            let v = matrices(values, dimensions.rightBatch, dimensions.rightContracting, contractedLast: false),
            dimensions.leftBatch == Array(0..<shape(weights).rank - 2),
            dimensions.leftContracting == [shape(weights).rank - 1],
            let scores = softmaxOperand(unguarded(widened(weights))),
            let found = self.scores(scores, needing: type(weights).scalarType)
        else { return nil }
        guard found.batchRank == dimensions.leftBatch.count else { return nil }
        var operands = [found.queries, found.keys, v]
        // One dimension in front is that of the heads.
        if found.batchRank == 1 {
            for index in operands.indices { operands[index].shape = Shape([1] + permuted(operands[index]).dimensions) }
        }
        if let mask = found.mask { operands.append(mask) }
        return Match(composite: Attention(scale: found.scale, softcap: found.softcap), operands: operands)
    }

    private func permuted(_ operand: Match.Operand) -> Shape {
        let shape = shape(operand.value)
        return operand.permutation.map { Shape($0.map { shape[$0] }) } ?? shape
    }

    /// An operand of a product as matrices behind its batch dimensions; nil where it is not one matrix each.
    private func matrices(
        _ value: Value, _ batch: [Int], _ contracting: [Int], contractedLast: Bool
    ) -> Match.Operand? {
        let rank = shape(value).rank
        let free = (0..<rank).filter { !batch.contains($0) && !contracting.contains($0) }
        guard (1...2).contains(batch.count), contracting.count == 1, free.count == 1 else { return nil }
        var operand = Match.Operand(value)
        operand.permutation = batch + (contractedLast ? free + contracting : contracting + free)
        return operand
    }

    /// The value before a conversion to or from the type in which narrow floats are computed.
    private func widened(_ value: Value) -> Value {
        guard case .convert = primitive(value) else { return value }
        let inner = node(value).operands[0]
        let types = Set([type(value).scalarType, type(inner).scalarType])
        return types == [.float16, .float32] || types == [.bfloat16, .float32] ? inner : value
    }

    /// The weights before their NaN, which stand where a query sees no key, are replaced by zero.
    private func unguarded(_ value: Value) -> Value {
        guard case .select = primitive(value) else { return value }
        let (condition, weights) = (node(value).operands[0], node(value).operands[2])
        guard splat(node(value).operands[1]) == 0 else { return value }
        if composite(condition, as: IsNaN.self) != nil, node(condition).operands[0] == weights { return weights }
        guard case .compare(.notEqual) = primitive(condition), node(condition).operands == [weights, weights] else {
            return value
        }
        return weights
    }

    private func softmaxOperand(_ value: Value) -> Value? {
        if let softmax = composite(value, as: Softmax.self) {
            guard softmax.axis == -1 || softmax.axis == shape(value).rank - 1 else { return nil }
            return node(value).operands[0]
        }
        return softmax(value)?.operands.first?.value
    }

    // MARK: - Scores

    /// From the scores inwards: a mask, then a cap, then factors, then the product.
    private func scores(_ value: Value, needing type: ScalarType) -> Scores? {
        let value = widened(value)
        if let found = capped(value, type) { return found }
        if let (a, b) = operands(value, of: .add) {
            for (inner, added) in [(a, b), (b, a)] {
                guard var found = capped(inner, type), let mask = mask(added, found.batchRank) else { continue }
                found.mask = mask
                return found
            }
        }
        if case .select = primitive(value) {
            let operands = node(value).operands
            guard var found = capped(operands[1], type), let hidden = splat(operands[2]),
                var mask = mask(operands[0], found.batchRank)
            else { return nil }
            // What is added must leave nothing of the score, and then is the same as what is put in its place.
            let scalarType = self.type(value).scalarType
            let swallows = hidden <= -1e30 && (scalarType == .float32 || scalarType == .float64)
            guard hidden == -.infinity || swallows else { return nil }
            if hidden.isFinite { mask.penalty = (hidden, scalarType) }
            found.mask = mask
            return found
        }
        return nil
    }

    /// `softcap * tanh(scores / softcap)`, or scores without a cap.
    private func capped(_ value: Value, _ type: ScalarType) -> Scores? {
        if let plain = product(value, type) { return plain }
        guard let (bounded, cap) = scaled(value), cap > 0, cap.isFinite, let argument = operand(bounded, of: .tanh),
            let (inner, factor) = scaled(argument), Self.isNear(factor * cap, 1), var found = product(inner, type)
        else { return nil }
        found.softcap = cap
        return found
    }

    /// `q kᵀ` with factors before and after it.
    private func product(_ value: Value, _ type: ScalarType) -> Scores? {
        var (current, scale) = (value, 1.0)
        for _ in 0..<3 {
            current = widened(current)
            guard let (operand, factor) = scaled(current) else { break }
            (current, scale) = (operand, scale * factor)
        }
        guard case .dot(let dimensions, _, let result) = primitive(current) else { return nil }
        var operands = node(current).operands
        for index in operands.indices {
            guard let (operand, factor) = scaled(operands[index]), self.type(operand) == self.type(operands[index])
            else { continue }
            (operands[index], scale) = (operand, scale * factor)
        }
        guard result == type || result == .float32, operands.allSatisfy({ self.type($0).scalarType == type }),
            scale.isFinite,
            let queries = matrices(
                operands[0], dimensions.leftBatch, dimensions.leftContracting, contractedLast: true),
            let keys = matrices(
                operands[1], dimensions.rightBatch, dimensions.rightContracting, contractedLast: true)
        else { return nil }
        return Scores(
            queries: queries, keys: keys, scale: scale, batchRank: dimensions.leftBatch.count)
    }

    /// A mask of the scores' shape, with extent 1 along the dimensions that it is repeated along; rank 4.
    private func mask(_ value: Value, _ batchRank: Int) -> Match.Operand? {
        let full = shape(value)
        guard full.rank == batchRank + 2 else { return nil }
        let leading = [Extent](repeating: 1, count: 2 - batchRank)
        var operand = Match.Operand(value)
        operand.shape = Shape(leading + full.dimensions)
        guard case .broadcast(_, let dimensions) = primitive(value),
            zip(dimensions, dimensions.dropFirst()).allSatisfy({ $0 < $1 })
        else { return operand }
        let source = node(value).operands[0]
        var aligned = [Extent](repeating: 1, count: full.rank)
        for (index, dimension) in dimensions.enumerated() { aligned[dimension] = shape(source)[index] }
        operand = Match.Operand(source)
        operand.shape = Shape(leading + aligned)
        return operand
    }
}
