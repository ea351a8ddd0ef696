// Heterodyne: the loop of the recurrent layers over time and directions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// One direction of a recurrent layer, in the type it is computed in.
struct RecurrentDirectionOperands {
    let index: Int
    /// `x W^T` plus the biases that do not depend on a gate, `[length, batch, gates * hidden]`.
    let projected: Term
    /// The recurrent weights and what else every step needs.
    let invariants: [Term]
    let states: [Term]
}

/// The operands of a recurrent layer by name, in the type it is computed in.
struct RecurrentOperands {
    let x, w, r: Term
    let bias, lengths, initialHidden: Term?
    let others: [Term]

    init(_ operands: [Term], _ settings: RecurrentSettings) throws(GraphError) {
        let type = operands[0].scalarType.computationType
        var rest = operands[...]
        func next(_ isPresent: Bool = true) -> Term? { isPresent ? rest.popFirst() : nil }
        func computed(_ term: Term?) throws(GraphError) -> Term? { try term?.convert(type) }
        guard let x = try computed(next()), let w = try computed(next()), let r = try computed(next()) else {
            throw GraphError(.operandCount, "needs x, w and r")
        }
        (self.x, self.w, self.r) = (x, w, r)
        bias = try computed(next(settings.hasBias))
        lengths = try next(settings.hasLengths)?.convert(.int64)
        initialHidden = try computed(next(settings.hasInitialHidden))
        var others: [Term] = []
        for term in rest { others.append(try term.convert(type)) }
        self.others = others
    }

    /// Slice `index` of the first dimension, which disappears.
    static func direction(_ term: Term, _ index: Int) throws(GraphError) -> Term {
        try term.slice(dimension: 0, from: .fixed(index), to: .fixed(index + 1)).squeeze([0])
    }

    /// `x W^T` for one direction.
    func projection(_ index: Int) throws(GraphError) -> Term {
        let weights = try Self.direction(w, index)
        return try x.dot(weights, DotDimensions(leftContracting: [2], rightContracting: [1]))
    }

    /// The input bias and the recurrent bias of one direction.
    func biases(_ index: Int) throws(GraphError) -> (input: Term, recurrent: Term)? {
        guard let bias else { return nil }
        let both = try Self.direction(bias, index)
        let half = try both.extents()[0] / 2
        return (try both.slice([0], [half]), try both.slice([half], [2 * half]))
    }

    func initialState(_ given: Term?, _ index: Int, _ shape: RecurrentShape) throws(GraphError) -> Term {
        if let given { return try Self.direction(given, index) }
        return try x.builder.constant(0, TensorType(x.scalarType, [shape.batch, .fixed(shape.hidden)]))
    }
}

enum RecurrentLayer {
    /// Runs `cell` over time in every direction and stacks `Y` and the last states.
    ///
    /// `cell` gets the direction, the states, the projected input of one step and the invariants and returns the new
    /// states, the hidden one first.
    static func run(
        _ operands: RecurrentOperands, _ settings: RecurrentSettings, _ shape: RecurrentShape, result: ScalarType,
        directions: [RecurrentDirectionOperands],
        cell: (Int, [Term], Term, [Term]) throws(GraphError) -> [Term]
    ) throws(GraphError) -> [Term] {
        let builder = operands.x.builder
        var sequences: [Term] = []
        var finals = [[Term]](repeating: [], count: directions.first?.states.count ?? 0)
        for direction in directions {
            var scanned = [direction.projected]
            var invariants = direction.invariants
            if let lengths = operands.lengths {
                scanned.append(try builder.iota(TensorType(.int64, [shape.length]), dimension: 0))
                invariants.append(lengths)
            }
            let results = try builder.scan(
                states: direction.states, sequences: scanned, invariants: invariants,
                reverse: settings.direction.isReversed(direction.index)
            ) { inner, states, slices, invariants throws(GraphError) in
                var next = try cell(direction.index, states, slices[0], invariants)
                var output = next[0]
                if slices.count == 2, let lengths = invariants.last {
                    let running = try slices[1].broadcast(to: lengths.shape).compare(.less, lengths)
                        .broadcast(output.shape, dimensions: [0])
                    for i in next.indices { next[i] = try running.select(next[i], states[i]) }
                    output = try running.select(output, output.like(0))
                }
                return (next, [output])
            }
            sequences.append(results.sequences[0])
            for (i, state) in results.states.enumerated() { finals[i].append(state) }
        }
        var results = [try builder.stack(sequences, axis: 1).convert(result)]
        for states in finals { results.append(try builder.stack(states, axis: 0).convert(result)) }
        return results
    }
}

extension Term {
    /// `self R^T` for a matrix of recurrent weights `[gates * hidden, hidden]`.
    func timesTransposed(_ weights: Term) throws(GraphError) -> Term {
        try dot(weights, DotDimensions(leftContracting: [1], rightContracting: [1]))
    }

    /// A vector repeated over the last dimension of a shape.
    func along(_ shape: Shape) throws(GraphError) -> Term { try broadcast(to: shape) }
}
