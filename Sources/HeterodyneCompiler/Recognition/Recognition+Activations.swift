// Heterodyne: recognizes GELU and softmax.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Recognizer {
    /// `x (1 + erf(x / √2)) / 2`, or `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`, the factors in any order.
    func gelu(_ value: Value) -> Match? {
        let (variables, constant) = factors(value)
        guard variables.count == 2, Self.isNear(constant, 0.5) else { return nil }
        for (x, gate) in [(variables[0], variables[1]), (variables[1], variables[0])] {
            guard let inner = onePlus(gate) else { continue }
            if composite(inner, as: Erf.self) != nil, let (operand, factor) = scaled(node(inner).operands[0]),
                operand == x, Self.isNear(factor, 0.5.squareRoot())
            {
                return Match(composite: Gelu(approximation: .none), operands: [.init(x)])
            }
            if let argument = operand(inner, of: .tanh), isCubic(argument, x) {
                return Match(composite: Gelu(approximation: .tanh), operands: [.init(x)])
            }
        }
        return nil
    }

    /// The other operand of an addition of 1.
    private func onePlus(_ value: Value) -> Value? {
        guard let (a, b) = operands(value, of: .add) else { return nil }
        if isSplat(b, 1) { return a }
        return isSplat(a, 1) ? b : nil
    }

    /// Whether the value is `√(2/π) (x + 0.044715 x³)`.
    private func isCubic(_ value: Value, _ x: Value) -> Bool {
        let (variables, constant) = factors(value)
        guard Self.isNear(constant, 0.797_884_560_802_865_4) else { return false }
        if variables.count == 1, let (a, b) = operands(variables[0], of: .add) {
            return a == x && isPower(b, x, 3) || b == x && isPower(a, x, 3)
        }
        // √(2/π) x (1 + 0.044715 x²)
        guard variables.count == 2, let index = variables.firstIndex(of: x),
            let square = onePlus(variables[1 - index])
        else { return false }
        return isPower(square, x, 2)
    }

    /// Whether the value is `0.044715 x^exponent`.
    private func isPower(_ value: Value, _ x: Value, _ exponent: Double) -> Bool {
        let (variables, constant) = factors(value)
        guard Self.isNear(constant, 0.044715) else { return false }
        var total = 0.0
        for variable in variables {
            if variable == x {
                total += 1
            } else if let (base, power) = operands(variable, of: .power), base == x, let number = splat(power) {
                total += number
            } else if let (a, b) = operands(variable, of: .multiply), a == x, b == x {
                // A square that is used twice, or that stands alone.
                total += 2
            } else {
                return false
            }
        }
        return total == exponent
    }

    /// `e / Σ e` with `e = exp(x - max x)` along the last dimension.
    func softmax(_ value: Value) -> Match? {
        guard let (e, divisor) = operands(value, of: .divide), let difference = operand(e, of: .exp),
            shape(value).rank > 0, row(divisor, reduced: 1, reduction(.sum)) == e,
            let (x, largest) = operands(difference, of: .subtract),
            row(largest, reduced: 1, reduction(.maximum)) == x
        else { return nil }
        return Match(composite: Softmax(axis: shape(value).rank - 1), operands: [.init(x)])
    }

    private func reduction(_ kind: ReductionKind) -> (Value) -> (operand: Value, dimensions: [Int])? {
        { value in
            guard case .reduce(kind, let dimensions) = primitive(value) else { return nil }
            return (node(value).operands[0], dimensions)
        }
    }
}
