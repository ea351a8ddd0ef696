// Heterodyne: what is known of a primitive's results, given what is known of its operands.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension Primitive {
    /// What is known of the elements of the only result, for operands of which `ranges` are known: nil where nothing
    /// is. Integers that may leave their type wrap, so that everything the type holds is possible.
    func range(_ ranges: [NumberRange?], _ types: [TensorType], result: TensorType) -> NumberRange? {
        let type = result.scalarType
        return exactRange(ranges, types, result)?.held(by: type) ?? NumberRange(every: type)
    }

    /// The range of the results without wrapping and rounding.
    private func exactRange(
        _ ranges: [NumberRange?], _ types: [TensorType], _ result: TensorType
    ) -> NumberRange? {
        switch self {
        case .constant(let literal): return NumberRange(literal)
        case .iota(let type, let dimension):
            guard let extent = type.shape[dimension].fixedValue else { return nil }
            return NumberRange(0, Int128(max(extent - 1, 0)))
        case .convert(let type): return Self.converted(ranges[0], to: type)
        case .bitcast(let type):
            // A sign is read as a power of two and the other way round.
            guard let range = ranges[0], type.isInteger, types[0].scalarType.isInteger, range.low >= 0 else {
                return nil
            }
            return range.fits(type) ? range : nil
        case .unary(let op): return Self.unary(op, ranges[0])
        case .binary(let op):
            guard let x = ranges[0], let y = ranges[1] else { return nil }
            return result.scalarType.isFloatingPoint
                ? Self.floatBinary(op, x, y) : Self.integerBinary(op, x, y, result.scalarType)
        case .compare: return NumberRange(0, 1)
        case .select: return Self.union(ranges[1], ranges[2])
        case .reshape, .transpose, .broadcast, .slice, .reverse, .gather, .dynamicSlice: return ranges[0]
        case .pad, .dynamicUpdateSlice: return Self.union(ranges[0], ranges[1])
        case .concatenate:
            return ranges.dropFirst().reduce(ranges[0]) { Self.union($0, $1) }
        case .scatter(let mode, _): return Self.scattered(mode, ranges, types)
        case .dot(let dot, let accumulation, _):
            guard let x = ranges[0], let y = ranges[1], let product = x.multiplied(by: y) else { return nil }
            var count = 1
            for d in dot.leftContracting {
                let (next, overflow) = count.multipliedReportingOverflow(by: types[0].shape[d].fixedValue ?? .max)
                if overflow { return nil }
                count = next
            }
            return product.summed(count)?.held(by: accumulation)
        case .reduce(let kind, let dimensions): return Self.reduced(kind, dimensions, ranges[0], types[0])
        case .sort(let dimension, _, _):
            guard let extent = types[0].shape[dimension].fixedValue else { return nil }
            return NumberRange(0, Int128(max(extent - 1, 0)))
        case .conditional, .loop: return nil
        }
    }

    private static func union(_ a: NumberRange?, _ b: NumberRange?) -> NumberRange? {
        guard let a, let b else { return nil }
        return a.union(b)
    }

    private static func converted(_ range: NumberRange?, to type: ScalarType) -> NumberRange? {
        guard let range, let every = NumberRange(every: type), type != .bool else { return type == .bool ? nil : range }
        if range.scale == 0 { return range }
        // From floats: toward zero, saturating.
        guard let whole = range.truncated() else { return nil }
        return NumberRange(
            min(max(whole.low, every.low), every.high), max(min(whole.high, every.high), every.low))
    }

    private static func unary(_ op: UnaryOperator, _ x: NumberRange?) -> NumberRange? {
        switch op {
        case .negate: x?.negated()
        case .abs: x?.absolute()
        case .floor: x?.floored()
        case .exp, .log, .sqrt, .sin, .cos, .tanh: nil
        }
    }

    private static func floatBinary(_ op: BinaryOperator, _ x: NumberRange, _ y: NumberRange) -> NumberRange? {
        switch op {
        case .add: return x.adding(y)
        case .subtract: return x.subtracting(y)
        case .multiply: return x.multiplied(by: y)
        case .maximum: return x.maximum(y)
        case .minimum: return x.minimum(y)
        case .remainder:
            // A number by zero is NaN. Else the result is a multiple of what both are multiples of, nearer to zero
            // than both and with the sign of x.
            guard !y.allowsZero, let whole = x.union(y), let zero = NumberRange(0, 0, scale: whole.scale).union(x),
                let limit = y.absolute()?.union(NumberRange(0, 0, scale: whole.scale))
            else { return nil }
            return NumberRange(max(zero.low, -limit.high), min(zero.high, limit.high), scale: whole.scale)
        case .divide, .power, .and, .or, .xor, .shiftLeft, .shiftRight: return nil
        }
    }

    private static func integerBinary(
        _ op: BinaryOperator, _ x: NumberRange, _ y: NumberRange, _ type: ScalarType
    ) -> NumberRange? {
        switch op {
        case .add: return x.adding(y)
        case .subtract: return x.subtracting(y)
        case .multiply: return x.multiplied(by: y)
        case .maximum: return x.maximum(y)
        case .minimum: return x.minimum(y)
        case .divide:
            // By zero all bits are set: -1, or the greatest number of a type without sign.
            if y.allowsZero && !type.isSignedInteger { return nil }
            var ends: [Int128] = y.allowsZero ? [-1] : []
            for divisor in [y.low, y.high, -1, 1] where divisor != 0 && divisor >= y.low && divisor <= y.high {
                ends += [x.low / divisor, x.high / divisor]
            }
            // Between its ends the quotient passes through zero where x does or the divisor grows.
            if x.allowsZero || y.low != y.high { ends.append(0) }
            guard let low = ends.min(), let high = ends.max() else { return nil }
            return NumberRange(low, high)
        case .remainder:
            // Nearer to zero than the divisor is, with the sign of x; by zero it is x.
            let limit = y.allowsZero ? x.magnitude : y.magnitude - 1
            return NumberRange(max(min(x.low, 0), -limit), min(max(x.high, 0), limit))
        case .power: return power(x, y)
        case .and:
            if x.low >= 0 && y.low >= 0 { return NumberRange(0, min(x.high, y.high)) }
            if x.low >= 0 { return NumberRange(0, x.high) }
            if y.low >= 0 { return NumberRange(0, y.high) }
            return signExtended(x, y)
        case .or, .xor: return signExtended(x, y)
        case .shiftLeft:
            // Amounts out of range give zero.
            guard y.high >= 0 else { return NumberRange(0, 0) }
            let most = min(y.high, Int128(type.bitWidth - 1))
            return x.multiplied(by: NumberRange(0, 1 << most))
        case .shiftRight:
            // Amounts out of range leave the fill alone.
            let least = y.low < 0 ? 0 : min(y.low, 127)
            return NumberRange(x.low < 0 ? x.low >> least : 0, x.high < 0 ? -1 : x.high >> least)
        }
    }

    /// A non-negative exponent that is known, or nothing.
    private static func power(_ x: NumberRange, _ y: NumberRange) -> NumberRange? {
        guard y.low >= 0, y.high <= 64 else { return nil }
        var greatest: Int128 = 1
        for _ in 0..<Int(y.high) {
            let (next, overflow) = greatest.multipliedReportingOverflow(by: x.magnitude)
            if overflow { return nil }
            greatest = max(next, greatest)
        }
        return NumberRange(x.low < 0 ? -greatest : 0, greatest)
    }

    /// The numbers with as many bits as the longer of both.
    private static func signExtended(_ x: NumberRange, _ y: NumberRange) -> NumberRange? {
        var bits = 0
        for end in [x.low, x.high, y.low, y.high] {
            bits = max(bits, 128 - (end < 0 ? ~end : end).leadingZeroBitCount)
        }
        guard bits < 120 else { return nil }
        let limit: Int128 = 1 << Int128(bits)
        return NumberRange(x.low < 0 || y.low < 0 ? -limit : 0, limit - 1)
    }

    private static func scattered(
        _ mode: ScatterMode, _ ranges: [NumberRange?], _ types: [TensorType]
    ) -> NumberRange? {
        guard let x = ranges[0], let updates = ranges[2] else { return nil }
        switch mode {
        case .set, .maximum, .minimum: return x.union(updates)
        case .add:
            guard let extents = types[1].shape.fixedExtents, !extents.contains(0) else { return x }
            // As many updates as there are index vectors may meet in one place.
            var count = 1
            for extent in extents.dropLast() {
                let (next, overflow) = count.multipliedReportingOverflow(by: extent)
                if overflow { return nil }
                count = next
            }
            return updates.summed(count).flatMap(x.adding)
        case .multiply: return nil
        }
    }

    private static func reduced(
        _ kind: ReductionKind, _ dimensions: [Int], _ x: NumberRange?, _ type: TensorType
    ) -> NumberRange? {
        var count = 1
        for d in dimensions {
            let (next, overflow) = count.multipliedReportingOverflow(by: type.shape[d].fixedValue ?? .max)
            if overflow { return nil }
            count = next
        }
        guard let x else { return nil }
        switch kind {
        case .sum: return x.summed(count)
        // Of none they are the ends of the type.
        case .maximum, .minimum: return count > 0 ? x : nil
        case .and, .or:
            guard count > 0 else { return nil }
            return signExtended(x, x)
        case .product:
            guard count <= 64 else { return nil }
            var product = NumberRange(1, 1)
            for _ in 0..<count {
                guard let next = product.multiplied(by: x), let hull = next.union(product) else { return nil }
                product = hull
            }
            return product
        }
    }
}
