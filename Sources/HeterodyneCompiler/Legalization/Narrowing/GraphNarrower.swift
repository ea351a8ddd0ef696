// Heterodyne: rewrites one graph to narrower types and remembers what is known of its values.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Rewrites one graph; each region has its own.
final class GraphNarrower {
    let rules: NarrowingRules
    let builder = GraphBuilder()
    let simplifier: Simplifier
    private let context: PassContext
    /// What is known of the numbers in a value of the new graph.
    private var ranges: [Value: NumberRange] = [:]
    /// For a wide value of the new graph, what converting it to its stand-in gives.
    private var narrowed: [Value: Term] = [:]
    /// Wide floats that are known to survive.
    private var survivors: Set<Value> = []
    /// The nodes of the source that constants come from.
    private var constants: [Value: Int] = [:]
    /// Which nodes of the source the nodes of the new graph stand for.
    private var origins: [(node: Int, origin: Origin)] = []
    private var current = 0

    /// A node of the source that is computed in a narrow type.
    private struct Origin {
        let node: Int
        let type: ScalarType
        let survives: Bool
        /// Whether the narrow node was not there before.
        let isNew: Bool
    }

    init(_ rules: NarrowingRules, _ context: PassContext) {
        self.rules = rules
        self.context = context
        simplifier = Simplifier(builder)
    }

    /// The rewritten graph and what is known of its outputs, for inputs of which `inputs` are known; those that are
    /// not in the list are unknown.
    func run(
        _ graph: Graph, inputs: [NumberRange?]
    ) throws(GraphError) -> (graph: Graph, outputs: [NumberRange?]) {
        let live = graph.liveNodes()
        var mapped = [[Term]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            do {
                if case .parameter(let position, let name, let type) = node.operation {
                    let input = try builder.input(name, type, location: node.location)
                    let known = inputs.indices.contains(position) ? inputs[position] : nil
                    note(input, known ?? NumberRange(every: type.scalarType))
                    mapped[index] = [input]
                } else if live[index] {
                    builder.currentLocation = node.location
                    current = index
                    mapped[index] = try rewrite(node, node.operands.map { mapped[Int($0.node)][Int($0.result)] })
                }
            } catch { throw error.at(operation: graph.nodeText(index), location: node.location) }
        }
        builder.currentLocation = nil
        var outputs: [NumberRange?] = []
        for output in graph.outputs {
            let term = mapped[Int(output.value.node)][Int(output.value.result)]
            try builder.output(output.name, term)
            outputs.append(ranges[term.value])
        }
        let built = try builder.build()
        report(built, of: graph, mapped)
        return (try built.droppingDeadNodesEverywhere(), outputs)
    }

    /// Records the nodes of the source that something live now stands for.
    private func report(_ built: Graph, of graph: Graph, _ mapped: [[Term]]) {
        let live = built.liveNodes()
        var told: Set<[Int]> = []
        for (index, origin) in origins where live[index] {
            // A cast's operand that is also computed as it was written, beside a node that was there before, is not
            // computed otherwise.
            let isComputed = mapped[origin.node].contains { live[Int($0.value.node)] }
            if !origin.survives && !origin.isNew && isComputed { continue }
            guard told.insert([origin.node, Int(origin.type.rawValue)]).inserted,
                let standIn = rules.standIns[origin.type]
            else { continue }
            let node = graph.nodes[origin.node]
            let isFloat = origin.type.isFloatingPoint
            context.report.record(
                .legalization, node, operandTypes: node.operands.map(graph.type(of:)), device: context.target.device,
                rule: origin.survives
                    ? "\(origin.type) \(isFloat ? "exactly" : "proved") in \(standIn)"
                    : "\(origin.type) \(isFloat ? "rounded" : "cut") to \(standIn) anyway",
                reason: origin.survives
                    ? "every value is one of \(standIn)"
                    : isFloat
                        ? "its results are only used as \(standIn), and rounding them once gives the same"
                        : "only the low 32 bits of its results are used",
                isFree: true)
        }
    }

    // MARK: What is known of values

    /// The type that stands in for a term's.
    func standIn(_ term: Term) -> ScalarType? { rules.standIns[term.scalarType] }

    /// What is known of a term's numbers.
    func range(_ term: Term) -> NumberRange? { ranges[term.value] }

    /// Keeps what is known of a term's numbers, where it says more than what is known already.
    func note(_ term: Term, _ range: NumberRange?) {
        guard let range else { return }
        if let known = ranges[term.value] {
            guard known.scale == range.scale, known.low <= range.low, range.high <= known.high else { return }
        }
        ranges[term.value] = range
    }

    /// Whether every element of a wide term survives in the type that stands in.
    func survives(_ term: Term) -> Bool {
        guard let type = standIn(term) else { return false }
        return survivors.contains(term.value) || ranges[term.value]?.fits(type) ?? false
    }

    /// Whether a wide term is there in the type that stands in, or costs next to nothing to have there.
    func isAvailable(_ term: Term) -> Bool {
        narrowed[term.value] != nil || survives(term) || (standIn(term) != nil && term.literal != nil)
    }

    /// A wide term converted to the type that stands in; others as they are.
    func narrow(_ term: Term) throws(GraphError) -> Term {
        guard let type = standIn(term) else { return term }
        if let known = narrowed[term.value] { return known }
        let survives = survives(term)
        let result: Term
        if let literal = term.literal {
            result = try builder.constant(literal.narrowed(type))
            let origin = Origin(
                node: constants[term.value] ?? current, type: term.scalarType, survives: survives, isNew: true)
            origins.append((Int(result.value.node), origin))
            narrowed[term.value] = result
        } else {
            result = try simplifier.add(.convert(type), term)
        }
        if survives { note(result, ranges[term.value]) }
        return result
    }

    /// A term with the same numbers in a type that the device has, where that is known; else the term itself.
    func same(_ term: Term) throws(GraphError) -> Term { survives(term) ? try narrow(term) : term }

    /// A node in place of the current one.
    func stand(_ primitive: Primitive, _ operands: [Term], for type: ScalarType, survives: Bool) throws(GraphError)
        -> Term
    {
        let count = builder.nodes.count
        let result = try simplifier.add(primitive, operands)
        let index = Int(result.value.node)
        let made = builder.nodes[index]
        // Not where it came out as one of its operands.
        if index >= count || (made.operation.primitive == primitive && made.operands == operands.map(\.value)) {
            origins.append(
                (index, Origin(node: current, type: type, survives: survives, isNew: index >= count)))
        }
        return result
    }

    // MARK: Nodes

    private func rewrite(_ node: Node, _ operands: [Term]) throws(GraphError) -> [Term] {
        guard case .primitive(let primitive) = node.operation else {
            let short = try withShortIndices(node, operands)
            let results = if let short { short } else { try builder.addAll(node.operation, operands) }
            for result in results { note(result, NumberRange(every: result.scalarType)) }
            return results
        }
        if !primitive.regions.isEmpty { return try control(primitive, operands) }
        let type = node.resultTypes[0]
        var known = primitive.range(operands.map { ranges[$0.value] }, operands.map(\.type), result: type)
        if type.scalarType.isFloatingPoint, !rules.rounds {
            switch primitive {
            case .unary, .binary, .dot, .reduce, .scatter: known = nil
            default: break
            }
        }
        let result: Term
        let form = rules.standIns[type.scalarType] == nil ? nil : try standInForm(primitive, operands, type, known)
        if let form, form.survives {
            note(form.term, known)
            result = try simplifier.add(.convert(type.scalarType), form.term)
            if type.scalarType.isFloatingPoint { survivors.insert(result.value) }
        } else {
            let rewritten = try rewriteUse(primitive, operands)
            result = if let rewritten { rewritten } else { try builder.add(primitive, operands) }
            if let form { narrowed[result.value] = form.term }
        }
        note(result, known)
        if case .constant(let literal) = primitive {
            if constants[result.value] == nil { constants[result.value] = current }
            if literal.survives(rules) { survivors.insert(result.value) }
        } else if let form, form.survives {
            narrowed[result.value] = form.term
        }
        return [result]
    }

    /// A composite that gives positions in 64 bits with positions in 32 bits, where no extent is longer; nil for others.
    private func withShortIndices(_ node: Node, _ operands: [Term]) throws(GraphError) -> [Term]? {
        guard case .scalarType(let wide) = node.operation.attributes["indexType"], let narrow = rules.standIns[wide],
            narrow.isIndex,
            operands.allSatisfy({ $0.shape.fixedExtents?.allSatisfy { $0 <= Int(Int32.max) } ?? false })
        else { return nil }
        let operation = try node.operation.mappingAttributes { (value) throws(GraphError) in
            value == .scalarType(wide) ? .scalarType(narrow) : nil
        }
        let count = builder.nodes.count
        var results: [Term] = []
        for (result, type) in zip(try builder.addAll(operation, operands), node.resultTypes) {
            if result.type == type {
                results.append(result)
                continue
            }
            let index = Int(result.value.node)
            origins.append((index, Origin(node: current, type: wide, survives: true, isNew: index >= count)))
            note(result, NumberRange(every: narrow))
            let widened = try simplifier.add(.convert(type.scalarType), result)
            narrowed[widened.value] = result
            note(widened, NumberRange(every: narrow))
            results.append(widened)
        }
        return results
    }

    /// The regions with what is known of what they are given.
    private func control(_ primitive: Primitive, _ operands: [Term]) throws(GraphError) -> [Term] {
        let given = operands.map { ranges[$0.value] }
        switch primitive {
        case .conditional(let then, let otherwise):
            let arguments = Array(given.dropFirst())
            let a = try GraphNarrower(rules, context).run(then, inputs: arguments)
            let b = try GraphNarrower(rules, context).run(otherwise, inputs: arguments)
            let results = try builder.addAll(
                .primitive(.conditional(then: a.graph, otherwise: b.graph)), operands)
            for (index, result) in results.enumerated() {
                note(result, NumberRange(every: result.scalarType))
                if let x = a.outputs[index], let y = b.outputs[index] { note(result, x.union(y)) }
            }
            return results
        case .loop(let condition, let body):
            let state = LoopRanges(condition: condition, body: body).state(given)
            let test = try GraphNarrower(rules, context).run(condition, inputs: state.tested)
            let step = try GraphNarrower(rules, context).run(body, inputs: state.repeated)
            let results = try builder.addAll(
                .primitive(.loop(condition: test.graph, body: step.graph)), operands)
            // The state that the condition refuses is the result.
            for (index, result) in results.enumerated() { note(result, state.tested[index]) }
            return results
        default: return try builder.addAll(.primitive(primitive), operands)
        }
    }
}

extension Literal {
    /// Whether every element of a wide float constant is one of the type that stands in. Integers are told by their
    /// range.
    func survives(_ rules: NarrowingRules) -> Bool {
        guard type.scalarType == .float64, rules.standIns[.float64] != nil else { return false }
        let count = isSplat ? 1 : type.shape.fixedExtents?.reduce(1, &*) ?? 0
        return (0..<count).allSatisfy { index in
            let number = Double(bitPattern: bits(at: index))
            let short = Float(number)
            if number.isNaN { return true }
            return Double(short).bitPattern == number.bitPattern && (rules.keepsSubnormals || !short.isSubnormal)
        }
    }

    /// The elements of a 64-bit literal converted to the 32-bit type that stands in: rounded, or their low words.
    func narrowed(_ standIn: ScalarType) throws(GraphError) -> Literal {
        let type = type.with(standIn)
        func element(_ bits: UInt64) -> UInt32 {
            standIn == .float32 ? Float(Double(bitPattern: bits)).bitPattern : UInt32(truncatingIfNeeded: bits)
        }
        guard case .dense(let storage) = contents else {
            return Literal(splatBits: UInt64(element(splatBits ?? 0)), type: type)
        }
        return try Literal(
            type: type,
            storage: LiteralStorage(count: storage.bytes.count / 2) { destination in
                storage.withBytes { (source) throws(Never) in
                    for index in 0..<source.count / 8 {
                        let bits = source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                        destination.storeBytes(of: element(bits), toByteOffset: index * 4, as: UInt32.self)
                    }
                }
            }
        ).normalized
    }
}
