// Heterodyne: where each operation has the rows of a batch, given where its operands have them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// The rule of each operation: which dimension of its results counts rows, what its other operands must then look like,
/// and when it mixes rows.
struct RowRules {
    let rowCount: Int
    /// The definitions and regions around the node.
    let depth: Int

    /// What `node` demands of its operands and gives to its results where the operands have rows as `states` says; at
    /// least one has. Throws `unsupported` where it mixes rows.
    func rule(for node: Node, _ graph: Graph, _ states: [BatchAxis?]) throws(GraphError) -> RowRule {
        let types = node.operands.map { graph.type(of: $0) }
        switch node.operation {
        case .parameter: return RowRule(operands: [], results: [nil])
        case .composite(let composite):
            let definition = try Self.definition(of: composite, types, node.location, depth)
            let flow = try RowFlow(definition, rowCount: rowCount, inputs: states, depth: depth + 1)
            return RowRule(operands: flow.inputs, results: flow.outputs)
        case .primitive(.conditional(let then, let otherwise)):
            return try conditional(then, otherwise, states)
        case .primitive(.loop(let condition, let body)): return try loop(condition, body, states)
        case .primitive(let primitive): return try rule(primitive, types, node.resultTypes, states)
        }
    }

    /// The definition of a composite as a graph. Throws what it throws.
    static func definition(
        of composite: any Composite, _ types: [TensorType], _ location: SourceLocation?, _ depth: Int
    ) throws(GraphError) -> Graph {
        guard depth < RowFlow.depthLimit else {
            throw GraphError(
                .malformedGraph, "definitions nest deeper than \(RowFlow.depthLimit); is it defined by itself?")
        }
        return try GraphBuilder.region(types) { (builder, terms) throws(GraphError) in
            builder.currentLocation = location
            return try composite.decompose(terms, in: builder)
        }
    }

    /// The dimension of `to` that counts the rows of `rows` in `from`, where both shapes have the same elements in the same
    /// order. The batch must lie behind as many elements in both; nil where `to` merges or cuts it otherwise.
    static func reshaped(_ rows: BatchAxis, _ from: [Int], _ to: [Int], _ rowCount: Int) -> BatchAxis? {
        let before = from[..<rows.axis].product
        var product = 1
        for (axis, extent) in to.enumerated() {
            if product == before, extent > 1, extent % rowCount == 0 {
                return BatchAxis(axis, inner: extent / rowCount)
            }
            product = [product, extent].product
        }
        return nil
    }

    private func rule(
        _ primitive: Primitive, _ types: [TensorType], _ resultTypes: [TensorType], _ states: [BatchAxis?]
    ) throws(GraphError) -> RowRule {
        /// The rule of an operation with one operand that matters and one result.
        func single(_ axis: Int?, _ why: @autoclosure () -> String) throws(GraphError) -> RowRule {
            guard let axis, let rows = states[0] else { throw RowFlow.refusal(why()) }
            return RowRule(operands: states, results: [BatchAxis(axis, inner: rows.inner)])
        }
        /// All operands have rows in the same place, and so have the results.
        func alike() -> RowRule {
            let rows = states.compactMap(\.self).first
            return RowRule(
                operands: states.map { _ in rows }, results: resultTypes.map { _ in rows })
        }
        let first = states.first ?? nil
        switch primitive {
        case .constant, .iota: return RowRule(operands: [], results: [nil])
        case .convert, .bitcast, .unary, .binary, .compare, .select: return alike()
        case .reshape:
            let (from, to) = (try types[0].shape.extents(), try resultTypes[0].shape.extents())
            guard let rows = first, let result = Self.reshaped(rows, from, to, rowCount) else {
                throw RowFlow.refusal("it merges the rows with what lies before them, or cuts them")
            }
            return RowRule(operands: states, results: [result])
        case .transpose(let permutation):
            return try single(first.flatMap { permutation.firstIndex(of: $0.axis) }, "it loses the rows")
        case .broadcast(_, let dimensions): return try single(first.map { dimensions[$0.axis] }, "it loses the rows")
        case .slice(let starts, let limits, let strides):
            let isWhole = first.map {
                starts[$0.axis] == 0 && limits[$0.axis] == types[0].shape[$0.axis] && strides[$0.axis] == 1
            }
            return try single(isWhole == true ? first?.axis : nil, "it takes some rows of the batch and leaves others")
        case .pad(let low, let high, let interior):
            let isWhole = first.map { low[$0.axis] == 0 && high[$0.axis] == 0 && interior[$0.axis] == 0 }
            return try single(isWhole == true ? first?.axis : nil, "it pads the batch with rows of its own")
        case .concatenate(let dimension):
            let rule = alike()
            guard rule.results[0]?.axis != dimension else {
                throw RowFlow.refusal("it puts rows of the batch after other rows")
            }
            return rule
        case .reverse(let dimensions):
            return try single(
                first.flatMap { dimensions.contains($0.axis) ? nil : $0.axis }, "it reverses the order of the rows")
        case .gather(let dimensions): return try gather(dimensions, types, states)
        case .scatter(_, let dimensions): return try scatter(dimensions, types, states)
        case .dynamicSlice(let sizes):
            let isWhole = first.map { sizes[$0.axis] == types[0].shape[$0.axis] }
            return try single(isWhole == true ? first?.axis : nil, "it takes some rows of the batch and leaves others")
        case .dynamicUpdateSlice:
            guard let rows = first ?? states[1], types[1].shape[rows.axis] == types[0].shape[rows.axis] else {
                throw RowFlow.refusal("it replaces some rows of the batch")
            }
            return RowRule(
                operands: [rows, rows] + states.dropFirst(2).map { _ in nil }, results: [rows])
        case .dot(let dot, _, _): return try product(dot, types, states)
        case .reduce(_, let dimensions):
            let left = types[0].shape.dimensions.indices.filter { !dimensions.contains($0) }
            return try single(first.flatMap { left.firstIndex(of: $0.axis) }, "it combines the rows of the batch")
        case .sort(let dimension, _, _):
            return try single(first.flatMap { $0.axis == dimension ? nil : $0.axis }, "it orders the rows of the batch")
        case .conditional, .loop: throw RowFlow.refusal("it has regions")
        }
    }

    // MARK: Indexing and products

    private func gather(
        _ dimensions: [Int], _ types: [TensorType], _ states: [BatchAxis?]
    ) throws(GraphError) -> RowRule {
        let outer = types[1].rank - 1
        switch (states[0], states[1]) {
        case (nil, let rows?):
            guard rows.axis < outer else { throw RowFlow.refusal("the rows are the parts of its index") }
            return RowRule(operands: states, results: [rows])
        case (let rows?, nil):
            let others = types[0].shape.dimensions.indices.filter { !dimensions.contains($0) }
            guard let position = others.firstIndex(of: rows.axis) else {
                throw RowFlow.refusal("it takes rows of the batch by their numbers")
            }
            return RowRule(operands: states, results: [BatchAxis(outer + position, inner: rows.inner)])
        default: throw RowFlow.refusal("it takes from every row what another row asks for")
        }
    }

    private func scatter(
        _ dimensions: [Int], _ types: [TensorType], _ states: [BatchAxis?]
    ) throws(GraphError) -> RowRule {
        let outer = types[1].rank - 1
        let others = types[0].shape.dimensions.indices.filter { !dimensions.contains($0) }
        guard states[1] == nil else { throw RowFlow.refusal("the rows decide where it puts updates that rows share") }
        let position =
            states[0].flatMap { others.firstIndex(of: $0.axis) }
            ?? states[2].flatMap { $0.axis >= outer ? $0.axis - outer : nil }
        guard let position, let inner = (states[0] ?? states[2])?.inner else {
            throw RowFlow.refusal("it puts updates into rows of the batch by their numbers")
        }
        let rows = BatchAxis(others[position], inner: inner)
        return RowRule(operands: [rows, nil, BatchAxis(outer + position, inner: inner)], results: [rows])
    }

    private func product(
        _ dot: DotDimensions, _ types: [TensorType], _ states: [BatchAxis?]
    ) throws(GraphError) -> RowRule {
        let pairs = [(dot.leftBatch, dot.leftContracting), (dot.rightBatch, dot.rightContracting)]
        for (rows, (_, contracting)) in zip(states, pairs) {
            if let rows, contracting.contains(rows.axis) { throw RowFlow.refusal("it sums over the rows of the batch") }
        }
        for (rows, (batch, _)) in zip(states, pairs) {
            guard let rows, let pair = batch.firstIndex(of: rows.axis) else { continue }
            return RowRule(
                operands: [
                    BatchAxis(dot.leftBatch[pair], inner: rows.inner),
                    BatchAxis(dot.rightBatch[pair], inner: rows.inner),
                ], results: [BatchAxis(pair, inner: rows.inner)])
        }
        let left = dot.leftFree(rank: types[0].rank)
        switch (states[0], states[1]) {
        case (let rows?, nil):
            guard let position = left.firstIndex(of: rows.axis) else { break }
            return RowRule(
                operands: states, results: [BatchAxis(dot.leftBatch.count + position, inner: rows.inner)])
        case (nil, let rows?):
            guard let position = dot.rightFree(rank: types[1].rank).firstIndex(of: rows.axis) else { break }
            return RowRule(
                operands: states,
                results: [BatchAxis(dot.leftBatch.count + left.count + position, inner: rows.inner)])
        default: break
        }
        throw RowFlow.refusal("it multiplies every row with every other row")
    }

    // MARK: Regions

    private func conditional(
        _ then: Graph, _ otherwise: Graph, _ states: [BatchAxis?]
    ) throws(GraphError) -> RowRule {
        var arguments = Array(states.dropFirst())
        var results = [BatchAxis?](repeating: nil, count: then.outputs.count)
        // Each round adds an argument or a result with rows.
        while true {
            let before = (arguments, results)
            for branch in [then, otherwise] {
                let flow = try RowFlow(
                    branch, rowCount: rowCount, inputs: arguments, wanted: results, depth: depth + 1)
                arguments = flow.inputs
                results = flow.outputs
            }
            if before == (arguments, results) { break }
        }
        return RowRule(operands: [nil] + arguments, results: results)
    }

    private func loop(_ condition: Graph, _ body: Graph, _ states: [BatchAxis?]) throws(GraphError) -> RowRule {
        var state = states
        while true {
            let before = state
            state = try RowFlow(condition, rowCount: rowCount, inputs: state, depth: depth + 1).inputs
            let flow = try RowFlow(body, rowCount: rowCount, inputs: state, wanted: state, depth: depth + 1)
            state = flow.inputs
            for (index, result) in flow.outputs.enumerated() where result != state[index] {
                guard state[index] == nil else {
                    throw RowFlow.refusal("its state has rows in another place after each round")
                }
                state[index] = result
            }
            if before == state { break }
        }
        return RowRule(operands: state, results: state)
    }
}

extension Sequence<Int> {
    /// The product, or the largest integer where it is out of range, which only shapes without elements reach.
    var product: Int {
        reduce(1) { a, b in
            let (product, overflow) = a.multipliedReportingOverflow(by: b)
            return overflow ? .max : product
        }
    }
}
