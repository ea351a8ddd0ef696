// Heterodyne: which values of a graph under construction are constants, and their elements.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// Computes a graph of constants. Throws where an operation cannot be evaluated.
public typealias ConstantEvaluator = @Sendable (Graph, [Literal]) throws(GraphError) -> [Literal]

/// What is known of the values of one builder: which depend on no input, and, once asked for, their elements.
final class BuilderFacts {
    let builder: GraphBuilder
    private let evaluate: ConstantEvaluator
    private var isConstantNode: [Bool] = []
    private var literals: [Value: Literal] = [:]

    init(_ builder: GraphBuilder, _ evaluate: @escaping ConstantEvaluator) {
        self.builder = builder
        self.evaluate = evaluate
    }

    /// Whether the value depends on no input of the graph.
    func isConstant(_ term: Term) -> Bool {
        while isConstantNode.count < builder.nodes.count {
            let node = builder.nodes[isConstantNode.count]
            if case .parameter = node.operation {
                isConstantNode.append(false)
            } else if node.resultTypes.contains(where: { $0.shape.fixedExtents == nil }) {
                // Free dimensions decide it.
                isConstantNode.append(false)
            } else {
                isConstantNode.append(node.operands.allSatisfy { isConstantNode[Int($0.node)] })
            }
        }
        return isConstantNode[Int(term.value.node)]
    }

    /// The elements of a value that depends on no input, computed once; nil where it depends on one.
    func literal(_ term: Term) throws(GraphError) -> Literal? {
        guard isConstant(term) else { return nil }
        if let known = literals[term.value] { return known }
        if case .primitive(.constant(let literal)) = builder.nodes[Int(term.value.node)].operation { return literal }
        try checkSize(of: term)
        let scratch = GraphBuilder()
        let copied = try copy([term.value], into: scratch, inputs: [:])
        try scratch.output("value", Term(scratch, copied[0]))
        let results = try evaluate(try scratch.build(), [])
        guard let result = results.first else {
            throw GraphError(.malformedGraph, "the evaluator gave no result for a constant")
        }
        literals[term.value] = result
        return result
    }

    /// Most bytes of a value that is computed while importing.
    private static let byteLimit = 1 << 30

    /// Throws `overflow` where computing a constant would need more memory than an import may take. A few bytes of a
    /// model can ask for any amount.
    private func checkSize(of term: Term) throws(GraphError) {
        for node in ancestors(of: [term.value]) {
            // Repeated elements take no memory, and others are there already.
            if case .primitive(.constant) = builder.nodes[node].operation { continue }
            for type in builder.nodes[node].resultTypes where try type.byteCount() > Self.byteLimit {
                throw GraphError(
                    .overflow,
                    "depends on a constant \(type), which is too large to be computed while the model is imported")
            }
        }
    }

    /// Whether free dimensions decide the value.
    func hasFreeDimensions(_ term: Term) -> Bool {
        ancestors(of: [term.value]).contains { node in
            builder.nodes[node].resultTypes.contains { $0.shape.fixedExtents == nil }
        }
    }

    /// Copies values and everything that they depend on into another builder; `inputs` says what stands there for
    /// values that are not to be copied. Constants whose elements are known are copied as such.
    func copy(
        _ values: [Value], into target: GraphBuilder, inputs: [Value: Value]
    ) throws(GraphError) -> [Value] {
        var mapped = inputs
        for value in ancestors(of: values, stoppingAt: inputs) {
            let node = builder.nodes[value]
            let known = node.resultTypes.count == 1 ? literals[Value(node: value)] : nil
            if let known {
                mapped[Value(node: value)] = try target.constant(known).value
                continue
            }
            if case .parameter(_, let name, let type) = node.operation {
                mapped[Value(node: value)] = try target.input(name, type).value
                continue
            }
            let operands = node.operands.compactMap { mapped[$0] }
            let results = try target.add(node.operation, operands, location: node.location)
            for (index, result) in results.enumerated() { mapped[Value(node: value, result: index)] = result }
        }
        return values.compactMap { mapped[$0] }
    }

    /// The nodes that `values` are computed by, in order of definition, except those whose results `inputs` has.
    func ancestors(of values: [Value], stoppingAt inputs: [Value: Value] = [:]) -> [Int] {
        var stack = values.filter { inputs[$0] == nil }.map { Int($0.node) }
        var seen = Set(stack)
        while let node = stack.popLast() {
            if literals[Value(node: node)] != nil, builder.nodes[node].resultTypes.count == 1 { continue }
            for operand in builder.nodes[node].operands where inputs[operand] == nil {
                if seen.insert(Int(operand.node)).inserted { stack.append(Int(operand.node)) }
            }
        }
        return seen.sorted()
    }
}
