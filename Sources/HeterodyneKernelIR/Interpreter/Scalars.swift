// Heterodyne: the meaning of every operator on one component, as bits.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Functions on the bits of scalars. Each is chosen once for an operation and then called for every lane.
enum Scalars {
    typealias Unary = (UInt64) -> UInt64
    typealias Binary = (UInt64, UInt64) throws(KernelError) -> UInt64

    static func half(_ bits: UInt64) -> Float { Float(Float16(bitPattern: UInt16(truncatingIfNeeded: bits))) }
    static func float(_ bits: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
    static func double(_ bits: UInt64) -> Double { Double(bitPattern: bits) }
    static func bits(half value: Float) -> UInt64 { UInt64(Float16(value).bitPattern) }
    static func bits(_ value: Float) -> UInt64 { UInt64(value.bitPattern) }

    // MARK: One operand

    static func unary(_ operation: UnaryOperator, _ scalar: ScalarType) -> Unary {
        let (width, mask) = (scalar.bitWidth, Literal.mask(scalar == .bool ? 1 : scalar.bitWidth))
        let sign: UInt64 = 1 << UInt64(max(width, 1) - 1)
        switch operation {
        case .negate: return scalar.isFloatingPoint ? { $0 ^ sign } : { (0 &- $0) & mask }
        case .absolute: return scalar.isFloatingPoint ? { $0 & ~sign } : { ($0 & sign != 0 ? 0 &- $0 : $0) & mask }
        case .not: return { ~$0 & mask }
        case .floor: return round(scalar, .down)
        case .ceiling: return round(scalar, .up)
        case .truncate: return round(scalar, .towardZero)
        case .roundEven: return round(scalar, .toNearestOrEven)
        case .squareRoot:
            switch scalar {
            case .float16: return { bits(half: half($0).squareRoot()) }
            case .float32: return { bits(float($0).squareRoot()) }
            default: return { double($0).squareRoot().bitPattern }
            }
        case .isNaN:
            let infinity = infinity(scalar)
            return { $0 & ~sign > infinity ? 1 : 0 }
        case .isInfinite:
            let infinity = infinity(scalar)
            return { $0 & ~sign == infinity ? 1 : 0 }
        case .bitCount: return { UInt64($0.nonzeroBitCount) }
        case .highestBit: return { $0 == 0 ? mask : UInt64(63 - $0.leadingZeroBitCount) }
        case .exponential: return { exp(double($0)).bitPattern }
        case .logarithm: return { log(double($0)).bitPattern }
        case .sine: return { sin(double($0)).bitPattern }
        case .cosine: return { cos(double($0)).bitPattern }
        case .hyperbolicTangent: return { tanh(double($0)).bitPattern }
        }
    }

    private static func round(_ scalar: ScalarType, _ rule: FloatingPointRoundingRule) -> Unary {
        switch scalar {
        case .float16: { bits(half: half($0).rounded(rule)) }
        case .float32: { bits(float($0).rounded(rule)) }
        default: { double($0).rounded(rule).bitPattern }
        }
    }

    static func infinity(_ scalar: ScalarType) -> UInt64 {
        switch scalar {
        case .float16: 0x7c00
        case .float32: 0x7f80_0000
        default: Double.infinity.bitPattern
        }
    }

    // MARK: Two operands

    static func binary(_ operation: BinaryOperator, _ scalar: ScalarType) -> Binary {
        switch operation {
        case .add: return scalar.isFloatingPoint ? floats(scalar, +, +) : integers(scalar) { $0 &+ $1 }
        case .subtract: return scalar.isFloatingPoint ? floats(scalar, -, -) : integers(scalar) { $0 &- $1 }
        case .multiply: return scalar.isFloatingPoint ? floats(scalar, *, *) : integers(scalar) { $0 &* $1 }
        case .divide: return scalar.isFloatingPoint ? floats(scalar, /, /) : division(scalar, remainder: false)
        case .remainder: return division(scalar, remainder: true)
        case .minimum: return choose(.less, scalar)
        case .maximum: return choose(.greater, scalar)
        case .and: return { $0 & $1 }
        case .or: return { $0 | $1 }
        case .xor: return { $0 ^ $1 }
        case .shiftLeft:
            let modulo = UInt64(scalar.bitWidth - 1)
            return integers(scalar) { $0 << ($1 & modulo) }
        case .shiftRight:
            let (width, modulo) = (scalar.bitWidth, UInt64(scalar.bitWidth - 1))
            if !scalar.isSignedInteger { return { $0 >> ($1 & modulo) } }
            return integers(scalar) { UInt64(bitPattern: Literal.signed($0, width) >> Int64($1 & modulo)) }
        case .power: return { pow(double($0), double($1)).bitPattern }
        case .floatRemainder: return { fmod(double($0), double($1)).bitPattern }
        }
    }

    private static func floats(
        _ scalar: ScalarType, _ single: @escaping (Float, Float) -> Float,
        _ wide: @escaping (Double, Double) -> Double
    ) -> Binary {
        switch scalar {
        // float32 has more than twice the bits of float16: rounding twice is rounding once.
        case .float16: { bits(half: single(half($0), half($1))) }
        case .float32: { bits(single(float($0), float($1))) }
        default: { wide(double($0), double($1)).bitPattern }
        }
    }

    private static func integers(_ scalar: ScalarType, _ function: @escaping (UInt64, UInt64) -> UInt64) -> Binary {
        let mask = Literal.mask(scalar.bitWidth)
        return { function($0, $1) & mask }
    }

    private static func division(_ scalar: ScalarType, remainder: Bool) -> Binary {
        let (width, mask) = (scalar.bitWidth, Literal.mask(scalar.bitWidth))
        if !scalar.isSignedInteger {
            return { (a, b) throws(KernelError) in
                guard b != 0 else { throw .undefinedBehaviour("\(a) is divided by zero") }
                return remainder ? a % b : a / b
            }
        }
        return { (a, b) throws(KernelError) in
            let (x, y) = (Literal.signed(a, width), Literal.signed(b, width))
            guard y != 0, !(y == -1 && a == 1 << UInt64(width - 1)) else {
                throw .undefinedBehaviour("\(x) is divided by \(y)")
            }
            return UInt64(bitPattern: remainder ? x % y : x / y) & mask
        }
    }

    private static func choose(_ comparison: Comparison, _ scalar: ScalarType) -> Binary {
        let test = compare(comparison, scalar)
        if !scalar.isFloatingPoint { return { test($0, $1) ? $0 : $1 } }
        let isNaN = unary(.isNaN, scalar)
        return { test($0, $1) || isNaN($0) == 1 ? $0 : $1 }
    }

    static func compare(_ comparison: Comparison, _ scalar: ScalarType) -> (UInt64, UInt64) -> Bool {
        switch scalar {
        case .float16: return { compare(comparison, half($0), half($1)) }
        case .float32: return { compare(comparison, float($0), float($1)) }
        case .float64: return { compare(comparison, double($0), double($1)) }
        default:
            let width = scalar.bitWidth
            if !scalar.isSignedInteger { return { compare(comparison, $0, $1) } }
            return { compare(comparison, Literal.signed($0, width), Literal.signed($1, width)) }
        }
    }

    private static func compare<T: Comparable>(_ comparison: Comparison, _ a: T, _ b: T) -> Bool {
        switch comparison {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    static func atomic(_ operation: AtomicOperator, _ scalar: ScalarType) throws(KernelError) -> Binary {
        switch operation {
        case .add: binary(.add, scalar)
        case .minimum: binary(.minimum, scalar)
        case .maximum: binary(.maximum, scalar)
        case .and: binary(.and, scalar)
        case .or: binary(.or, scalar)
        case .xor: binary(.xor, scalar)
        case .exchange: { $1 }
        }
    }

    /// What changes nothing when it is combined.
    static func identity(_ operation: SubgroupOperator, _ scalar: ScalarType) -> UInt64 {
        let (infinity, mask) = (infinity(scalar), Literal.mask(scalar.bitWidth))
        let sign: UInt64 = 1 << UInt64(scalar.bitWidth - 1)
        switch operation {
        case .add: return 0
        case .minimum: return scalar.isFloatingPoint ? infinity : scalar.isSignedInteger ? sign - 1 : mask
        case .maximum: return scalar.isFloatingPoint ? infinity | sign : scalar.isSignedInteger ? sign : 0
        }
    }

    // MARK: Three operands, conversions

    static func multiplyAdd(
        _ scalar: ScalarType, _ mode: SPIRVOptions.MultiplyAdd
    ) -> (UInt64, UInt64, UInt64) -> UInt64 {
        switch (scalar, mode) {
        case (.float32, .fused): { bits(float($2).addingProduct(float($0), float($1))) }
        case (.float32, .uncontracted): { bits(float($0) * float($1) + float($2)) }
        case (.float16, .fused):
            {
                // The product is exact in float64; the sum is rounded to float64, then to float16.
                UInt64(Float16(Double(half($2)) + Double(half($0)) * Double(half($1))).bitPattern)
            }
        case (.float16, .uncontracted): { bits(half: Float(Float16(half($0) * half($1))) + half($2)) }
        case (_, .fused): { double($2).addingProduct(double($0), double($1)).bitPattern }
        case (_, .uncontracted): { (double($0) * double($1) + double($2)).bitPattern }
        }
    }

    static func convert(_ a: UInt64, _ from: ScalarType, _ to: ScalarType) throws(KernelError) -> UInt64 {
        switch from {
        case .float16: return try convert(Double(half(a)), to)
        case .bfloat16: return to == .float32 ? a << 16 : try convert(Double(float(a << 16)), to)
        case .float32:
            if to == .bfloat16 { return UInt64(Literal.roundToBFloat16(float(a))) }
            return try convert(Double(float(a)), to)
        case .float64: return try convert(double(a), to)
        default:
            let width = from.bitWidth
            if from.isSignedInteger { return integer(Literal.signed(a, width), to) }
            return integer(a, to)
        }
    }

    private static func integer<T: FixedWidthInteger>(_ value: T, _ to: ScalarType) -> UInt64 {
        switch to {
        case .float16: UInt64(Float16(value).bitPattern)
        case .float32: bits(Float(value))
        case .float64: Double(value).bitPattern
        default: UInt64(truncatingIfNeeded: value) & Literal.mask(to.bitWidth)
        }
    }

    private static func convert(_ value: Double, _ to: ScalarType) throws(KernelError) -> UInt64 {
        switch to {
        case .float16: return UInt64(Float16(value).bitPattern)
        case .float32: return bits(Float(value))
        case .float64: return value.bitPattern
        default: break
        }
        let whole = value.rounded(.towardZero)
        let (low, high): (Double, Double) =
            to.isSignedInteger
            ? (
                -Double(sign: .plus, exponent: to.bitWidth - 1, significand: 1),
                Double(sign: .plus, exponent: to.bitWidth - 1, significand: 1)
            )
            : (0, Double(sign: .plus, exponent: to.bitWidth, significand: 1))
        guard whole >= low, whole < high else {
            throw .undefinedBehaviour("\(value) is converted to \(KernelType(to))")
        }
        if to.isSignedInteger { return UInt64(bitPattern: Int64(whole)) & Literal.mask(to.bitWidth) }
        return UInt64(whole)
    }
}
