// Heterodyne: families of kernels that are still to be joined to the lowering; each leaves this file when it is.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    private func pending(_ name: String) -> BackendError { BackendError(.unsupported, "\(name) has no kernel") }

    // MARK: rows

    static let rowNames: Set<String> = []

    static func claimsRow(
        _ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget
    ) -> Bool { false }

    func lowerRow(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        throw pending(composite.name)
    }

    func lowerReduce(
        _ node: Node, _ kind: ReductionKind, _ dimensions: [Int]
    ) throws(BackendError) -> StridedView { throw pending("reduce") }

    func lowerSort(
        _ node: Node, _ dimension: Int, _ descending: Bool, _ indexType: ScalarType
    ) throws(BackendError) -> StridedView { throw pending("sort") }
}
