// Heterodyne: a graph prepared for evaluation.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A graph prepared for evaluation: every composite is replaced by a program of its decomposition, so that running it
/// any number of times decomposes nothing.
public struct ReferenceProgram: Sendable {
    /// What a node turns into.
    private enum Step: Sendable {
        case parameter(Int)
        case kernel(Primitive)
        /// The decomposition of a composite, with the operands as inputs.
        case inlined(ReferenceProgram)
        case conditional(then: ReferenceProgram, otherwise: ReferenceProgram)
        case loop(condition: ReferenceProgram, body: ReferenceProgram)
    }

    /// The graph that the program evaluates.
    public let graph: Graph
    private let steps: [Step]
    private let useCounts: [Int]
    private let inputTypes: [TensorType]

    /// Deepest nesting of regions and decompositions.
    static let maximumDepth = 64

    /// Prepares `graph`. Throws `unboundSymbol`, `decomposition` or `nestingLimit`.
    public init(_ graph: Graph) throws(EvaluationError) {
        var cache: [Composition: ReferenceProgram] = [:]
        try self.init(graph, depth: 0, &cache)
    }

    /// A composite on operands of certain types: what a decomposition depends on.
    private struct Composition: Hashable {
        let operation: NodeOperation
        let operands: [TensorType]
    }

    private init(
        _ graph: Graph, depth: Int, _ cache: inout [Composition: ReferenceProgram]
    ) throws(EvaluationError) {
        guard depth <= Self.maximumDepth else {
            throw EvaluationError(
                .nestingLimit, "regions and decompositions are nested deeper than \(Self.maximumDepth)")
        }
        self.graph = graph
        var steps: [Step] = []
        steps.reserveCapacity(graph.nodes.count)
        for node in graph.nodes {
            do {
                for type in node.resultTypes { _ = try Layout.extents(type) }
                switch node.operation {
                case .parameter(let index, _, _): steps.append(.parameter(index))
                case .primitive(.conditional(let then, let otherwise)):
                    steps.append(
                        .conditional(
                            then: try ReferenceProgram(then, depth: depth + 1, &cache),
                            otherwise: try ReferenceProgram(otherwise, depth: depth + 1, &cache)))
                case .primitive(.loop(let condition, let body)):
                    steps.append(
                        .loop(
                            condition: try ReferenceProgram(condition, depth: depth + 1, &cache),
                            body: try ReferenceProgram(body, depth: depth + 1, &cache)))
                case .primitive(let primitive): steps.append(.kernel(primitive))
                case .composite(let composite):
                    let key = Composition(
                        operation: node.operation, operands: node.operands.map { graph.type(of: $0) })
                    if let known = cache[key] {
                        steps.append(.inlined(known))
                    } else {
                        let definition = try Self.decomposition(of: composite, key.operands, node.resultTypes)
                        let program = try ReferenceProgram(definition, depth: depth + 1, &cache)
                        cache[key] = program
                        steps.append(.inlined(program))
                    }
                }
            } catch { throw error.at(node) }
        }
        self.steps = steps
        useCounts = graph.useCounts()
        inputTypes = graph.inputTypes
    }

    /// The graph of a composite's definition on operands of the given types.
    static func decomposition(
        of composite: any Composite, _ operands: [TensorType], _ results: [TensorType]
    ) throws(EvaluationError) -> Graph {
        let definition: Graph
        do {
            definition = try GraphBuilder.region(operands) { builder, terms throws(GraphError) in
                try composite.decompose(terms, in: builder)
            }
        } catch {
            throw EvaluationError(
                .decomposition, error.description, operation: composite.name, location: error.location)
        }
        guard definition.inputTypes == operands else {
            throw EvaluationError(
                .decomposition, "the decomposition adds inputs of its own; it may use its operands only",
                operation: composite.name)
        }
        guard definition.outputTypes == results else {
            throw EvaluationError(
                .decomposition, "the decomposition yields \(definition.outputTypes) where \(results) is inferred",
                operation: composite.name)
        }
        return definition
    }

    /// The outputs for `inputs`, in order and dense. Throws `inputCount`, `inputType`, `memoryLimit`,
    /// `iterationLimit` or `cancelled`.
    public func run(
        _ inputs: [Literal], options: EvaluationOptions = EvaluationOptions()
    ) throws(EvaluationError) -> [Literal] {
        try run(inputs, options: options, observer: nil)
    }

    /// Nodes that are not parameters and whose results are used, in the order in which they run.
    var computingNodes: [Int] {
        steps.indices.filter { index in
            if case .parameter = steps[index] { return false }
            return useCounts[index] > 0
        }
    }

    /// As `run(_:options:)`; `observer` gets every node that ran and its nanoseconds.
    func run(
        _ inputs: [Literal], options: EvaluationOptions, observer: ((Int, UInt64) -> Void)?
    ) throws(EvaluationError) -> [Literal] {
        guard inputs.count == inputTypes.count else {
            throw EvaluationError(
                .inputCount, "the graph has \(inputTypes.count) inputs and was given \(inputs.count) tensors")
        }
        for (index, (input, type)) in zip(inputs, inputTypes).enumerated() where input.type != type {
            throw EvaluationError(
                .inputType, "input '\(graph.inputNames[index])' is \(type) and was given \(input.type)")
        }
        var memory = Memory(limit: options.maximumBytes)
        try memory.reserve(inputs.filter(\.isSplat).map(\.type))
        var outputs: [Literal] = []
        for output in try evaluate(inputs, options, &memory, observer) {
            do throws(GraphError) {
                outputs.append(try Literal(type: output.type, storage: output.denseStorage()))
            } catch { throw EvaluationError(error) }
        }
        return outputs
    }

    /// Bytes of intermediate results that are alive.
    private struct Memory {
        let limit: Int
        var used = 0

        mutating func reserve(_ types: [TensorType]) throws(EvaluationError) {
            for type in types {
                let bytes = try EvaluationError.wrapping { () throws(GraphError) in try type.byteCount() }
                guard bytes <= limit - used else {
                    throw EvaluationError(
                        .memoryLimit, "\(type) needs \(bytes) bytes beside \(used) in use; the limit is \(limit)")
                }
                used += bytes
            }
        }

        mutating func release(_ types: [TensorType]) {
            for type in types { used -= (try? type.byteCount()) ?? 0 }
        }
    }

    private func evaluate(
        _ inputs: [Literal], _ options: EvaluationOptions, _ memory: inout Memory,
        _ observer: ((Int, UInt64) -> Void)? = nil
    ) throws(EvaluationError) -> [Literal] {
        // Values are dropped after their last use; `remaining` counts the uses to come.
        var values = [[Literal]](repeating: [], count: steps.count)
        var remaining = useCounts
        var reserved = [Bool](repeating: false, count: steps.count)
        defer { for (n, node) in graph.nodes.enumerated() where reserved[n] { memory.release(node.resultTypes) } }
        for (n, node) in graph.nodes.enumerated() where remaining[n] > 0 {
            if Task.isCancelled {
                throw EvaluationError(.cancelled, "the task was cancelled").at(node)
            }
            let operands = node.operands.map { values[Int($0.node)][Int($0.result)] }
            let start = observer == nil ? nil : ContinuousClock.now
            do {
                switch steps[n] {
                case .parameter(let index): values[n] = [inputs[index]]
                case .kernel(.constant(let literal)):
                    // A splat is written out by whoever reads it, so it counts as if it were dense.
                    if literal.isSplat { try memory.reserve(node.resultTypes) }
                    reserved[n] = literal.isSplat
                    values[n] = [literal]
                case .kernel(let primitive):
                    try memory.reserve(node.resultTypes)
                    reserved[n] = true
                    values[n] = [try Kernels.run(primitive, operands, as: node.resultTypes[0])]
                case .inlined(let program):
                    values[n] = try program.evaluate(operands, options, &memory)
                    try memory.reserve(node.resultTypes)
                    reserved[n] = true
                case .conditional(let then, let otherwise):
                    let branch = Self.isTrue(operands[0]) ? then : otherwise
                    values[n] = try branch.evaluate(Array(operands.dropFirst()), options, &memory)
                    try memory.reserve(node.resultTypes)
                    reserved[n] = true
                case .loop(let condition, let body):
                    values[n] = try Self.repeatWhile(condition, body, operands, options, &memory)
                    try memory.reserve(node.resultTypes)
                    reserved[n] = true
                }
            } catch { throw error.at(node) }
            if let start, let observer {
                let (seconds, attoseconds) = start.duration(to: .now).components
                observer(n, UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000))
            }
            for operand in node.operands {
                let source = Int(operand.node)
                remaining[source] -= 1
                if remaining[source] == 0 {
                    values[source] = []
                    if reserved[source] { memory.release(graph.nodes[source].resultTypes) }
                    reserved[source] = false
                }
            }
        }
        return graph.outputs.map { values[Int($0.value.node)][Int($0.value.result)] }
    }

    private static func isTrue(_ predicate: Literal) -> Bool { predicate.bits(at: 0) & 0xFF != 0 }

    private static func repeatWhile(
        _ condition: ReferenceProgram, _ body: ReferenceProgram, _ initial: [Literal], _ options: EvaluationOptions,
        _ memory: inout Memory
    ) throws(EvaluationError) -> [Literal] {
        var state = initial
        var iterations = 0
        while isTrue(try condition.evaluate(state, options, &memory)[0]) {
            if let limit = options.maximumIterations, iterations >= limit {
                throw EvaluationError(.iterationLimit, "ran for \(limit) iterations and did not end")
            }
            // A body of nothing but its parameters checks nothing, so the loop itself looks.
            if Task.isCancelled { throw EvaluationError(.cancelled, "the task was cancelled") }
            iterations += 1
            state = try body.evaluate(state, options, &memory)
        }
        return state
    }
}
