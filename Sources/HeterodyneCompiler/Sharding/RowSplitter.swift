// Heterodyne: makes the graph of some rows of a batch.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Rebuilds a graph whose rows were followed for fewer rows.
struct RowSplitter {
    /// The rows of the graph.
    let rowCount: Int
    /// The rows to compute; fewer.
    let rows: Int

    /// `graph` for the first rows; inputs and outputs keep names and order. Throws what inference throws, and
    /// `unsupported` for a composite whose attributes fix the number of rows.
    func split(_ graph: Graph, _ flow: RowFlow, depth: Int = 0) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var mapped: [[Term]] = []
        let live = graph.liveNodes()
        for (index, node) in graph.nodes.enumerated() {
            do throws(GraphError) {
                builder.currentLocation = node.location
                if case .parameter(let position, let name, let type) = node.operation {
                    mapped.append([
                        try builder.input(name, resized(type, flow.inputs[position]), location: node.location)
                    ])
                    continue
                }
                guard live[index] else {
                    mapped.append([])
                    continue
                }
                var operands: [Term] = []
                for (position, operand) in node.operands.enumerated() {
                    let state = flow.values[Int(operand.node)][Int(operand.result)]
                    let term = mapped[Int(operand.node)][Int(operand.result)]
                    // Shared values keep all their rows until a node wants some.
                    let demand = flow.rules[index]?.operands[position]
                    operands.append(state == nil ? try part(of: term, graph.node(of: operand), demand) : term)
                }
                guard let rule = flow.rules[index] else {
                    mapped.append(try builder.addAll(node.operation, operands, location: node.location))
                    continue
                }
                let operation = try resized(node.operation, rule, depth)
                let results = try builder.addAll(operation, operands, location: node.location)
                for (result, (type, state)) in zip(results, zip(node.resultTypes, rule.results)) {
                    guard result.type == resized(type, state) else {
                        throw GraphError(
                            .unsupported,
                            "its attributes fix the number of rows: for \(rows) rows its result is \(result.type)")
                    }
                }
                mapped.append(results)
            } catch { throw error.at(operation: graph.nodeText(index), location: node.location) }
        }
        for (position, output) in graph.outputs.enumerated() {
            let term = mapped[Int(output.value.node)][Int(output.value.result)]
            let state = flow.values[Int(output.value.node)][Int(output.value.result)]
            let demand = flow.outputs[position]
            try builder.output(
                output.name, state == nil ? part(of: term, graph.node(of: output.value), demand) : term)
        }
        return try builder.build().droppingDeadNodes()
    }

    private func resized(_ shape: Shape, _ state: BatchAxis?) -> Shape {
        guard let state else { return shape }
        var shape = shape
        shape.dimensions[state.axis] = .fixed(rows * state.inner)
        return shape
    }

    private func resized(_ type: TensorType, _ state: BatchAxis?) -> TensorType {
        type.with(resized(type.shape, state))
    }

    /// The first rows of a value that is the same for every row.
    private func part(of term: Term, _ node: Node, _ demand: BatchAxis?) throws(GraphError) -> Term {
        guard let demand else { return term }
        let shape = resized(term.shape, demand)
        switch node.operation {
        case .primitive(.constant(let literal)):
            if case .splat(let bits) = literal.contents {
                return try term.builder.constant(Literal(splatBits: bits, type: term.type.with(shape)))
            }
        case .primitive(.broadcast(_, let dimensions)):
            if !dimensions.contains(demand.axis), let source = term.builder.nodes[Int(term.value.node)].operands.first {
                return try Term(term.builder, source).broadcast(shape, dimensions: dimensions)
            }
        case .primitive, .composite, .parameter: break
        }
        return try term.slice([Extent](repeating: 0, count: shape.rank), shape.dimensions)
    }

    /// The operation with the shapes among its attributes for fewer rows.
    private func resized(_ operation: NodeOperation, _ rule: RowRule, _ depth: Int) throws(GraphError) -> NodeOperation
    {
        guard case .primitive(let primitive) = operation else { return operation }
        let result = rule.results[0]
        switch primitive {
        case .reshape(let shape): return .primitive(.reshape(resized(shape, result)))
        case .broadcast(let shape, let dimensions):
            return .primitive(.broadcast(resized(shape, result), dimensions: dimensions))
        case .slice(let starts, let limits, let strides):
            return .primitive(
                .slice(starts: starts, limits: resized(Shape(limits), result).dimensions, strides: strides))
        case .dynamicSlice(let sizes):
            return .primitive(.dynamicSlice(sizes: resized(Shape(sizes), result).dimensions))
        case .conditional(let then, let otherwise):
            let arguments = Array(rule.operands.dropFirst())
            return .primitive(
                .conditional(
                    then: try region(then, arguments, rule.results, depth),
                    otherwise: try region(otherwise, arguments, rule.results, depth)))
        case .loop(let condition, let body):
            return .primitive(
                .loop(
                    condition: try region(condition, rule.operands, nil, depth),
                    body: try region(body, rule.operands, rule.results, depth)))
        case .constant, .iota, .convert, .bitcast, .unary, .binary, .compare, .select, .transpose, .pad, .concatenate,
            .reverse, .gather, .scatter, .dynamicUpdateSlice, .dot, .reduce, .sort:
            return operation
        }
    }

    private func region(
        _ graph: Graph, _ inputs: [BatchAxis?], _ outputs: [BatchAxis?]?, _ depth: Int
    ) throws(GraphError) -> Graph {
        let flow = try RowFlow(graph, rowCount: rowCount, inputs: inputs, wanted: outputs, depth: depth + 1)
        return try split(graph, flow, depth: depth + 1)
    }
}
