// Heterodyne: lowering of the composites that kernels run whole, and which those are.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Which composites kernels run whole, for which types and shapes.
enum VulkanClaims {
    /// Names of the composites that are run whole, at least for some types and shapes.
    static let names: Set<String> = elementwiseNames.union(Lowering.rowNames).union(Lowering.indexedNames).union([
        FusedRegion.name
    ])

    /// Names of the composites that may stand in fused regions.
    static let elementwiseNames: Set<String> = ScalarCode.composites

    /// Whether `composite` on operands of the given types is run whole.
    static func runs(_ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget) -> Bool {
        guard operands.allSatisfy({ $0.shape.fixedExtents != nil }) else { return false }
        if composite is FusedRegion { return true }
        if takesElementwise(composite, operands, target) { return true }
        return Lowering.claimsRow(composite, operands, target) || Lowering.claimsIndexed(composite, operands, target)
    }

    /// Whether `composite` is elementwise code on operands of the given types.
    static func takesElementwise(
        _ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget
    ) -> Bool {
        guard let first = operands.first, elementwiseNames.contains(composite.name),
            operands.allSatisfy({ $0 == first })
        else { return false }
        return ScalarCode.takes(composite.name, composite.attributes, first.scalarType)
    }
}

extension Lowering {
    /// The results of a composite that `VulkanClaims` answers for.
    func lower(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        let types = node.operands.map(graph.type(of:))
        if VulkanClaims.takesElementwise(composite, types, target) { return [try lowerElementwise(node)] }
        if Self.claimsRow(composite, types, target) { return try lowerRow(composite, node) }
        if Self.claimsIndexed(composite, types, target) { return try lowerIndexed(composite, node) }
        throw BackendError(.unsupported, "the composite has no kernel for \(types); decompose it")
    }
}
