// Heterodyne: replaces the symbols of a graph by numbers.
// SPDX-License-Identifier: Apache-2.0

extension Graph {
    /// The names of all symbols in any type or attribute, also inside regions.
    public var symbols: Set<String> {
        var names: Set<String> = []
        for node in nodes {
            for type in node.resultTypes { names.formUnion(type.shape.symbols) }
            for entry in node.operation.attributes.entries { names.formUnion(entry.value.symbols) }
        }
        return names
    }

    /// The graph with symbols replaced by numbers, in the types of inputs, in attributes of primitives and composites
    /// and inside regions; everything is inferred and checked anew.
    ///
    /// - Parameters:
    ///   - bindings: A number from 0 for every symbol.
    ///   - allowsUnbound: Whether symbols without a number may stay.
    /// - Throws: `unboundSymbol` for a symbol without a number, `invalidAttribute` for a name that the graph does not
    ///   have or a negative number, and what inference throws where the numbers do not fit.
    public func binding(_ bindings: [String: Int], allowsUnbound: Bool = false) throws(GraphError) -> Graph {
        let symbols = symbols
        for (name, value) in bindings.sorted(by: { $0.key < $1.key }) {
            guard symbols.contains(name) else {
                let known = symbols.isEmpty ? "none" : symbols.sorted().joined(separator: ", ")
                throw GraphError(.invalidAttribute, "the graph has no symbol '\(name)'; its symbols: \(known)")
            }
            guard value >= 0 else {
                throw GraphError(.invalidAttribute, "symbol '\(name)' is bound to \(value); extents are not negative")
            }
        }
        let missing = symbols.filter { bindings[$0] == nil }.sorted()
        guard allowsUnbound || missing.isEmpty else {
            throw GraphError(
                .unboundSymbol, "no number is given for \(missing.joined(separator: ", "))")
        }
        return try replacing(bindings)
    }

    /// The graph with the symbols of `bindings` replaced; names that do not occur are ignored.
    fileprivate func replacing(_ bindings: [String: Int]) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped: [[Value]] = []
        mapped.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            do {
                if case .parameter(_, let name, let type) = node.operation {
                    let bound = type.with(try type.shape.bound(bindings))
                    mapped.append([try builder.input(name, bound, location: node.location).value])
                } else {
                    let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
                    let operation = try node.operation.mappingAttributes { (value) throws(GraphError) in
                        try value.replacing(bindings)
                    }
                    mapped.append(try builder.add(operation, operands, location: node.location))
                }
            } catch {
                // The node says more than the operation's name.
                throw GraphError(
                    error.kind, error.message, operation: nodeText(index), location: error.location ?? node.location)
            }
        }
        for output in outputs {
            let value = mapped[Int(output.value.node)][Int(output.value.result)]
            try builder.output(output.name, Term(builder, value))
        }
        return try builder.build()
    }

    /// The numbers for the symbols that follow from concrete shapes of the inputs.
    ///
    /// Extents that are a symbol bind it; extents that are linear in one unknown symbol, such as `2*batch+1`, are
    /// solved for it; all others are checked. Symbols that no input's shape determines are absent from the result.
    ///
    /// - Parameter inputShapes: The extents of every input, in order.
    /// - Throws: `shapeMismatch`, naming input and dimension, where a shape does not fit or two shapes contradict each
    ///   other; `unboundSymbol` where an extent cannot be checked because its symbols stay unknown.
    public func solveBindings(inputShapes: [[Int]]) throws(GraphError) -> [String: Int] {
        guard inputShapes.count == inputs.count else {
            throw GraphError(.shapeMismatch, "\(inputShapes.count) shapes are given for \(inputs.count) inputs")
        }
        var equations: [(where: String, extent: Extent, value: Int)] = []
        for ((name, type), given) in zip(zip(inputNames, inputTypes), inputShapes) {
            guard given.count == type.rank else {
                throw GraphError(
                    .shapeMismatch, "input '\(name)' is \(type) and is given rank \(given.count): \(given)")
            }
            for (dimension, (extent, value)) in zip(type.shape.dimensions, given).enumerated() {
                guard value >= 0 else {
                    throw GraphError(
                        .shapeMismatch, "input '\(name)', dimension \(dimension): extent \(value) is negative")
                }
                equations.append(("input '\(name)', dimension \(dimension)", extent, value))
            }
        }
        var bindings: [String: Int] = [:]
        // Each round may make further equations solvable; it ends when a round finds nothing new.
        var isProgressing = true
        while isProgressing {
            isProgressing = false
            var open: [(where: String, extent: Extent, value: Int)] = []
            for equation in equations {
                let extent = try equation.extent.bound(bindings)
                if case .fixed(let known) = extent {
                    guard known == equation.value else { throw Self.conflict(equation, known, bindings) }
                } else if let (name, solution) = Self.solve(extent, equals: equation.value) {
                    guard let solution, solution >= 0 else {
                        throw GraphError(
                            .shapeMismatch,
                            "\(equation.where): no number '\(name)' gives \(equation.extent) = \(equation.value)")
                    }
                    bindings[name] = solution
                    isProgressing = true
                } else {
                    open.append(equation)
                }
            }
            equations = open
        }
        if let equation = equations.first {
            let unknown = equation.extent.symbols.subtracting(bindings.keys).sorted().joined(separator: ", ")
            throw GraphError(
                .unboundSymbol,
                "\(equation.where): extent \(equation.extent) cannot be checked, since \(unknown) is unknown")
        }
        return bindings
    }

    private static func conflict(
        _ equation: (where: String, extent: Extent, value: Int), _ known: Int, _ bindings: [String: Int]
    ) -> GraphError {
        var message = "\(equation.where): extent \(equation.value) is given where \(equation.extent)"
        let names = equation.extent.symbols.sorted().map { "\($0) = \(bindings[$0].map(String.init) ?? "?")" }
        message += names.isEmpty ? " is needed" : " is \(known), from \(names.joined(separator: ", "))"
        return GraphError(.shapeMismatch, message)
    }

    /// The symbol and its number (nil where none is exact) for an extent that is linear in its only symbol.
    private static func solve(_ extent: Extent, equals value: Int) -> (name: String, number: Int?)? {
        guard case .symbolic(let expression) = extent else { return nil }
        var constant = 0
        var linear: (name: String, coefficient: Int)?
        for term in expression.terms {
            if term.factors.isEmpty {
                constant = term.coefficient
            } else if term.factors.count == 1, linear == nil, case .symbol(let name) = term.factors[0] {
                linear = (name, term.coefficient)
            } else {
                return nil
            }
        }
        guard let linear else { return nil }
        let (rest, overflow) = value.subtractingReportingOverflow(constant)
        if overflow { return (linear.name, nil) }
        let (quotient, remainder) = (
            rest.dividedReportingOverflow(by: linear.coefficient),
            rest.remainderReportingOverflow(dividingBy: linear.coefficient)
        )
        let isExact = !quotient.overflow && !remainder.overflow && remainder.partialValue == 0
        return (linear.name, isExact ? quotient.partialValue : nil)
    }
}

extension AttributeValue {
    /// The names of all symbols that occur.
    public var symbols: Set<String> {
        switch self {
        case .dimensions(let extents): Shape(extents).symbols
        case .type(let type): type.shape.symbols
        case .literal(let literal): literal.type.shape.symbols
        case .graph(let graph): graph.symbols
        case .bool, .integer, .number, .string, .integers, .numbers, .strings, .scalarType: []
        }
    }

    /// The value with the symbols of `bindings` replaced, or nil where none occurs.
    fileprivate func replacing(_ bindings: [String: Int]) throws(GraphError) -> AttributeValue? {
        guard symbols.contains(where: { bindings[$0] != nil }) else { return nil }
        switch self {
        case .dimensions(let extents): return .dimensions(try Shape(extents).bound(bindings).dimensions)
        case .type(let type): return .type(type.with(try type.shape.bound(bindings)))
        case .literal(let literal):
            let type = literal.type.with(try literal.type.shape.bound(bindings))
            try type.validate()
            guard case .splat(let bits) = literal.contents else { return nil }
            return .literal(Literal(splatBits: bits, type: type))
        case .graph(let graph): return .graph(try graph.replacing(bindings))
        case .bool, .integer, .number, .string, .integers, .numbers, .strings, .scalarType: return nil
        }
    }
}
