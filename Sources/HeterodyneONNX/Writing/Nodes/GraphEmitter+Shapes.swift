// Heterodyne: shapes as data, also where they are only known when the model runs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    /// The extents as a vector of int64.
    func shapeVector(_ shape: Shape) throws(ONNXError) -> Port { try vector(shape.dimensions) }

    /// Extents as a vector of int64: a constant where they are numbers, else computed from the shapes of the inputs.
    func vector(_ extents: [Extent]) throws(ONNXError) -> Port {
        var parts: [Port] = []
        var numbers: [Int] = []
        for extent in extents {
            if case .fixed(let number) = extent {
                numbers.append(number)
                continue
            }
            if !numbers.isEmpty { parts.append(Port(numbers)) }
            numbers = []
            parts.append(try number(of: extent))
        }
        if !numbers.isEmpty || parts.isEmpty { parts.append(Port(numbers)) }
        if parts.count == 1 { return parts[0] }
        return try node("Concat", parts, [("axis", .int(0))], TensorType(.int64, [extents.count]))
    }

    /// An extent as a vector of one int64.
    func number(of extent: Extent) throws(ONNXError) -> Port {
        switch extent {
        case .fixed(let number): return Port([number])
        case .symbolic(let expression): return try root.computed(expression)
        }
    }

    /// The value of an expression, computed once in the model's own graph.
    private func computed(_ expression: ExtentExpression) throws(ONNXError) -> Port {
        let key = expression.description
        if let known = model.symbolPorts[key] { return known }
        var sum: Port?
        for term in expression.terms {
            var product: Port?
            for factor in term.factors {
                let value: Port
                switch factor {
                case .symbol(let name): value = try symbol(name)
                case .floorDivide(let inner, let divisor):
                    let dividend = try number(of: inner.terms.isEmpty ? .fixed(0) : extent(inner))
                    // Mod takes the divisor's sign, so the difference divides exactly and the quotient is rounded down.
                    let rest = try arithmetic("Mod", dividend, Port([divisor]))
                    value = try arithmetic("Div", try arithmetic("Sub", dividend, rest), Port([divisor]))
                }
                product = try product.map { (p) throws(ONNXError) in try arithmetic("Mul", p, value) } ?? value
            }
            if let known = product, term.coefficient != 1 {
                product = try arithmetic("Mul", known, Port([term.coefficient]))
            }
            let value = product ?? Port([term.coefficient])
            sum = try sum.map { (s) throws(ONNXError) in try arithmetic("Add", s, value) } ?? value
        }
        let result = sum ?? Port([0])
        model.symbolPorts[key] = result
        return result
    }

    private func extent(_ expression: ExtentExpression) throws(ONNXError) -> Extent {
        if expression.terms.count == 1, expression.terms[0].factors.isEmpty {
            return .fixed(expression.terms[0].coefficient)
        }
        return .symbolic(expression)
    }

    /// A symbol, read from the shape of an input that has it as an extent, or that is linear in it alone.
    private func symbol(_ name: String) throws(ONNXError) -> Port {
        if let known = model.symbolPorts[name] { return known }
        let wanted = Extent.symbol(name)
        for isExact in [true, false] {
            for (input, type) in model.inputs {
                for (dimension, extent) in type.shape.dimensions.enumerated() {
                    guard case .symbolic(let expression) = extent, isExact ? extent == wanted : true else { continue }
                    guard let line = Self.line(expression, in: name) else { continue }
                    let shape = try node("Shape", [Port(input, type)], [], TensorType(.int64, [type.rank]))
                    var value = try node(
                        "Gather", [shape, Port([dimension])], [("axis", .int(0))], TensorType(.int64, [1]))
                    if line.constant != 0 { value = try arithmetic("Sub", value, Port([line.constant])) }
                    if line.factor != 1 { value = try arithmetic("Div", value, Port([line.factor])) }
                    model.symbolPorts[name] = value
                    return value
                }
            }
        }
        throw inexpressible(
            "the number of symbol '\(name)' is needed as data, and no input has it as an extent; bind it to a number")
    }

    /// The factor and the constant of an expression that is linear in the symbol `name` and has no other.
    private static func line(_ expression: ExtentExpression, in name: String) -> (factor: Int, constant: Int)? {
        var (factor, constant) = (0, 0)
        for term in expression.terms {
            if term.factors.isEmpty {
                constant = term.coefficient
            } else if term.factors == [.symbol(name)] {
                factor = term.coefficient
            } else {
                return nil
            }
        }
        return factor == 0 ? nil : (factor, constant)
    }

    // MARK: Shapes of values

    /// The value under another shape with as many elements.
    func reshape(_ x: Port, _ shape: Shape) throws(ONNXError) -> Port {
        if x.shape == shape { return x }
        if x.held.rank == 0 { return x.relabelled(shape) }
        let x = try whole(x)
        if let literal = x.literal, let moved = try? literal.reshaped(shape) {
            return Port(moved, spreadTo: x.type.with(shape))
        }
        return try carried("Reshape", x) { (x) throws(ONNXError) in
            let (target, allowsZero) = try reshapeTarget(from: x.shape, to: shape)
            let attributes: [(String, OutgoingAttribute)] = allowsZero ? [("allowzero", .int(1))] : []
            return try node("Reshape", [x, target], attributes, x.type.with(shape))
        }
    }

    /// The shape operand of `Reshape`, with 0 for extents that stay where they are and -1 for one that follows from the
    /// rest, so that symbolic extents mostly need no arithmetic.
    private func reshapeTarget(
        from: Shape, to: Shape
    ) throws(ONNXError) -> (target: Port, allowsZero: Bool) {
        if let extents = to.fixedExtents { return (Port(extents), extents.contains(0)) }
        if !to.dimensions.contains(0) {
            var numbers: [Int] = []
            var isInferred = false
            var isExpressible = true
            for (d, extent) in to.dimensions.enumerated() {
                if case .fixed(let number) = extent {
                    numbers.append(number)
                } else if d < from.rank && from[d] == extent {
                    numbers.append(0)
                } else if !isInferred {
                    numbers.append(-1)
                    isInferred = true
                } else {
                    isExpressible = false
                }
            }
            // An empty copied extent would leave the inferred one open.
            if isExpressible && !(isInferred && numbers.contains(0)) { return (Port(numbers), false) }
        }
        return (try shapeVector(to), true)
    }

    /// The value as a vector's or scalar's elements under a shape with extents of 1 added.
    func flatten(_ x: Port) throws(ONNXError) -> Port {
        let count = try graphStep { () throws(GraphError) in try x.shape.elementCount() }
        return try reshape(x, [count])
    }

    /// Result dimension `i` is dimension `permutation[i]`.
    func transpose(_ x: Port, _ permutation: [Int]) throws(ONNXError) -> Port {
        if permutation == Array(0..<x.rank) { return x }
        let shape = Shape(permutation.map { x.shape[$0] })
        if x.held.rank == 0 { return x.relabelled(shape) }
        // A value that is held with extents of 1 moves as it is held.
        let operand = x.held.rank == x.rank ? Port(try name(of: x), x.type.with(x.held)) : try whole(x)
        let moved = try carried("Transpose", operand) { (x) throws(ONNXError) in
            let result = x.type.with(Shape(permutation.map { x.shape[$0] }))
            return try node("Transpose", [x], [("perm", .ints(permutation))], result)
        }
        return Port(try name(of: moved), x.type.with(shape), held: moved.shape)
    }

    /// Elements from `starts` to `limits` of dimensions, every `steps`-th.
    func slice(
        _ x: Port, axes: [Int], starts: Port, limits: Port, steps: [Int]? = nil, _ shape: Shape
    ) throws(ONNXError) -> Port {
        let x = try whole(x)
        return try carried("Slice", x) { (x) throws(ONNXError) in
            var operands: [Port?] = [x, starts, limits, Port(axes)]
            if let steps, steps.contains(where: { $0 != 1 }) { operands.append(Port(steps)) }
            return try node("Slice", operands, [], x.type.with(shape))
        }
    }

    /// The operands one after the other along `axis`.
    func concatenate(_ operands: [Port], axis: Int, _ shape: Shape) throws(ONNXError) -> Port {
        if operands.count == 1 { return operands[0] }
        return try carried("Concat", operands) { (operands) throws(ONNXError) in
            try node("Concat", operands, [("axis", .int(axis))], operands[0].type.with(shape))
        }
    }
}
