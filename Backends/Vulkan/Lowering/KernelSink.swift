// Heterodyne: what kernel families launch into, so that planning needs no more of a lowering than this.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Takes the launches that a plan consists of. A `Lowering` records them; tests run them in the interpreter.
protocol KernelSink: AnyObject {
    /// What kernels are built for.
    var target: KernelTarget { get }

    /// A new dense block of intermediate memory.
    func newResult(_ extents: [Int], _ type: ScalarType) throws(BackendError) -> StridedView

    /// A dense copy.
    func copied(_ view: StridedView) throws(BackendError) -> StridedView

    /// Copies between any two layouts of equal extents.
    func emitCopy(from: StridedView, to: StridedView) throws(BackendError)

    /// Fills a dense view with one element.
    func emitFill(_ view: StridedView, bits: UInt64) throws(BackendError)

    /// One launch. `work` is an estimate of its scalar operations or bytes moved.
    func emit(
        _ recipe: some KernelRecipe, _ accesses: [Access], constants: [PushValue], grid: Grid, work: Double,
        _ description: @autoclosure () -> String) throws(BackendError)
}
