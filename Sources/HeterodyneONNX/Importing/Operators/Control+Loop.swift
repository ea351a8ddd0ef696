// Heterodyne: ONNX operators: loops with a trip count and a condition.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// `Loop`: carried values and values that are collected over the iterations.
///
/// A loop whose carried values keep their types becomes the `loop` primitive: the iteration, the condition, the carried
/// tensors, what the body captures, and buffers for what is collected are its state. Collecting needs the number of
/// iterations: the trip count where the condition does not end the loop earlier, else the loop is run once only to
/// count. Loops of few iterations, and those whose values change their types, are unrolled.
struct LoopImport {
    let context: OperatorContext
    private let body: ONNXGraph
    /// int64 scalar; nil for no bound.
    private let trip: Term?
    /// bool scalar; nil for true.
    private let condition: Term?
    private let initials: [ImportedValue]

    /// Iterations of a loop that is unrolled although it need not be, and nodes that this may add.
    private static let shortIterationCount = 8
    private static let shortNodeCount = 512
    /// Bytes of one collected value.
    private static let collectedByteLimit = 1 << 34
    /// Iterations of a loop that nothing but its trip count ends.
    private static let iterationLimit = 1 << 40

    private var carriedCount: Int { initials.count }
    private var scanCount: Int { body.outputs.count - 1 - carriedCount }

    init(_ context: OperatorContext) throws(GraphError) {
        self.context = context
        body = try context.graph("body")
        trip = context.has(0) ? try context.scalar(0, .int64) : nil
        condition = context.has(1) ? try context.scalar(1, .bool) : nil
        initials = context.inputs.dropFirst(2).map { $0 ?? .optional(nil) }
        guard body.inputs.count == initials.count + 2, body.outputs.count >= initials.count + 1 else {
            throw GraphError(
                .operandCount,
                "its body has \(body.inputs.count) inputs and \(body.outputs.count) outputs for \(initials.count) "
                    + "carried values; it needs the iteration, the condition and the carried values as inputs, the "
                    + "condition and the carried values as first outputs")
        }
    }

    /// The carried values after the loop and the collected ones.
    func results() throws(GraphError) -> [ImportedValue] {
        let limit = try constant(trip).map { max(0, Int(Int64(bitPattern: $0.bits(at: 0)))) }
        let start = condition == nil ? true : try constant(condition).map { $0.bits(at: 0) != 0 }
        if limit == 0 || start == false { return try withoutIterations() }
        if let limit, start == true, limit <= Self.shortIterationCount,
            body.nodeCount * limit <= Self.shortNodeCount,
            let results = try unrolled(limit, asking: false)
        {
            return results
        }
        switch try context.attempt({ () throws(GraphError) in try looped(limit) }) {
        case .success(let results): return results
        case .failure(let error):
            if context.scope.isRegion, limit == nil { throw error }
            var bound = limit
            if bound == nil, let trip { bound = try context.integers(of: trip)[0] }
            if let bound, bound <= 0 { return try withoutIterations() }
            return try unrolled(bound, asking: true) ?? initials
        }
    }

    private func constant(_ term: Term?) throws(GraphError) -> Literal? {
        guard let term else { return nil }
        return try context.constantLiteral(term)
    }

    // MARK: - The loop primitive

    /// The body as a region, and which of its values change from iteration to iteration.
    private struct Core {
        let region: ImportedRegion
        let graph: Graph
        let captures: RegionCaptures
        /// Positions of the carried values that change.
        let varying: [Int]
        /// Whether the condition may become false.
        let canEnd: Bool
        let iteration: Term
        let truth: Term
        let scans: [ImportedValue]
    }

    private func core() throws(GraphError) -> Core {
        let builder = context.builder
        // Values that the body hands through are captured: constants among them stay known.
        var varying: [Int] = []
        var fixed: [(name: String, value: ImportedValue)] = []
        for (index, value) in initials.enumerated() {
            if body.handsThrough(input: 2 + index, to: 1 + index) {
                fixed.append((body.inputs[2 + index].name, value))
            } else {
                varying.append(index)
            }
        }
        let iteration = try builder.constant(Literal(Int64(0))).reshape(body.inputs[0].oneElementShape)
        let truth = try builder.constant(Literal(true)).reshape(body.inputs[1].oneElementShape)
        var parameters = [(name: body.inputs[0].name, value: ImportedValue(iteration))]
        let conditionStays = body.handsThrough(input: 1, to: 0)
        if conditionStays {
            fixed.append((body.inputs[1].name, ImportedValue(truth)))
        } else {
            parameters.append((body.inputs[1].name, ImportedValue(truth)))
        }
        for index in varying { parameters.append((body.inputs[2 + index].name, initials[index])) }
        let captures = RegionCaptures(body.captures, fixed, in: context.scope)
        let region = try ImportedRegion(body, parameters: parameters, captures, in: context.scope)
        guard case .tensor(let next)? = region.results.first, next.term.scalarType == .bool, let graph = region.graph
        else { throw GraphError(.invalidType, "the first output of its body must be a truth value") }
        for index in varying where !region.results[1 + index].hasStructure(of: initials[index]) {
            throw GraphError(
                .unsupported,
                "carried value \(index) is \(initials[index].kind) before an iteration and "
                    + "\(region.results[1 + index].kind) after it")
        }
        var canEnd = !conditionStays
        if canEnd, let known = try region.facts.literal(next.term), known.splatBits.map({ $0 != 0 }) == true {
            canEnd = false
        }
        return Core(
            region: region, graph: graph, captures: captures, varying: varying, canEnd: canEnd, iteration: iteration,
            truth: truth, scans: Array(region.results[(1 + carriedCount)...]))
    }

    private func wanted(_ core: Core) -> [Int] {
        core.scans.indices.filter { context.wants(output: carriedCount + $0) }
    }

    private func looped(_ limit: Int?) throws(GraphError) -> [ImportedValue] {
        let core = try core()
        let wanted = wanted(core)
        var bound: Term? = trip
        var count = limit
        if !core.canEnd && trip == nil {
            throw GraphError(.malformedGraph, "it never ends: it has no trip count, and its condition stays true")
        }
        if !core.canEnd, let limit, limit > Self.iterationLimit {
            throw GraphError(.overflow, "it has \(limit) iterations, and its condition stays true")
        }
        // A condition that is false from the start is left to the primitive, which knows how to run no iteration.
        let startIsKnown = try constant(condition) != nil
        let mayEnd = core.canEnd || (condition != nil && !startIsKnown)
        if !wanted.isEmpty, mayEnd || limit == nil {
            var iterations: Term? = trip
            if mayEnd { iterations = try loop(core, bound, mayEnd: true, collecting: [], count: nil)[0] }
            guard let iterations else {
                throw GraphError(.malformedGraph, "it has no trip count")
            }
            let known = max(0, try context.integers(of: iterations)[0])
            if known == 0 { return try withoutIterations(core) }
            count = known
            bound = try context.builder.constant(Literal(Int64(known)))
            return try finish(
                core, wanted, try loop(core, bound, mayEnd: false, collecting: wanted, count: count))
        }
        return try finish(core, wanted, try loop(core, bound, mayEnd: mayEnd, collecting: wanted, count: count))
    }

    /// The primitive. Its results are the iterations, the changing carried values' terms and the buffers.
    private func loop(
        _ core: Core, _ bound: Term?, mayEnd: Bool, collecting wanted: [Int], count: Int?
    ) throws(GraphError) -> [Term] {
        let builder = context.builder
        let scalar = TensorType.scalar(.int64)
        let limit = try constant(bound)
        let carried = core.varying.flatMap { initials[$0].terms }
        var buffers: [Term] = []
        for term in wanted.flatMap({ core.scans[$0].terms }) {
            let type = term.type.with(Shape([.fixed(count ?? 0)] + term.shape.dimensions))
            guard try type.byteCount() <= Self.collectedByteLimit else {
                throw GraphError(.overflow, "it collects \(type), which is too large")
            }
            buffers.append(try builder.constant(Literal(splatBits: 0, type: type)))
        }
        var state = [try builder.constant(0, scalar)] + carried + buffers
        let conditionIndex = mayEnd ? state.count : nil
        if mayEnd {
            if let condition { state.append(condition) } else { state.append(try builder.constant(Literal(true))) }
        }
        let boundIndex = limit == nil && bound != nil ? state.count : nil
        if let bound, boundIndex != nil { state.append(bound) }
        let argumentStart = state.count
        state += core.captures.arguments
        let types = state.map(\.type)
        let condition = try GraphBuilder.region(types) { inner, state throws(GraphError) in
            var goes: Term?
            if let limit {
                goes = try state[0].compare(.less, inner.constant(limit))
            } else if let boundIndex {
                goes = try state[0].compare(.less, state[boundIndex])
            }
            if let conditionIndex {
                let holds = state[conditionIndex]
                if let below = goes { goes = try below.and(holds) } else { goes = holds }
            }
            if let goes { return [goes] }
            return [try inner.constant(Literal(true))]
        }
        let hasConditionInput = !body.handsThrough(input: 1, to: 0)
        // Positions of the terms of scan `index` among the results of the core.
        var positions: [Int] = []
        var position = core.region.results[..<(1 + carriedCount)].reduce(0) { $0 + $1.terms.count }
        for (index, scan) in core.scans.enumerated() {
            if wanted.contains(index) { positions += position..<position + scan.terms.count }
            position += scan.terms.count
        }
        var next: [Int] = []
        position = 1
        for index in 0..<carriedCount {
            let size = core.region.results[1 + index].terms.count
            if core.varying.contains(index) { next += position..<position + size }
            position += size
        }
        let step = try GraphBuilder.region(types) { inner, state throws(GraphError) in
            var arguments = [try state[0].reshape(core.iteration.shape)]
            if hasConditionInput {
                // The body runs only where the condition held.
                arguments.append(try inner.constant(Literal(true)).reshape(core.truth.shape))
            }
            arguments += state[1..<1 + carried.count] + state[argumentStart...]
            let results = try inner.inline(core.graph, arguments)
            var after = [try state[0] + inner.constant(1, scalar)] + next.map { results[$0] }
            let zero = try inner.constant(0, scalar)
            for (buffer, position) in zip(state[(1 + carried.count)...], positions) {
                let slice = results[position]
                let block = try slice.reshape(Shape([1] + slice.shape.dimensions))
                let starts = [state[0]] + [Term](repeating: zero, count: slice.rank)
                after.append(try buffer.dynamicUpdateSlice(block, starts))
            }
            if conditionIndex != nil { after.append(try results[0].reshape([Int]())) }
            return after + state[(boundIndex ?? argumentStart)...]
        }
        return Array(try builder.loop(state, condition: condition, body: step)[..<(1 + carried.count + buffers.count)])
    }

    private func finish(_ core: Core, _ wanted: [Int], _ final: [Term]) throws(GraphError) -> [ImportedValue] {
        var rest = final.dropFirst()
        var results = initials
        for index in core.varying { results[index] = try initials[index].taking(&rest) }
        for (index, scan) in core.scans.enumerated() {
            guard wanted.contains(index) else {
                results.append(.optional(nil))
                continue
            }
            guard case .tensor = scan else { throw Self.notATensor(index, scan) }
            results.append(try scan.taking(&rest))
        }
        return results
    }

    private static func notATensor(_ index: Int, _ value: ImportedValue) -> GraphError {
        GraphError(.invalidType, "collected value \(index) is \(value.kind); only tensors are collected")
    }

    // MARK: - No iteration

    private func withoutIterations() throws(GraphError) -> [ImportedValue] {
        guard (0..<max(0, scanCount)).contains(where: { context.wants(output: carriedCount + $0) }) else {
            return initials + [ImportedValue](repeating: .optional(nil), count: max(0, scanCount))
        }
        switch try context.attempt({ () throws(GraphError) in try core() }) {
        case .success(let core): return try withoutIterations(core)
        case .failure:
            // The body cannot be imported without an iteration; what it declares says the types.
            var results = initials
            for output in body.outputs[(1 + carriedCount)...] {
                guard case .tensor(let element, let dimensions?)? = output.type, let carrier = element.carrier else {
                    throw GraphError(
                        .unsupported,
                        "it has no iteration, and the type of its collected value \(quoted(output.name)) is not known")
                }
                let extents = dimensions.map { if case .fixed(let number) = $0 { number } else { 0 } }
                let type = TensorType(carrier, [0] + extents)
                results.append(
                    .tensor(.init(try context.builder.constant(Literal(splatBits: 0, type: type)), element)))
            }
            return results
        }
    }

    private func withoutIterations(_ core: Core) throws(GraphError) -> [ImportedValue] {
        var results = initials
        for (index, scan) in core.scans.enumerated() {
            guard case .tensor(let tensor) = scan else { throw Self.notATensor(index, scan) }
            let type = tensor.term.type.with(Shape([0] + tensor.term.shape.dimensions))
            let term = try context.builder.constant(Literal(splatBits: 0, type: type))
            results.append(.tensor(ImportedTensor(term, tensor.element)))
        }
        return results
    }

    // MARK: - Unrolling

    /// The iterations one after the other. Where the condition is no constant it is asked for, or, without `asking`,
    /// the result is nil.
    private func unrolled(_ limit: Int?, asking: Bool) throws(GraphError) -> [ImportedValue]? {
        let builder = context.builder
        var carried = initials
        var scans = [[ImportedValue]](repeating: [], count: scanCount)
        var goesOn = condition
        var iteration = 0
        while limit.map({ iteration < $0 }) ?? true {
            if let condition = goesOn {
                let known = try context.constantLiteral(condition)
                guard known != nil || asking else { return nil }
                if let known {
                    if known.bits(at: 0) == 0 { break }
                } else if try context.literal(condition).bits(at: 0) == 0 {
                    break
                }
            }
            try context.scope.session.visitIteration()
            let child = context.scope.child()
            child.define(
                body.inputs[0].name,
                ImportedValue(try builder.constant(Literal(Int64(iteration))).reshape(body.inputs[0].oneElementShape)))
            child.define(
                body.inputs[1].name,
                ImportedValue(try builder.constant(Literal(true)).reshape(body.inputs[1].oneElementShape)))
            for (input, value) in zip(body.inputs[2...], carried) { child.define(input.name, value) }
            let outputs = try context.scope.session.nested { () throws(GraphError) in try child.importGraph(body) }
            guard case .tensor(let next) = outputs[0], next.term.scalarType == .bool,
                next.term.shape.dimensions.allSatisfy({ $0 == 1 })
            else { throw GraphError(.invalidType, "the first output of its body must be one truth value") }
            goesOn = try next.term.reshape([Int]())
            carried = Array(outputs[1..<1 + carriedCount])
            for index in scans.indices { scans[index].append(outputs[1 + carriedCount + index]) }
            iteration += 1
        }
        if iteration == 0 { return try withoutIterations() }
        var results = carried
        for index in scans.indices {
            results.append(
                context.wants(output: carriedCount + index)
                    ? try context.stacked(scans[index], axis: 0, "collected value \(index)") : .optional(nil))
        }
        return results
    }
}

extension OperatorContext {
    /// Tensors of one type, or of text, along a new axis.
    func stacked(_ values: [ImportedValue], axis: Int, _ what: String) throws(GraphError) -> ImportedValue {
        if case .text(let first)? = values.first, axis == 0 {
            var all = ONNXText(dimensions: [values.count] + first.dimensions, elements: [])
            for value in values {
                guard case .text(let text) = value, text.dimensions == first.dimensions else {
                    throw GraphError(.shapeMismatch, "\(what) changes its type from iteration to iteration")
                }
                all.elements += text.elements
            }
            return .text(all)
        }
        var terms: [Term] = []
        var element: ONNXElementType?
        for value in values {
            guard case .tensor(let tensor) = value, element == nil || element == tensor.element else {
                throw GraphError(.invalidType, "\(what) is \(value.kind), where tensors of one type are needed")
            }
            if let first = terms.first, first.type != tensor.term.type {
                throw GraphError(
                    .shapeMismatch,
                    "\(what) changes its type from \(first.type) to \(tensor.term.type) between iterations")
            }
            element = tensor.element
            terms.append(tensor.term)
        }
        guard let element else { throw GraphError(.operandCount, "\(what) has no elements") }
        return .tensor(ImportedTensor(try builder.stack(terms, axis: axis), element))
    }
}

extension ONNXGraph {
    /// Nodes of the graph and of the graphs within it.
    var nodeCount: Int {
        nodes.reduce(0) { sum, node in
            node.attributes.values.flatMap(\.subgraphs).reduce(sum + 1) { $0 + $1.nodeCount }
        }
    }

    /// Whether output `output` is input `input`, perhaps through nodes that do nothing.
    func handsThrough(input: Int, to output: Int) -> Bool {
        var name = outputs[output].name
        var steps = 0
        while name != inputs[input].name {
            steps += 1
            guard steps < 16, let node = nodes.first(where: { $0.outputs.first == name }), node.opType == "Identity",
                node.domain.isEmpty, let source = node.inputs.first
            else { return false }
            name = source
        }
        return true
    }
}

extension ONNXValue {
    /// The shape in which a value of one element is handed to a body: that of a scalar, or, where the graph declares a
    /// vector, that of a vector.
    var oneElementShape: Shape {
        if case .tensor(_, let dimensions?)? = type, dimensions.count == 1 { return [1] }
        return .scalar
    }
}
