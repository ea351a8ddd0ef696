// Heterodyne: elementwise composites that kernels compute whole.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

extension ScalarCode {
    /// How a composite is computed.
    private enum Plan {
        case function(Function)
        case positivePart
        case sign
        case clip(minimum: Double?, maximum: Double?)
        case silu(beta: Double)
        case gelu(isTanh: Bool)
    }

    /// Functions of one float and no attributes.
    private enum Function: String, CaseIterable {
        case erf, sigmoid, softplus, log1p, expm1, ceil, roundEven, rsqrt, reciprocal
    }

    /// Names of the composites that `composite` takes, at least for some types and attributes.
    static let composites: Set<String> = Set(Function.allCases.map(\.rawValue))
        .union(["relu", "sign", "gelu", "silu", "clip"])

    /// Whether `composite` computes this one on operands of a type; where not, its definition is the better program.
    static func takes(_ name: String, _ attributes: Attributes, _ type: ScalarType) -> Bool {
        plan(name, attributes, type) != nil
    }

    private static func plan(_ name: String, _ attributes: Attributes, _ type: ScalarType) -> Plan? {
        guard type.isArithmetic else { return nil }
        let isFloat = type.isFloatingPoint
        if let function = Function(rawValue: name) {
            return isFloat && attributes.entries.isEmpty ? .function(function) : nil
        }
        var reader = AttributeReader(attributes, operation: name)
        do {
            switch name {
            case "relu":
                try reader.finish()
                return .positivePart
            case "sign":
                try reader.finish()
                return .sign
            case "clip":
                let minimum = try reader.optionalNumber("minimum")
                let maximum = try reader.optionalNumber("maximum")
                try reader.finish()
                return .clip(minimum: minimum, maximum: maximum)
            case "silu":
                let beta = try reader.number("beta")
                try reader.finish()
                // Narrow floats would round twice on the way.
                return isFloat && (beta == 1 || type.bitWidth >= 32) ? .silu(beta: beta) : nil
            case "gelu":
                let approximation = try reader.string("approximation")
                try reader.finish()
                // The tanh form magnifies the rounding of its argument, which narrow floats hide; in float64 the erf
                // form would cancel in the left tail.
                let isNarrow = type == .float16 || type == .bfloat16
                switch approximation {
                case "none": return isNarrow || type == .float32 ? .gelu(isTanh: false) : nil
                case "tanh": return isNarrow ? .gelu(isTanh: true) : nil
                default: return nil
                }
            default: return nil
            }
        } catch { return nil }
    }

    /// An elementwise composite on registers of a type. Throws where `takes` says false.
    func composite(
        _ name: String, _ attributes: Attributes, _ operands: [KernelValue], _ type: ScalarType
    ) throws(KernelError) -> KernelValue {
        guard let x = operands.first, operands.count == 1, let plan = Self.plan(name, attributes, type) else {
            throw .invalidType("kernels do not compute \(name) of \(operands.count) operands of \(type); decompose it")
        }
        let math = math(type)
        switch plan {
        case .function(let function): return rounded(self.function(function, x, type), to: type)
        case .positivePart: return positivePart(x, type)
        case .sign:
            let width = x.type.width
            let zero = constant(0, type, width: width)
            let positive = select(x .> zero, constant(1, type, width: width), x)
            guard type.isFloatingPoint || type.isSignedInteger else { return positive }
            return select(x .< zero, constant(-1, type, width: width), positive)
        case .clip(let minimum, let maximum):
            var result = x
            if let minimum, minimum == 0, minimum.sign == .plus {
                result = positivePart(result, type)
            } else if let minimum {
                result = binary(.maximum, result, constant(minimum, type, width: x.type.width), type)
            }
            if let maximum {
                result = binary(.minimum, result, constant(maximum, type, width: x.type.width), type)
            }
            return result
        case .silu(let beta):
            return rounded(x * math.sigmoid(beta == 1 ? x : x * beta), to: type)
        case .gelu(let isTanh):
            return rounded(isTanh ? math.geluTanh(x) : math.gelu(x), to: type)
        }
    }

    private func function(_ function: Function, _ x: KernelValue, _ type: ScalarType) -> KernelValue {
        let math = math(type)
        switch function {
        case .erf: return math.errorFunction(x)
        case .sigmoid: return math.sigmoid(x)
        case .softplus: return math.softplus(x)
        case .log1p: return math.logarithmOnePlus(x)
        case .expm1: return math.exponentialMinusOne(x)
        case .ceil: return withSign(x.ceiling, of: x)
        case .roundEven: return withSign(x.rounded, of: x)
        case .rsqrt: return quotient(x.like(1.0), squareRoot(x))
        case .reciprocal: return quotient(x.like(1.0), x)
        }
    }

    /// Devices may lose the sign of zeros that come from rounding to integers.
    private func withSign(_ value: KernelValue, of x: KernelValue) -> KernelValue {
        if target.emulates(x) { return value }
        let bits = word(x)
        let sign = builder.constant(bits: UInt64(1) << UInt64(bits.type.bits - 1), bits.type)
        return float(magnitude(word(value)) | (bits & sign))
    }
}
