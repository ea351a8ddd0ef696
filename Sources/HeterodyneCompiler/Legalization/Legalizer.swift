// Heterodyne: asks whether a target runs a node, natively or with other scalar types.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneGraph
import Synchronization

/// Asks whether a target runs a node, natively or with other scalar types, as the owner's policy allows.
///
/// Under `emulate` the device's own kernels come before rewriting the graph. Movement of values whose type the device
/// lacks is rewritten under every rule: it is exact and free. Whether a rewriting works is found out by doing it for the node
/// alone and asking the device about every node that it makes; answers are remembered, so equal nodes cost nothing.
public struct Legalizer: Sendable {
    /// The device.
    public var target: CompilationTarget { plan.target }
    /// What the owner allows.
    public var policy: ScalarTypePolicy { plan.policy }
    let plan: LegalizationPlan
    private let known = AnswerCache()

    /// A legalizer for a device.
    public init(target: CompilationTarget, policy: ScalarTypePolicy) {
        plan = LegalizationPlan(target: target, policy: policy)
    }

    /// Whether and how the device runs a node. Composites are asked about as they are: one that the device does not
    /// run whole is refused.
    public func answer(for node: NodeSignature) -> NodeAnswer {
        if let refusal = target.roleRefusal { return .refused(reason: refusal) }
        let reason: String
        switch plan.standing(of: node) {
        case .native: return .native
        case .kernels(let types, let reason): return .legalized(kernels(types, reason))
        case .lacking(let why): reason = why
        }
        guard case .primitive(let primitive) = node.operation else { return .refused(reason: reason) }
        let key = AnswerCache.Key(node, isElementwise: primitive.code.group == .elementwise)
        if let answer = known.find(key) { return answer }
        let answer: NodeAnswer
        do throws(GraphError) { answer = try rewriting(node, primitive, reason) } catch {
            answer = .refused(reason: error.message == reason ? reason : "\(reason); \(error.message)")
        }
        known.keep(answer, for: key)
        return answer
    }

    /// A type of a refused node that the device lacks and whose owner says that this is an error; nil where there is none.
    func forbidden(_ node: NodeSignature) -> ScalarType? {
        node.scalarTypes.filter { policy[$0] == .error && plan.carriages.keys.contains($0) }.min { $0.name < $1.name }
    }

    private func kernels(_ types: Set<ScalarType>, _ reason: String) -> [TypeLegalization] {
        types.sorted { $0.name < $1.name }.map {
            TypeLegalization(
                type: $0, rule: .emulate, form: .kernels, reason: reason,
                costFactor: target.capabilities.emulations[$0]?.costFactor ?? 1)
        }
    }

    /// Rewrites the node alone. Throws `unsupported` with the reason where that does not work.
    private func rewriting(
        _ node: NodeSignature, _ primitive: Primitive, _ reason: String
    ) throws(GraphError) -> NodeAnswer {
        let types = node.scalarTypes.filter { plan.carriages[$0] != nil }
        var active: [ScalarType: Carriage] = [:]
        for type in types {
            guard let carriage = plan.carriages[type] ?? nil else {
                let isSmall = type.bitWidth == 8 || type.bitWidth == 16
                throw GraphError(
                    .unsupported,
                    isSmall ? "it has no integers of \(type.bitWidth) bits to hold \(type) in" : reason)
            }
            // Other nodes of a segment may be native then, and values that are held in two ways cannot meet.
            let isRefused = policy[type] == .fallback || policy[type] == .error
            if isRefused, carriage == .words, target.capabilities.usages(of: type).contains(.storage) {
                throw GraphError(.unsupported, reason)
            }
            active[type] = carriage
        }
        if active.isEmpty { throw GraphError(.unsupported, reason) }
        guard try primitive.inferTypes(node.operandTypes) == node.resultTypes else {
            throw GraphError(
                .malformedGraph, "results of other types than inference gives", operation: primitive.code.name)
        }
        let trial = try Trial(node, primitive, plan, active)
        var emulatedInKernels: Set<ScalarType> = []
        try check(trial.graph, &emulatedInKernels)
        let computed = trial.trace.computed
        let cost = max(1, (trial.operationCount / max(1, Trial.operationCount(of: node))).rounded())
        var changes = active.keys.sorted { $0.name < $1.name }.map { type in
            TypeLegalization(
                type: type, rule: policy[type], form: .graph,
                reason: "\(method(type, active[type], isComputed: computed.contains(type), primitive)): \(reason)",
                isFree: !computed.contains(type),
                costFactor: computed.contains(type) ? cost : type.bitWidth == 64 ? 2 : 1)
        }
        changes += kernels(emulatedInKernels, reason)
        return .legalized(changes)
    }

    /// Throws `unsupported` for a node that the device does not run.
    private func check(_ graph: Graph, _ emulated: inout Set<ScalarType>) throws(GraphError) {
        for node in graph.nodes {
            if case .parameter = node.operation { continue }
            let signature = NodeSignature(node, in: graph)
            switch plan.standing(of: signature) {
            case .native: break
            case .kernels(let types, _): emulated.formUnion(types)
            case .lacking(let reason):
                let types = signature.operandTypes.map(\.scalarType.name).joined(separator: ", ")
                throw GraphError(
                    .unsupported, "what stands in for it needs \(node.operation.name) of (\(types)): \(reason)")
            }
        }
    }

    /// For people: what is done with values of a type.
    private func method(
        _ type: ScalarType, _ carriage: Carriage?, isComputed: Bool, _ primitive: Primitive
    ) -> String {
        guard isComputed else {
            if case .iota = primitive { return "\(type) counted in int32" }
            if case .bits(let carrier)? = carriage { return "\(type) moved as \(carrier)" }
            return type.bitWidth == 64 ? "\(type) moved as words of 32 bits" : "\(type) moved as bits"
        }
        let inside = primitive.regions.isEmpty ? "" : " in its regions"
        switch (policy[type], type) {
        case (.demote, .float64): return "float64 computed in float32\(inside)"
        case (.demote, .int64), (.demote, .uint64): return "\(type) computed in \(type.standIn), wrapping\(inside)"
        case (_, .float64):
            var text = "float64 as pairs of float32\(inside)"
            if case .scatter = primitive { text += ", one update after the other" }
            return text
        case (_, .int64), (_, .uint64):
            switch primitive {
            case .gather, .dynamicSlice, .dynamicUpdateSlice: return "\(type) indices saturated to int32"
            case .scatter(let mode, _):
                switch mode {
                case .set: return "\(type) indices saturated to int32"
                case .add: return "\(type) as two words"
                case .multiply, .maximum, .minimum: return "\(type) as two words, one update after the other"
                }
            default: return "\(type) as two words\(inside)"
            }
        default:
            return type.isFloatingPoint
                ? "\(type) computed in float32 and rounded once\(inside)"
                : "\(type) computed in \(type.standIn), wrapping\(inside)"
        }
    }
}

/// The rewriting of one node alone.
private struct Trial {
    let graph: Graph
    let trace: LegalizationTrace

    init(
        _ node: NodeSignature, _ primitive: Primitive, _ plan: LegalizationPlan, _ active: [ScalarType: Carriage]
    ) throws(GraphError) {
        let trace = LegalizationTrace()
        let builder = GraphBuilder()
        let region = RegionLegalizer(plan: plan, active: active, builder: builder, trace: trace)
        var computed: Set<ScalarType> = []
        if !primitive.isMovement {
            computed = node.scalarTypes
            if !primitive.regions.isEmpty { computed = primitive.regions.reduce([]) { $0.union($1.computedTypes) } }
        }
        var operands: [CarriedValue] = []
        for (index, type) in node.operandTypes.enumerated() {
            let kind = region.regionForm(type.scalarType, computes: computed.contains(type.scalarType))
            var planes: [Term] = []
            for plane in 0..<kind.planeCount {
                planes.append(try builder.input("\(index).\(plane)", region.planeType(type, kind)))
            }
            operands.append(CarriedValue(type, kind.form(planes)))
        }
        let results = try region.rewrite(node, operands)
        for (index, result) in results.enumerated() {
            let kind =
                active[result.scalarType] == .bridged
                ? .typed
                : result.origin ?? region.regionForm(result.scalarType, computes: false)
            for (position, plane) in try region.form(kind, of: result).planes.enumerated() {
                try builder.output("\(index).\(position)", plane)
            }
        }
        graph = try builder.build()
        self.trace = trace
    }

    /// Elements that elementwise nodes make, those in loops once for each time that these run.
    var operationCount: Double { Self.operationCount(of: graph, times: 1) }

    private static func operationCount(of graph: Graph, times: Double) -> Double {
        graph.nodes.reduce(0) { sum, node in
            if case .primitive(.loop(let condition, let body)) = node.operation {
                return sum + operationCount(of: body, times: times * iterations(condition))
            }
            if case .primitive(.conditional(let then, let otherwise)) = node.operation {
                return sum + operationCount(of: then, times: times) + operationCount(of: otherwise, times: times)
            }
            return sum + times * NodeCost(node, in: graph).operationCount
        }
    }

    /// How often a loop runs that counts up to a constant, as rewriting makes them: an upper bound; 1 for others.
    private static func iterations(_ condition: Graph) -> Double {
        for node in condition.nodes {
            if case .primitive(.constant(let literal)) = node.operation, literal.type == .scalar(.int32),
                let number = literal.splatNumber
            {
                return max(1, number)
            }
        }
        return 1
    }

    static func operationCount(of node: NodeSignature) -> Double {
        let plain = Node(operation: node.operation, operands: [], resultTypes: node.resultTypes)
        return NodeCost(plain, operandTypes: node.operandTypes).operationCount
    }
}

/// Answers that were given, by operation and types.
private final class AnswerCache: Sendable {
    struct Key: Hashable, Sendable {
        let operation: NodeOperation
        let operandTypes: [TensorType]

        /// Elementwise nodes are answered alike for every shape.
        init(_ node: NodeSignature, isElementwise: Bool) {
            operation = node.operation
            operandTypes = isElementwise ? node.operandTypes.map { .scalar($0.scalarType) } : node.operandTypes
        }
    }

    private let answers = Mutex<[Key: NodeAnswer]>([:])

    func find(_ key: Key) -> NodeAnswer? { answers.withLock { $0[key] } }
    func keep(_ answer: NodeAnswer, for key: Key) { answers.withLock { $0[key] = answer } }
}
