// Heterodyne: composites computed whole in a scalar type that the device has.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// A composite that the device runs whole once types that it lacks are replaced: narrow floats by float32 where the
/// policy says `emulate`, wide types by the next narrower one where it says `demote`.
///
/// One rounding of each result in place of one at each step of the definition: nearer to the composite's definition in
/// real numbers, and one kernel in place of many.
struct StandInComposite {
    /// The composite, with scalar types among its attributes replaced too.
    let operation: NodeOperation
    /// The types of its operands.
    let operandTypes: [TensorType]
    /// The types that are replaced, with those in their place and the owner's rules.
    let replaced: [(type: ScalarType, standIn: ScalarType, rule: ScalarTypePolicy.Rule)]

    /// Finds the composite for one that the target does not run natively; nil where there is none: no type is missing,
    /// the policy allows no replacement, or the device does not run the replacement whole either.
    init?(_ node: NodeSignature, on target: CompilationTarget, policy: ScalarTypePolicy) {
        guard case .composite = node.operation else { return nil }
        let operands = Set(node.operandTypes.map(\.scalarType))
        var replaced: [(type: ScalarType, standIn: ScalarType, rule: ScalarTypePolicy.Rule)] = []
        for type in node.scalarTypes.sorted(by: { $0.name < $1.name }) {
            let needed: ScalarUsage = type.isArithmetic ? .compute : [.storage, .convert]
            if type == .bool || target.capabilities.usages(of: type).isSuperset(of: needed) { continue }
            // A type that comes out and does not go in decides what the composite computes, as a grid to quantize to does.
            guard operands.contains(type), let standIn = Self.standIn(for: type, policy[type]) else { return nil }
            replaced.append((type, standIn, policy[type]))
        }
        guard !replaced.isEmpty else { return nil }
        func replacement(_ type: ScalarType) -> ScalarType { replaced.first { $0.type == type }?.standIn ?? type }
        func replacement(_ type: TensorType) -> TensorType { type.with(replacement(type.scalarType)) }
        let types = node.operandTypes.map { replacement($0) }
        do {
            let operation = try node.operation.mappingAttributes { (value) throws(GraphError) in
                switch value {
                case .scalarType(let type): return .scalarType(replacement(type))
                case .type(let type): return .type(replacement(type))
                case .literal(let literal) where replacement(literal.type) != literal.type:
                    throw GraphError(.invalidType, "holds data in \(literal.type.scalarType)")
                case .graph(let region) where region.scalarTypes.contains { replacement($0) != $0 }:
                    throw GraphError(.invalidType, "holds a region with types that are missing")
                case .bool, .integer, .number, .string, .integers, .numbers, .strings, .dimensions, .literal, .graph:
                    return nil
                }
            }
            let results = try operation.inferTypes(types)
            let signature = NodeSignature(operation: operation, operandTypes: types, resultTypes: results)
            // A composite whose inference does not follow its operands is left to its definition.
            guard results == node.resultTypes.map({ replacement($0) }), target.support(for: signature).isNative else {
                return nil
            }
            (self.operation, operandTypes, self.replaced) = (operation, types, replaced)
        } catch {
            // It does not take the types.
            return nil
        }
    }

    private static func standIn(for type: ScalarType, _ rule: ScalarTypePolicy.Rule) -> ScalarType? {
        switch rule {
        case .emulate: type.isFloatingPoint && type.bitWidth < 32 ? .float32 : nil
        case .demote: ScalarTypePolicy.demotion(of: type)
        case .fallback, .error: nil
        }
    }

    /// The results on `operands`, of the types `results`, with a line of the report for every type that is replaced.
    func build(
        _ operands: [Term], for node: Node, in builder: GraphBuilder, _ context: PassContext
    ) throws(GraphError) -> [Term] {
        var arguments: [Term] = []
        for (operand, type) in zip(operands, operandTypes) { arguments.append(try operand.convert(type.scalarType)) }
        var results: [Term] = []
        for (result, type) in zip(
            try builder.addAll(operation, arguments, location: node.location), node.resultTypes)
        {
            results.append(try result.convert(type.scalarType))
        }
        let device = context.target.device
        for change in replaced {
            context.report.record(
                .legalization, node, operandTypes: operands.map(\.type), device: device,
                rule: "\(change.type)=\(change.rule.rawValue)",
                reason: "computed whole in \(change.standIn): \(device) does not compute \(change.type)",
                isFree: false)
        }
        return results
    }
}
