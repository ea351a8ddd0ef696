// Heterodyne: families of kernels that are still to be joined to the lowering; each leaves this file when it is.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    private func pending(_ name: String) -> BackendError { BackendError(.unsupported, "\(name) has no kernel") }

    // MARK: dot

    func lowerDot(
        _ node: Node, _ dimensions: DotDimensions, _ accumulation: ScalarType, _ result: ScalarType
    ) throws(BackendError) -> StridedView { throw pending("dot") }

    func lowerDotEpilogue(_ region: FusedRegion, _ node: Node) throws(BackendError) -> [StridedView] {
        throw pending("dot with an epilogue")
    }

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

    // MARK: index

    static let indexedNames: Set<String> = []

    static func claimsIndexed(
        _ composite: any Composite, _ operands: [TensorType], _ target: KernelTarget
    ) -> Bool { false }

    func lowerIndexed(_ composite: any Composite, _ node: Node) throws(BackendError) -> [StridedView] {
        throw pending(composite.name)
    }

    func lowerIota(_ type: TensorType, _ dimension: Int) throws(BackendError) -> StridedView { throw pending("iota") }
    func lowerPad(
        _ node: Node, _ low: [Int], _ high: [Int], _ interior: [Int]
    ) throws(BackendError) -> StridedView { throw pending("pad") }
    func lowerConcatenate(_ node: Node, _ dimension: Int) throws(BackendError) -> StridedView {
        throw pending("concatenate")
    }
    func lowerGather(_ node: Node, _ dimensions: [Int]) throws(BackendError) -> StridedView { throw pending("gather") }
    func lowerScatter(
        _ node: Node, _ mode: ScatterMode, _ dimensions: [Int]
    ) throws(BackendError) -> StridedView { throw pending("scatter") }
    func lowerDynamicSlice(_ node: Node) throws(BackendError) -> StridedView { throw pending("dynamicSlice") }
    func lowerDynamicUpdateSlice(_ node: Node) throws(BackendError) -> StridedView {
        throw pending("dynamicUpdateSlice")
    }
}
