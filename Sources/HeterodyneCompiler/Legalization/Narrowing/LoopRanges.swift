// Heterodyne: what is known of a loop's state.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// What is known of a loop's state from the shape of its condition and body: what the body hands on unchanged keeps its range,
/// and a counter that the condition bounds stays within the bound.
struct LoopRanges {
    let condition: Graph
    let body: Graph

    /// The ranges of the state where the condition is asked, which is also how it ends, and where the body begins.
    func state(_ initial: [NumberRange?]) -> (tested: [NumberRange?], repeated: [NumberRange?]) {
        let types = body.inputTypes.map(\.scalarType)
        var tested = types.map { NumberRange(every: $0) }
        var repeated = tested
        for index in initial.indices where body.outputs[index].value == body.inputs[index] {
            tested[index] = initial[index]
            repeated[index] = initial[index]
        }
        for index in initial.indices {
            guard let start = initial[index], start.scale == 0, types[index].isInteger, let step = step(index),
                let bound = bound(index, tested)
            else { continue }
            // Counting up from the start, past the last number below the bound by at most one step.
            let counted = NumberRange(start.low, max(start.high, bound + step))
            guard counted.fits(types[index]) else { continue }
            tested[index] = counted
            repeated[index] = NumberRange(min(start.low, bound), bound)
        }
        return (tested, repeated)
    }

    /// The positive constant that the body adds to a part of the state.
    private func step(_ index: Int) -> Int128? {
        let node = body.node(of: body.outputs[index].value)
        guard case .primitive(.binary(.add)) = node.operation else { return nil }
        for (x, y) in [(node.operands[0], node.operands[1]), (node.operands[1], node.operands[0])]
        where x == body.inputs[index] {
            if let step = constant(y, body), step.low > 0 { return step.high }
        }
        return nil
    }

    /// The greatest number for which the condition holds, of those that it asks of one part of the state.
    private func bound(_ index: Int, _ known: [NumberRange?]) -> Int128? {
        var (pending, looked, least) = ([condition.outputs[0].value], 0, Int128?.none)
        while let value = pending.popLast(), looked < 16 {
            looked += 1
            let node = condition.node(of: value)
            switch node.operation {
            case .primitive(.binary(.and)): pending += node.operands
            case .primitive(.compare(let direction)):
                guard let limit = limit(index, node, direction, known) else { continue }
                least = min(least ?? limit, limit)
            default: continue
            }
        }
        return least
    }

    private func limit(
        _ index: Int, _ node: Node, _ direction: ComparisonDirection, _ known: [NumberRange?]
    ) -> Int128? {
        let (x, y) = (node.operands[0], node.operands[1])
        func limit(_ value: Value) -> Int128? {
            if let constant = constant(value, condition) { return constant.high }
            guard let other = condition.inputs.firstIndex(of: value), other != index,
                body.outputs[other].value == body.inputs[other]
            else { return nil }
            return known[other]?.high
        }
        switch direction {
        case .less: return x == condition.inputs[index] ? limit(y).map { $0 - 1 } : nil
        case .lessOrEqual: return x == condition.inputs[index] ? limit(y) : nil
        case .greater: return y == condition.inputs[index] ? limit(x).map { $0 - 1 } : nil
        case .greaterOrEqual: return y == condition.inputs[index] ? limit(x) : nil
        case .equal, .notEqual: return nil
        }
    }

    private func constant(_ value: Value, _ graph: Graph) -> NumberRange? {
        guard case .primitive(.constant(let literal)) = graph.node(of: value).operation, literal.type.rank == 0,
            literal.type.scalarType.isInteger
        else { return nil }
        return NumberRange(literal)
    }
}
