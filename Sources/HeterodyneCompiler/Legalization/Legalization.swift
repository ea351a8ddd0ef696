// Heterodyne: rewrites the part of one device so that it needs no scalar type that the device lacks.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph

/// Rewrites the part of one device so that the device runs every node, natively or in kernels that emulate.
///
/// Values of types that the device lacks are held in others (`Form`). Inputs and outputs keep names and order; those of 64-bit types
/// become uint32 with a last dimension of 2 (the bytes are the same: the low word first), those of narrower types that
/// cannot be held become integers of the width. What the rewriting leaves to simplify is simplified here too.
public struct Legalization: Pass {
    /// `legalize`.
    public let name = "legalize"

    /// The pass.
    public init() {}

    /// The graph for the device; itself where the device runs it as it is. Throws `unsupported` naming a node that cannot
    /// be rewritten, which placement does not give to the device.
    public func run(_ graph: Graph, in context: PassContext) throws(GraphError) -> Graph {
        let plan = LegalizationPlan(target: context.target, policy: context.options.scalarTypes)
        let active = plan.active(in: graph)
        if active.isEmpty { return graph }
        let trace = LegalizationTrace()
        let builder = GraphBuilder()
        let region = RegionLegalizer(plan: plan, active: active, builder: builder, trace: trace)
        var inputs: [CarriedValue] = []
        for (name, type) in zip(graph.inputNames, graph.inputTypes) {
            inputs.append(try region.input(name, type))
        }
        let results = try region.walk(graph, inputs) { index, signature in
            // Placement has told about the nodes that the device does not run.
            guard plan.standing(of: signature).isNative else { return }
            let types = signature.scalarTypes.filter { active[$0] != nil }
            let isFree = signature.operation.primitive?.isMovement ?? false
            for type in types.sorted(by: { $0.name < $1.name }) {
                context.report.record(
                    .legalization, graph.nodes[index], operandTypes: signature.operandTypes,
                    device: plan.target.device, rule: "\(type)=\(plan.policy[type].rawValue)",
                    reason: "other nodes of its part hold \(type) in other types", isFree: isFree)
            }
        }
        for (output, result) in zip(graph.outputs, results) {
            try builder.output(output.name, region.boundary(result))
        }
        if trace.restsOnRounding { context.restsOnRounding = true }
        var rewritten = try builder.build()
        for pass in [Canonicalization(), ConstantFolding(), Canonicalization(), DeadCodeElimination()] as [any Pass] {
            rewritten = try pass.run(rewritten, in: context)
        }
        return rewritten
    }
}

extension RegionLegalizer {
    /// An input of the device's graph, which has the bytes of `type`.
    fileprivate func input(_ name: String, _ type: TensorType) throws(GraphError) -> CarriedValue {
        switch active[type.scalarType] {
        case nil, .bridged?: return CarriedValue(type, .typed(try builder.input(name, type)))
        case .bits(let carrier)?: return CarriedValue(type, .bits(try builder.input(name, type.with(carrier))))
        case .words?:
            let whole = try builder.input(name, type.inWords())
            let last = whole.rank - 1
            let low = try whole.slice(dimension: last, from: 0, to: 1).reshape(type.shape)
            let high = try whole.slice(dimension: last, from: 1, to: 2).reshape(type.shape)
            return CarriedValue(type, .words(low: low, high: high))
        }
    }

    /// The value as an output of the device's graph, with the bytes of its type.
    fileprivate func boundary(_ value: CarriedValue) throws(GraphError) -> Term {
        switch active[value.scalarType] {
        case nil, .bridged?: return try typed(value)
        case .bits?: return try form(.bits, of: value).planes[0]
        case .words?:
            var shape = try value.type.inWords().shape
            shape.dimensions[shape.rank - 1] = 1
            var planes: [Term] = []
            for plane in try form(.words, of: value).planes { planes.append(try plane.reshape(shape)) }
            return try builder.concatenate(planes, dimension: shape.rank - 1)
        }
    }
}

extension TensorType {
    /// The type of the words of tensors of a 64-bit type: the low word of each element, then the high one.
    fileprivate func inWords() throws(GraphError) -> TensorType {
        if rank < TensorType.maximumRank { return TensorType(.uint32, Shape(shape.dimensions + [2])) }
        return TensorType(.uint32, [try elementCount(), 2])
    }
}
