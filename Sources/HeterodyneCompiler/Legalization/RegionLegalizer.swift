// Heterodyne: rewrites the nodes of one graph so that a device that lacks scalar types runs them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneEmulation
import HeterodyneGraph

/// What a rewriting did, over all regions.
final class LegalizationTrace {
    /// Whether something rests on float32 operations that are rounded one by one.
    var restsOnRounding = false
    /// Types that were computed with, not only moved.
    var computed: Set<ScalarType> = []
    /// Types that nodes touched.
    var touched: Set<ScalarType> = []
}

/// Rewrites the nodes of one graph, or one region, into a builder. Every node becomes nodes that the device runs.
final class RegionLegalizer {
    let plan: LegalizationPlan
    /// How values of the types that are rewritten are held. Other types stay what they are.
    let active: [ScalarType: Carriage]
    let builder: GraphBuilder
    let trace: LegalizationTrace
    let errors = LaneErrors()
    /// How deep composites' definitions are nested around this point.
    var depth = 0
    /// Whether an index is being made, which is no arithmetic of the owner's.
    var isCounting = false

    init(
        plan: LegalizationPlan, active: [ScalarType: Carriage], builder: GraphBuilder, trace: LegalizationTrace
    ) {
        self.plan = plan
        self.active = active
        self.builder = builder
        self.trace = trace
    }

    /// Rewrites the live nodes of `graph` with its inputs replaced, and returns what its outputs became. `visit` sees every
    /// node that is rewritten, with its index.
    func walk(
        _ graph: Graph, _ inputs: [CarriedValue], visit: ((Int, NodeSignature) -> Void)? = nil
    ) throws(GraphError) -> [CarriedValue] {
        let live = graph.liveNodes()
        var mapped = [[CarriedValue]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            if case .parameter(let position, _, _) = node.operation {
                mapped[index] = [inputs[position]]
                continue
            }
            guard live[index] else { continue }
            let operands = node.operands.map { mapped[Int($0.node)][Int($0.result)] }
            builder.currentLocation = node.location
            defer { builder.currentLocation = nil }
            let signature = NodeSignature(node, in: graph)
            do {
                mapped[index] = try rewrite(signature, operands) { visit?(index, signature) }
            } catch { throw error.at(operation: graph.nodeText(index), location: node.location) }
        }
        return graph.outputs.map { mapped[Int($0.value.node)][Int($0.value.result)] }
    }

    /// One node; `note` is called where it is rewritten and not copied.
    func rewrite(
        _ node: NodeSignature, _ operands: [CarriedValue], _ note: () -> Void = {}
    ) throws(GraphError) -> [CarriedValue] {
        if case .primitive(.constant(let literal)) = node.operation { return [CarriedValue(literal)] }
        let types = node.scalarTypes.filter { active[$0] != nil }
        if types.isEmpty { return try copy(node.operation, operands) }
        if types.allSatisfy({ active[$0] == .bridged }) {
            if case .lacking = plan.standing(of: node) {} else { return try copy(node.operation, operands) }
        }
        note()
        trace.touched.formUnion(types)
        let results = try legalize(node, operands)
        try errors.rethrow()
        return results
    }

    /// The node as it stands, on operands in their own types.
    func copy(_ operation: NodeOperation, _ operands: [CarriedValue]) throws(GraphError) -> [CarriedValue] {
        var terms: [Term] = []
        for operand in operands { terms.append(try typed(operand)) }
        return try builder.addAll(operation, terms).map { CarriedValue($0.type, .typed($0)) }
    }

    private func legalize(
        _ node: NodeSignature, _ operands: [CarriedValue]
    ) throws(GraphError) -> [CarriedValue] {
        switch node.operation {
        case .parameter: throw GraphError(.malformedGraph, "an input is no node to rewrite")
        case .composite(let composite): return try expand(composite, operands)
        case .primitive(let primitive):
            switch primitive {
            case .constant(let literal): return [CarriedValue(literal)]
            case .iota(let type, let dimension): return [try iota(type, dimension)]
            case .convert(let type): return [try convert(operands[0], to: type)]
            case .bitcast(let type): return [try bitcast(operands[0], to: type)]
            case .unary(let op): return [try unary(op, operands[0])]
            case .binary(let op): return [try binary(op, operands[0], operands[1])]
            case .compare(let direction): return [try compare(direction, operands[0], operands[1])]
            case .select, .reshape, .transpose, .broadcast, .slice, .pad, .concatenate, .reverse:
                return [try move(primitive, operands, node.resultTypes[0])]
            case .gather, .dynamicSlice, .dynamicUpdateSlice:
                return [try index(primitive, operands, node.resultTypes[0])]
            case .scatter(let mode, let dimensions):
                return [
                    mode == .set
                        ? try index(primitive, operands, node.resultTypes[0])
                        : try scatter(mode, operands, dimensions)
                ]
            case .dot(let dimensions, let accumulation, _):
                return [try dot(dimensions, accumulation, operands, node.resultTypes[0])]
            case .reduce(let kind, let dimensions):
                return [try reduce(kind, operands[0], dimensions, node.resultTypes[0])]
            case .sort(let dimension, let descending, _):
                return [try sort(operands[0], dimension, descending: descending, node.resultTypes[0])]
            case .conditional(let then, let otherwise):
                return try conditional(then, otherwise, operands, node.resultTypes)
            case .loop(let condition, let body): return try loop(condition, body, operands)
            }
        }
    }

    /// A composite by its definition: a device that runs it whole cannot, where its operands are held in other types.
    private func expand(
        _ composite: any Composite, _ operands: [CarriedValue]
    ) throws(GraphError) -> [CarriedValue] {
        guard depth < Decomposition.depthLimit else {
            throw GraphError(
                .malformedGraph, "definitions nest deeper than \(Decomposition.depthLimit); is it defined by itself?",
                operation: composite.name)
        }
        let definition = try GraphBuilder.region(operands.map(\.type)) { (inner, terms) throws(GraphError) in
            try composite.decompose(terms, in: inner)
        }
        depth += 1
        defer { depth -= 1 }
        let location = builder.currentLocation
        defer { builder.currentLocation = location }
        return try walk(definition, operands)
    }

    /// In what nodes on `type` are computed that the device lacks. Throws `unsupported` where the owner lets nothing stand
    /// in for it.
    func domain(_ type: ScalarType) throws(GraphError) -> Domain {
        guard active[type] != nil else { return .typed }
        if !isCounting { trace.computed.insert(type) }
        switch isCounting && plan.policy[type] != .demote ? .emulate : plan.policy[type] {
        case .fallback, .error:
            throw GraphError(
                .unsupported,
                "\(plan.target.device) does not compute it in \(type), and the policy is "
                    + "\(type)=\(plan.policy[type].rawValue)")
        case .emulate:
            switch type {
            case .float64:
                // Whole numbers below 2^31 are exact whatever the device does to others.
                if isCounting { return .pair }
                if let refusal = plan.target.emulationRefusal { throw GraphError(.unsupported, refusal) }
                trace.restsOnRounding = true
                return .pair
            case .int64, .uint64: return .words
            default: return .single
            }
        case .demote: return .single
        }
    }
}
