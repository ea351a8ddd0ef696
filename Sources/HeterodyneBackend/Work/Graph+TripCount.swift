// Heterodyne: how often a loop runs, where its counter tells.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension Graph {
    /// How often a `while` of this graph runs, where that can be told before it does: one of its states is an integer scalar
    /// that starts at a constant, grows by a constant in every round, and is compared with a constant (or a state that
    /// starts as one and never changes) to decide whether to go on. Nil for other loops and other nodes.
    public func tripCount(of node: Node) -> Double? {
        guard case .primitive(.loop(let condition, let body)) = node.operation else { return nil }
        guard let condition = Self.plain(condition), let body = Self.plain(body), let verdict = condition.outputs.first,
            case .primitive(.compare(let direction)) = condition.node(of: verdict.value).operation
        else { return nil }
        let compared = condition.node(of: verdict.value).operands
        guard compared.count == 2 else { return nil }
        /// The number that a term of the condition has in every round.
        func fixed(_ value: Value) -> Double? {
            if let number = condition.scalarConstant(value) { return number }
            guard let state = condition.state(value), node.operands.indices.contains(state),
                body.outputs.indices.contains(state), body.state(body.outputs[state].value) == state
            else { return nil }
            return scalarConstant(node.operands[state])
        }
        /// Where a state begins and what a round adds to it.
        func counter(_ value: Value) -> (start: Double, step: Double)? {
            guard let state = condition.state(value), node.operands.indices.contains(state),
                body.outputs.indices.contains(state), let start = scalarConstant(node.operands[state])
            else { return nil }
            let next = body.node(of: body.outputs[state].value)
            guard case .primitive(.binary(.add)) = next.operation, next.operands.count == 2 else { return nil }
            let (a, b) = (next.operands[0], next.operands[1])
            if body.state(a) == state, let step = body.scalarConstant(b) { return (start, step) }
            if body.state(b) == state, let step = body.scalarConstant(a) { return (start, step) }
            return nil
        }
        let (left, right) = (compared[0], compared[1])
        let start: Double
        let step: Double
        let limit: Double
        let isInclusive: Bool
        switch direction {
        case .less, .lessOrEqual:
            guard let rising = counter(left), let end = fixed(right) else { return nil }
            (start, step, limit, isInclusive) = (rising.start, rising.step, end, direction == .lessOrEqual)
        case .greater, .greaterOrEqual:
            guard let rising = counter(right), let end = fixed(left) else { return nil }
            (start, step, limit, isInclusive) = (rising.start, rising.step, end, direction == .greaterOrEqual)
        case .equal, .notEqual: return nil
        }
        guard step >= 1 else { return nil }
        let distance = limit - start + (isInclusive ? 1 : 0)
        return distance <= 0 ? 0 : (distance / step).rounded(.up)
    }

    /// The graph without composites; nil where a definition is faulty.
    private static func plain(_ graph: Graph) -> Graph? {
        try? graph.expanded(device: "") { node, _ in
            if case .composite = node.operation { true } else { false }
        }
    }

    /// The number of an integer scalar constant.
    private func scalarConstant(_ value: Value) -> Double? {
        guard case .primitive(.constant(let literal)) = node(of: value).operation, literal.type.rank == 0,
            literal.type.scalarType.isInteger
        else { return nil }
        return literal.splatNumber
    }

    /// Which input a value is.
    private func state(_ value: Value) -> Int? {
        if case .parameter(let index, _, _) = node(of: value).operation { index } else { nil }
    }
}
