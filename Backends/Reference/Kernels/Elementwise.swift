// Heterodyne: elementwise arithmetic, comparison and choice.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The elementwise primitives. Operand types were checked when the graph was built.
enum Elementwise {
    /// `f` of each element.
    @inline(__always)
    private static func map<T: Element>(_ x: Literal, _ f: (T) -> T) throws(EvaluationError) -> Literal {
        let x0 = try Elements<T>(x)
        return try makeLiteral(x.type, of: T.self, keeping: [x0.storage]) { out in
            let a = x0.buffer
            for i in 0..<out.count { out[i] = f(a[i]) }
        }
    }

    /// `f` of each pair of elements.
    @inline(__always)
    private static func zip<T: Element, R: Element>(
        _ x: Literal, _ y: Literal, _ type: TensorType, _ f: (T, T) -> R
    ) throws(EvaluationError) -> Literal {
        let (x0, y0) = (try Elements<T>(x), try Elements<T>(y))
        return try makeLiteral(type, of: R.self, keeping: [x0.storage, y0.storage]) { out in
            let (a, b) = (x0.buffer, y0.buffer)
            for i in 0..<out.count { out[i] = f(a[i], b[i]) }
        }
    }

    /// An error for a type that inference does not let through.
    static func unexpected(_ type: ScalarType) -> EvaluationError {
        EvaluationError(.malformedGraph, "is not defined on \(type)")
    }

    // MARK: Unary

    static func unary(_ op: UnaryOperator, _ x: Literal) throws(EvaluationError) -> Literal {
        switch x.type.scalarType {
        case .int8: try integerUnary(op, x, Int8.self)
        case .int16: try integerUnary(op, x, Int16.self)
        case .int32: try integerUnary(op, x, Int32.self)
        case .int64: try integerUnary(op, x, Int64.self)
        case .uint8: try integerUnary(op, x, UInt8.self)
        case .uint16: try integerUnary(op, x, UInt16.self)
        case .uint32: try integerUnary(op, x, UInt32.self)
        case .uint64: try integerUnary(op, x, UInt64.self)
        case .float16: try floatUnary(op, x, Float16.self)
        case .bfloat16: try floatUnary(op, x, BFloat16.self)
        case .float32: try floatUnary(op, x, Float.self)
        case .float64: try floatUnary(op, x, Double.self)
        case .bool, .int4, .uint4, .float8e4m3fn, .float8e5m2: throw unexpected(x.type.scalarType)
        }
    }

    private static func integerUnary<T: IntegerElement>(
        _ op: UnaryOperator, _ x: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch op {
        case .negate: try map(x) { T.negate($0) }
        case .abs: try map(x) { T.absolute($0) }
        case .floor, .exp, .log, .sqrt, .sin, .cos, .tanh: throw unexpected(x.type.scalarType)
        }
    }

    private static func floatUnary<T: FloatElement>(
        _ op: UnaryOperator, _ x: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch op {
        case .negate: try map(x) { T.negate($0) }
        case .abs: try map(x) { T.absolute($0) }
        case .floor: try map(x) { T.floor($0) }
        case .exp: try map(x) { T.exp($0) }
        case .log: try map(x) { T.log($0) }
        case .sqrt: try map(x) { T.sqrt($0) }
        case .sin: try map(x) { T.sin($0) }
        case .cos: try map(x) { T.cos($0) }
        case .tanh: try map(x) { T.tanh($0) }
        }
    }

    // MARK: Binary

    static func binary(_ op: BinaryOperator, _ x: Literal, _ y: Literal) throws(EvaluationError) -> Literal {
        switch x.type.scalarType {
        case .bool: try bitwise(op, x, y, Truth.self)
        case .int8: try integerBinary(op, x, y, Int8.self)
        case .int16: try integerBinary(op, x, y, Int16.self)
        case .int32: try integerBinary(op, x, y, Int32.self)
        case .int64: try integerBinary(op, x, y, Int64.self)
        case .uint8: try integerBinary(op, x, y, UInt8.self)
        case .uint16: try integerBinary(op, x, y, UInt16.self)
        case .uint32: try integerBinary(op, x, y, UInt32.self)
        case .uint64: try integerBinary(op, x, y, UInt64.self)
        case .float16: try arithmetic(op, x, y, Float16.self)
        case .bfloat16: try arithmetic(op, x, y, BFloat16.self)
        case .float32: try arithmetic(op, x, y, Float.self)
        case .float64: try arithmetic(op, x, y, Double.self)
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: throw unexpected(x.type.scalarType)
        }
    }

    private static func integerBinary<T: IntegerElement>(
        _ op: BinaryOperator, _ x: Literal, _ y: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch op {
        case .shiftLeft: try zip(x, y, x.type) { T.shiftLeft($0, $1) }
        case .shiftRight: try zip(x, y, x.type) { T.shiftRight($0, $1) }
        case .and, .or, .xor: try bitwise(op, x, y, T.self)
        case .add, .subtract, .multiply, .divide, .remainder, .power, .maximum, .minimum:
            try arithmetic(op, x, y, T.self)
        }
    }

    private static func bitwise<T: BitwiseElement>(
        _ op: BinaryOperator, _ x: Literal, _ y: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch op {
        case .and: try zip(x, y, x.type) { T.bitAnd($0, $1) }
        case .or: try zip(x, y, x.type) { T.bitOr($0, $1) }
        case .xor: try zip(x, y, x.type) { T.bitXor($0, $1) }
        case .add, .subtract, .multiply, .divide, .remainder, .power, .maximum, .minimum, .shiftLeft, .shiftRight:
            throw unexpected(x.type.scalarType)
        }
    }

    private static func arithmetic<T: ArithmeticElement>(
        _ op: BinaryOperator, _ x: Literal, _ y: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        switch op {
        case .add: try zip(x, y, x.type) { T.add($0, $1) }
        case .subtract: try zip(x, y, x.type) { T.subtract($0, $1) }
        case .multiply: try zip(x, y, x.type) { T.multiply($0, $1) }
        case .divide: try zip(x, y, x.type) { T.divide($0, $1) }
        case .remainder: try zip(x, y, x.type) { T.remainder($0, $1) }
        case .power: try zip(x, y, x.type) { T.power($0, $1) }
        case .maximum: try zip(x, y, x.type) { T.larger($0, $1) }
        case .minimum: try zip(x, y, x.type) { T.smaller($0, $1) }
        case .and, .or, .xor, .shiftLeft, .shiftRight: throw unexpected(x.type.scalarType)
        }
    }

    // MARK: Compare and select

    static func compare(
        _ direction: ComparisonDirection, _ x: Literal, _ y: Literal
    ) throws(EvaluationError) -> Literal {
        switch x.type.scalarType {
        case .bool: try ordered(direction, x, y, Truth.self)
        case .int8: try ordered(direction, x, y, Int8.self)
        case .int16: try ordered(direction, x, y, Int16.self)
        case .int32: try ordered(direction, x, y, Int32.self)
        case .int64: try ordered(direction, x, y, Int64.self)
        case .uint8: try ordered(direction, x, y, UInt8.self)
        case .uint16: try ordered(direction, x, y, UInt16.self)
        case .uint32: try ordered(direction, x, y, UInt32.self)
        case .uint64: try ordered(direction, x, y, UInt64.self)
        case .float16: try ordered(direction, x, y, Float16.self)
        case .bfloat16: try ordered(direction, x, y, BFloat16.self)
        case .float32: try ordered(direction, x, y, Float.self)
        case .float64: try ordered(direction, x, y, Double.self)
        case .int4, .uint4, .float8e4m3fn, .float8e5m2: throw unexpected(x.type.scalarType)
        }
    }

    private static func ordered<T: OrderedElement>(
        _ direction: ComparisonDirection, _ x: Literal, _ y: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        let type = x.type.with(.bool)
        switch direction {
        case .equal: return try zip(x, y, type) { (a: T, b: T) in Truth(T.isEqual(a, b)) }
        case .notEqual: return try zip(x, y, type) { (a: T, b: T) in Truth(!T.isEqual(a, b)) }
        case .less: return try zip(x, y, type) { (a: T, b: T) in Truth(T.isLess(a, b)) }
        case .lessOrEqual: return try zip(x, y, type) { (a: T, b: T) in Truth(T.isLess(a, b) || T.isEqual(a, b)) }
        case .greater: return try zip(x, y, type) { (a: T, b: T) in Truth(T.isLess(b, a)) }
        case .greaterOrEqual: return try zip(x, y, type) { (a: T, b: T) in Truth(T.isLess(b, a) || T.isEqual(a, b)) }
        }
    }

    /// Moves bits, so one version per element width serves every type.
    static func select(_ condition: Literal, _ x: Literal, _ y: Literal) throws(EvaluationError) -> Literal {
        switch x.type.scalarType.bitWidth {
        case 4: try chosen(condition, x, y, UnsignedNibble.self)
        case 8: try chosen(condition, x, y, UInt8.self)
        case 16: try chosen(condition, x, y, UInt16.self)
        case 32: try chosen(condition, x, y, UInt32.self)
        default: try chosen(condition, x, y, UInt64.self)
        }
    }

    private static func chosen<T: Element>(
        _ condition: Literal, _ x: Literal, _ y: Literal, _: T.Type
    ) throws(EvaluationError) -> Literal {
        let (c, a, b) = (try Elements<Truth>(condition), try Elements<T>(x), try Elements<T>(y))
        return try makeLiteral(x.type, of: T.self, keeping: [c.storage, a.storage, b.storage]) { out in
            for i in 0..<out.count { out[i] = c.buffer[i].isTrue ? a.buffer[i] : b.buffer[i] }
        }
    }
}
