// Heterodyne: asks a plugin whether it runs a node.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

extension PluginDevice {
    /// Whether and how the device runs a node. The plugin is asked about primitives and about composites that it
    /// claims, on types that it can hold or emulate; for the rest, and where it answers no questions, its capabilities
    /// answer.
    func support(for node: NodeSignature) -> Support {
        guard let ask = support else { return derivedSupport(for: node) }
        switch node.operation {
        case .parameter: return capabilities.support(for: node)
        case .composite:
            let derived = capabilities.support(for: node)
            if !derived.isNative { return derived }
        case .primitive: if let lacking = lackingType(of: node) { return lacking }
        }
        let view: GraphView
        do { view = try GraphView(asking: node) } catch { return .unsupported(reason: error.message) }
        var answer = HETERODYNE_SUPPORT_NONE.rawValue
        let number = view.graph.pointee.node_count - 1
        let (failure, remark) = table.attempt(.support) { error in
            ask(table.context, index, view.graph, number, &answer, error)
        }
        // The structs lie in the view, and the plugin reads them until it has answered.
        withExtendedLifetime(view) {}
        if let failure {
            let error = self.error(failure, of: .support)
            return .unsupported(reason: error.message)
        }
        let reason = remark.message
        switch heterodyne_support(rawValue: answer) {
        case HETERODYNE_SUPPORT_NATIVE: return .native
        case HETERODYNE_SUPPORT_EMULATED:
            return .afterLegalization(reason: reason.isEmpty ? emulationReason(for: node) : reason)
        case HETERODYNE_SUPPORT_DECOMPOSED:
            if case .composite = node.operation { return .byDecomposition }
            return .unsupported(
                reason: "plugin \(table.name) wants \(node.operation.name) decomposed, which is a primitive")
        case HETERODYNE_SUPPORT_NONE:
            return .unsupported(reason: reason.isEmpty ? "the device does not run it" : reason)
        default:
            return .unsupported(
                reason: "plugin \(table.name) answers \(answer) when asked about \(node.operation.name), which is no "
                    + "answer")
        }
    }

    /// The answer of the capabilities, and where a type is missing that kernels emulate, what they give for those
    /// kernels.
    private func derivedSupport(for node: NodeSignature) -> Support {
        let derived = capabilities.support(for: node)
        guard case .unsupported = derived, case .primitive = node.operation else { return derived }
        let missing = node.scalarTypes.filter { capabilities.usages(of: $0).isEmpty }
        guard !missing.isEmpty, missing.allSatisfy({ capabilities.emulations[$0] != nil }) else { return derived }
        var emulating = capabilities
        for type in missing {
            guard let emulation = capabilities.emulations[type] else { continue }
            emulating.scalarTypes[type] = emulation.usages
            emulating.exceptions += emulation.exceptions
        }
        guard emulating.support(for: node).isNative else { return derived }
        return .afterLegalization(reason: emulationReason(for: node))
    }

    /// What is emulated for a node and how.
    private func emulationReason(for node: NodeSignature) -> String {
        let emulated = node.scalarTypes.filter { capabilities.emulations[$0] != nil }.sorted { $0.name < $1.name }
        let methods = emulated.compactMap { type in capabilities.emulations[type].map { "\(type) as \($0.method)" } }
        return "kernels compute \(methods.isEmpty ? "it in another type" : methods.joined(separator: ", "))"
    }

    /// The refusal of a node with a type that the device can neither hold nor emulate; nil where there is none.
    private func lackingType(of node: NodeSignature) -> Support? {
        for type in node.operandTypes where lacks(type.scalarType) { return refusal(type.scalarType) }
        for type in node.resultTypes where lacks(type.scalarType) { return refusal(type.scalarType) }
        for region in node.operation.regions {
            if let type = region.scalarTypes.filter(lacks).min(by: { $0.name < $1.name }) { return refusal(type) }
        }
        return nil
    }

    private func lacks(_ type: ScalarType) -> Bool {
        !capabilities.usages(of: type).contains(.storage)
            && capabilities.emulations[type]?.usages.contains(.storage) != true
    }

    private func refusal(_ type: ScalarType) -> Support { .unsupported(reason: "the device has no \(type)") }
}
