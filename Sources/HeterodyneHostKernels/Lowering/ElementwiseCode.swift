// Heterodyne: which instruction of the region kernels computes which elementwise operation.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneGraph

/// Which instruction of the region kernels computes which elementwise operation.
enum ElementwiseCode {
    static func code(_ op: UnaryOperator) -> UInt16 {
        switch op {
        case .negate: UInt16(HK_OP_NEGATE)
        case .abs: UInt16(HK_OP_ABS)
        case .floor: UInt16(HK_OP_FLOOR)
        case .exp: UInt16(HK_OP_EXP)
        case .log: UInt16(HK_OP_LOG)
        case .sqrt: UInt16(HK_OP_SQRT)
        case .sin: UInt16(HK_OP_SIN)
        case .cos: UInt16(HK_OP_COS)
        case .tanh: UInt16(HK_OP_TANH)
        }
    }

    static func code(_ op: BinaryOperator) -> UInt16 {
        switch op {
        case .add: UInt16(HK_OP_ADD)
        case .subtract: UInt16(HK_OP_SUBTRACT)
        case .multiply: UInt16(HK_OP_MULTIPLY)
        case .divide: UInt16(HK_OP_DIVIDE)
        case .remainder: UInt16(HK_OP_REMAINDER)
        case .power: UInt16(HK_OP_POWER)
        case .maximum: UInt16(HK_OP_MAXIMUM)
        case .minimum: UInt16(HK_OP_MINIMUM)
        case .and: UInt16(HK_OP_AND)
        case .or: UInt16(HK_OP_OR)
        case .xor: UInt16(HK_OP_XOR)
        case .shiftLeft: UInt16(HK_OP_SHIFT_LEFT)
        case .shiftRight: UInt16(HK_OP_SHIFT_RIGHT)
        }
    }

    static func code(_ direction: ComparisonDirection) -> UInt16 {
        switch direction {
        case .equal: UInt16(HK_OP_EQ)
        case .notEqual: UInt16(HK_OP_NE)
        case .less: UInt16(HK_OP_LT)
        case .lessOrEqual: UInt16(HK_OP_LE)
        case .greater: UInt16(HK_OP_GT)
        case .greaterOrEqual: UInt16(HK_OP_GE)
        }
    }

    /// How an elementwise composite is computed.
    enum Plan {
        /// One instruction on the operand.
        case unary(UInt16)
        /// The operand limited to an interval.
        case clip(minimum: Double?, maximum: Double?)
        /// `x sigmoid(beta x)`.
        case silu(beta: Double)
    }

    /// Floating-point composites of one operand and no attributes that are one instruction.
    static let unaryComposites: [String: UInt16] = [
        "erf": UInt16(HK_OP_ERF), "sigmoid": UInt16(HK_OP_SIGMOID), "softplus": UInt16(HK_OP_SOFTPLUS),
        "log1p": UInt16(HK_OP_LOG1P),
        "expm1": UInt16(HK_OP_EXPM1), "ceil": UInt16(HK_OP_CEIL), "roundEven": UInt16(HK_OP_ROUND_EVEN),
        "rsqrt": UInt16(HK_OP_RSQRT),
        "reciprocal": UInt16(HK_OP_RECIPROCAL),
    ]

    /// Names of the composites for which `plan` has an answer, at least for some types.
    static let compositeNames: Set<String> = Set(unaryComposites.keys).union(["relu", "sign", "gelu", "silu", "clip"])

    /// How `composite` is computed on operands of `type`, or nil where it has to be decomposed.
    static func plan(_ composite: any Composite, _ type: ScalarType) -> Plan? {
        let isFloat = type.isFloatingPoint && type.isArithmetic
        let attributes = composite.attributes
        if let code = unaryComposites[composite.name] {
            return isFloat && attributes.entries.isEmpty ? .unary(code) : nil
        }
        var reader = AttributeReader(attributes, operation: composite.name)
        do {
            switch composite.name {
            case "relu":
                try reader.finish()
                return type.isArithmetic ? .clip(minimum: 0, maximum: nil) : nil
            case "sign":
                try reader.finish()
                return isFloat ? .unary(UInt16(HK_OP_SIGN)) : nil
            case "gelu":
                let approximation = try reader.string("approximation")
                try reader.finish()
                guard isFloat else { return nil }
                // Narrow floats hide what the float32 kernels lose in the negative tail. In float32 the erf form keeps
                // its bound where the processor fuses; the tanh form magnifies the rounding of its argument, and in
                // float64 the erf form cancels: there the definition is the better program.
                let isNarrow = type == .float16 || type == .bfloat16
                switch approximation {
                case "none":
                    return isNarrow || (type == .float32 && hk_cpu_level() > 0) ? .unary(UInt16(HK_OP_GELU_ERF)) : nil
                case "tanh": return isNarrow ? .unary(UInt16(HK_OP_GELU_TANH)) : nil
                default: return nil
                }
            case "silu":
                let beta = try reader.number("beta")
                try reader.finish()
                // Narrow floats would round twice on the way.
                guard isFloat, beta == 1 || type.bitWidth >= 32 else { return nil }
                return beta == 1 ? .unary(UInt16(HK_OP_SILU)) : .silu(beta: beta)
            case "clip":
                let minimum = try reader.optionalNumber("minimum")
                let maximum = try reader.optionalNumber("maximum")
                try reader.finish()
                return type.isArithmetic ? .clip(minimum: minimum, maximum: maximum) : nil
            default: return nil
            }
        } catch { return nil }
    }
}
