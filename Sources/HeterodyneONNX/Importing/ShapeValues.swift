// Heterodyne: vectors of extents as values of the graph, also where the extents are symbols.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Turns extents into integer vectors of the graph, and such vectors, after the arithmetic that models do with them,
/// back into extents.
///
/// A symbolic extent `e` as a value is the sum of `e` ones, which every pass and device understands: with a number for
/// the symbol it folds to a constant.
struct ShapeValues {
    let facts: BuilderFacts
    /// Most elements of a vector that is looked at.
    private static let countLimit = 1_024
    private static let depthLimit = 256

    init(_ facts: BuilderFacts) { self.facts = facts }

    /// The extents as a vector of int64.
    func vector(_ extents: [Extent]) throws(GraphError) -> Term {
        let builder = facts.builder
        let numbers = extents.compactMap(\.fixedValue)
        if numbers.count == extents.count { return try builder.constant(Literal(numbers)) }
        var parts: [Term] = []
        for extent in extents {
            if let number = extent.fixedValue {
                parts.append(try builder.constant(Literal([number])))
            } else {
                let ones = try builder.constant(1, TensorType(.int64, Shape([extent])))
                parts.append(try ones.reduce(.sum, [0]).reshape([1]))
            }
        }
        return try builder.concatenate(parts, dimension: 0)
    }

    /// The elements of `term` as extents where they follow from constants and symbols, else nil.
    func extents(of term: Term) throws(GraphError) -> [Extent]? {
        guard term.scalarType.isInteger, term.type.shape.fixedExtents != nil else { return nil }
        return try extents(term.value, depth: 0)
    }

    private func extents(_ value: Value, depth: Int) throws(GraphError) -> [Extent]? {
        let builder = facts.builder
        let node = builder.nodes[Int(value.node)]
        let type = builder.type(of: value)
        guard depth < Self.depthLimit, let count = try? type.elementCount(), count <= Self.countLimit else {
            return nil
        }
        guard case .primitive(let primitive) = node.operation else { return nil }
        func operand(_ index: Int) throws(GraphError) -> [Extent]? {
            try extents(node.operands[index], depth: depth + 1)
        }
        func operandType(_ index: Int) -> TensorType { builder.type(of: node.operands[index]) }
        switch primitive {
        case .constant(let literal):
            guard type.scalarType.isInteger else { return nil }
            return (0..<count).map { .fixed(Int(type.scalarType.number(fromBits: literal.bits(at: $0)))) }
        case .reduce(.sum, let dimensions):
            // The sum of ones that `vector` makes.
            guard case .primitive(.constant(let ones)) = builder.nodes[Int(node.operands[0].node)].operation,
                ones.splatBits == 1, dimensions == [0], ones.type.rank == 1
            else { return nil }
            return [ones.type.shape[0]]
        case .concatenate(dimension: 0):
            guard type.rank == 1 else { return nil }
            var all: [Extent] = []
            for index in node.operands.indices {
                guard let part = try operand(index) else { return nil }
                all += part
            }
            return all
        case .reshape: return try operand(0)
        case .convert(let to):
            guard to == .int64 || to == .int32, operandType(0).scalarType.isInteger else { return nil }
            return try operand(0)
        case .broadcast:
            guard operandType(0).shape.dimensions.allSatisfy({ $0 == 1 }), let one = try operand(0), one.count == 1
            else { return nil }
            return [Extent](repeating: one[0], count: count)
        case .slice(let starts, let limits, let strides):
            guard type.rank == 1, let all = try operand(0), let start = starts[0].fixedValue,
                let limit = limits[0].fixedValue, start >= 0, limit <= all.count
            else { return nil }
            return stride(from: start, to: limit, by: strides[0]).map { all[$0] }
        case .binary(let op):
            guard let a = try operand(0), let b = try operand(1), a.count == b.count else { return nil }
            return try combine(op, a, b)
        default: return nil
        }
    }

    private func combine(_ op: BinaryOperator, _ a: [Extent], _ b: [Extent]) throws(GraphError) -> [Extent]? {
        var result: [Extent] = []
        for (x, y) in zip(a, b) {
            switch op {
            case .add: result.append(try x.adding(y))
            case .subtract: result.append(try x.subtracting(y))
            case .multiply: result.append(try x.multiplied(by: y))
            case .divide:
                // Division truncates; it is the floor where the dividend is an extent, which is never negative.
                guard let divisor = y.fixedValue, divisor > 0 else { return nil }
                if let number = x.fixedValue {
                    result.append(.fixed(number / divisor))
                } else {
                    result.append(try x.floorDivided(by: divisor))
                }
            default: return nil
            }
        }
        return result
    }
}
