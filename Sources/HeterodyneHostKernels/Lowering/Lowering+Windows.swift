// Heterodyne: lowering of convolution and pooling.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels
import HeterodyneBackend
import HeterodyneGraph

extension Lowering {
    /// The result of a composite over windows.
    func lowerWindows(_ plan: WindowPlan, _ node: Node) throws(BackendError) -> StridedView {
        let x = dense(node.operands[0])
        let windows = plan.windows
        let work = windows.batch * windows.outputs * windows.out.0 * windows.out.1 * windows.out.2
        switch plan.kind {
        case .convolution:
            let weights = dense(node.operands[1])
            var arguments = [argument(x), argument(weights), Argument.none]
            if node.operands.count == 3 { arguments[2] = argument(dense(node.operands[2])) }
            let result = try newResult(node)
            let depth = windows.channels / windows.groups * windows.kernel.0 * windows.kernel.1 * windows.kernel.2
            emit(
                runConvolution, store.store(windows), arguments + [argument(result)], writes: [result],
                isParallel: Double(work) * Double(depth) >= 200_000,
                "convolution \(x.extents) with \(weights.extents)")
            return result
        case .maximum, .average:
            let result = try newResult(node)
            var payload = PoolingPayload(
                windows: windows, kind: Int32(HK_POOL_MAXIMUM), countsPadding: 0)
            if case .average(let countsPadding) = plan.kind {
                payload.kind = Int32(HK_POOL_AVERAGE)
                payload.countsPadding = countsPadding ? 1 : 0
            }
            emit(
                runPooling, store.store(payload), [argument(x), argument(result)], writes: [result],
                isParallel: x.byteCount >= Self.parallelThreshold, "\(node.operation.name) \(x.extents)")
            return result
        }
    }
}
