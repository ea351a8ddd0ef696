// Heterodyne: recognizes layer and root-mean-square normalization.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Recognizer {
    /// A normalization with what was multiplied and added to it so far.
    private struct Normalized {
        var x: Value
        var axis: Int
        var epsilon: Double
        /// Whether the mean is subtracted.
        var isCentred: Bool
        var scale: Match.Operand?
        var bias: Match.Operand?
    }

    /// `(x - mean) / √(mean((x - mean)²) + ε) * scale + bias` and `x / √(mean(x²) + ε) * scale`, over the last
    /// dimensions; scale and bias may be absent.
    func normalization(_ value: Value) -> Match? {
        guard let found = normalized(value) else { return nil }
        let operands = [Match.Operand(found.x)] + [found.scale, found.bias].compactMap(\.self)
        if found.isCentred {
            return Match(
                composite: LayerNormalization(axis: found.axis, epsilon: found.epsilon), operands: operands)
        }
        guard found.bias == nil else { return nil }
        return Match(
            composite: RMSNormalization(axis: found.axis, epsilon: found.epsilon), operands: operands)
    }

    private func normalized(_ value: Value) -> Normalized? {
        if let found = scaledNormalization(value) { return found }
        if let (a, b) = operands(value, of: .add) {
            for (inner, addend) in [(a, b), (b, a)] {
                guard isPrivate(inner), var found = scaledNormalization(inner), found.isCentred, found.scale != nil,
                    let bias = trailing(addend, from: found.axis)
                else { continue }
                found.bias = bias
                return found
            }
        }
        return nil
    }

    /// A normalization without bias.
    private func scaledNormalization(_ value: Value) -> Normalized? {
        if let plain = standardized(value) { return plain }
        guard let (a, b) = operands(value, of: .multiply) else { return nil }
        for (inner, factor) in [(a, b), (b, a)] {
            guard var found = standardized(inner), let scale = trailing(factor, from: found.axis) else { continue }
            found.scale = scale
            return found
        }
        return nil
    }

    /// A value that is the same along the dimensions before `axis`, without these.
    private func trailing(_ value: Value, from axis: Int) -> Match.Operand? {
        let full = shape(value)
        let inner = Shape(Array(full.dimensions[axis...]))
        if full.dimensions[..<axis].allSatisfy({ $0 == 1 }) {
            var operand = Match.Operand(value)
            operand.shape = inner
            return operand
        }
        guard case .broadcast(_, let dimensions) = primitive(value) else { return nil }
        let source = node(value).operands[0]
        let kept = shape(source)
        guard zip(dimensions, dimensions.dropFirst()).allSatisfy({ $0 < $1 }),
            dimensions.indices.allSatisfy({ dimensions[$0] >= axis || kept[$0] == 1 })
        else { return nil }
        // Aligned with the last dimensions.
        var aligned = Shape(Array(repeating: 1, count: inner.rank))
        for (index, dimension) in dimensions.enumerated() where dimension >= axis {
            aligned.dimensions[dimension - axis] = kept[index]
        }
        var operand = Match.Operand(source)
        operand.shape = aligned
        return operand
    }

    /// A normalization without scale and bias.
    private func standardized(_ value: Value) -> Normalized? {
        let (numerator, inverse): (Value, Value)
        var isInverse = false
        if let (a, b) = operands(value, of: .divide) {
            (numerator, inverse) = (a, b)
        } else if let (a, b) = operands(value, of: .multiply) {
            // The side that is repeated along the rows is the factor.
            (numerator, inverse) = root(b, isInverse: true) != nil ? (a, b) : (b, a)
            isInverse = true
        } else {
            return nil
        }
        guard let root = root(inverse, isInverse: isInverse), root.epsilon > 0, root.epsilon.isFinite,
            type(numerator) == type(value)
        else { return nil }
        let axis = shape(value).rank - root.reduced
        let normalized = Normalized(
            x: numerator, axis: axis, epsilon: root.epsilon, isCentred: false)
        // The variance of centred values, or the mean of squares.
        if let x = centred(numerator, root.reduced) {
            guard root.squared == numerator || centred(root.squared, root.reduced) == x else { return nil }
            var result = normalized
            result.x = x
            result.isCentred = true
            return result
        }
        return root.squared == numerator ? normalized : nil
    }

    /// `x` of `x - mean(x)`, the mean over the last `reduced` dimensions.
    private func centred(_ value: Value, _ reduced: Int) -> Value? {
        guard let (x, repeated) = operands(value, of: .subtract),
            row(repeated, reduced: reduced, { mean($0) }) == x
        else { return nil }
        return x
    }

    private struct Root {
        /// What is squared.
        var squared: Value
        var epsilon: Double
        /// How many dimensions, the last ones, the mean is over.
        var reduced: Int
    }

    /// `√(mean(y²) + ε)`, or its inverse, repeated along the dimensions of the mean.
    private func root(_ value: Value, isInverse: Bool) -> Root? {
        var current = value
        var (sawInverse, sawRoot) = (false, false)
        var epsilon: Double?
        // From the result inwards; movements may stand anywhere between the steps.
        for _ in 0..<12 {
            if let inner = unrepeated(current) {
                current = inner
            } else if !sawInverse, !sawRoot, isInverse, let (one, x) = operands(current, of: .divide), isSplat(one, 1) {
                (current, sawInverse) = (x, true)
            } else if !sawRoot, isInverse == sawInverse, let x = operand(current, of: .sqrt) {
                (current, sawRoot) = (x, true)
            } else if !sawRoot, isInverse, !sawInverse, let (x, power) = operands(current, of: .power),
                splat(power) == -0.5
            {
                (current, sawInverse, sawRoot) = (x, true, true)
            } else if sawRoot, epsilon == nil, let (a, b) = operands(current, of: .add), let number = splat(b) {
                (current, epsilon) = (a, number)
            } else if sawRoot, epsilon == nil, let (a, b) = operands(current, of: .add), let number = splat(a) {
                (current, epsilon) = (b, number)
            } else {
                break
            }
        }
        guard sawRoot, isInverse == sawInverse, let epsilon, let (square, dimensions) = mean(current) else {
            return nil
        }
        let rank = shape(square).rank
        let reduced = dimensions.count
        guard reduced > 0, dimensions.sorted() == Array(rank - reduced..<rank), shape(square) == shape(value),
            isRepeated(value, from: current, reduced: reduced), let base = base(ofSquare: square)
        else { return nil }
        return Root(squared: base, epsilon: epsilon, reduced: reduced)
    }

    /// `y` of `y * y` or `y ^ 2`.
    private func base(ofSquare value: Value) -> Value? {
        if let (a, b) = operands(value, of: .multiply), a == b { return a }
        if let (base, exponent) = operands(value, of: .power), splat(exponent) == 2 { return base }
        return nil
    }

    /// The operand and the dimensions of a mean: as a composite, or as a sum times the inverse of a count.
    private func mean(_ value: Value) -> (operand: Value, dimensions: [Int])? {
        if let composite = composite(value, as: ReduceMean.self) {
            let x = node(value).operands[0]
            let rank = shape(x).rank
            return (x, composite.axes.map { $0 < 0 ? $0 + rank : $0 })
        }
        guard let (sum, factor) = scaled(value), case .reduce(.sum, let dimensions) = primitive(skippingUnits(sum))
        else { return nil }
        let x = node(skippingUnits(sum)).operands[0]
        let count = dimensions.reduce(1.0) { $0 * Double(shape(x)[$1].fixedValue ?? 0) }
        return count > 0 && Self.isNear(factor, 1 / count) ? (x, dimensions) : nil
    }
}

// MARK: - Rows

extension Recognizer {
    /// The value before reshapes that only add or drop dimensions of extent 1.
    func skippingUnits(_ value: Value) -> Value {
        var current = value
        for _ in 0..<4 {
            guard case .reshape = primitive(current) else { break }
            let inner = node(current).operands[0]
            guard shape(inner).withoutUnits == shape(current).withoutUnits else { break }
            current = inner
        }
        return current
    }

    /// The operand of a reshape that only adds or drops dimensions of extent 1, or of a broadcast.
    func unrepeated(_ value: Value) -> Value? {
        switch primitive(value) {
        case .broadcast: return node(value).operands[0]
        case .reshape:
            let inner = node(value).operands[0]
            return shape(inner).withoutUnits == shape(value).withoutUnits ? inner : nil
        default: return nil
        }
    }

    /// The operand of a reduction of the last `reduced` dimensions, whose result `value` repeats along them.
    /// `reduction` says what counts as one.
    func row(
        _ value: Value, reduced: Int, _ reduction: (Value) -> (operand: Value, dimensions: [Int])?
    ) -> Value? {
        var current = value
        for _ in 0..<8 { current = unrepeated(current) ?? current }
        guard let (operand, dimensions) = reduction(current), shape(operand) == shape(value),
            dimensions.sorted() == Array(shape(operand).rank - reduced..<shape(operand).rank),
            isRepeated(value, from: current, reduced: reduced)
        else { return nil }
        return operand
    }

    /// Whether `value` is made from `reduction`, by elementwise steps and by movements, such that the elements along the
    /// last `reduced` dimensions are all equal and the others stand where they stood.
    func isRepeated(_ value: Value, from reduction: Value, reduced: Int) -> Bool {
        let full = shape(value)
        let outer = Shape(Array(full.dimensions.dropLast(reduced)))
        var current = value
        while current != reduction {
            switch primitive(current) {
            case .broadcast(let target, let dimensions):
                // Every dimension that counts goes to its own place, in order; what is repeated are the last ones.
                let source = shape(node(current).operands[0])
                guard zip(dimensions, dimensions.dropFirst()).allSatisfy({ $0 < $1 }),
                    source.withoutUnits == outer.withoutUnits,
                    target == full || target.withoutUnits == outer.withoutUnits
                else { return false }
                for (index, dimension) in dimensions.enumerated() where source[index] != 1 {
                    guard source[index] == target[dimension], target != full || dimension < outer.rank else {
                        return false
                    }
                }
                current = node(current).operands[0]
            case .reshape:
                let inner = node(current).operands[0]
                guard shape(inner).withoutUnits == shape(current).withoutUnits else { return false }
                current = inner
            case .unary: current = node(current).operands[0]
            case .binary:
                let operands = node(current).operands
                guard let next = operands.first(where: { splat($0) == nil }) else { return false }
                current = next
            default: return false
            }
        }
        return shape(current).withoutUnits == outer.withoutUnits
    }
}

extension Shape {
    /// The extents other than 1.
    fileprivate var withoutUnits: [Extent] { dimensions.filter { $0 != 1 } }
}
