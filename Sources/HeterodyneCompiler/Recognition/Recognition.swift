// Heterodyne: finds composites that a graph writes out in primitives.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph
import HeterodyneOps

/// Puts composites in place of the nodes that write them out, where the device runs the composite whole: exporters
/// often know no operator for softmax, GELU, layer normalization or attention.
///
/// The meaning stays: a composite is put only where it computes the same function of the same operands, up to the order
/// and rounding of its arithmetic, and where nothing but its result is used. Constants may differ from the composite's
/// own by 1e-6 of their size, as numbers in float32 files do. One thing is defined where it was not: a query of an
/// attention that sees no key gives zeros where the written-out softmax is NaN; where a graph guards against that by
/// zeros in place of NaN weights, NaN that come from the operands are no longer hidden by the guard. With
/// `ArithmeticMode.uncontracted` nothing is put.
public struct Recognition: Pass {
    /// `recognize`.
    public let name = "recognize"

    /// The pass.
    public init() {}

    /// The graph with composites, also inside `if` and `while`.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        guard context.options.arithmetic == .fast, context.options.recognizes else { return graph }
        return try Self.apply(graph, context)
    }

    private static func apply(_ graph: Graph, _ context: PassContext) throws(GraphError) -> Graph {
        let matches = Recognizer(graph, context.target, context.options.scalarTypes).matches()
        if matches.isEmpty, !graph.nodes.contains(where: { $0.operation.primitive?.regions.isEmpty == false }) {
            return graph
        }
        // Whatever a composite takes was taken by one of the nodes that it stands for, which come before it.
        var terms: [Value: Term] = [:]
        let recognized = try GraphRewriter(regions: .none).rewrite(graph) {
            (index, node, operands, builder) throws(GraphError) -> [Term]? in
            for (value, term) in zip(node.operands, operands) { terms[value] = term }
            if let match = matches[index] {
                var arguments: [Term] = []
                for operand in match.operands { arguments.append(try operand.term(terms, builder)) }
                let result = try builder.addAll(.composite(match.composite), arguments)[0]
                context.report.record(
                    .recognition, result.definition, operandTypes: arguments.map(\.type),
                    device: context.target.device, reason: "the graph writes it out in primitives")
                return [try result.reshape(node.resultTypes[0].shape)]
            }
            guard let primitive = node.operation.primitive, !primitive.regions.isEmpty else { return nil }
            let operation = try node.operation.mappingControlRegions { (region) throws(GraphError) in
                try apply(region, context)
            }
            return try builder.addAll(operation, operands, location: node.location)
        }
        return try recognized.droppingDeadNodesEverywhere()
    }
}

/// A composite and the values that it takes, to stand for a node's result.
struct Match {
    /// A value on the way into the composite.
    struct Operand {
        /// The value of the source graph.
        var value: Value
        /// What is done with it: a permutation of the dimensions, then a reshape.
        var permutation: [Int]?
        var shape: Shape?
        /// Where the value is a condition: the number that is added where it is false, 0 being added where it is true.
        var penalty: (number: Double, type: ScalarType)?

        init(_ value: Value) { self.value = value }

        func term(_ terms: [Value: Term], _ builder: GraphBuilder) throws(GraphError) -> Term {
            guard var term = terms[value] else {
                throw GraphError(.malformedGraph, "a recognized node takes a value that no node before it takes")
            }
            if let permutation { term = try term.transpose(permutation) }
            if let shape { term = try term.reshape(shape) }
            if let penalty {
                let type = TensorType(penalty.type, term.shape)
                term = try term.select(builder.constant(0, type), builder.constant(penalty.number, type))
            }
            return term
        }
    }

    var composite: any Composite
    var operands: [Operand]
}

/// Looks at one graph for composites that it writes out.
struct Recognizer {
    let graph: Graph
    let target: CompilationTarget
    private let policy: ScalarTypePolicy
    /// How many operands and outputs each value is.
    private let uses: [Value: Int]

    init(_ graph: Graph, _ target: CompilationTarget, _ policy: ScalarTypePolicy) {
        self.graph = graph
        self.target = target
        self.policy = policy
        var uses: [Value: Int] = [:]
        for node in graph.nodes { for operand in node.operands { uses[operand, default: 0] += 1 } }
        for output in graph.outputs { uses[output.value, default: 0] += 1 }
        self.uses = uses
    }

    /// The composites by the node whose result they give.
    func matches() -> [Int: Match] {
        var found: [Int: Match] = [:]
        // The largest first: what a composite stands for is not looked at again.
        var covered: Set<Value> = []
        for index in graph.nodes.indices.reversed() {
            guard case .primitive(let primitive) = graph.nodes[index].operation, !covered.contains(Value(node: index)),
                graph.nodes[index].resultTypes[0].scalarType.isFloatingPoint
            else { continue }
            let value = Value(node: index)
            let match: Match? =
                switch primitive {
                case .dot: attention(value)
                case .binary(.multiply): gelu(value) ?? normalization(value)
                case .binary(.divide): softmax(value) ?? normalization(value)
                case .binary(.add): normalization(value)
                default: nil
                }
            guard let match, let inner = inner(of: match, value), runs(match, index) else { continue }
            found[index] = match
            covered.formUnion(inner)
        }
        return found
    }

    /// Whether the device runs the composite whole, if need be in a type in place of one that it lacks.
    private func runs(_ match: Match, _ index: Int) -> Bool {
        var types: [TensorType] = []
        for operand in match.operands {
            var type = self.type(operand.value)
            if let permutation = operand.permutation { type.shape = Shape(permutation.map { type.shape[$0] }) }
            if let shape = operand.shape { type.shape = shape }
            if let penalty = operand.penalty { type = TensorType(penalty.type, type.shape) }
            types.append(type)
        }
        // A graph that the composite does not take is left as it is.
        guard let results = try? match.composite.inferTypes(types), results.count == 1,
            results[0].scalarType == graph.nodes[index].resultTypes[0].scalarType,
            (try? results[0].elementCount()) == (try? graph.nodes[index].resultTypes[0].elementCount())
        else { return false }
        let signature = NodeSignature(
            operation: .composite(match.composite), operandTypes: types, resultTypes: results)
        return target.support(for: signature).isNative
            || StandInComposite(signature, on: target, policy: policy) != nil
    }

    /// Everything between the operands and the result; nil where some of it is used for something else.
    private func inner(of match: Match, _ result: Value) -> Set<Value>? {
        let operands = Set(match.operands.map(\.value))
        var (pending, inner) = ([result], Set([result]))
        var seen: [Value: Int] = [:]
        while let value = pending.popLast() {
            let node = node(value)
            guard node.resultTypes.count == 1, inner.count <= Self.nodeLimit else { return nil }
            if case .parameter = node.operation { return nil }
            for operand in node.operands where !operands.contains(operand) {
                seen[operand, default: 0] += 1
                if inner.insert(operand).inserted { pending.append(operand) }
            }
        }
        let isWhole = inner.allSatisfy { value in
            // Constants and movements cost nothing worth a refusal: a mask repeated along the heads serves all layers.
            value == result || primitive(value)?.code.group == .movement || splat(value) != nil
                || uses[value] == seen[value]
        }
        return isWhole ? inner : nil
    }

    /// Most nodes that one composite stands for.
    private static let nodeLimit = 64

    // MARK: - What values are

    func node(_ value: Value) -> Node { graph.nodes[Int(value.node)] }

    func type(_ value: Value) -> TensorType { graph.type(of: value) }

    func shape(_ value: Value) -> Shape { type(value).shape }

    /// Whether the value is used only once.
    func isPrivate(_ value: Value) -> Bool { uses[value] == 1 }

    func primitive(_ value: Value) -> Primitive? { node(value).operation.primitive }

    func composite<T: Composite>(_ value: Value, as type: T.Type) -> T? { node(value).operation.composite(as: type) }

    /// The operands of a binary operator.
    func operands(_ value: Value, of op: BinaryOperator) -> (Value, Value)? {
        guard case .binary(op) = primitive(value) else { return nil }
        return (node(value).operands[0], node(value).operands[1])
    }

    /// The operand of a unary operator.
    func operand(_ value: Value, of op: UnaryOperator) -> Value? {
        guard case .unary(op) = primitive(value) else { return nil }
        return node(value).operands[0]
    }

    /// The number that all elements are.
    func splat(_ value: Value) -> Double? {
        var current = value
        // Longer chains are left alone: everything here looks only a few nodes far, however large the graph is.
        for _ in 0..<4 {
            switch primitive(current) {
            case .constant(let literal): return literal.splatNumber
            case .broadcast, .reshape, .convert: current = node(current).operands[0]
            default: return nil
            }
        }
        return nil
    }

    /// Whether the value is `number`, as near as numbers in float32 files are.
    func isSplat(_ value: Value, _ number: Double) -> Bool {
        guard let splat = splat(value) else { return false }
        return Self.isNear(splat, number)
    }

    static func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-6 * abs(b) }

    /// The operand beside a constant in a product or quotient, and the factor that the constant is.
    func scaled(_ value: Value) -> (operand: Value, factor: Double)? {
        if let (a, b) = operands(value, of: .multiply) {
            if let factor = splat(b) { return (a, factor) }
            if let factor = splat(a) { return (b, factor) }
        }
        if let (a, b) = operands(value, of: .divide), let divisor = splat(b), divisor != 0 { return (a, 1 / divisor) }
        return nil
    }

    /// The factors of a product, products among them taken apart as long as nothing else uses these.
    func factors(_ value: Value, limit: Int = 6) -> (variables: [Value], constant: Double) {
        var (pending, variables, constant, count) = ([value], [Value](), 1.0, 0)
        while let next = pending.popLast() {
            guard next == value || isPrivate(next), count < limit else {
                variables.append(next)
                continue
            }
            if let (operand, factor) = scaled(next) {
                constant *= factor
                pending.append(operand)
                count += 1
            } else if let (a, b) = operands(next, of: .multiply) {
                pending += [b, a]
                count += 1
            } else {
                variables.append(next)
            }
        }
        return (variables, constant)
    }
}
