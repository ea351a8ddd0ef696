// Heterodyne: one import of a model for one signature and a list of answers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// One import. Nodes are imported one after the other; one that needs the value of a term which depends on inputs
/// ends with `pending` set. With an answer at hand the model is cut before the node, which is then imported anew.
final class ImportSession {
    let model: ONNXModel
    let evaluate: ConstantEvaluator
    private let functions: [ONNXFunction.Identifier: ONNXFunction]
    private(set) var plan = ImportPlan()
    private(set) var facts: BuilderFacts
    /// The slot behind every input of the builder.
    private var inputSlots: [Value: ImportPlan.Slot] = [:]

    private var answers: ArraySlice<Literal>
    /// What the node at hand was told so far, in order of its questions.
    private var told: [Literal] = []
    /// For every answer told, the terms that were to be kept when it was asked for.
    private var kept: [[Term]] = []
    private var questionCount = 0
    /// The question that could not be answered.
    private var pending: Term?
    /// Terms to be kept with the question at hand.
    private var pendingKept: [Term] = []
    private var callDepth = 0
    /// Told how many of the graph's nodes are done.
    var progress: ((_ done: Int, _ total: Int) -> Void)?

    /// Bytes that a sparse tensor may take when its zeros are written out.
    let sparseByteLimit = 1 << 30
    /// Nodes that one import may add, loops that are unrolled and functions included.
    let nodeLimit: Int
    /// Nodes of the model that one import may read, those of loops that are unrolled once for every iteration.
    static let visitLimit = 500_000
    private var visitCount = 0
    /// How deep functions and graphs in attributes may call each other.
    static let callDepthLimit = 64

    init(_ model: ONNXModel, _ answers: [Literal], _ evaluate: @escaping ConstantEvaluator) {
        self.model = model
        self.evaluate = evaluate
        self.answers = answers[...]
        facts = BuilderFacts(GraphBuilder(), evaluate)
        let own = model.functions.reduce(model.graph.nodes.count) { $0 + $1.nodes.count }
        nodeLimit = 100_000 + 64 * min(own, 1 << 24)
        functions = Dictionary(model.functions.map { ($0.identifier, $0) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: - The model

    /// The plan for inputs of the given signatures, in order of the graph's inputs; nil stands for an input whose
    /// initializer is its value.
    func importModel(_ signatures: [ONNXSignature?]) throws(GraphError) -> ImportPlan {
        let graph = model.graph
        let scope = ImportScope(self, facts, opsets: model.opsets)
        for (input, signature) in zip(graph.inputs, signatures) {
            guard let signature else { continue }
            scope.define(input.name, try parameter(input.name, signature))
        }
        plan.inputSlotCount = plan.slots.count
        try scope.defineInitializers(of: graph)
        let lastUses = Self.lastUses(in: graph)
        var current = scope
        var index = 0
        while index < graph.nodes.count {
            let node = graph.nodes[index]
            questionCount = 0
            pending = nil
            do {
                try importNode(node, index: index, in: current)
            } catch {
                guard let question = pending else { throw error }
                kept.append(pendingKept)
                guard let answer = answers.popFirst() else {
                    try ask(question, isLast: true, before: index, lastUses, current)
                    return plan
                }
                current = try self.ask(question, isLast: false, before: index, lastUses, current)
                told.append(answer)
                continue
            }
            told.removeAll(keepingCapacity: true)
            kept.removeAll(keepingCapacity: true)
            for name in lastUses.dying[index] { current.forget(name) }
            index += 1
            if index % 64 == 0 { progress?(index, graph.nodes.count) }
        }
        let outputs = try current.outputs(graph.outputs.map(\.name))
        try finish(zip(graph.outputs, outputs).map { ($0.name, $1) })
        return plan
    }

    /// For every node, the names that no later node uses and that are no outputs.
    private static func lastUses(in graph: ONNXGraph) -> (last: [String: Int], dying: [[String]]) {
        var last: [String: Int] = [:]
        for (index, node) in graph.nodes.enumerated() {
            for name in node.inputs { last[name] = index }
            for attribute in node.attributes.values {
                for subgraph in attribute.subgraphs { for name in subgraph.captures { last[name] = index } }
            }
            for name in node.valuesNamedByAttributes { last[name] = index }
        }
        for output in graph.outputs { last[output.name] = graph.nodes.count }
        var dying = [[String]](repeating: [], count: graph.nodes.count)
        for (name, index) in last where index < graph.nodes.count { dying[index].append(name) }
        return (last, dying)
    }

    /// The inputs of the graph that stand for an input of the model.
    private func parameter(_ name: String, _ signature: ONNXSignature) throws(GraphError) -> ImportedValue {
        switch signature {
        case .tensor(let element, let shape):
            guard let carrier = element.carrier else {
                throw GraphError(
                    .invalidType, "has elements of type \(element), which cannot be computed with",
                    operation: "input \(quoted(name))")
            }
            let type = TensorType(carrier, shape)
            let term = try facts.builder.input(name, type)
            inputSlots[term.value] = plan.slots.count
            plan.slots.append(type)
            return .tensor(ImportedTensor(term, element))
        case .text(let text): return .text(text)
        case .sequence(let elements):
            var values: [ImportedValue] = []
            for (index, element) in elements.enumerated() {
                values.append(try parameter("\(name)[\(index)]", element))
            }
            return .sequence(values)
        case .optional(let value):
            return .optional(
                try value.map { (inner) throws(GraphError) in
                    try parameter(name, inner)
                })
        }
    }

    /// A constant of the model.
    func constant(_ tensor: ONNXTensor, in builder: GraphBuilder) throws(GraphError) -> ImportedValue {
        let data = try lifting("tensor") { () throws(ONNXError) in try tensor.data() }
        switch data {
        case .tensor(let element, let literal):
            return .tensor(ImportedTensor(try builder.constant(literal), element))
        case .text(let text): return .text(text)
        case .sequence, .optional:
            throw GraphError(.invalidLiteral, "tensor \(quoted(tensor.name)) is no tensor")
        }
    }

    // MARK: - Nodes

    /// Imports one node and defines its outputs in `scope`.
    func importNode(_ node: ONNXNode, index: Int, in scope: ImportScope) throws(GraphError) {
        let builder = scope.facts.builder
        do throws(GraphError) { try visit() } catch { throw error.at(operation: node.label, location: nil) }
        guard builder.nodes.count < nodeLimit else {
            throw GraphError(
                .overflow, "the import has more than \(nodeLimit) nodes; a loop may have too many iterations",
                operation: node.label)
        }
        var inputs: [ImportedValue?] = []
        for name in node.inputs {
            guard !name.isEmpty, !scope.omittedInputs.contains(name) else {
                inputs.append(nil)
                continue
            }
            guard let value = scope.find(name) else {
                throw GraphError(.malformedGraph, "uses \(quoted(name)), which nothing defines", operation: node.label)
            }
            inputs.append(value)
        }
        let outer = builder.currentLocation
        builder.currentLocation = SourceLocation(file: node.label, line: index)
        defer { builder.currentLocation = outer }
        do throws(GraphError) {
            let results = try apply(node, inputs, in: scope)
            guard results.count >= node.outputs.count - trailingOmitted(node.outputs) else {
                throw GraphError(
                    .malformedGraph,
                    "has \(node.outputs.count) outputs where the operator gives \(results.count)")
            }
            for (name, result) in zip(node.outputs, results) { scope.define(name, result) }
        } catch {
            throw located(error, node)
        }
    }

    /// Counts a node. Throws `overflow` where there are too many.
    func visit(_ weight: Int = 1) throws(GraphError) {
        visitCount += weight
        guard visitCount <= Self.visitLimit else {
            throw GraphError(
                .overflow,
                "the import reads more than \(Self.visitLimit) nodes; a loop that has to be unrolled may have too many "
                    + "iterations")
        }
    }

    /// Counts an iteration of a loop that is unrolled, as if it had a few nodes more: 20,000 are the most.
    func visitIteration() throws(GraphError) { try visit(25) }

    private func trailingOmitted(_ names: [String]) -> Int { names.reversed().prefix { $0.isEmpty }.count }

    /// The error with the node's name, unless it has an inner node's already.
    private func located(_ error: GraphError, _ node: ONNXNode) -> GraphError {
        var copy = error
        if let operation = error.operation {
            if operation.hasPrefix("node ") { return error }
            copy.message = "\(operation): \(error.message)"
        }
        copy.operation = node.label
        copy.location = nil
        return copy
    }

    /// The results of a node: by the model's own function of that name, or by the operator's rule.
    private func apply(
        _ node: ONNXNode, _ inputs: [ImportedValue?], in scope: ImportScope
    ) throws(GraphError) -> [ImportedValue] {
        let identifier = ONNXFunction.Identifier(domain: node.domain, name: node.opType, overload: node.overload)
        if let function = functions[identifier] { return try call(function, node, inputs, in: scope) }
        let version = scope.opsets[node.domain] ?? 1
        let rule = try OperatorTable.standard.rule(for: node, version: version)
        let context = OperatorContext(node, version: version, inputs: inputs, scope: scope)
        return try rule.apply(context)
    }

    /// Imports the body of a function of the model.
    private func call(
        _ function: ONNXFunction, _ node: ONNXNode, _ inputs: [ImportedValue?], in scope: ImportScope
    ) throws(GraphError) -> [ImportedValue] {
        try nested { () throws(GraphError) in
            var parameters = function.defaults
            for (name, attribute) in node.attributes {
                if case .parameter(let outer, _) = attribute {
                    parameters[name] = scope.parameters[outer] ?? function.defaults[name]
                } else {
                    parameters[name] = attribute
                }
            }
            let body = ImportScope(
                self, scope.facts, opsets: function.opsets, parameters: parameters, isRegion: scope.isRegion)
            for (name, value) in zip(function.inputs, inputs) {
                if let value { body.define(name, value) }
            }
            body.omittedInputs = Set(
                function.inputs.enumerated().filter { inputs.count <= $0.offset || inputs[$0.offset] == nil }
                    .map(\.element))
            for (index, node) in function.nodes.enumerated() { try importNode(node, index: index, in: body) }
            return try body.outputs(function.outputs)
        }
    }

    /// Runs `body` one level deeper. Throws where functions and graphs nest too deeply.
    func nested<Result>(_ body: () throws(GraphError) -> Result) throws(GraphError) -> Result {
        guard callDepth < Self.callDepthLimit else {
            throw GraphError(
                .overflow, "functions and graphs of the model nest more than \(Self.callDepthLimit) deep")
        }
        callDepth += 1
        defer { callDepth -= 1 }
        return try body()
    }

    // MARK: - Values that depend on inputs

    /// The elements of `term`. Where they depend on inputs they are an answer, or the import ends here for now.
    func value(of term: Term, in scope: ImportScope) throws(GraphError) -> Literal {
        try value(of: term, in: scope, keeping: []).literal
    }

    /// The elements of `term`, and the terms `keeping` as they are called after the cut that the question may be:
    /// so that what was computed for the question is not computed again.
    func value(
        of term: Term, in scope: ImportScope, keeping terms: [Term]
    ) throws(GraphError) -> (literal: Literal, kept: [Term]) {
        if let literal = try scope.facts.literal(term) { return (literal, terms) }
        guard !scope.isRegion, term.builder === facts.builder else {
            throw GraphError(
                .unsupported,
                "needs a value when the model is compiled that a loop or a branch computes at run time")
        }
        guard !facts.hasFreeDimensions(term) else {
            throw GraphError(
                .unboundSymbol, "needs a value that depends on a free dimension; give every dimension a number")
        }
        if questionCount < told.count {
            defer { questionCount += 1 }
            let answer = told[questionCount]
            guard answer.type == term.type else {
                throw GraphError(.malformedGraph, "the answer \(answer.type) was given where \(term.type) is needed")
            }
            return (answer, kept[questionCount])
        }
        pending = term
        pendingKept = terms
        throw GraphError(.unsupported, "needs the value of a tensor that is computed at run time")
    }

    /// Whether an answer is missing; what was thrown then is no mistake of the model.
    var isWaiting: Bool { pending != nil }

    /// Most elements that a question may depend on to be computed apart, on the host.
    private static let smallElementCount = 65_536
    private static let smallNodeCount = 4_096

    /// Adds the step that computes `question`. Unless `isLast`, it goes on with a new builder where that is needed.
    @discardableResult
    private func ask(
        _ question: Term, isLast: Bool, before index: Int, _ lastUses: (last: [String: Int], dying: [[String]]),
        _ scope: ImportScope
    ) throws(GraphError) -> ImportScope {
        let ancestors = facts.ancestors(of: [question.value])
        if isSmall(ancestors) {
            let (graph, inputs) = try extract([("answer", question.value)])
            plan.steps.append(.init(purpose: .answer, graph: graph, inputs: inputs, outputs: []))
            return scope
        }
        // Everything that later nodes use and that depends on inputs leaves the step.
        var live: [Value] = []
        var seen: Set<Value> = []
        for (name, value) in scope.values.sorted(by: { $0.key < $1.key })
        where (lastUses.last[name] ?? -1) >= index {
            for term in value.terms where !facts.isConstant(term) && inputSlots[term.value] == nil {
                if seen.insert(term.value).inserted { live.append(term.value) }
            }
        }
        for term in kept.joined() where !facts.isConstant(term) && inputSlots[term.value] == nil {
            if seen.insert(term.value).inserted { live.append(term.value) }
        }
        var outputs: [(String, Value)] = []
        var slots: [ImportPlan.Slot] = []
        for value in live {
            outputs.append(("value\(plan.slots.count)", value))
            slots.append(plan.slots.count)
            plan.slots.append(facts.builder.type(of: value))
        }
        outputs.append(("answer", question.value))
        let (graph, inputs) = try extract(outputs)
        plan.steps.append(.init(purpose: .computeAndAnswer, graph: graph, inputs: inputs, outputs: slots))
        if isLast { return scope }
        let names = scope.values.keys.filter { (lastUses.last[$0] ?? -1) >= index }
        return try goOn(scope, names: names.sorted(), live: Dictionary(uniqueKeysWithValues: zip(live, slots)))
    }

    private func isSmall(_ ancestors: [Int]) -> Bool {
        guard ancestors.count <= Self.smallNodeCount else { return false }
        var elements = 0
        for index in ancestors {
            let node = facts.builder.nodes[index]
            if case .primitive(.loop) = node.operation { return false }
            for type in node.resultTypes {
                guard let count = try? type.elementCount() else { return false }
                elements += min(count, Self.smallElementCount)
            }
        }
        return elements <= Self.smallElementCount
    }

    /// The graph that computes `outputs`, and the slots that it reads.
    private func extract(_ outputs: [(name: String, value: Value)]) throws(GraphError) -> (Graph, [ImportPlan.Slot]) {
        let target = GraphBuilder()
        var inputs: [Value: Value] = [:]
        var slots: [ImportPlan.Slot] = []
        for node in facts.ancestors(of: outputs.map(\.value)) {
            guard case .parameter(_, let name, let type) = facts.builder.nodes[node].operation else { continue }
            let value = Value(node: node)
            inputs[value] = try target.input(name, type).value
            if let slot = inputSlots[value] { slots.append(slot) }
        }
        let copied = try facts.copy(outputs.map(\.value), into: target, inputs: inputs)
        for (output, value) in zip(outputs, copied) { try target.output(output.name, Term(target, value)) }
        return (try target.build(), slots)
    }

    /// A new builder whose inputs are the slots of what is alive, with the `names` of `scope`.
    private func goOn(
        _ scope: ImportScope, names: [String], live: [Value: ImportPlan.Slot]
    ) throws(GraphError) -> ImportScope {
        let builder = GraphBuilder()
        let fresh = BuilderFacts(builder, evaluate)
        var mapped: [Value: Value] = [:]
        var slots: [Value: ImportPlan.Slot] = [:]
        for (value, slot) in (inputSlots.map { ($0, $1) } + live.map { ($0, $1) }).sorted(by: { $0.1 < $1.1 }) {
            let name: String
            if case .parameter(_, let known, _) = facts.builder.nodes[Int(value.node)].operation {
                name = known
            } else {
                name = "value\(slot)"
            }
            let input = try builder.input(name, facts.builder.type(of: value)).value
            mapped[value] = input
            slots[input] = slot
        }
        let next = ImportScope(self, fresh, opsets: scope.opsets)
        let old = facts
        for name in names {
            guard let value = scope.values[name] else { continue }
            next.define(
                name,
                try value.mapTerms { (term) throws(GraphError) in
                    let copied = try old.copy([term.value], into: builder, inputs: mapped)
                    for value in copied { mapped[term.value] = value }
                    return Term(builder, mapped[term.value] ?? term.value)
                })
        }
        for question in kept.indices {
            for index in kept[question].indices {
                let copied = try old.copy([kept[question][index].value], into: builder, inputs: mapped)
                for value in copied { kept[question][index] = Term(builder, value) }
            }
        }
        facts = fresh
        inputSlots = slots
        return next
    }

    /// Adds the last step, which computes what of the outputs is not there yet.
    private func finish(_ outputs: [(name: String, value: ImportedValue)]) throws(GraphError) {
        var wanted: [(name: String, value: Value)] = []
        var slots: [Value: ImportPlan.Slot] = inputSlots
        var results: [(name: String, result: ImportPlan.Result)] = []
        for (name, value) in outputs {
            results.append((name, try result(name, value, &wanted, &slots)))
        }
        if !wanted.isEmpty {
            let (graph, inputs) = try extract(wanted)
            plan.steps.append(
                .init(purpose: .compute, graph: graph, inputs: inputs, outputs: wanted.compactMap { slots[$0.value] }))
        }
        plan.results = results
    }

    private func result(
        _ name: String, _ value: ImportedValue, _ wanted: inout [(name: String, value: Value)],
        _ slots: inout [Value: ImportPlan.Slot]
    ) throws(GraphError) -> ImportPlan.Result {
        switch value {
        case .tensor(let tensor):
            if let slot = slots[tensor.term.value] { return .slot(tensor.element, slot) }
            if tensor.term.type.shape.fixedExtents != nil, let literal = try facts.literal(tensor.term) {
                return .constant(tensor.element, literal)
            }
            let slot = plan.slots.count
            plan.slots.append(tensor.term.type)
            slots[tensor.term.value] = slot
            wanted.append((name, tensor.term.value))
            return .slot(tensor.element, slot)
        case .text(let text): return .text(text)
        case .sequence(let elements):
            var parts: [ImportPlan.Result] = []
            for (index, element) in elements.enumerated() {
                parts.append(try result("\(name)[\(index)]", element, &wanted, &slots))
            }
            return .sequence(parts)
        case .optional(let inner):
            return .optional(
                try inner.map { (inner) throws(GraphError) in try result(name, inner, &wanted, &slots) })
        }
    }
}
