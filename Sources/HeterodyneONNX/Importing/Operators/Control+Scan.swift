// Heterodyne: ONNX operators: loops over the slices of tensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// `Scan` from version 9 on: states, and sequences that are read and written slice by slice along axes. It becomes the
/// composite of that name, or, where the body needs values to be imported, its iterations one after the other.
struct ScanImport {
    private let context: OperatorContext
    private let layout: ScanLayout
    private let states: [ImportedValue]
    private let sequences: [ImportedTensor]

    init(_ context: OperatorContext) throws(GraphError) {
        self.context = context
        let body = try context.graph("body")
        let count = try context.int("num_scan_inputs")
        guard count >= 1, count <= context.inputs.count else {
            throw GraphError(
                .operandCount, "it has \(context.inputs.count) inputs, of which \(count) are to be scanned")
        }
        let stateCount = context.inputs.count - count
        layout = try ScanLayout(body, states: stateCount, sequences: count)
        var states: [ImportedValue] = []
        for index in 0..<stateCount { states.append(.tensor(try context.tensor(index))) }
        let axes = try context.ints("scan_input_axes", default: [Int](repeating: 0, count: count))
        let directions = try context.ints("scan_input_directions", default: [Int](repeating: 0, count: count))
        try Self.check("scan_input_axes", axes, count)
        try Self.check("scan_input_directions", directions, count)
        var sequences: [ImportedTensor] = []
        for index in 0..<count {
            let tensor = try context.tensor(stateCount + index)
            let axis = try context.axis(axes[index], rank: tensor.term.rank)
            let front = try tensor.term.transpose([axis] + (0..<tensor.term.rank).filter { $0 != axis })
            sequences.append(ImportedTensor(directions[index] == 0 ? front : try front.reverse([0]), tensor.element))
        }
        self.states = states
        self.sequences = sequences
    }

    private static func check(_ name: String, _ list: [Int], _ count: Int) throws(GraphError) {
        guard list.count == count else {
            throw GraphError(
                .invalidAttribute, "attribute \(quoted(name)) has \(list.count) entries where \(count) are needed")
        }
    }

    func results() throws(GraphError) -> [ImportedValue] {
        let count = layout.scanCount
        let axes = try context.ints("scan_output_axes", default: [Int](repeating: 0, count: count))
        let directions = try context.ints("scan_output_directions", default: [Int](repeating: 0, count: count))
        try Self.check("scan_output_axes", axes, count)
        try Self.check("scan_output_directions", directions, count)
        let (final, scans) = try layout.run(context, states, sequences)
        var results = final
        for (index, scan) in scans.enumerated() {
            let axis = try context.axis(axes[index], rank: scan.term.rank)
            let ordered = directions[index] == 0 ? scan.term : try scan.term.reverse([0])
            let permutation = Array(1..<axis + 1) + [0] + Array(axis + 1..<max(axis + 1, ordered.rank))
            results.append(.tensor(ImportedTensor(try ordered.transpose(permutation), scan.element)))
        }
        return results
    }
}

/// `Scan` of version 8: every state and sequence has a leading batch dimension, and every element of the batch may end
/// early.
struct BatchedScanImport {
    private let context: OperatorContext

    init(_ context: OperatorContext) { self.context = context }

    func results() throws(GraphError) -> [ImportedValue] {
        let body = try context.graph("body")
        let count = try context.int("num_scan_inputs")
        let tensors = context.inputs.count - 1
        guard count >= 1, count <= tensors else {
            throw GraphError(.operandCount, "it has \(tensors) inputs, of which \(count) are to be scanned")
        }
        let layout = try ScanLayout(body, states: tensors - count, sequences: count)
        let directions = try context.ints("directions", default: [Int](repeating: 0, count: count))
        guard directions.count == count else {
            throw GraphError(
                .invalidAttribute,
                "attribute 'directions' has \(directions.count) entries where \(count) are needed")
        }
        var inputs: [ImportedTensor] = []
        for index in 0..<tensors { inputs.append(try context.tensor(1 + index)) }
        guard let first = inputs.last, first.term.rank >= 2 else {
            throw GraphError(.shapeMismatch, "a sequence needs a batch dimension and a time dimension")
        }
        let extents = try first.term.extents()
        let (batch, length) = (extents[0], extents[1])
        let lengths = try context.optionalIntegers(0) ?? [Int](repeating: length, count: batch)
        guard lengths.count == batch, lengths.allSatisfy({ $0 >= 0 && $0 <= length }), batch > 0 else {
            throw GraphError(
                .shapeMismatch, "the lengths \(lengths) do not fit a batch of \(batch) sequences of \(length)")
        }
        var results = [[ImportedValue]](repeating: [], count: body.outputs.count)
        for element in 0..<batch {
            var states: [ImportedValue] = []
            var sequences: [ImportedTensor] = []
            for (index, tensor) in inputs.enumerated() {
                guard tensor.term.rank >= 1, tensor.term.shape[0] == .fixed(batch) else {
                    throw GraphError(
                        .shapeMismatch, "input \(1 + index) is \(tensor.term.type), not a batch of \(batch)")
                }
                var term = try tensor.term.slice(
                    dimension: 0, from: .fixed(element), to: .fixed(element + 1)
                ).squeeze([0])
                guard index >= tensors - count else {
                    states.append(.tensor(ImportedTensor(term, tensor.element)))
                    continue
                }
                guard term.rank >= 1, term.shape[0] == .fixed(length) else {
                    throw GraphError(.shapeMismatch, "input \(1 + index) is no batch of sequences of \(length)")
                }
                term = try term.slice(dimension: 0, from: 0, to: .fixed(lengths[element]))
                if directions[index - (tensors - count)] != 0 { term = try term.reverse([0]) }
                sequences.append(ImportedTensor(term, tensor.element))
            }
            let (final, scans) = try layout.run(context, states, sequences)
            for (index, value) in final.enumerated() { results[index].append(value) }
            for (index, scan) in scans.enumerated() {
                var high = [Int](repeating: 0, count: scan.term.rank)
                high[0] = length - lengths[element]
                let padded = try scan.term.pad(0, low: [Int](repeating: 0, count: high.count), high: high)
                results[final.count + index].append(.tensor(ImportedTensor(padded, scan.element)))
            }
        }
        var stacked: [ImportedValue] = []
        for values in results { stacked.append(try context.stacked(values, axis: 0, "a result")) }
        return stacked
    }
}

/// The body of a scan and the order of its inputs and outputs.
struct ScanLayout {
    let body: ONNXGraph
    let stateCount: Int
    let sequenceCount: Int

    var scanCount: Int { body.outputs.count - stateCount }

    init(_ body: ONNXGraph, states: Int, sequences: Int) throws(GraphError) {
        guard body.inputs.count == states + sequences, body.outputs.count >= states else {
            throw GraphError(
                .operandCount,
                "its body has \(body.inputs.count) inputs and \(body.outputs.count) outputs for \(states) states and "
                    + "\(sequences) sequences")
        }
        self.body = body
        stateCount = states
        sequenceCount = sequences
    }

    /// The last states, and the collected values with the steps in front, of `sequences` along their first dimension.
    func run(
        _ context: OperatorContext, _ states: [ImportedValue], _ sequences: [ImportedTensor]
    ) throws(GraphError) -> (states: [ImportedValue], scans: [ImportedTensor]) {
        switch try context.attempt({ () throws(GraphError) in try composite(context, states, sequences) }) {
        case .success(let results): return results
        case .failure(let error):
            guard let length = sequences.first?.term.shape.dimensions.first?.fixedValue, length > 0 else {
                throw error
            }
            return try unrolled(context, states, sequences, length)
        }
    }

    private func composite(
        _ context: OperatorContext, _ states: [ImportedValue], _ sequences: [ImportedTensor]
    ) throws(GraphError) -> (states: [ImportedValue], scans: [ImportedTensor]) {
        // Terms of another builder stand for the slices: only their types count.
        let slices = GraphBuilder()
        var parameters = zip(body.inputs, states).map { (name: $0.name, value: $1) }
        for (index, sequence) in sequences.enumerated() {
            guard sequence.term.rank >= 1 else {
                throw GraphError(.shapeMismatch, "a sequence is \(sequence.term.type); it needs a dimension to scan")
            }
            let type = sequence.term.type.with(Shape(Array(sequence.term.shape.dimensions.dropFirst())))
            let slice = try slices.input("slice\(index)", type)
            parameters.append(
                (body.inputs[stateCount + index].name, .tensor(ImportedTensor(slice, sequence.element))))
        }
        let captures = RegionCaptures(body.captures, in: context.scope)
        let region = try ImportedRegion(body, parameters: parameters, captures, in: context.scope)
        guard let graph = region.graph, graph.outputs.count == region.results.count else {
            throw GraphError(.unsupported, "its body gives values that are no tensors")
        }
        let scan = Scan(body: graph, stateCount: stateCount, sequenceCount: sequenceCount)
        let operands = states.flatMap(\.terms) + sequences.map(\.term) + captures.arguments
        let terms = try context.builder.addAll(.composite(scan), operands)
        var results: (states: [ImportedValue], scans: [ImportedTensor]) = ([], [])
        for (index, value) in region.results.enumerated() {
            guard case .tensor(let tensor) = value else {
                throw GraphError(.unsupported, "its body gives values that are no tensors")
            }
            let result = ImportedTensor(terms[index], tensor.element)
            if index < stateCount { results.states.append(.tensor(result)) } else { results.scans.append(result) }
        }
        return results
    }

    private func unrolled(
        _ context: OperatorContext, _ initial: [ImportedValue], _ sequences: [ImportedTensor], _ length: Int
    ) throws(GraphError) -> (states: [ImportedValue], scans: [ImportedTensor]) {
        var states = initial
        var scans = [[ImportedValue]](repeating: [], count: scanCount)
        for step in 0..<length {
            try context.scope.session.visitIteration()
            let child = context.scope.child()
            for (input, state) in zip(body.inputs, states) { child.define(input.name, state) }
            for (input, sequence) in zip(body.inputs[stateCount...], sequences) {
                let slice = try sequence.term.slice(dimension: 0, from: .fixed(step), to: .fixed(step + 1))
                    .squeeze([0])
                child.define(input.name, .tensor(ImportedTensor(slice, sequence.element)))
            }
            let outputs = try context.scope.session.nested { () throws(GraphError) in try child.importGraph(body) }
            states = Array(outputs[..<stateCount])
            for index in scans.indices { scans[index].append(outputs[stateCount + index]) }
        }
        var results: [ImportedTensor] = []
        for values in scans {
            guard case .tensor(let tensor) = try context.stacked(values, axis: 0, "a collected value") else {
                throw GraphError(.invalidType, "a collected value is no tensor of numbers")
            }
            results.append(tensor)
        }
        return (states, results)
    }
}
