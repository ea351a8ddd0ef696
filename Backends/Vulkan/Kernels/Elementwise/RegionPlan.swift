// Heterodyne: an elementwise region as the data that its kernel is made from.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// The elementwise operations on one point of an iteration space, as a list of steps on registers.
struct RegionPlan: Hashable, Sendable {
    enum Register: Hashable, Sendable {
        /// The element of an operand.
        case operand(Int)
        case constant(UInt64, ScalarType)
        /// The value that the kernel itself computes, for instance an element of a product.
        case produced
        case step(Int)
    }

    enum Operation: Hashable, Sendable {
        case unary(HeterodyneGraph.UnaryOperator)
        case binary(HeterodyneGraph.BinaryOperator)
        case compare(ComparisonDirection)
        case select
        case convert(ScalarType)
        case bitcast(ScalarType)
        case composite(String, Attributes)
    }

    struct Step: Hashable, Sendable {
        var operation: Operation
        /// The types of the operands.
        var types: [ScalarType]
        var operands: [Register]
    }

    struct Output: Hashable, Sendable {
        var register: Register
        var type: ScalarType
    }

    private(set) var steps: [Step] = []
    var outputs: [Output] = []

    /// The register of a step; equal steps are one.
    mutating func apply(_ step: Step) -> Register {
        // Regions have at most a few dozen steps.
        if let known = steps.firstIndex(of: step) { return .step(known) }
        steps.append(step)
        return .step(steps.count - 1)
    }

    /// The result of an operation on registers that hold `types`; nil where it is not elementwise.
    mutating func apply(_ operation: NodeOperation, _ types: [ScalarType], _ operands: [Register]) -> Register? {
        guard let type = types.first else { return nil }
        let code: Operation
        switch operation {
        case .parameter: return nil
        case .primitive(let primitive):
            switch primitive {
            case .unary(let op): code = .unary(op)
            case .binary(let op): code = .binary(op)
            case .compare(let direction): code = .compare(direction)
            case .select: code = .select
            case .convert(let to):
                if to == type { return operands[0] }
                code = .convert(to)
            case .bitcast(let to):
                if to == type { return operands[0] }
                code = .bitcast(to)
            default: return nil
            }
        case .composite(let composite):
            guard ScalarCode.composites.contains(composite.name) else { return nil }
            code = .composite(composite.name, composite.attributes)
        }
        return apply(Step(operation: code, types: types, operands: operands))
    }

    /// How many scalar operations the region costs for each point, roughly.
    var cost: Int {
        var sum = 1
        for step in steps {
            switch step.operation {
            case .composite: sum += 24
            case .unary(let op): sum += op.takesIntegers ? 1 : 16
            case .binary(.power): sum += 40
            case .binary(.divide), .binary(.remainder): sum += 6
            default: sum += 1
            }
        }
        return sum
    }

    /// The values of the outputs at one point (or at as many neighbouring points as the values are wide), in registers.
    ///
    /// `operands` and `produced` are register values of the types that the steps name.
    func evaluate(
        _ code: ScalarCode, operands: [KernelValue], produced: KernelValue? = nil, width: Int
    ) throws(KernelError) -> [KernelValue] {
        var results: [KernelValue] = []
        func value(_ register: Register) throws(KernelError) -> KernelValue {
            switch register {
            case .operand(let index):
                guard operands.indices.contains(index) else { throw .undeclared("operand \(index) of a region") }
                return operands[index]
            case .constant(let bits, let type): return code.constant(bits: bits, type, width: width)
            case .produced:
                guard let produced else { throw .undeclared("the produced value of a region") }
                return produced
            case .step(let index):
                guard results.indices.contains(index) else { throw .undefinedValue("step \(index) of a region") }
                return results[index]
            }
        }
        for step in steps {
            var inputs: [KernelValue] = []
            for register in step.operands { inputs.append(try value(register)) }
            let type = step.types[0]
            let arity =
                switch step.operation {
                case .unary, .convert, .bitcast: 1
                case .binary, .compare: 2
                case .select: 3
                case .composite: max(1, inputs.count)
                }
            guard inputs.count == arity else { throw .typeMismatch("\(step.operation) of \(inputs.count) operands") }
            switch step.operation {
            case .unary(let op): results.append(code.unary(op, inputs[0], type))
            case .binary(let op):
                results.append(withConstantZero(code, op, step, inputs) ?? code.binary(op, inputs[0], inputs[1], type))
            case .compare(let direction): results.append(code.compare(direction, inputs[0], inputs[1], type))
            case .select: results.append(code.select(inputs[0], inputs[1], inputs[2]))
            case .convert(let to): results.append(code.convert(inputs[0], from: type, to: to))
            case .bitcast(let to): results.append(code.bitcast(inputs[0], from: type, to: to))
            case .composite(let name, let attributes):
                results.append(try code.composite(name, attributes, inputs, type))
            }
        }
        var values: [KernelValue] = []
        for output in outputs { values.append(try value(output.register)) }
        return values
    }

    /// A sum, difference, product or quotient of floats one of which is a constant zero, else nil.
    private func withConstantZero(
        _ code: ScalarCode, _ op: HeterodyneGraph.BinaryOperator, _ step: Step, _ inputs: [KernelValue]
    ) -> KernelValue? {
        guard step.types[0].isFloatingPoint, step.operands.count == 2 else { return nil }
        for (index, register) in step.operands.enumerated() {
            guard case .constant(let bits, let type) = register, type.number(fromBits: bits) == 0 else { continue }
            let isNegative = bits >> UInt64(type.bitWidth - 1) & 1 == 1
            return code.binary(op, inputs[1 - index], .init(isFirst: index == 0, isNegative: isNegative))
        }
        return nil
    }
}
