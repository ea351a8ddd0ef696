// Heterodyne: exact simplifications of sources, elementwise primitives and reductions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Exact simplifications of sources, elementwise primitives and reductions.
struct ElementwiseRules {
    private let simplifier: Simplifier

    init(_ simplifier: Simplifier) { self.simplifier = simplifier }

    /// What replaces the primitive, or nil.
    func simplify(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> Term? {
        switch primitive {
        case .constant(let literal):
            guard case .dense = literal.contents else { return nil }
            let normalized = literal.normalized
            return normalized.isSplat ? try simplifier.builder.constant(normalized) : nil
        case .iota(let type, let dimension):
            return type.shape[dimension] == 1 ? try simplifier.builder.constant(0, type) : nil
        case .convert(let type): return try convert(type, operands[0])
        case .bitcast(let type):
            if operands[0].scalarType == type { return operands[0] }
            if case .bitcast = operands[0].primitive { return try simplifier.add(.bitcast(type), operands[0].source) }
            return nil
        case .unary(.negate):
            if case .unary(.negate) = operands[0].primitive { return operands[0].source }
            return nil
        case .unary(.abs):
            if case .unary(.abs) = operands[0].primitive { return operands[0] }
            let type = operands[0].scalarType
            if type.isInteger && !type.isSignedInteger { return operands[0] }
            if case .unary(.negate) = operands[0].primitive { return try simplifier.add(primitive, operands[0].source) }
            return nil
        case .unary(.floor): return operands[0].primitive == primitive ? operands[0] : nil
        case .binary(let op): return try binary(op, operands[0], operands[1])
        case .select:
            if let bits = operands[0].literal?.splatBits { return bits & 0xFF != 0 ? operands[1] : operands[2] }
            return operands[1].value == operands[2].value ? operands[1] : nil
        case .reduce(let kind, let dimensions): return try reduce(kind, dimensions, operands[0])
        case .compare(let direction): return try compare(direction, operands[0], operands[1])
        case .unary, .dot, .sort, .conditional, .loop: return nil
        case .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse, .gather, .scatter, .dynamicSlice,
            .dynamicUpdateSlice:
            return nil
        }
    }

    private func reduce(_ kind: ReductionKind, _ dimensions: [Int], _ x: Term) throws(GraphError) -> Term? {
        // Sums of floats start from +0, which turns a lone -0 into +0; the other kinds return a lone element as it is.
        let keepsLoneElements = kind != .sum || x.scalarType.isInteger
        if keepsLoneElements, dimensions.allSatisfy({ x.shape[$0] == 1 }) {
            let kept = (0..<x.rank).filter { !dimensions.contains($0) }
            return try simplifier.add(.reshape(Shape(kept.map { x.shape[$0] })), x)
        }
        // The order of the list means nothing.
        let sorted = dimensions.sorted()
        return sorted == dimensions ? nil : try simplifier.add(.reduce(kind, dimensions: sorted), x)
    }

    /// Widened integers compare with a number as the integers themselves do, where their type has the number.
    private func compare(_ direction: ComparisonDirection, _ x: Term, _ y: Term) throws(GraphError) -> Term? {
        guard case .convert = x.primitive, let number = y.literal?.splatNumber else { return nil }
        let (narrow, wide) = (x.source.scalarType, x.scalarType)
        guard narrow.isInteger, narrow.isArithmetic, wide.isInteger, wide.holdsEveryValue(of: narrow),
            narrow.bitWidth <= 32, narrow.number(fromBits: narrow.bits(of: number)) == number
        else { return nil }
        return try simplifier.add(.compare(direction), x.source, x.source.like(number))
    }

    private func convert(_ type: ScalarType, _ x: Term) throws(GraphError) -> Term? {
        if x.scalarType == type { return x }
        guard case .convert = x.primitive else { return nil }
        let (first, middle) = (x.source.scalarType, x.scalarType)
        // A conversion through a type that holds every value of the first loses nothing, but integers that do not fit
        // wrap when they come from integers and saturate when they come from floats.
        guard middle.holdsEveryValue(of: first) else { return nil }
        let isIntegral = { (type: ScalarType) in type == .bool || type.isInteger }
        if isIntegral(first) != isIntegral(middle), type.isInteger, !type.holdsEveryValue(of: first) { return nil }
        return try simplifier.add(.convert(type), x.source)
    }

    private func binary(_ op: BinaryOperator, _ x: Term, _ y: Term) throws(GraphError) -> Term? {
        let isFloat = x.scalarType.isFloatingPoint
        switch op {
        case .add:
            // x + (-0) is x for every x; x + (+0) is not, for x = -0.
            if y.isSplat(ofNumber: isFloat ? -0.0 : 0) { return x }
        case .subtract: return y.isSplat(ofNumber: 0) ? x : nil
        case .multiply:
            if y.isSplat(ofNumber: 1) { return x }
        case .divide:
            if y.isSplat(ofNumber: 1) { return x }
            guard isFloat, let divisor = y.literal?.splatNumber, let inverse = exactInverse(divisor, x.scalarType)
            else { return nil }
            return try simplifier.add(.binary(.multiply), x, y.like(inverse))
        case .power: return y.isSplat(ofNumber: 1) ? x : nil
        case .maximum, .minimum:
            if x.value == y.value { return x }
        case .and, .or:
            if x.value == y.value || isSplat(y, bits: op == .or ? 0 : .max) { return x }
        case .xor:
            if isSplat(y, bits: 0) { return x }
        case .shiftLeft, .shiftRight: return isSplat(y, bits: 0) ? x : nil
        case .remainder: return nil
        }
        // The rest commute: constants go to the right.
        return x.literal != nil && y.literal == nil ? try simplifier.add(.binary(op), y, x) : nil
    }

    private func isSplat(_ x: Term, bits: UInt64) -> Bool {
        guard let actual = x.literal?.splatBits else { return false }
        if x.scalarType == .bool { return (actual & 0xFF != 0) == (bits != 0) }
        let width = UInt64(x.scalarType.bitWidth)
        return actual == bits & (width == 64 ? .max : (1 << width) - 1)
    }

    /// `1 / divisor` where it is a power of two whose inverse is a normal number of `type`, so that multiplying by it
    /// rounds exactly as dividing does.
    private func exactInverse(_ divisor: Double, _ type: ScalarType) -> Double? {
        guard divisor.isNormal, divisor.significand == 1 else { return nil }
        let inverse = 1 / divisor
        let limit: Int =
            switch type {
            case .float16: 14
            case .bfloat16, .float32: 126
            default: 1022
            }
        return abs(Int(inverse.exponent)) <= limit ? inverse : nil
    }
}

extension ScalarType {
    /// Whether every value of `other` survives a conversion to this type and back.
    func holdsEveryValue(of other: ScalarType) -> Bool {
        if self == other { return true }
        if other.isFloatingPoint { return isFloatingPoint && holdsEveryFloat(of: other) }
        if self == .bool { return false }
        // Sign bit excluded: the lowest value, a power of two, needs no further bit of significand.
        let magnitudeBits = other == .bool ? 1 : other.bitWidth - (other.isSignedInteger ? 1 : 0)
        switch self {
        case .bool: return false
        case .float8e4m3fn: return magnitudeBits <= 4
        case .float8e5m2: return magnitudeBits <= 3
        case .float16: return magnitudeBits <= 11
        case .bfloat16: return magnitudeBits <= 8
        case .float32: return magnitudeBits <= 24
        case .float64: return magnitudeBits <= 53
        case .int4, .int8, .int16, .int32, .int64: return magnitudeBits < bitWidth
        case .uint4, .uint8, .uint16, .uint32, .uint64: return !other.isSignedInteger && magnitudeBits <= bitWidth
        }
    }

    private func holdsEveryFloat(of other: ScalarType) -> Bool {
        switch other {
        case .float8e4m3fn, .float8e5m2:
            self == .float16 || self == .bfloat16 || self == .float32 || self == .float64
        case .float16, .bfloat16: self == .float32 || self == .float64
        case .float32: self == .float64
        case .float64, .bool, .int4, .int8, .int16, .int32, .int64, .uint4, .uint8, .uint16, .uint32, .uint64: false
        }
    }
}
