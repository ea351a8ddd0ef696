// Heterodyne: a loop over the first axis that carries state.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// `scan(states…, sequences…, invariants…)`: `body` applied to every position along the first axis of the sequences.
///
/// The body takes the states, one slice of every sequence (its type without the first dimension) and the invariants;
/// it returns the new states and one slice per scanned result. Results: the last states, then the scanned results,
/// whose first dimension is the sequences'. With `reverse` positions go from last to first, and a scanned result's
/// slice stands where its step's sequence slices stood. All sequences have the same length; at least one is needed.
public struct Scan: AttributedComposite {
    /// `scan`.
    public static let name = "scan"
    /// What one step computes.
    public var body: Graph
    /// How many leading operands are states.
    public var stateCount: Int
    /// How many operands after the states are sequences; the rest are invariants.
    public var sequenceCount: Int
    /// Whether the steps go from the last position to the first.
    public var reverse: Bool

    /// The loop of `body`.
    public init(body: Graph, stateCount: Int, sequenceCount: Int, reverse: Bool = false) {
        self.body = body
        self.stateCount = stateCount
        self.sequenceCount = sequenceCount
        self.reverse = reverse
    }
    /// The attributes as data.
    public var attributes: Attributes {
        [
            "body": .graph(body), "stateCount": .integer(stateCount), "sequenceCount": .integer(sequenceCount),
            "reverse": .bool(reverse),
        ]
    }
    /// Reads body, stateCount, sequenceCount and reverse.
    public init(_ reader: inout AttributeReader) throws(GraphError) {
        body = try reader.graph("body")
        stateCount = try reader.integer("stateCount")
        sequenceCount = try reader.integer("sequenceCount")
        reverse = try reader.bool("reverse")
    }

    /// The states' types, then the body's other results with the length in front.
    public func inferTypes(_ operands: [TensorType]) throws(GraphError) -> [TensorType] {
        try OperandRules.require(
            stateCount >= 0 && sequenceCount >= 1 && stateCount <= operands.count
                && sequenceCount <= operands.count - stateCount, .operandCount,
            "\(operands.count) operands for \(stateCount) states and \(sequenceCount) sequences (at least 1)")
        let states = Array(operands[..<stateCount])
        let sequences = operands[stateCount..<stateCount + sequenceCount]
        var inputs = states
        var length: Extent?
        for sequence in sequences {
            try OperandRules.require(
                sequence.rank >= 1, .shapeMismatch, "a sequence is \(sequence); it needs a first dimension")
            try OperandRules.require(
                length == nil || length == sequence.shape[0], .shapeMismatch,
                "sequences have lengths \(length ?? 0) and \(sequence.shape[0])")
            length = sequence.shape[0]
            inputs.append(sequence.with(Shape(Array(sequence.shape.dimensions.dropFirst()))))
        }
        inputs += operands[(stateCount + sequenceCount)...]
        try OperandRules.require(
            body.inputTypes == inputs, .shapeMismatch,
            "the body takes \(body.inputTypes) and is given \(inputs)")
        try OperandRules.require(
            body.outputTypes.count >= stateCount
                && Array(body.outputTypes[..<min(stateCount, body.outputTypes.count)]) == states,
            .shapeMismatch, "the body gives \(body.outputTypes); its first \(stateCount) results must be \(states)")
        var results = states
        for output in body.outputTypes[stateCount...] {
            results.append(try OperandRules.valid(output.with(Shape([length ?? 0] + output.shape.dimensions))))
        }
        return results
    }

    /// A `while` over a counter, with results written slice by slice.
    public func decompose(_ operands: [Term], in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let results = try inferTypes(operands.map(\.type))
        let length = try Shape([operands[stateCount].shape[0]]).extents()[0]
        let scanned = Array(results[stateCount...])
        var outputs: [Term] = []
        for type in scanned { outputs.append(try builder.constant(Literal(splatBits: 0, type: type))) }
        if length == 0 { return Array(operands[..<stateCount]) + outputs }
        let counter = TensorType.scalar(.int64)
        let carried = [try builder.integer(0, counter)] + operands + outputs
        let types = carried.map(\.type)
        let condition = try GraphBuilder.region(types) { inner, state throws(GraphError) in
            [try state[0].compare(.less, inner.integer(length, counter))]
        }
        let step = try GraphBuilder.region(types) { inner, state throws(GraphError) in
            try self.step(state, length: length, in: inner)
        }
        let final = try builder.loop(carried, condition: condition, body: step)
        return Array(final[1..<1 + stateCount]) + Array(final[(1 + operands.count)...])
    }

    private func step(_ state: [Term], length: Int, in builder: GraphBuilder) throws(GraphError) -> [Term] {
        let counter = state[0].type
        let zero = try builder.integer(0, counter)
        let position = reverse ? try builder.integer(length - 1, counter) - state[0] : state[0]
        let sequences = 1 + stateCount..<1 + stateCount + sequenceCount
        let invariants = sequences.upperBound..<body.inputs.count + 1
        var arguments = Array(state[1..<1 + stateCount])
        for sequence in state[sequences] {
            let rest = Array(sequence.shape.dimensions.dropFirst())
            let starts = [position] + [Term](repeating: zero, count: rest.count)
            arguments.append(try sequence.dynamicSlice(starts, sizes: [1] + rest).reshape(Shape(rest)))
        }
        arguments += state[invariants]
        let results = try builder.inline(body, arguments)
        var next = [try state[0] + builder.integer(1, counter)] + results[..<stateCount]
        next += state[sequences.lowerBound..<invariants.upperBound]
        for (output, slice) in zip(state[invariants.upperBound...], results[stateCount...]) {
            let starts = [position] + [Term](repeating: zero, count: slice.rank)
            let block = try slice.reshape(Shape([1] + slice.shape.dimensions))
            next.append(try output.dynamicUpdateSlice(block, starts))
        }
        return next
    }
}

extension GraphBuilder {
    /// Repeats `body` along the first axis of `sequences`; see `Scan`. The body gets its own builder, the states, one
    /// slice of every sequence and the invariants, and returns the new states and the slices of the scanned results.
    public func scan(
        states: [Term], sequences: [Term], invariants: [Term] = [], reverse: Bool = false,
        body: (GraphBuilder, _ states: [Term], _ slices: [Term], _ invariants: [Term]) throws(GraphError) -> (
            states: [Term], slices: [Term]
        )
    ) throws(GraphError) -> (states: [Term], sequences: [Term]) {
        var inputs = states.map(\.type)
        for sequence in sequences {
            try OperandRules.require(
                sequence.rank >= 1, .shapeMismatch, "a sequence is \(sequence.type); it needs a first dimension")
            inputs.append(sequence.type.with(Shape(Array(sequence.shape.dimensions.dropFirst()))))
        }
        inputs += invariants.map(\.type)
        let (n, m) = (states.count, states.count + sequences.count)
        let region = try GraphBuilder.region(inputs) { inner, arguments throws(GraphError) in
            let results = try body(inner, Array(arguments[..<n]), Array(arguments[n..<m]), Array(arguments[m...]))
            return results.states + results.slices
        }
        let composite = Scan(body: region, stateCount: n, sequenceCount: sequences.count, reverse: reverse)
        let results = try addAll(.composite(composite), states + sequences + invariants)
        return (Array(results[..<n]), Array(results[n...]))
    }
}
