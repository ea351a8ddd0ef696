// Heterodyne: which composites the kernels run whole, for which types and shapes.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
public import HeterodyneGraph

/// Which composites the kernels run whole, for which types and shapes.
public enum CompositeSupport {
    /// Names of the composites that are run whole, at least for some types and shapes.
    public static let names: Set<String> = elementwiseNames.union(RowOperation.names).union(WindowPlan.names).union([
        FusedRegion.name, AttentionPlan.name,
    ])

    /// Names of the composites that may stand in fused regions.
    public static let elementwiseNames: Set<String> = ElementwiseCode.compositeNames

    /// Whether `composite` on operands of the given types is run whole.
    public static func runs(_ composite: any Composite, _ operands: [TensorType]) -> Bool {
        guard let first = operands.first, operands.allSatisfy({ $0.shape.fixedExtents != nil }) else { return false }
        if composite is FusedRegion { return true }
        if ElementwiseCode.plan(composite, first.scalarType) != nil { return true }
        if RowOperation(composite, operands) != nil { return true }
        if WindowPlan(composite, operands) != nil { return true }
        return AttentionPlan(composite, operands) != nil
    }
}
