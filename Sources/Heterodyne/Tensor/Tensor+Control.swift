// Heterodyne: loops and choices that are made while a program runs.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// Repeats `body` along the first axis of `sequences`.
    ///
    /// `body` gets the states and one slice of every sequence, and returns the next states and the slices of the results,
    /// which are stacked along a new first axis. It may use other tensors, but not the arguments of a function that is
    /// being compiled: hand those in as states.
    ///
    /// - Returns: the last states and the stacked results; each carries the error where something does not fit.
    public static func scan(
        states: [Tensor], sequences: [Tensor], reverse: Bool = false, file: String = #fileID, line: Int = #line,
        body: (_ states: [Tensor], _ slices: [Tensor]) throws -> (states: [Tensor], slices: [Tensor])
    ) -> (states: [Tensor], sequences: [Tensor]) {
        let location = SourceLocation(file: file, line: line)
        if let short = sequences.first(where: { $0.rank == 0 || $0.error != nil }) {
            let error =
                short.error
                ?? .graph(
                    GraphError(
                        .shapeMismatch, "a sequence is \(short.type); it needs a first dimension", operation: "scan",
                        location: location))
            return ([Tensor](repeating: Tensor(failure: error), count: states.count), [Tensor(failure: error)])
        }
        let types = states.map(\.type) + sequences.map { TensorType($0.scalarType, Array($0.shape.dropFirst())) }
        let region = region(types, "scan", location) { (arguments) in
            let next = try body(Array(arguments[..<states.count]), Array(arguments[states.count...]))
            return next.states + next.slices
        }
        let results = buildAll(states + sequences, location, "scan", region: region, leastResults: states.count + 1) {
            (builder, terms, graph) throws(GraphError) in
            let scan = Scan(
                body: graph, stateCount: states.count, sequenceCount: sequences.count, reverse: reverse)
            return try builder.addAll(.composite(scan), terms)
        }
        return (Array(results[..<states.count]), Array(results[states.count...]))
    }

    /// Repeats `body` on `state` while `condition`, a bool scalar, is true. Both may use other tensors, but not the
    /// arguments of a function that is being compiled: hand those in as state.
    public static func loop(
        _ state: [Tensor], file: String = #fileID, line: Int = #line, while condition: ([Tensor]) throws -> Tensor,
        body: ([Tensor]) throws -> [Tensor]
    ) -> [Tensor] {
        let location = SourceLocation(file: file, line: line)
        let types = state.map(\.type)
        let test = region(types, "loop", location) { (state) in [try condition(state)] }
        let step = region(types, "loop", location, body)
        return buildAll(state, location, "loop", region: step, leastResults: state.count) {
            (builder, terms, step) throws(GraphError) in
            try builder.loop(terms, condition: test.get(), body: step)
        }
    }

    /// The results of `then` on `arguments` where `predicate`, a bool scalar, is true, else those of `otherwise`; only one
    /// of them runs.
    public static func conditional(
        _ predicate: Tensor, _ arguments: [Tensor], file: String = #fileID, line: Int = #line,
        then: ([Tensor]) throws -> [Tensor], otherwise: ([Tensor]) throws -> [Tensor]
    ) -> [Tensor] {
        let location = SourceLocation(file: file, line: line)
        let types = arguments.map(\.type)
        let first = region(types, "conditional", location, then)
        let second = region(types, "conditional", location, otherwise)
        return buildAll([predicate] + arguments, location, "conditional", region: first, leastResults: 1) {
            (builder, terms, first) throws(GraphError) in
            try builder.conditional(terms[0], Array(terms[1...]), then: first, otherwise: second.get())
        }
    }

    /// The graph of a closure for arguments of the given types, or the mistake in it.
    private static func region(
        _ types: [TensorType], _ name: String, _ location: SourceLocation, _ body: ([Tensor]) throws -> [Tensor]
    ) -> Result<Graph, GraphError> {
        do {
            return .success(try CompiledFunction.trace(body, for: types))
        } catch {
            switch error {
            case .graph(let error): return .failure(error.at(operation: name, location: location))
            case .backend(let error):
                return .failure(
                    GraphError(.malformedGraph, error.description, operation: name, location: location))
            }
        }
    }

    private static func buildAll(
        _ operands: [Tensor], _ location: SourceLocation, _ name: String, region: Result<Graph, GraphError>,
        leastResults: Int, _ body: (GraphBuilder, [Term], Graph) throws(GraphError) -> [Term]
    ) -> [Tensor] {
        let expected: Int
        switch region {
        case .success(let graph): expected = Swift.max(leastResults, graph.outputs.count)
        case .failure: expected = leastResults
        }
        return buildAll(operands, location, name, results: expected) { (builder, terms) throws(GraphError) in
            try body(builder, terms, region.get())
        }
    }
}
