// Heterodyne: elementwise arithmetic of scalar types that a device lacks, in those that it has.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension RegionLegalizer {
    func unary(_ op: UnaryOperator, _ x: CarriedValue) throws(GraphError) -> CarriedValue {
        let type = x.type
        switch try domain(type.scalarType) {
        case .typed: return try copy(.primitive(.unary(op)), [x])[0]
        case .single:
            let isExact: Bool
            switch op {
            case .negate, .abs, .floor: isExact = type.scalarType.isFloatingPoint
            case .exp, .log, .sqrt, .sin, .cos, .tanh: isExact = false
            }
            return try result(type, single: single(x).unary(op), isExact: isExact)
        case .words:
            let a = try words(x)
            switch op {
            case .negate: return result(type, words: -a)
            case .abs: return result(type, words: type.scalarType.isSignedInteger ? a.magnitude : a)
            case .floor, .exp, .log, .sqrt, .sin, .cos, .tanh:
                throw GraphError(.invalidType, "\(op.rawValue) takes floats, not \(type.scalarType)")
            }
        case .pair:
            let a = try pair(x)
            let y: Double2
            switch op {
            case .negate: y = -a
            case .abs: y = a.magnitude
            case .floor: y = a.floor
            case .exp: y = a.exponential
            case .log: y = a.logarithm
            case .sqrt: y = a.squareRoot
            case .sin: y = a.sine
            case .cos: y = a.cosine
            case .tanh: y = a.hyperbolicTangent
            }
            return result(type, pair: y)
        }
    }

    func binary(_ op: BinaryOperator, _ x: CarriedValue, _ y: CarriedValue) throws(GraphError) -> CarriedValue {
        let type = x.type
        switch try domain(type.scalarType) {
        case .typed: return try copy(.primitive(.binary(op)), [x, y])[0]
        case .single:
            let isFloat = type.scalarType.isFloatingPoint
            let isExact: Bool
            switch op {
            case .maximum, .minimum: isExact = true
            case .remainder: isExact = isFloat
            case .and, .or, .xor: isExact = true
            case .add, .subtract, .multiply, .divide, .power, .shiftLeft, .shiftRight: isExact = false
            }
            return try result(type, single: single(x).binary(op, single(y)), isExact: isExact)
        case .words:
            return result(type, words: try combine(op, words(x), words(y), type.scalarType.isSignedInteger))
        case .pair: return result(type, pair: try combine(op, pair(x), pair(y)))
        }
    }

    /// Two 64-bit integers.
    func combine(
        _ op: BinaryOperator, _ a: Wide, _ b: Wide, _ isSigned: Bool
    ) throws(GraphError) -> Wide {
        switch op {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a.divided(by: b, isSigned: isSigned)
        case .remainder: a.remainder(dividingBy: b, isSigned: isSigned)
        case .power: a.power(b, isSigned: isSigned)
        case .maximum: a.maximum(b, isSigned: isSigned)
        case .minimum: a.minimum(b, isSigned: isSigned)
        case .and: a & b
        case .or: a | b
        case .xor: a ^ b
        case .shiftLeft: a.shiftedLeft(by: b)
        case .shiftRight: isSigned ? a.shiftedRightArithmetic(by: b) : a.shiftedRight(by: b)
        }
    }

    /// Two pairs.
    func combine(_ op: BinaryOperator, _ a: Double2, _ b: Double2) throws(GraphError) -> Double2 {
        switch op {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide: return a / b
        case .remainder: return a.remainder(dividingBy: b)
        case .power: return a.power(b)
        case .maximum: return a.maximum(b)
        case .minimum: return a.minimum(b)
        case .and, .or, .xor, .shiftLeft, .shiftRight:
            throw GraphError(.invalidType, "\(op.rawValue) takes integers, not float64")
        }
    }

    func compare(
        _ direction: ComparisonDirection, _ x: CarriedValue, _ y: CarriedValue
    ) throws(GraphError) -> CarriedValue {
        let type = x.type.with(.bool)
        let mask: TermMask
        switch try domain(x.scalarType) {
        case .typed: return try copy(.primitive(.compare(direction)), [x, y])[0]
        case .single: return CarriedValue(type, .typed(try single(x).compare(direction, single(y))))
        case .words:
            let (a, b, isSigned) = (try words(x), try words(y), x.scalarType.isSignedInteger)
            switch direction {
            case .equal: mask = a.isEqual(to: b)
            case .notEqual: mask = !a.isEqual(to: b)
            case .less: mask = a.isLess(than: b, isSigned: isSigned)
            case .lessOrEqual: mask = !b.isLess(than: a, isSigned: isSigned)
            case .greater: mask = b.isLess(than: a, isSigned: isSigned)
            case .greaterOrEqual: mask = !a.isLess(than: b, isSigned: isSigned)
            }
        case .pair:
            let (a, b) = (try pair(x), try pair(y))
            switch direction {
            case .equal: mask = a.isEqual(to: b)
            case .notEqual: mask = !a.isEqual(to: b)
            case .less: mask = a.isLess(than: b)
            case .lessOrEqual: mask = a.isLessOrEqual(to: b)
            case .greater: mask = b.isLess(than: a)
            case .greaterOrEqual: mask = b.isLessOrEqual(to: a)
            }
        }
        return CarriedValue(type, .typed(mask.term))
    }

    /// Indices are made where they are used, without asking placement: under every rule, and exact.
    func iota(_ type: TensorType, _ dimension: Int) throws(GraphError) -> CarriedValue {
        isCounting = true
        defer { isCounting = false }
        let domain = try domain(type.scalarType)
        if domain == .typed { return try copy(.primitive(.iota(type, dimension: dimension)), [])[0] }
        guard let extent = type.shape[dimension].fixedValue, extent <= Int(Int32.max) else {
            throw GraphError(.unsupported, "\(type) counts further than 32 bits do")
        }
        let counter = CarriedValue(
            type.with(.int32), .typed(try builder.iota(type.with(.int32), dimension: dimension)))
        return try convert(counter, to: type.scalarType)
    }
}
