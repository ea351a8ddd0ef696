// Heterodyne: branches and loops as ONNX nodes with graphs within.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension GraphEmitter {
    func conditional(
        _ x: [Port], _ then: Graph, _ otherwise: Graph, _ results: [TensorType]
    ) throws(ONNXError) -> [Port] {
        // What both branches may use is computed before them.
        var arguments: [Port] = []
        for argument in x.dropFirst() { arguments.append(argument.literal == nil ? try whole(argument) : argument) }
        let thenBranch = try subgraph("then", inputs: []) { (inner, _) throws(ONNXError) in
            try inner.emit(then, arguments)
        }
        let elseBranch = try subgraph("else", inputs: []) { (inner, _) throws(ONNXError) in
            try inner.emit(otherwise, arguments)
        }
        return try nodes(
            "If", [x[0]], [("then_branch", .graph(thenBranch)), ("else_branch", .graph(elseBranch))],
            results: results)
    }

    func loop(_ x: [Port], _ condition: Graph, _ body: Graph) throws(ONNXError) -> [Port] {
        var state: [Port] = []
        for value in x { state.append(try whole(value)) }
        let types = state.map(\.type)
        let first = try emit(condition, state)[0]
        let inputs = [TensorType.scalar(.int64), TensorType.scalar(.bool)] + types
        let step = try subgraph("body", inputs: inputs) { (inner, arguments) throws(ONNXError) in
            var next: [Port] = []
            for value in try inner.emit(body, Array(arguments.dropFirst(2))) { next.append(try inner.whole(value)) }
            return [try inner.emit(condition, next)[0]] + next
        }
        return try nodes("Loop", [nil, first] + state.map(Optional.some), [("body", .graph(step))], results: types)
    }
}
