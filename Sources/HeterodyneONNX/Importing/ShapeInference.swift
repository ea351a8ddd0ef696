// Heterodyne: what is known of small tensors of integers, truth values and numbers that models compute from shapes.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What is known of an element of a tensor.
enum ShapeElement {
    /// An integer, perhaps an expression over symbols.
    case integer(Extent)
    /// A truth value.
    case truth(Bool)
    /// A number `extent / divisor`, a float.
    case quotient(Extent, Int)

    /// The integer.
    var extent: Extent? { if case .integer(let extent) = self { extent } else { nil } }
    /// The truth value.
    var truth: Bool? { if case .truth(let truth) = self { truth } else { nil } }
}

/// Evaluates the arithmetic that models do with shapes, element by element, over expressions. What cannot be known is
/// nil. Every value is looked at once, in the order of the graph, however often it is used.
struct ShapeInference {
    private let facts: BuilderFacts
    private var known: [Value: [ShapeElement?]] = [:]
    private static let countLimit = 1_024

    init(_ facts: BuilderFacts) { self.facts = facts }

    /// The elements of a small tensor in row-major order.
    mutating func elements(of value: Value) throws(GraphError) -> [ShapeElement?] {
        for node in ancestors(of: value) {
            let result = Value(node: node)
            let elements = try evaluate(node)
            known[result] = elements.count == count(result) ? elements : unknown(result)
        }
        return known[value] ?? unknown(value)
    }

    private func count(_ value: Value) -> Int? {
        guard let count = try? facts.builder.type(of: value).elementCount(), count <= Self.countLimit else {
            return nil
        }
        return count
    }

    private func unknown(_ value: Value) -> [ShapeElement?] {
        [ShapeElement?](repeating: nil, count: count(value) ?? 0)
    }

    /// The nodes that have to be evaluated for `value`, in the order of the graph.
    private func ancestors(of value: Value) -> [Int] {
        var stack = [value]
        var seen: Set<Int> = []
        while let next = stack.popLast() {
            guard known[next] == nil, next.result == 0, count(next) != nil, seen.insert(Int(next.node)).inserted
            else { continue }
            let node = facts.builder.nodes[Int(next.node)]
            guard case .primitive(let primitive) = node.operation, Self.looksThrough(primitive) else { continue }
            stack += node.operands
        }
        return seen.sorted()
    }

    private static func looksThrough(_ primitive: Primitive) -> Bool {
        switch primitive {
        case .reshape, .convert, .broadcast, .slice, .concatenate, .binary, .compare, .select, .transpose, .reverse,
            .unary, .reduce:
            true
        default: false
        }
    }

    // MARK: - Nodes

    private func evaluate(_ index: Int) throws(GraphError) -> [ShapeElement?] {
        let node = facts.builder.nodes[index]
        let value = Value(node: index)
        let type = facts.builder.type(of: value)
        guard let count = count(value) else { return [] }
        guard case .primitive(let primitive) = node.operation else { return try constant(value, count) }
        func operand(_ position: Int) -> [ShapeElement?] {
            known[node.operands[position]] ?? unknown(node.operands[position])
        }
        func operandType(_ position: Int) -> TensorType { facts.builder.type(of: node.operands[position]) }
        switch primitive {
        case .constant(let literal): return elements(of: literal, count)
        case .reshape: return operand(0)
        case .convert(let to):
            return try each(operand(0)) { (x) throws(GraphError) in try Self.convert(x, to) }
        case .reduce(.sum, let dimensions):
            if let extent = sumOfOnes(node.operands[0], dimensions) { return [.integer(extent)] }
            return try reduce(.add, operand(0), count) ?? unknown(value)
        case .reduce(.product, _):
            return try reduce(.multiply, operand(0), count) ?? unknown(value)
        case .concatenate(let dimension):
            guard type.shape.dimensions[..<dimension].allSatisfy({ $0 == 1 }) else { return unknown(value) }
            return node.operands.indices.flatMap { operand($0) }
        case .broadcast(_, let dimensions):
            return permuted(operand(0), operandType(0), type) { position, strides in
                zip(dimensions, strides).reduce(0) { $0 + ($1.1.extent == 1 ? 0 : position[$1.0] * $1.1.stride) }
            }
        case .transpose(let permutation):
            return permuted(operand(0), operandType(0), type) { position, strides in
                permutation.enumerated().reduce(0) { $0 + position[$1.offset] * strides[$1.element].stride }
            }
        case .reverse(let dimensions):
            return permuted(operand(0), operandType(0), type) { position, strides in
                strides.indices.reduce(0) {
                    let index = dimensions.contains($1) ? strides[$1].extent - 1 - position[$1] : position[$1]
                    return $0 + index * strides[$1].stride
                }
            }
        case .slice(let starts, _, let steps):
            let first = starts.compactMap(\.fixedValue)
            guard first.count == starts.count else { return unknown(value) }
            return permuted(operand(0), operandType(0), type) { position, strides in
                strides.indices.reduce(0) { $0 + (first[$1] + position[$1] * steps[$1]) * strides[$1].stride }
            }
        case .binary(let op):
            return try pairs(operand(0), operand(1)) { (x, y) throws(GraphError) in try Self.combine(op, x, y) }
        case .compare(let direction):
            return try pairs(operand(0), operand(1)) { (x, y) throws(GraphError) in try Self.compare(direction, x, y) }
        case .select:
            let (condition, a, b) = (operand(0), operand(1), operand(2))
            return condition.indices.map { index in
                if let truth = condition[index]?.truth { return truth ? a[index] : b[index] }
                // The same either way.
                guard let extent = a[index]?.extent, extent == b[index]?.extent else { return nil }
                return a[index]
            }
        case .unary(let op):
            return try each(operand(0)) { (x) throws(GraphError) in try Self.unary(op, x) }
        default: return try constant(value, count)
        }
    }

    /// The elements of what depends on no input.
    private func constant(_ value: Value, _ count: Int) throws(GraphError) -> [ShapeElement?] {
        let term = Term(facts.builder, value)
        guard facts.isConstant(term), let literal = try facts.literal(term) else { return unknown(value) }
        return elements(of: literal, count)
    }

    private func elements(of literal: Literal, _ count: Int) -> [ShapeElement?] {
        let type = literal.type.scalarType
        return (0..<count).map { index in
            let bits = literal.bits(at: index)
            if type == .bool { return .truth(bits != 0) }
            if type == .uint64, bits > UInt64(Int64.max) { return nil }
            if type == .int64 || type == .uint64 { return .integer(.fixed(Int(Int64(bitPattern: bits)))) }
            let number = type.number(fromBits: bits)
            if type.isInteger { return .integer(.fixed(Int(number))) }
            return Self.quotient(number)
        }
    }

    /// A number as a fraction with a small power of two below the line, where it is one.
    private static func quotient(_ number: Double) -> ShapeElement? {
        guard number.isFinite, number.magnitude < 0x1p40 else { return nil }
        var (scaled, divisor) = (number, 1)
        while scaled != scaled.rounded(.down) {
            guard divisor < 1 << 12 else { return nil }
            (scaled, divisor) = (scaled * 2, divisor * 2)
        }
        return .quotient(.fixed(Int(scaled)), divisor)
    }

    /// The extent `e` where the operand is `e` ones, which is how extents become values.
    private func sumOfOnes(_ operand: Value, _ dimensions: [Int]) -> Extent? {
        guard case .primitive(.constant(let ones)) = facts.builder.nodes[Int(operand.node)].operation,
            ones.type.scalarType.isInteger, case .splat(1) = ones.contents, dimensions == [0], ones.type.rank == 1
        else { return nil }
        return ones.type.shape[0]
    }

    // MARK: - Elements

    /// The elements of a result, each of which is the element of the operand at an offset that `source` computes from
    /// the result's position and the operand's extents and strides.
    private func permuted(
        _ elements: [ShapeElement?], _ operand: TensorType, _ result: TensorType,
        _ source: ([Int], [(extent: Int, stride: Int)]) -> Int
    ) -> [ShapeElement?] {
        guard let from = operand.shape.fixedExtents, let to = result.shape.fixedExtents,
            let count = try? result.elementCount(), count <= Self.countLimit
        else { return [] }
        var strides: [(extent: Int, stride: Int)] = []
        var stride = 1
        for extent in from.reversed() {
            strides.append((extent, stride))
            stride &*= max(extent, 1)
        }
        strides.reverse()
        return (0..<count).map { index in
            var (position, rest) = ([Int](repeating: 0, count: to.count), index)
            for d in to.indices.reversed() where to[d] > 0 {
                position[d] = rest % to[d]
                rest /= to[d]
            }
            let offset = source(position, strides)
            return elements.indices.contains(offset) ? elements[offset] : nil
        }
    }

    private func each(
        _ elements: [ShapeElement?], _ body: (ShapeElement) throws(GraphError) -> ShapeElement?
    ) throws(GraphError) -> [ShapeElement?] {
        var result: [ShapeElement?] = []
        for element in elements {
            if let element { result.append(try body(element)) } else { result.append(nil) }
        }
        return result
    }

    private func pairs(
        _ a: [ShapeElement?], _ b: [ShapeElement?],
        _ body: (ShapeElement, ShapeElement) throws(GraphError) -> ShapeElement?
    ) throws(GraphError) -> [ShapeElement?] {
        var result: [ShapeElement?] = []
        for (x, y) in zip(a, b) {
            if let x, let y { result.append(try body(x, y)) } else { result.append(nil) }
        }
        return result
    }

    /// A reduction of everything, or of nothing.
    private func reduce(
        _ op: BinaryOperator, _ elements: [ShapeElement?], _ count: Int
    ) throws(GraphError) -> [ShapeElement?]? {
        guard count == 1, !elements.isEmpty, var total = elements[0] else { return nil }
        for element in elements.dropFirst() {
            guard let element, let next = try Self.combine(op, total, element) else { return nil }
            total = next
        }
        return [total]
    }

    private static func convert(_ x: ShapeElement, _ to: ScalarType) throws(GraphError) -> ShapeElement? {
        switch (x, to) {
        case (.integer(let extent), .int64), (.integer(let extent), .int32): return .integer(extent)
        case (.integer(let extent), .float32), (.integer(let extent), .float64): return .quotient(extent, 1)
        case (.integer(let extent), .bool): return extent.fixedValue.map { .truth($0 != 0) }
        case (.truth(let truth), _) where to.isInteger: return .integer(truth ? 1 : 0)
        case (.truth, .bool): return x
        case (.quotient, .float32), (.quotient, .float64): return x
        case (.quotient(let extent, let divisor), .int64), (.quotient(let extent, let divisor), .int32):
            // Truncation is the floor where the number is not negative, which expressions of extents never are.
            if let number = extent.fixedValue { return .integer(.fixed(number / divisor)) }
            return .integer(try extent.floorDivided(by: divisor))
        default: return nil
        }
    }

    private static func unary(_ op: UnaryOperator, _ x: ShapeElement) throws(GraphError) -> ShapeElement? {
        switch (op, x) {
        case (.negate, .integer(let extent)): return .integer(try extent.multiplied(by: -1))
        case (.floor, .quotient(let extent, let divisor)): return .quotient(try extent.floorDivided(by: divisor), 1)
        default: return nil
        }
    }

    private static func combine(
        _ op: BinaryOperator, _ x: ShapeElement, _ y: ShapeElement
    ) throws(GraphError) -> ShapeElement? {
        switch (x, y) {
        case (.integer(let a), .integer(let b)): return try combine(op, a, b).map(ShapeElement.integer)
        case (.truth(let a), .truth(let b)):
            switch op {
            case .and: return .truth(a && b)
            case .or: return .truth(a || b)
            case .xor: return .truth(a != b)
            default: return nil
            }
        case (.quotient(let a, let below), .quotient(let b, let divisor)):
            switch op {
            case .multiply:
                let (product, overflow) = below.multipliedReportingOverflow(by: divisor)
                return overflow ? nil : .quotient(try a.multiplied(by: b), product)
            case .divide:
                // a / below / (b / divisor) with a positive number b.
                guard let b = b.fixedValue, b > 0 else { return nil }
                let (product, overflow) = below.multipliedReportingOverflow(by: b)
                return overflow ? nil : .quotient(try a.multiplied(by: .fixed(divisor)), product)
            case .add where below == divisor: return .quotient(try a.adding(b), below)
            case .subtract where below == divisor: return .quotient(try a.subtracting(b), below)
            default: return nil
            }
        default: return nil
        }
    }

    private static func combine(
        _ op: BinaryOperator, _ a: Extent, _ b: Extent
    ) throws(GraphError) -> Extent? {
        switch op {
        case .add: return try a.adding(b)
        case .subtract: return try a.subtracting(b)
        case .multiply: return try a.multiplied(by: b)
        case .divide:
            if let x = a.fixedValue, let y = b.fixedValue {
                let (quotient, overflow) = x.dividedReportingOverflow(by: y)
                return overflow ? nil : .fixed(quotient)
            }
            if let exact = try a.dividedExactly(by: b) { return exact }
            // Division truncates; it is the floor where the dividend is an extent, which is never negative.
            guard let divisor = b.fixedValue, divisor > 0 else { return nil }
            return try a.floorDivided(by: divisor)
        case .remainder:
            if let x = a.fixedValue, let y = b.fixedValue { return y == 0 ? a : y == -1 ? 0 : .fixed(x % y) }
            guard let divisor = b.fixedValue, divisor > 0 else { return nil }
            return try a.subtracting(a.floorDivided(by: divisor).multiplied(by: b))
        case .maximum, .minimum:
            if a == b { return a }
            guard let isLess = try compare(.less, .integer(a), .integer(b))?.truth else { return nil }
            return isLess == (op == .minimum) ? a : b
        default: return nil
        }
    }

    /// A relation where it is the same for all numbers from 0 on that symbols may stand for.
    private static func compare(
        _ direction: ComparisonDirection, _ x: ShapeElement, _ y: ShapeElement
    ) throws(GraphError) -> ShapeElement? {
        if case (.truth(let a), .truth(let b)) = (x, y) {
            switch direction {
            case .equal: return .truth(a == b)
            case .notEqual: return .truth(a != b)
            default: return nil
            }
        }
        guard case (.integer(let a), .integer(let b)) = (x, y) else { return nil }
        // The smallest and the largest value of a - b, nil where there is no bound.
        let (low, high) = try a.subtracting(b).bounds
        switch direction {
        case .equal, .notEqual:
            if low == 0, high == 0 { return .truth(direction == .equal) }
            if let low, low > 0 { return .truth(direction == .notEqual) }
            if let high, high < 0 { return .truth(direction == .notEqual) }
            return nil
        case .less, .greaterOrEqual:
            if let high, high < 0 { return .truth(direction == .less) }
            if let low, low >= 0 { return .truth(direction != .less) }
            return nil
        case .lessOrEqual, .greater:
            if let high, high <= 0 { return .truth(direction == .lessOrEqual) }
            if let low, low > 0 { return .truth(direction != .lessOrEqual) }
            return nil
        }
    }
}
