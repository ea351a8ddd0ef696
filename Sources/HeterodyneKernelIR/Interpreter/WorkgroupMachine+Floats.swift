// Heterodyne: operators of the interpreter as a device with `FloatBehaviour` has them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension WorkgroupMachine {
    private var floats: FloatBehaviour { interpreter.floats }

    /// Whether the exact functions do for a type.
    private func isExact(_ scalar: ScalarType) -> Bool { floats == .exact || !scalar.isFloatingPoint }

    func unary(_ operation: UnaryOperator, _ scalar: ScalarType) -> Scalars.Unary {
        let function = Scalars.unary(operation, scalar)
        if isExact(scalar) { return function }
        let floats = floats
        switch operation {
        // These only look at bits.
        case .negate, .absolute, .not, .isNaN, .isInfinite, .bitCount, .highestBit: return function
        case .squareRoot: return { floats.loosened(function(floats.flushed($0, scalar)), scalar) }
        case .floor, .ceiling, .truncate, .roundEven, .exponential, .logarithm, .sine, .cosine, .hyperbolicTangent:
            return { function(floats.flushed($0, scalar)) }
        }
    }

    func binary(_ operation: BinaryOperator, _ scalar: ScalarType) -> Scalars.Binary {
        let function = Scalars.binary(operation, scalar)
        if isExact(scalar) { return function }
        let floats = floats
        return { (a, b) throws(KernelError) in
            let result = try function(floats.flushed(a, scalar), floats.flushed(b, scalar))
            return floats.flushed(operation == .divide ? floats.loosened(result, scalar) : result, scalar)
        }
    }

    func compare(_ comparison: Comparison, _ scalar: ScalarType) -> (UInt64, UInt64) -> Bool {
        let function = Scalars.compare(comparison, scalar)
        if isExact(scalar) { return function }
        let floats = floats
        return { function(floats.flushed($0, scalar), floats.flushed($1, scalar)) }
    }

    func multiplyAdd(_ scalar: ScalarType) -> (UInt64, UInt64, UInt64) -> UInt64 {
        let function = Scalars.multiplyAdd(scalar, interpreter.multiplyAdd)
        if isExact(scalar) { return function }
        let floats = floats
        if interpreter.multiplyAdd == .uncontracted, scalar != .float16 {
            // The product is a result of its own.
            let sign: UInt64 = 1 << UInt64(scalar.bitWidth - 1)
            return { a, b, c in
                let product = function(floats.flushed(a, scalar), floats.flushed(b, scalar), sign)
                let one: UInt64 = scalar == .float32 ? 0x3f80_0000 : 0x3ff0_0000_0000_0000
                let sum = function(floats.flushed(product, scalar), one, floats.flushed(c, scalar))
                return floats.flushed(sum, scalar)
            }
        }
        return { a, b, c in
            let result = function(floats.flushed(a, scalar), floats.flushed(b, scalar), floats.flushed(c, scalar))
            return floats.flushed(result, scalar)
        }
    }

    func convert(_ bits: UInt64, _ from: ScalarType, _ to: ScalarType) throws(KernelError) -> UInt64 {
        let result = try Scalars.convert(floats.flushed(bits, from), from, to)
        return from.isFloatingPoint ? floats.flushed(result, to) : result
    }
}
