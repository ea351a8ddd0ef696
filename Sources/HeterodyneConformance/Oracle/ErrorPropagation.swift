// Heterodyne: a graph that computes, in float64, what another graph computes and how far off a device may be.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph
import HeterodyneOps

/// Rewrites a graph into one that computes its results in float64 together with bounds on the error of a device.
///
/// This is running error analysis (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.3) written as a
/// graph: each step adds the rounding that the device's limits allow to what the step makes of its operands' errors.
/// A `dot` or sum of k terms adds `2 k u Σ|x||y|`, u the unit roundoff of the accumulation type, whatever the order.
/// Choices that an error could turn are in doubt, and what they choose is bounded by the distance of the choices.
/// Composites are decomposed. Predicates of `while` are taken as certain.
public struct ErrorPropagation {
    let limits: ErrorLimits
    /// Whether the device runs an elementwise composite by itself and so answers for its error as a whole.
    let isClaimed: (NodeSignature) -> Bool
    var depth = 0

    /// Deepest nesting of regions and decompositions.
    static let maximumDepth = 64

    /// A rewriter for a device of the given limits; `isClaimed` says which composites it runs by itself.
    public init(limits: ErrorLimits, isClaimed: @escaping (NodeSignature) -> Bool = { _ in false }) {
        self.limits = limits
        self.isClaimed = isClaimed
    }

    /// A graph with the inputs of `graph` and, for output i of it, the outputs `value<i>` (float64 for floats, else of
    /// the output's type) and `margin<i>` (float64 error bounds for floats, else bool: in doubt or not).
    /// Without margins only the values. Throws what building throws, and `malformedGraph` for nesting deeper than 64.
    public func rewriting(_ graph: Graph, withMargins: Bool = true) throws(GraphError) -> Graph {
        let builder = GraphBuilder()
        var arguments: [Tracked] = []
        for (name, type) in zip(graph.inputNames, graph.inputTypes) {
            let input = try builder.input(name, type)
            arguments.append(try argument(input))
        }
        let results = try results(of: graph, arguments, in: builder)
        for (index, result) in results.enumerated() {
            try builder.output("value\(index)", result.value)
            if withMargins { try builder.output("margin\(index)", try result.margin()) }
        }
        return try builder.build()
    }

    /// An input: exact, unless the device may take subnormal numbers as zero.
    private func argument(_ input: Term) throws(GraphError) -> Tracked {
        guard let format = FloatFormat(input.scalarType) else { return try represented(Tracked(input.type, input)) }
        let value = try input.convert(.float64)
        if limits.standIns[input.scalarType] != nil { return try represented(Tracked(input.type, value)) }
        guard limits.allowsFlushing else { return Tracked(input.type, value) }
        let isSubnormal = try value.abs().compare(.less, format.smallestNormal).and(value.compare(.notEqual, 0))
        return Tracked(
            input.type, value, error: try isSubnormal.select(value.like(format.smallestNormal), value.like(0)))
    }

    /// A value that was made elsewhere, with the error that it has when what stands in for its type holds it.
    func represented(_ x: Tracked) throws(GraphError) -> Tracked {
        let type = x.type.scalarType
        guard let standIn = limits.standIns[type] else { return x }
        guard type.isFloatingPoint, let format = limits.format(type) else { return try inRange(x) }
        let size = try x.value.abs()
        let high = try x.value.convert(.float32).convert(.float64)
        var rest = try x.value - high
        // Subnormal numbers may be lost on the way into what stands in, and on the way back.
        let lost = try size.compare(.less, format.smallestNormal)
        if standIn == .pairs {
            let low = try rest.convert(.float32).convert(.float64)
            rest = try rest - low
            // A low part below the normal numbers may be lost.
            let fades = try low.abs().compare(.less, format.smallestNormal)
            rest = try fades.select(rest.abs() + low.abs(), rest.abs())
        }
        var error = try lost.select(size, rest.abs())
        let isFinite = try size.compare(.less, .infinity)
        error = try isFinite.and(size.compare(.greater, format.largest)).select(error.like(.infinity), error)
        error = try isFinite.select(error, error.like(0))
        var copy = x
        copy.error = try sum(copy.error, error)
        return copy
    }

    /// An integer of which nothing is known where it does not fit the type that stands in for its own.
    func inRange(_ x: Tracked) throws(GraphError) -> Tracked {
        guard case .narrower(let narrow) = limits.standIns[x.type.scalarType], x.type.scalarType.isInteger else {
            return x
        }
        let fits = try x.value.convert(narrow).convert(x.type.scalarType).compare(.equal, x.value)
        var copy = x
        copy.doubt = try either(copy.doubt, fits.not())
        return copy
    }

    /// The outputs of `graph` on `arguments`, built in `builder`.
    func results(
        of graph: Graph, _ arguments: [Tracked], in builder: GraphBuilder
    ) throws(GraphError) -> [Tracked] {
        guard depth <= Self.maximumDepth else {
            throw GraphError(.malformedGraph, "regions and decompositions are nested deeper than \(Self.maximumDepth)")
        }
        var values: [[Tracked]] = []
        values.reserveCapacity(graph.nodes.count)
        for node in graph.nodes {
            let operands = node.operands.map { values[Int($0.node)][Int($0.result)] }
            switch node.operation {
            case .parameter(let index, _, _): values.append([arguments[index]])
            case .composite(let composite):
                values.append(try composed(composite, NodeSignature(node, in: graph), operands, in: builder))
            case .primitive(let primitive):
                values.append(try propagate(primitive, operands, node.resultTypes, in: builder))
            }
        }
        return graph.outputs.map { values[Int($0.value.node)][Int($0.value.result)] }
    }

    private var deeper: ErrorPropagation {
        var copy = self
        copy.depth += 1
        return copy
    }

    private func composed(
        _ composite: any Composite, _ signature: NodeSignature, _ operands: [Tracked], in builder: GraphBuilder
    ) throws(GraphError) -> [Tracked] {
        let definition = try GraphBuilder.region(signature.operandTypes) { inner, terms throws(GraphError) in
            try composite.decompose(terms, in: inner)
        }
        var results = try deeper.results(of: definition, operands, in: builder)
        guard isClaimed(signature) else { return results }
        // A claimed composite may go another way than its decomposition. Where it has no attributes and its operands
        // are exact, the device answers for its error as a whole; else it may be as far off as the decomposition and
        // that error together. It may underflow where the decomposition does not.
        let isStrict = operands.allSatisfy(\.isExact) && composite is any ElementwiseComposite & PlainComposite
        for (index, result) in results.enumerated() {
            guard let error = result.error, let format = limits.format(result.type.scalarType) else { continue }
            let limit = limits.maximumULP(composite: composite.name)
            let own = try rounding(result.value, limit, result.type.scalarType) + format.smallestNormal
            let isBounded = try error.compare(.less, .infinity)
            results[index].error = try isStrict ? isBounded.select(own, error) : error + own
        }
        return results
    }

    /// A region over values and margins: inputs and outputs twice as many, in pairs.
    private func region(_ region: Graph, onlyValues: Bool = false) throws(GraphError) -> Graph {
        var inputs: [TensorType] = []
        for type in region.inputTypes {
            let isFloat = type.scalarType.isFloatingPoint
            inputs += [isFloat ? type.with(.float64) : type, type.with(isFloat ? .float64 : .bool)]
        }
        return try GraphBuilder.region(inputs) { builder, terms throws(GraphError) in
            var arguments: [Tracked] = []
            for (index, type) in region.inputTypes.enumerated() {
                arguments.append(Self.paired(type, terms[2 * index], terms[2 * index + 1]))
            }
            var outputs: [Term] = []
            for result in try deeper.results(of: region, arguments, in: builder) {
                outputs.append(result.value)
                if !onlyValues { outputs.append(try result.margin()) }
            }
            return outputs
        }
    }

    private static func paired(_ type: TensorType, _ value: Term, _ margin: Term) -> Tracked {
        type.scalarType.isFloatingPoint
            ? Tracked(type, value, error: margin) : Tracked(type, value, doubt: margin)
    }

    private static func pairs(_ operands: [Tracked]) throws(GraphError) -> [Term] {
        var terms: [Term] = []
        for operand in operands { terms += [operand.value, try operand.margin()] }
        return terms
    }

    private static func unpaired(_ types: [TensorType], _ terms: [Term]) -> [Tracked] {
        types.enumerated().map { paired($1, terms[2 * $0], terms[2 * $0 + 1]) }
    }

    private func propagate(
        _ primitive: Primitive, _ operands: [Tracked], _ types: [TensorType], in builder: GraphBuilder
    ) throws(GraphError) -> [Tracked] {
        switch primitive {
        case .conditional(let then, let otherwise):
            let arguments = Array(operands.dropFirst())
            let terms = try builder.conditional(
                operands[0].value, Self.pairs(arguments), then: region(then), otherwise: region(otherwise))
            var results = Self.unpaired(types, terms)
            if let doubt = operands[0].doubt {
                for index in results.indices { results[index] = try spoiled(results[index], where: doubt) }
            }
            return results
        case .loop(let condition, let body):
            let terms = try builder.loop(
                Self.pairs(operands), condition: region(condition, onlyValues: true), body: region(body))
            return Self.unpaired(types, terms)
        default:
            return [try inRange(try propagateOne(primitive, operands, types[0], in: builder))]
        }
    }

    /// A result of which nothing is known where `doubt` holds: a bool for each position of the result's first
    /// dimensions, or one for all of it.
    func spoiled(_ result: Tracked, where doubt: Term) throws(GraphError) -> Tracked {
        var copy = result
        let everywhere = try doubt.broadcast(result.type.shape, dimensions: Array(0..<doubt.rank))
        if result.isFloat {
            let error = try result.errorTerm()
            copy.error = try everywhere.select(error.like(.infinity), error)
        } else {
            copy.doubt = try everywhere.or(result.doubtTerm())
        }
        return copy
    }

    /// The error of one rounding of `value` to `type`, of `ulp` units in the last place.
    func rounding(_ value: Term, _ ulp: Double, _ type: ScalarType, canUnderflow: Bool = true) throws(GraphError)
        -> Term
    {
        guard let format = limits.format(type) else { return try value.like(0) }
        let size = try Tracked(value.type, value).finiteMagnitude()
        var error = try size * (2 * ulp * format.unitRoundoff)
        if canUnderflow { error = try error + max(ulp, 0.5) * format.smallestSubnormal }
        if limits.allowsFlushing(type) { error = try error + format.flushingError }
        return error
    }

    /// The error of a result: `inherited` from the operands and a rounding; infinite where the device may overflow.
    func finished(
        _ value: Term, _ type: TensorType, inherited: Term?, ulp: Double, canUnderflow: Bool = true
    ) throws(GraphError) -> Tracked {
        guard let format = limits.format(type.scalarType) else { return Tracked(type, value) }
        let isWide = type.scalarType == .float64
        let hasOwnArithmetic = limits.standIns[type.scalarType] == nil
        var error = try rounding(value, ulp, type.scalarType, canUnderflow: canUnderflow)
        if ulp <= 0.5 && !limits.allowsFlushing && !isWide {
            // Correct rounding changes nothing where the exact result is a number of the type. In float64 the value has
            // been rounded already, and nothing shows whether the exact result was a number.
            var isKept = try value.convert(type.scalarType).convert(.float64).compare(.equal, value)
            if let inherited { isKept = try isKept.and(inherited.compare(.equal, 0)) }
            error = try isKept.select(error.like(0), error)
        }
        if let inherited {
            // What is inherited is rounded too.
            error = try error + inherited * (1 + 2 * ulp * format.unitRoundoff)
        }
        if !isWide || !hasOwnArithmetic {
            let size = try value.abs()
            let isFinite = try size.compare(.less, .infinity)
            let overflows = try (size + error).compare(.greater, format.largest).and(isFinite)
            error = try overflows.select(error.like(.infinity), error)
        }
        return Tracked(type, value, error: error)
    }
}
